"""What a storage holds of one tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from voxsession.core.envelope import RECORD_KINDS, Record
from voxsession.errors import ConfigurationError, IntegrityError
from voxsession.storage.base import SessionStorage

__all__ = [
    "KINDS",
    "count_records",
    "headers_of",
    "holds_all_of",
    "index_keys_of",
    "index_keys_shared",
    "is_unused",
    "other_installation",
]

# Pages belong to their sessions, and the keyring is met first.
KINDS = tuple(kind for kind in RECORD_KINDS if kind not in ("page", "keyring"))
LISTED_AT_ONCE = 100


async def headers_of(storage: SessionStorage, kind: str, tenant: str) -> AsyncIterator[Record]:
    """All headers of a kind."""
    after: Record | None = None
    while True:
        page = await storage.list_sessions(kind=kind, tenant=tenant, after=after, limit=LISTED_AT_ONCE)
        for header in page:
            yield header
        if len(page) < LISTED_AT_ONCE:
            return
        after = page[-1]


async def count_records(storage: SessionStorage, tenant: str, kinds: Collection[str] = KINDS) -> int:
    """How many records of these kinds there are."""
    return sum([1 for kind in kinds async for _ in headers_of(storage, kind, tenant)])


def check_can_take(storage: SessionStorage, option: str) -> None:
    """Refuses a storage that cannot hold sealed records as others made them; `option` named it.

    Raises:
        ConfigurationError: it cannot append, keep pages or list.
    """
    flags = (("append", "can_append"), ("pages", "can_page"), ("listing", "can_list"))
    lacking = [name for name, flag in flags if not getattr(storage, flag)]
    if lacking:
        raise ConfigurationError(
            f"The {storage.storage_type} storage has no {', no '.join(lacking)}; sealed records that were written "
            "with them need all of it. Take file, memory, database or redis, or give the adapter these methods.",
            option=option,
        )


def other_installation(option: str) -> ConfigurationError:
    """The error for a place where sessions of another index key lie."""
    return ConfigurationError(
        f"The {option} holds records of another installation: its owners are hashed with another index key, so "
        "the sessions of both cannot lie side by side. Nothing was written. Take an empty storage or another "
        "tenant's.",
        option=option,
    )


def index_keys_shared(record: Record, found: Record) -> bool:
    """Whether two keyring records wrap the same index key: one wrapping of it stands in both."""
    ours, theirs = index_keys_of(record), index_keys_of(found)
    return any(theirs.get(key_id) == wrapped for key_id, wrapped in ours.items())


def holds_all_of(record: Record, found: Record) -> bool:
    """Whether every wrapping of the one keyring record stands in the other."""
    ours, theirs = index_keys_of(record), index_keys_of(found)
    return theirs.items() <= ours.items() and record["keyring"].get("kdf") == found["keyring"].get("kdf")


def index_keys_of(record: Record) -> dict[str, str]:
    """The wrappings of the index key in a keyring record, by key id; `IntegrityError` where there are none."""
    body = record.get("keyring")
    keys = body.get("index_keys") if isinstance(body, dict) else None
    if not isinstance(keys, dict) or not keys:
        raise IntegrityError("keyring", "it holds no index keys")
    return keys


async def is_unused(storage: SessionStorage, tenant: str) -> bool:
    """Whether no record of the tenant lies there, but for its keyring."""
    for kind in KINDS:
        async for _ in headers_of(storage, kind, tenant):
            return False
        if await storage.unreadable_records(kind=kind, tenant=tenant):
            return False
    return True
