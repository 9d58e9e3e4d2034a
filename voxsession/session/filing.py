"""Filing: what is finished moves from the head into pages that never change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from voxsession.clock import Clock
from voxsession.codec.message_columns import encode_columns
from voxsession.codec.session_codec import SessionCodec
from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import Record
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import PageRef, SessionData
from voxsession.core.struct import Struct, field
from voxsession.core.types import encode_json, json_decoder

__all__ = ["HEAD_CONVERSATIONS", "HEAD_MESSAGES", "PAGE_MESSAGES", "IndexPage", "Plan", "plan_filing"]

PAGE_MESSAGES = 128
HEAD_MESSAGES = 50
HEAD_CONVERSATIONS = 32
HEAD_PAGES = 16
LARGE_HEAD_BYTES = 256 * 1024


class IndexPage(Struct, frozen=True, kw_only=True):
    """What the head no longer keeps: older conversation entries, older page references."""

    conversations: list[ConversationEntry] = field(default_factory=list)
    pages: list[PageRef] = field(default_factory=list)


decode_index_page = json_decoder(IndexPage)


class Plan(Struct, kw_only=True):
    """What one whole save files: the page records to write first, and how the head changes after."""

    records: list[Record] = field(default_factory=list)
    runs: list[tuple[list[Message], PageRef]] = field(default_factory=list)
    index: PageRef | None = None
    index_page: IndexPage = field(default_factory=IndexPage)
    archive: PageRef | None = None
    archived: list[MemoryEntry] = field(default_factory=list)

    def still_fits(self, data: SessionData, in_use: Collection[str] = ()) -> bool:
        """Whether what was planned is still what the data holds (other tasks ran meanwhile).

        Args:
            data: the session.
            in_use: conversations that must not be filed, as it is now.
        """
        filed = [message for run, _ in self.runs for message in run]
        same_messages = all(
            mine is theirs for mine, theirs in zip(filed, data.messages[: len(filed)], strict=False)
        ) and len(data.messages) >= len(filed)
        same_talks = all(
            data.conversations.get(entry.id) is entry and entry.id not in in_use
            for entry in self.index_page.conversations
        )
        return (
            same_messages
            and same_talks
            and all(data.memories.get(entry.id) is entry for entry in self.archived)
        )

    def carry_out(self, data: SessionData) -> None:
        """Takes what was filed out of the head and names the pages there."""
        filed = sum(len(run) for run, _ in self.runs)
        if filed:
            data.set_messages(data.messages[filed:], data.message_offset + filed)
            data.pages += [ref for _, ref in self.runs]
        if self.index is not None:
            for talk in self.index_page.conversations:
                del data.conversations[talk.id]
            gone = {ref.id for ref in self.index_page.pages}
            data.pages = [ref for ref in data.pages if ref.id not in gone]
            data.index_pages.append(self.index)
        if self.archive is not None:
            for entry in self.archived:
                del data.memories[entry.id]
            data.archive_pages.append(self.archive)


def plan_filing(
    data: SessionData, codec: SessionCodec, clock: Clock, tenant: str, open_conversations: Collection[str]
) -> Plan:
    """What a whole save should file now; an empty plan while the head is small."""
    plan = Plan()
    maker = _PageMaker(data.session_id, codec, clock, tenant, plan)
    _plan_messages(data, maker)
    _plan_index(data, maker, open_conversations)
    plan.archived = [entry for entry in data.memories.values() if entry.superseded_by is not None]
    if plan.archived:
        plan.archive = maker.page("archive", encode_json(plan.archived), count=len(plan.archived))
    return plan


class _PageMaker:
    def __init__(self, session_id: str, codec: SessionCodec, clock: Clock, tenant: str, plan: Plan) -> None:
        self.session_id, self.codec, self.clock, self.tenant, self.plan = (
            session_id,
            codec,
            clock,
            tenant,
            plan,
        )

    def page(self, kind: str, body: bytes, **known: Any) -> PageRef:
        record, ref = self.codec.page(
            self.tenant, self.session_id, self.clock.new_id("p"), kind, body, **known
        )
        self.plan.records.append(record)
        return ref


def _plan_messages(data: SessionData, maker: _PageMaker) -> None:
    messages, start = data.messages, 0
    while len(messages) - start >= HEAD_MESSAGES + PAGE_MESSAGES:
        _plan_run(data, maker, start, start + PAGE_MESSAGES)
        start += PAGE_MESSAGES
    rest = len(messages) - start
    if rest > HEAD_MESSAGES and _text_bytes(messages[start:]) > LARGE_HEAD_BYTES:
        _plan_run(data, maker, start, min(len(messages) - HEAD_MESSAGES, start + PAGE_MESSAGES))


def _plan_run(data: SessionData, maker: _PageMaker, start: int, stop: int) -> None:
    run = data.messages[start:stop]
    ref = maker.page(
        "messages",
        encode_columns(run),
        count=len(run),
        first_index=data.message_offset + start,
        first_at=run[0].at,
        last_at=run[-1].at,
    )
    maker.plan.runs.append((run, ref))


def _plan_index(data: SessionData, maker: _PageMaker, open_conversations: Collection[str]) -> None:
    talks: list[ConversationEntry] = []
    # A run at a time, so that an index page is not written for every single conversation.
    if len(data.conversations) >= 2 * HEAD_CONVERSATIONS:
        by_age = sorted(data.conversations.values(), key=lambda entry: (entry.last_at, entry.id))
        kept = {entry.id for entry in by_age[-HEAD_CONVERSATIONS:]} | set(open_conversations)
        kept = _with_ancestors(data, kept)
        talks = [entry for entry in by_age if entry.id not in kept]
    pages: list[PageRef] = data.pages[:-HEAD_PAGES] if len(data.pages) >= 2 * HEAD_PAGES else []
    if talks or pages:
        maker.plan.index_page = IndexPage(conversations=talks, pages=pages)
        maker.plan.index = maker.page(
            "index", encode_json(maker.plan.index_page), count=len(talks) + len(pages)
        )


def _with_ancestors(data: SessionData, ids: set[str]) -> set[str]:
    """Conversations with those they branched from, whose messages they see."""
    found, waiting = set[str](), list(ids)
    while waiting:
        entry = data.conversations.get(waiting.pop())
        if entry is not None and entry.id not in found:
            found.add(entry.id)
            waiting += [entry.parent_id] if entry.parent_id is not None else []
    return found


def _text_bytes(messages: Sequence[Message]) -> int:
    return sum(len(message.content or "") for message in messages)
