"""Moments as other programs write them."""

from __future__ import annotations

from datetime import UTC, datetime

from voxsession.core.types import as_utc
from voxsession.errors import ConfigurationError

__all__ = ["moment_of"]

# Seconds reach this number in the year 5138, thousandths of a second reached it in 1973.
_FIRST_MILLISECONDS = 1e11
_FIRST_MICROSECONDS = 1e14


def moment_of(option: str, value: object) -> datetime | None:
    """The moment that another program's field means.

    Args:
        option: the name of the field, for errors.
        value: ISO text (without a zone it is taken as UTC), a datetime, or seconds, milliseconds or
            microseconds since 1970, as a number or as digits.

    Returns:
        An aware moment in UTC; None for None and for an empty text.

    Raises:
        ConfigurationError: it is none of these, or lies outside the calendar.

    Example:
        >>> moment_of("at", 1714564800) == moment_of("at", "1714564800000") == moment_of("at", "2024-05-01T12:00:00")
        True
    """
    if value is None or value == "":
        return None
    try:
        moment = _parsed(value)
    except (ValueError, OverflowError, OSError):
        raise ConfigurationError.out_of_range(
            option, value, "an ISO time, or seconds or milliseconds since 1970, is needed"
        ) from None
    return as_utc(option, moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment)


def _parsed(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    if abs(value) >= _FIRST_MICROSECONDS:
        value /= 1_000_000
    elif abs(value) >= _FIRST_MILLISECONDS:
        value /= 1000
    return datetime.fromtimestamp(value, UTC)
