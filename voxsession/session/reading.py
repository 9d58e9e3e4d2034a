"""Reading what lies in pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from voxsession.codec.message_columns import FiledMessages
from voxsession.core.conversation import ConversationEntry
from voxsession.core.message import Message
from voxsession.core.session_data import PageRef, SessionData
from voxsession.core.types import as_utc, check_number
from voxsession.errors import ConfigurationError
from voxsession.session.host import SessionHost
from voxsession.session.live import FiledTalks, LiveCore

__all__ = [
    "filed_talks",
    "find_conversation",
    "index_of_message",
    "lineage",
    "load_everything",
    "page_refs",
    "read_history",
    "visible",
]

Line = tuple[tuple[str, int | None], ...]


async def page_refs(core: LiveCore, host: SessionHost) -> list[PageRef]:
    """All message pages, oldest first."""
    refs = list(core.data.pages)
    if core.data.index_pages:
        recorder = await host.ready()
        refs = (await recorder.load_index(core)).pages + refs
    # A reference may have moved to the index while that was loaded; where others have written, one of the index may
    # have taken its place, or name what lies in the head here.
    places = {ref.first_index: ref for ref in reversed(refs) if ref.first_index < core.data.message_offset}
    return [places[first_index] for first_index in sorted(places)]


async def load_everything(core: LiveCore, host: SessionHost) -> None:
    """Takes all filed messages into the search index, once; decoding and indexing run in a thread."""
    while core.index.filed_upto < (offset := core.data.message_offset):
        recorder = await host.ready()
        named = {ref.id for ref in (*core.data.pages, *core.data.index_pages)}
        for ref in await page_refs(core, host):
            if ref.first_index + ref.count > core.index.filed_upto:
                messages = await recorder.load_messages(core, ref)
                await asyncio.to_thread(core.index.add_filed, list(enumerate(messages, ref.first_index)))
        core.index.filed_upto = max(core.index.filed_upto, offset)
        if not named <= {ref.id for ref in (*core.data.pages, *core.data.index_pages)}:
            core.index.filed_upto = 0  # pages were amended while they were read


async def filed_talks(core: LiveCore, host: SessionHost) -> dict[str, ConversationEntry]:
    """The conversation entries that lie in index pages; read once for each state of these pages."""
    named = tuple(ref.id for ref in core.data.index_pages)
    if core.filed_talks.pages != named:
        recorder = await host.ready()
        found = (await recorder.load_index(core)).conversations
        core.filed_talks = FiledTalks(named, {talk.id: talk for talk in found})
    return core.filed_talks.entries


async def find_conversation(
    core: LiveCore, host: SessionHost, conversation_id: str
) -> ConversationEntry | None:
    """The entry of a conversation, from the head or from the index pages."""
    entry = core.view.conversations.get(conversation_id)
    if entry is not None or not core.data.index_pages:
        return entry
    return (await filed_talks(core, host)).get(conversation_id)


def lineage(data: SessionData, conversation_id: str) -> Line:
    """A conversation with its ancestors, oldest first; each with the index that its messages are seen up to."""
    line: list[tuple[str, int | None]] = []
    seen: set[str] = set()
    upto: int | None = None
    current: str | None = conversation_id
    while current is not None and current not in seen:
        seen.add(current)
        line.append((current, upto))
        entry = data.conversations.get(current)
        if entry is None:
            break
        if entry.branch_index is not None:
            upto = entry.branch_index if upto is None else min(upto, entry.branch_index)
        current = entry.parent_id
    return tuple(reversed(line))


async def index_of_message(core: LiveCore, host: SessionHost, line: Line, message_id: str) -> int | None:
    """The index in the session of a message that the last conversation of the line sees."""
    data = core.view
    limits = dict(line)

    def found_in(messages: Sequence[Message], first_index: int) -> int | None:
        for index, message in enumerate(messages, first_index):
            if message.id == message_id and message.conversation_id in limits:
                limit = limits[message.conversation_id]
                return index if limit is None or index < limit else None
        return None

    place = found_in(data.messages, data.message_offset)
    if place is None and data.message_offset:
        recorder = await host.ready()
        for ref in reversed(await page_refs(core, host)):
            place = found_in(await recorder.load_messages(core, ref), ref.first_index)
            if place is not None:
                break
    return place


def visible(messages: Sequence[Message], first_index: int, line: Line) -> list[Message]:
    """The messages among these that the last conversation of the line sees; perhaps these themselves."""
    limits = dict(line)
    if len(line) == 1 and line[0][1] is None:  # mostly
        name = line[0][0]
        if isinstance(messages, FiledMessages) and messages.only_of == name:
            return messages
        return [
            message
            for message in messages
            if message.conversation_id == name and (message.repair is None or not message.is_double)
        ]
    return [
        message
        for index, message in enumerate(messages, first_index)
        if message.conversation_id in limits
        and not message.is_double
        and ((limit := limits[message.conversation_id]) is None or index < limit)
    ]


async def read_history(
    core: LiveCore,
    host: SessionHost,
    conversation_id: str,
    limit: int | None = None,
    before: str | datetime | None = None,
) -> list[Message]:
    """The latest `limit` messages a conversation sees before a message or moment, oldest first."""
    if limit is not None:
        limit = int(check_number("limit", limit, 0, 1_000_000_000, whole=True))
    if before is not None and not isinstance(before, str):
        before = as_utc("before", before)
    data = core.view
    line = lineage(data, conversation_id)
    found, before = _cut(visible(data.messages, data.message_offset, line), before)
    starts = [
        entry.first_index
        for name, _ in line
        if (entry := data.conversations.get(name)) is not None and entry.first_index is not None
    ]
    first = min(starts, default=data.message_offset)
    if first < data.message_offset and not _enough(found, limit, before):
        recorder = await host.ready()
        refs = [ref for ref in await page_refs(core, host) if ref.first_index + ref.count > first]
        at_once = len(refs) if limit is None else 1
        while refs and not _enough(found, limit, before):
            refs, wanted = refs[:-at_once], refs[-at_once:]
            pages = await recorder.load_all_messages(core, wanted)
            earlier: list[Message] = []
            for ref, page in zip(wanted, pages, strict=True):
                earlier += visible(page, ref.first_index, line)
            found, before = _cut(earlier + found, before)
    if isinstance(before, str):
        raise ConfigurationError.out_of_range(
            "before", before, "give the id of a message that this conversation sees, or a moment"
        )
    return found if limit is None else found[len(found) - min(limit, len(found)) :]


def _cut(
    messages: list[Message], before: str | datetime | None
) -> tuple[list[Message], str | datetime | None]:
    """Those before it, and what is still to be cut at: an id that was found is done with."""
    if isinstance(before, datetime):
        return [message for message in messages if message.at < before], before
    if before is not None:
        for place, message in enumerate(messages):
            if message.id == before:
                return messages[:place], None
    return messages, before


def _enough(found: list[Message], limit: int | None, before: str | datetime | None) -> bool:
    # With a message id, only pages that reach it can be cut, so nothing is enough until it was seen.
    return limit is not None and len(found) >= limit and not isinstance(before, str)
