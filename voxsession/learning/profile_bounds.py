"""How much a profile holds: what is written can be read again, by whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from voxsession.core.types import encode_json
from voxsession.errors import ConfigurationError
from voxsession.learning.names import LEARNED, UNSETTABLE, canonical_name

__all__ = ["MAX_NAMES", "MAX_OWN_BYTES", "MAX_OWN_NAMES", "check_room", "newest_acts"]

#: Names of the app's own that one session may set,
MAX_OWN_NAMES: Final = 1000
#: and what they come to as JSON.
MAX_OWN_BYTES: Final = 600_000
#: Names that were set or taken back in one profile, the learned ones among them.
MAX_NAMES: Final = 1100
_TIMES_NAMED = 3  # under `preferences`, `set_at` and `conflicts`
_TIME_BYTES = 60


def check_room(preferences: Mapping[str, Any], name: str, value: Any) -> None:
    """Refuses what is one too many, or too much, to be set by hand.

    Args:
        preferences: what is set by now.
        name: the name in the document.
        value: as `check_preference` gave it.

    Raises:
        ConfigurationError: there are `MAX_OWN_NAMES` others of the app's own, or they would be too large together.
    """
    others = {one: given for one, given in preferences.items() if one not in LEARNED and one != name}
    if name in LEARNED:
        return
    if len(others) >= MAX_OWN_NAMES:
        raise ConfigurationError.out_of_range(
            "name of the preference",
            name,
            f"a session keeps {MAX_OWN_NAMES} names of the app's own. Take one back with unset_preference(name), or "
            "put what differs each time into the session's state",
        )
    size = sum(_size(one, given) for one, given in others.items()) + _size(name, value)
    if size > MAX_OWN_BYTES:
        raise ConfigurationError(
            f"set_preference({name!r}): all that the app has set would come to {size:,} bytes, and "
            f"{MAX_OWN_BYTES:,} is the most. Put large values into the session's state.",
            option=name,
        )


def newest_acts(
    preferences: Mapping[str, Any], set_at: Mapping[str, datetime]
) -> tuple[dict[str, Any], dict[str, datetime]]:
    """What was set by hand or taken back last, as much as a profile holds; the older rest is left out.

    Args:
        preferences: name -> value.
        set_at: when each was set; a name without a value was taken back then.

    Returns:
        The same two, in the order they had, under the names of the document.
    """
    names = [name for name in {**preferences, **set_at} if canonical_name(name) not in UNSETTABLE]
    left, kept = MAX_OWN_BYTES, set[str]()
    for name in sorted(names, key=lambda one: (_age(set_at.get(one)), one))[:MAX_NAMES]:
        left -= _size(name, preferences.get(name))
        if left < 0 and name not in LEARNED:
            break
        kept.add(name)
    return (
        {canonical_name(name): value for name, value in preferences.items() if name in kept},
        {canonical_name(name): at for name, at in set_at.items() if name in kept},
    )


def _age(at: datetime | None) -> float:
    return float("inf") if at is None else -at.timestamp()


def _size(name: str, value: Any) -> int:
    return _TIMES_NAMED * len(encode_json(name)) + len(encode_json(value)) + _TIME_BYTES
