"""What of a bundle's session is worked out anew where it lands: sizes, the values of slots, what the budget keeps."""

from __future__ import annotations

from typing import TypeVar

from voxsession.codec.session_codec import SessionCodec
from voxsession.core.envelope import Record
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_changes import MARKED_UNDER, PRIVATE_WORDS
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject, UtcTime
from voxsession.errors import FormatError
from voxsession.learning.privacy import with_all_noted
from voxsession.memory.allowance import allowance_of
from voxsession.memory.budget import evictions, supersessions
from voxsession.memory.fact_index import fact_index_of
from voxsession.memory.repair import head_repair
from voxsession.memory.tokens import TokenCounter, count_long
from voxsession.session.bundles.reader import broken_bundle

__all__ = ["landed_extra", "recounted", "settle", "try_out"]

_R = TypeVar("_R", Message, MemoryEntry)
_SLACK_TOKENS = 8  # by so many, or by half or double, an estimate may be off


async def recounted(counter: TokenCounter, record: _R) -> _R:
    """The record with the size that its text has: a bundle may say any, and budgets are kept by it.

    Where this process has only estimates, a number that is near the estimate stays: it may be exact.
    """
    size = await count_long(counter, record.content or "")
    if counter.exact:
        is_known = record.token_count == size and not record.estimated
        return record if is_known else evolve(record, token_count=size, estimated=False)
    if size // 2 - _SLACK_TOKENS <= record.token_count <= 2 * size + _SLACK_TOKENS:
        return record
    return evolve(record, token_count=size, estimated=True)


def settle(data: SessionData, now: UtcTime) -> None:
    """Lets one value of each slot stand, and the budget hold; nobody is told, since nobody has seen the others.

    Two persons may have become one, and sizes may be others than the bundle said. What no profile may tell is marked.
    """
    data.extra = with_all_noted(data)
    for slot in fact_index_of(data).contested():
        for change in supersessions(data, slot, now):
            change.apply(data)
    for change in evictions(data, now, allowance_of(data.config)):
        change.apply(data)


def landed_extra(extra: JsonObject, made_under: str, session_id: str) -> JsonObject:
    """The extras of a session that comes under this id: marks of private words are keyed by the id they had."""
    if made_under == session_id or not extra.get(PRIVATE_WORDS):
        return extra
    return {MARKED_UNDER: made_under, **extra}


def try_out(codec: SessionCodec, record: Record, now: UtcTime, bundle: str) -> None:
    """Opens the document of a session that is not stored yet, as whoever loads it will.

    Raises:
        IntegrityError: it does not open.
    """
    try:
        data = codec.open(record).data
        _ = data.memories, data.messages
        head_repair(data, now)
    except FormatError as error:
        raise broken_bundle(bundle, f"what it makes does not open ({error})") from None
    except (
        Exception
    ) as error:  # a net below the checks of rows: a session that nobody can open is never stored
        raise broken_bundle(bundle, f"what it makes does not open ({type(error).__name__})") from error
