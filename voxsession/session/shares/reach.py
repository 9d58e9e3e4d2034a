"""What a grant lets its holder see of a session, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry, is_summary, summary_slot
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import SNAPSHOT, ShareGrant
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject, decode_json, encode_json, json_decoder
from voxsession.core.withholding import withheld_marks, withheld_messages, withheld_slots
from voxsession.session.hold import Hold, may_tell
from voxsession.session.traces import Traces

__all__ = ["Reach", "outside"]

FROZEN_MESSAGES = 50
_Index = TypeVar("_Index", int, int | None)
_entries_of = json_decoder(list[MemoryEntry])
_messages_of = json_decoder(list[Message])


class Reach:
    """The rule of one grant over the content of its session.

    Of memory: what is live, stored, in a category of the grant, and not sensitive unless the grant names it; nor does
    it repeat a sensitive entry word for word, take its place, or sum up what may tell of it. Of messages, where the
    grant is not limited to categories: what person and assistant said, without what sensitive entries were learned
    from, the replies to that, whatever repeats a sensitive entry word for word, and what was recorded twice.

    Args:
        data: the session.
        talks: conversation entries that lie in index pages.
    """

    def __init__(
        self, data: SessionData, grant: ShareGrant, talks: Mapping[str, ConversationEntry] | None = None
    ) -> None:
        self._data = data
        self._grant = grant
        self._talks = {**(talks or {}), **data.conversations}
        self._withheld = {} if grant.all_sensitive else withheld_messages(data)
        secrets = [] if grant.all_sensitive else [one for one in data.all_memories() if one.sensitive]
        known = {one.slot for one in secrets}
        slots = [] if grant.all_sensitive else [one for one in withheld_slots(data) if one not in known]
        marks = {} if grant.all_sensitive else withheld_marks(data)
        self._traces = Traces(secrets, slots, marks)
        # What the grant names may be repeated by an entry; the messages it came from are withheld all the same.
        unnamed = [one for one in secrets if one.id not in grant.sensitive_ids]
        self._entry_traces = self._traces if len(unnamed) == len(secrets) else Traces(unnamed, slots, marks)

    # --- memory

    def entries(self, now: datetime) -> list[MemoryEntry]:
        """The entries it reaches, in the order they became known; a frozen share has those of its day."""
        return [outside(entry) for entry in self._reached(now)]

    def _reached(self, now: datetime) -> list[MemoryEntry]:
        given = self._frozen_entries() if self._grant.is_snapshot else self._data.memories.values()
        found = [entry for entry in given if entry.is_live(now) and self.has(entry)]
        return sorted(found, key=lambda entry: (entry.timestamp, entry.id))

    def has(self, entry: MemoryEntry) -> bool:
        """Whether it reaches an entry, as far as that is live."""
        grant = self._grant
        if grant.categories is not None and entry.category not in grant.categories:
            return False
        # Where a template has no category for them, summaries stand under `general`, whatever they are about.
        if grant.categories is not None and is_summary(entry) and entry.category == "general":
            return False
        if grant.all_sensitive or entry.id in grant.sensitive_ids:
            return True
        return not (entry.sensitive or self._entry_traces.in_entry(entry) or self._sums_up_secrets(entry))

    def _sums_up_secrets(self, entry: MemoryEntry) -> bool:
        """A summary of a conversation holds what was said there, also what sensitive entries were learned from."""
        if entry.slot is None or not entry.slot.startswith(summary_slot("")):
            return False
        talk = entry.slot.removeprefix(summary_slot(""))
        return may_tell(self._withheld.values(), self._talks, talk)

    def _is_unchanged_secret(self, frozen: MemoryEntry) -> bool:
        """What became sensitive since it was frozen is treated as it is now."""
        now = self._data.find_memory(frozen.id)
        return now is None or not now.sensitive or self.has(evolve(frozen, sensitive=True))

    # --- messages

    @property
    def has_messages(self) -> bool:
        """Whether it reaches any: a message belongs to no category."""
        return self._grant.categories is None

    def messages(self, given: Iterable[Message], *, first_index: int) -> list[Message]:
        """Those of a run of messages, oldest first, that it reaches.

        Args:
            first_index: the index in the session of the first one. Unless it is the first of the session, it may stand
                behind a withheld message, so that nothing is shown of a conversation before it is sure to be over.
        """
        if not self.has_messages:
            return []
        hold = Hold(self._withheld, self._talks, from_start=first_index == 0)
        return [_message_outside(message) for _, message in self._shown(hold, enumerate(given, first_index))]

    def frozen_messages(self) -> list[Message]:
        """The messages that a frozen share holds."""
        if not self.has_messages:
            return []
        rows = _messages_of(encode_json(self._snapshot.get("messages", [])))
        hold = Hold(self._withheld, self._talks)
        return [_message_outside(message) for _, message in self._shown(hold, ((None, row) for row in rows))]

    def _shown(self, hold: Hold, given: Iterable[tuple[_Index, Message]]) -> Iterator[tuple[_Index, Message]]:
        return (
            (index, message)
            for index, message in given
            if not hold.takes(message, index) and self._shows(message)
        )

    def _shows(self, message: Message) -> bool:
        talk = self._talks.get(message.conversation_id)
        return (
            message.role in ("user", "assistant")
            and bool(message.content)
            and not message.redacted
            and not message.is_double
            and message.origin != "shared"
            and (self._grant.is_snapshot if talk is None else talk.status != "deleted" and talk.guest is None)
            and not self._traces.in_texts((message.content,))
        )

    # --- frozen

    def freeze(self, now: datetime, most_bytes: int) -> JsonObject:
        """What a frozen share made now holds: the entries, and the latest messages that are loaded.

        Args:
            now: the moment.
            most_bytes: older messages are left out to keep below this; the entries alone may take more.
        """
        entries = [evolve(outside(entry), slot=entry.slot) for entry in self._reached(now)]
        rows: JsonObject = {"entries": decode_json(encode_json(entries)), "messages": []}
        count = FROZEN_MESSAGES if self.has_messages else 0
        while count:
            said = self._last_said(count)
            rows["messages"] = decode_json(encode_json(said))
            if len(encode_json(rows)) <= most_bytes:
                break
            count, rows["messages"] = min(count, len(said)) // 2, []
        return rows

    def _last_said(self, count: int) -> list[Message]:
        """The latest messages it reaches, none of which answers one that is not among them.

        The share would not know it for a reply to a secret, should what it answers turn out to be one.
        """
        data, start = self._data, self._data.message_offset
        hold = Hold(self._withheld, self._talks, from_start=start == 0)
        shown = dict(self._shown(hold, enumerate(data.messages, start)))
        cut: dict[str, str | None] = {
            message.id: message.conversation_id for message in list(shown.values())[:-count]
        }
        # Earlier pages are cut as well, whatever they hold.
        ends = Hold({"": None, **cut} if start else cut, self._talks, from_start=start == 0)
        kept = dict(list(shown.items())[-count:])
        said = []
        for index, message in enumerate(data.messages, start):
            is_answer = ends.takes(message, index) and message.role != "user"
            if index in kept and not is_answer:
                said.append(_message_outside(message))
        return said

    @property
    def _snapshot(self) -> JsonObject:
        return _snapshot_of(self._data, self._grant)

    def _frozen_entries(self) -> list[MemoryEntry]:
        found: list[MemoryEntry] = _entries_of(encode_json(self._snapshot.get("entries", [])))
        return [entry for entry in found if self._is_unchanged_secret(entry)]


def _snapshot_of(data: SessionData, grant: ShareGrant) -> JsonObject:
    for stored in data.shares.values():
        if stored.get("token_hash") == grant.token_hash:
            found: JsonObject = stored.get(SNAPSHOT) or {}
            return found
    return {}


def outside(entry: MemoryEntry) -> MemoryEntry:
    """An entry as others get it: without the app's own data, and without where it came from."""
    author = (entry.metadata or {}).get("author") if entry.source == "shared" else None
    return evolve(
        entry,
        metadata=None if author is None else {"author": author},
        message_id=None,
        conversation_id=None,
        confirmed_in=None,
        made_from=None,
        slot=None,
    )


def _message_outside(message: Message) -> Message:
    return evolve(message, metadata=None, tool_calls=None, tool_call_id=None)
