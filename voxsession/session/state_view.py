"""The app's state as it is given out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from voxsession.core.types import copy_json

__all__ = ["StateView"]

_READ_ONLY = (
    "The state is given out to be read. session.update_state(name=value) changes it, session.replace_state(state) "
    "puts another in its place."
)


class StateView(Mapping[str, Any]):
    """A state to read: each value is a copy, so that altering one alters nothing that would never be saved.

    Args:
        values: a checked JSON object.

    Example:
        >>> view = StateView({"steps": [1, 2]})
        >>> view["steps"].append(3)
        >>> view["steps"]
        [1, 2]
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return copy_json(self._values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    if not TYPE_CHECKING:  # type checkers find the mistake by themselves

        def __setitem__(self, name: str, value: Any) -> None:
            raise TypeError(_READ_ONLY)

        def __delitem__(self, name: str) -> None:
            raise TypeError(_READ_ONLY)

    def __repr__(self) -> str:
        return f"StateView({self._values!r})"
