"""Sealed records put into another storage as they are, every byte."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from enum import Enum
from typing import Any

from voxsession.core.envelope import FORMAT, HEADER_FIELDS, Record, record_key
from voxsession.core.types import encode_canonical
from voxsession.errors import IntegrityError, UnsupportedFormatError
from voxsession.storage.base import SessionStorage

__all__ = [
    "AT_ONCE",
    "Standing",
    "check_whole",
    "is_stand_in",
    "make_way",
    "newest",
    "put",
    "same",
    "standing",
    "together",
    "versions",
]

AT_ONCE = 16  # a durable write waits for the disk or the network: so many wait together
_PREFIX = "stand-in."


class Standing(Enum):
    """How what lies in a target stands to the record that is to go there."""

    ABSENT = "there is nothing"
    SAME = "it is there already"
    BEHIND = "an earlier version of it is there"
    AHEAD = "a later version of it is there"
    OTHER = "something else has its id there"


def versions(record: Record) -> list[tuple[int, str]]:
    """Version and batch id of the document and of each batch behind it."""
    return [(int(one["seq"]), str(one.get("batch_id"))) for one in (record, *record.get("tail", ()))]


def newest(record: Record) -> tuple[int, str]:
    """Version and batch id of the last write."""
    return versions(record)[-1]


def same(record: Record, other: Record) -> bool:
    """Whether header, body and tail are equal to the last byte; torn bytes are no part of a record."""
    return _spelled(record) == _spelled(other)


def _spelled(record: Record) -> bytes:
    return encode_canonical({**_document(record), "tail": record.get("tail") or []})


def _document(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in ("tail", "torn_bytes")}


def is_stand_in(record: Record) -> bool:
    """Whether only the way to a record lies there: a transfer was broken off, or is going on."""
    return str(record.get("batch_id")).startswith(_PREFIX)


def check_whole(record: Record) -> None:
    """Refuses what cannot be carried: a newer format, a gap in the tail, the remains of a broken transfer.

    Raises:
        UnsupportedFormatError: a newer version wrote it.
        IntegrityError: it cannot be opened where it lies either.
    """
    key = record_key(record)
    if is_stand_in(record):
        raise IntegrityError(key, "only the beginning of a transfer lies there; run that transfer again")
    seq = record["seq"]
    for part in (record, *record.get("tail", ())):
        found = part.get("format")
        if not isinstance(found, int) or found < 1:
            raise IntegrityError(key, "it has no format number")
        if found > FORMAT:
            raise UnsupportedFormatError(f"Stored record {key!r}", found=found, newest=FORMAT)
        if part is not record and part.get("base_seq") != seq:
            raise IntegrityError(key, f"a batch is missing after version {seq}")
        seq = part["seq"]


def standing(record: Record, found: Record | None) -> Standing:
    """How `found`, loaded from the target, stands to a record, as far as clear headers tell."""
    if found is None or is_stand_in(found):
        return Standing.ABSENT
    if same(record, found):
        return Standing.SAME
    ours, theirs = versions(record), versions(found)
    if theirs[-1] in ours[:-1]:
        return Standing.BEHIND
    return Standing.AHEAD if ours[-1] in theirs[:-1] else Standing.OTHER


async def make_way(target: SessionStorage, record: Record, found: Record | None) -> Record | None:
    """Takes away what a first write could not replace; gives what is still there.

    It comes before the pages, because a record goes together with its pages.

    Raises:
        ConflictError: the target was written meanwhile.
    """
    if found is None or record.get("base_seq") or _continues(record, found):
        return found
    await target.delete(record_key(record), newest(found)[0])
    return None


async def put(target: SessionStorage, record: Record, found: Record | None) -> None:
    """Writes a record with its tail in place of `found`, which `make_way` gave; its pages must be there.

    It can be broken off anywhere and done again. True afterwards: `load` gives an equal record.

    Raises:
        ConflictError: the target was written meanwhile.
    """
    key, tail = record_key(record), list(record.get("tail", ()))
    if found is not None and _continues(record, found):
        tail = tail[len(found.get("tail", ())) :]
    else:
        await _put_document(target, _document(record), newest(found)[0] if found is not None else 0)
    for batch in tail:
        await target.append(key, batch)


def _continues(record: Record, found: Record) -> bool:
    """Whether `found` is the record without its latest batches."""
    had = found.get("tail") or []
    shorter = {**_document(record), "tail": (record.get("tail") or [])[: len(had)]}
    return not is_stand_in(found) and same(shorter, found)


async def _put_document(target: SessionStorage, document: Record, stands: int) -> None:
    base = document.get("base_seq") or 0
    if base != stands:
        await target.save(_stand_in(document, base, stands))
    await target.save(document)


def _stand_in(document: Record, seq: int, base_seq: int) -> Record:
    """What stands in for the version that the document was made from.

    A storage takes a document only over the version named in it, and that name is sealed in; so one is put
    there which is nothing else. A keyring keeps its body, which is sealed by itself: who opens the storage
    at this moment still finds the keys.
    """
    header = {name: document.get(name) for name in HEADER_FIELDS}
    header.update(seq=seq, base_seq=base_seq, batch_id=_PREFIX + str(document.get("batch_id")))
    header.update(owner="", expires_at=None, status="ended")
    return {**header, "keyring": document["keyring"]} if "keyring" in document else header


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Does all of it at once; where one fails, the others are called off before its error is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
