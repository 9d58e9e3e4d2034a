"""Bringing what was erased or amended into pages that were filed before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

from voxsession.codec.message_columns import encode_columns
from voxsession.core.changes import (
    Change,
    HistoryRepaired,
    LearningForgotten,
    MemoryRemoved,
    MessageInterrupted,
    MessageRepair,
    MessagesRedacted,
)
from voxsession.core.message import Message
from voxsession.core.session_data import PageRef
from voxsession.core.types import encode_json
from voxsession.errors import ConflictError, IntegrityError
from voxsession.session.filing import IndexPage
from voxsession.session.live import LiveCore
from voxsession.session.loader import Loader

__all__ = ["amends_pages", "cleanse_pages"]

Amendment: TypeAlias = MessageInterrupted | MessagesRedacted


def amends_pages(core: LiveCore) -> bool:
    """Whether a pending change is of a message that lies in a page by now, so that a batch cannot hold it."""
    changes = [pending.change for pending in core.pending]
    kinds = set(map(type, changes))
    if MessageInterrupted not in kinds and HistoryRepaired not in kinds:
        return False
    late = [change for change in changes if isinstance(change, MessageInterrupted)]
    return bool(late and _of_filed(core, late)) or bool(_repairs(core, changes))


async def cleanse_pages(loader: Loader, core: LiveCore) -> set[str]:
    """Replaces the pages that hold what pending changes erased or amended; the ids of those that must go.

    A page without it is written before the document that names it, and the old one goes once that document is
    stored. Where something is forgotten, all pages go that nothing names, because a save that was given up may
    have left the same text there. What is recorded while pages are on their way is brought into them as well.

    Raises:
        ConflictError: a page is gone, because others have replaced it meanwhile.
    """
    done, gone = 0, set[str]()
    while fresh := core.pending[done:]:
        done += len(fresh)
        changes = [pending.change for pending in fresh]
        amendments = _of_filed(core, changes)
        repairs = _repairs(core, changes)
        erases = any(change.erases for change in changes)
        if not (erases or amendments or repairs):
            continue
        try:
            before = await loader.page_names(core.data, core.codec)
            await _cleanse_archives(loader, core, changes)
            await _repair_messages(loader, core, repairs)
            await _amend_messages(loader, core, amendments)
            named = await loader.page_names(core.data, core.codec)
        except IntegrityError as error:
            if await _was_written_by_others(loader, core):
                raise ConflictError(
                    core.data.session_id, expected_seq=core.data.seq, found_seq=None
                ) from error
            raise
        forgets = any(isinstance(change, LearningForgotten) for change in changes)
        if forgets and loader.storage.can_compare:  # else another process may be about to name one
            before |= await loader.stored_pages(core)
        gone |= before - named
    return gone


def _of_filed(core: LiveCore, changes: Sequence[Change]) -> dict[str, list[Amendment]]:
    """The amendments of messages that are not in the head, by message."""
    data = core.data
    found: dict[str, list[Amendment]] = {}
    if data.pages or data.index_pages:
        head = {message.id for message in data.messages}
        for change in changes:
            if isinstance(change, (MessageInterrupted, MessagesRedacted)):
                for message_id in set(change.amended_ids) - head:
                    found.setdefault(message_id, []).append(change)
    return found


def _repairs(core: LiveCore, changes: Sequence[Change]) -> dict[int, MessageRepair]:
    """What is to be repaired in pages, by the index of the message."""
    found: dict[int, MessageRepair] = {}
    for change in changes:
        if isinstance(change, HistoryRepaired):
            found |= change.of_filed(core.data)
    return found


async def _was_written_by_others(loader: Loader, core: LiveCore) -> bool:
    loaded = await loader.load(core.data.session_id, lazy=True)
    return loaded is None or loaded.data.seq != core.data.seq


async def _cleanse_archives(loader: Loader, core: LiveCore, changes: Sequence[Change]) -> None:
    erased = [change for change in changes if isinstance(change, MemoryRemoved)]
    if not erased:
        return
    for ref in list(core.data.archive_pages):
        entries = await loader.load_archive(core, ref)
        kept = [entry for entry in entries if not any(change.covers(entry) for change in erased)]
        if len(kept) < len(entries):
            _replace(core.data.archive_pages, ref, await loader.archive(core, kept))


async def _amend_messages(loader: Loader, core: LiveCore, amendments: dict[str, list[Amendment]]) -> None:
    """Amends the newest pages first, and reads no more of them than it takes to meet all the messages."""
    waiting = set(amendments)
    for ref in reversed(list(core.data.pages)):
        if waiting:
            fresh = await _amended(loader, core, ref, amendments, waiting)
            _replace(core.data.pages, ref, [fresh])
    for index_ref in reversed(list(core.data.index_pages)):
        if not waiting:
            return
        index = await loader.load_index_page(core, index_ref)
        refs = [await _amended(loader, core, ref, amendments, waiting) for ref in reversed(index.pages)][::-1]
        if refs != index.pages:
            body = encode_json(IndexPage(conversations=index.conversations, pages=refs))
            fresh = await loader.put_page(core, "index", body, count=index_ref.count)
            _replace(core.data.index_pages, index_ref, [fresh])


async def _repair_messages(loader: Loader, core: LiveCore, repairs: dict[int, MessageRepair]) -> None:
    if not repairs:
        return
    for ref in list(core.data.pages):
        _replace(core.data.pages, ref, [await _repaired(loader, core, ref, repairs)])
    for index_ref in list(core.data.index_pages):
        index = await loader.load_index_page(core, index_ref)
        refs = [await _repaired(loader, core, ref, repairs) for ref in index.pages]
        if refs != index.pages:
            body = encode_json(IndexPage(conversations=index.conversations, pages=refs))
            fresh = await loader.put_page(core, "index", body, count=index_ref.count)
            _replace(core.data.index_pages, index_ref, [fresh])


async def _repaired(
    loader: Loader, core: LiveCore, ref: PageRef, repairs: dict[int, MessageRepair]
) -> PageRef:
    """The page with its messages repaired; the same page where there is nothing to do, or it was done before."""
    wanted = [index for index in range(ref.first_index, ref.first_index + ref.count) if index in repairs]
    messages = await loader.load_messages(core, ref) if wanted else []
    before = list(messages)
    for index in wanted:
        place = index - ref.first_index
        if messages[place].id == repairs[index].message_id:
            messages[place] = repairs[index].amend(messages[place])
    if messages == before:
        return ref
    return await _page_like(loader, core, ref, messages)


async def _page_like(loader: Loader, core: LiveCore, ref: PageRef, messages: Sequence[Message]) -> PageRef:
    known = {"first_index": ref.first_index, "first_at": ref.first_at, "last_at": ref.last_at}
    return await loader.put_page(core, "messages", encode_columns(messages), count=ref.count, **known)


async def _amended(
    loader: Loader, core: LiveCore, ref: PageRef, amendments: dict[str, list[Amendment]], waiting: set[str]
) -> PageRef:
    """The page in which these messages are as they should be; the same page where it holds none of them."""
    messages = await loader.load_messages(core, ref) if waiting else []
    met = [place for place, message in enumerate(messages) if message.id in waiting]
    for place in met:
        waiting.discard(messages[place].id)
        for change in amendments[messages[place].id]:
            messages[place] = change.amend(messages[place])
    if not met:
        return ref
    return await _page_like(loader, core, ref, messages)


def _replace(refs: list[PageRef], old: PageRef, new: Collection[PageRef]) -> None:
    place = refs.index(old)
    refs[place : place + 1] = new
