"""What a listing is asked for, with the order it has in every adapter: the latest change first, ties by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from voxsession.core.envelope import Record

__all__ = ["Query", "has_ended", "newest_first"]

T = TypeVar("T")


class Query(NamedTuple):
    """What a listing was asked for."""

    owner: str | None = None
    active_only: bool = False
    after: Record | None = None
    limit: int = 100
    kind: str = "session"
    tenant: str = ""


def newest_first(
    entries: Iterable[tuple[str, str, T]], after: Mapping[str, Any] | None, limit: int
) -> list[T]:
    """The next `limit` things behind `after`, out of (`updated_at`, id, thing)."""
    if after is not None:
        last, last_id = str(after.get("updated_at")), str(after.get("session_id"))
        entries = (one for one in entries if one[0] < last or (one[0] == last and one[1] > last_id))
    ordered = sorted(entries, key=lambda one: one[1])
    ordered.sort(key=lambda one: one[0], reverse=True)
    return [thing for _, _, thing in ordered[: max(limit, 0)]]


def has_ended(header: Mapping[str, Any]) -> bool:
    """Whether `active_only` leaves it out."""
    return header.get("status") in ("ended", "deleted")
