"""The doors of the device locks: what a device, an agent, a holder and a time to live may be."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Mapping

from voxsession.core.types import check_id, check_number, check_object, check_text
from voxsession.errors import ConfigurationError
from voxsession.voxon_config import MAX_LOCK_TTL_SECONDS, MIN_LOCK_TTL_SECONDS

__all__ = ["DeviceCheck", "check_device_id", "check_name", "check_ttl", "check_ttls", "uuid_device_id"]

MAX_NAME = 200
_UUID_LENGTHS = (32, 36)

DeviceCheck = Callable[[str], object]


def uuid_device_id(device_id: str) -> bool:
    """Whether a device id is a UUID, with hyphens or without; for `SessionLockService(validate_device_id=...)`.

    An id is its spelling: two spellings of one UUID are two devices.

    Example:
        >>> uuid_device_id("3f2b8c1e-9d4a-4b7e-8a6f-0c5d1e2f3a4b"), uuid_device_id("device-123")
        (True, False)
    """
    try:
        uuid.UUID(device_id)
    except (ValueError, AttributeError, TypeError):
        return False
    return len(device_id) in _UUID_LENGTHS  # neither braces nor "urn:uuid:"


def check_device_id(value: object, validate: DeviceCheck | None, option: str = "device_id") -> str:
    """A device id, by the rule for all ids and by the app's own."""
    device_id = check_id(option, value)
    told = True if validate is None else validate(device_id)
    if inspect.isawaitable(told):
        if inspect.iscoroutine(told):
            told.close()
        raise ConfigurationError.out_of_range(
            "validate_device_id",
            validate,
            "it has to answer at once: a plain function that takes the id is needed",
        )
    if not told:
        raise ConfigurationError.out_of_range("device_id", device_id, "validate_device_id refuses it")
    return device_id


def check_name(option: str, value: object) -> str:
    """The name of an agent or a holder: text that can be shown and stood in a column."""
    name = check_text(option, value, allow_empty=False)
    if len(name) > MAX_NAME or not name.isprintable():
        raise ConfigurationError.out_of_range(
            option, name, f"a name has 1 to {MAX_NAME} characters, all of them printable"
        )
    return name


def check_ttl(option: str, value: object) -> float:
    """A time to live in seconds."""
    return check_number(option, value, MIN_LOCK_TTL_SECONDS, MAX_LOCK_TTL_SECONDS)


def check_ttls(option: str, value: Mapping[str, float] | None) -> dict[str, float]:
    """Times to live by name."""
    given = check_object(option, dict(value) if isinstance(value, Mapping) else value or {})
    return {name: check_ttl(f"{option}[{name[:40]!r}]", seconds) for name, seconds in given.items()}
