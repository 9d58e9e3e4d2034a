"""At which hours of the day a person writes, in the session's time zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

from voxsession.core.preference import Evidence

__all__ = ["HOURS", "active_hours", "hour_name"]

#: The hours of a day as the evidence names them.
HOURS: Final = frozenset(f"{hour:02d}" for hour in range(24))

_PREFIX: Final = "hour."
#: An hour is active from this part of the busiest one's weight on.
_SHARE = 0.25


def hour_name(moment: datetime, zone: str) -> str:
    """The evidence that a moment adds to: `hour.09` for nine in the morning.

    Args:
        moment: aware.
        zone: IANA name; the clock of that place counts, on the day of a change of clocks too.

    Example:
        >>> from datetime import UTC
        >>> hour_name(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "Europe/Berlin")
        'hour.00'
    """
    local = moment if zone == "UTC" else moment.astimezone(_zone(zone))
    return f"{_PREFIX}{local.hour:02d}"


def active_hours(evidence: Mapping[str, Evidence], half_life_seconds: float) -> list[int]:
    """The hours of the day at which most is said, 0 to 23, the busiest first.

    Args:
        evidence: of the session; each hour is weighed as it stands at the latest of their times.
        half_life_seconds: after which what was said counts half.

    Returns:
        The hours that have at least a quarter of the busiest one's weight.
    """
    found = {
        int(name[len(_PREFIX) :]): one
        for name, one in evidence.items()
        if name.startswith(_PREFIX) and name[len(_PREFIX) :] in HOURS and one.weight > 0
    }
    latest = max((one.last_at for one in found.values() if one.last_at is not None), default=None)
    if latest is None:
        return sorted(found)
    weights = {hour: one.weight_at(latest, half_life_seconds) for hour, one in found.items()}
    most = max(weights.values())
    return sorted((h for h, w in weights.items() if w >= _SHARE * most), key=lambda h: (-weights[h], h))


@lru_cache(64)
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # few sessions have a zone, and an import need not wait for it

    return ZoneInfo(name)
