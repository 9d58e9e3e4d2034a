"""What a grant lets its holder see of a session, and nothing beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import attrs

from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry, summary_slot
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import SNAPSHOT, ShareGrant
from voxsession.core.types import JsonObject, decode_json, encode_json, json_decoder
from voxsession.core.withholding import withheld_messages
from voxsession.memory.mentions import folded

__all__ = ["Reach", "outside"]

FROZEN_MESSAGES = 50
SHORTEST_SECRET = 3  # characters: what is shorter stands in too many texts to say anything
_NUMBER = re.compile(r"[0-9][0-9a-z./-]{2,}[0-9a-z]")  # a code, a date, an account: it tells by itself
_entries_of = json_decoder(list[MemoryEntry])
_messages_of = json_decoder(list[Message])


class Reach:
    """The rule of one grant over the content of its session.

    Of memory: what is live, stored, in a category of the grant, and not sensitive unless the grant names it. Of
    messages, where the grant is not limited to categories: what person and assistant said, without what sensitive
    entries were learned from, the replies to that, and whatever repeats a sensitive entry word for word.

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
        self._secrets = [] if grant.all_sensitive else _secrets(data)

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
        if entry.sensitive:
            return grant.all_sensitive or entry.id in grant.sensitive_ids
        return not self._sums_up_secrets(entry)

    def _sums_up_secrets(self, entry: MemoryEntry) -> bool:
        """A summary of a conversation holds what was said there, also what sensitive entries were learned from."""
        if entry.slot is None or not entry.slot.startswith(summary_slot("")):
            return False
        is_told = entry.slot.removeprefix(summary_slot("")) in self._withheld.values()
        return is_told or self._repeats_a_secret(entry.content)

    def _is_unchanged_secret(self, frozen: MemoryEntry) -> bool:
        """What became sensitive since it was frozen is treated as it is now."""
        now = self._data.find_memory(frozen.id)
        return now is None or not now.sensitive or self.has(attrs.evolve(frozen, sensitive=True))

    # --- messages

    @property
    def has_messages(self) -> bool:
        """Whether it reaches any: a message belongs to no category."""
        return self._grant.categories is None

    def messages(self, given: Iterable[Message], *, from_start: bool) -> list[Message]:
        """Those of a run of messages, oldest first, that it reaches.

        Args:
            from_start: the run begins with the first message of the session. Elsewhere it may begin with the reply
                to a withheld message, so that nothing is shown of a conversation before its next question.
        """
        if not self.has_messages:
            return []
        unknown = bool(self._withheld) and not from_start
        is_held: dict[str, bool] = {}
        shown = []
        for message in given:
            talk = message.conversation_id
            if message.role == "user" or message.id in self._withheld:
                is_held[talk] = message.id in self._withheld
            if not is_held.get(talk, unknown) and self._shows(message):
                shown.append(_message_outside(message))
        return shown

    def frozen_messages(self) -> list[Message]:
        """The messages that a frozen share holds."""
        rows = _messages_of(encode_json(self._snapshot.get("messages", [])))
        return self.messages(rows, from_start=True)

    def _shows(self, message: Message) -> bool:
        talk = self._talks.get(message.conversation_id)
        return (
            message.role in ("user", "assistant")
            and bool(message.content)
            and not message.redacted
            and message.origin != "shared"
            and (self._grant.is_snapshot or (talk is not None and talk.status != "deleted"))
            and not self._repeats_a_secret(message.content or "")
        )

    def _repeats_a_secret(self, text: str) -> bool:
        if not self._secrets:
            return False
        plain = folded(text)
        return any(secret in plain for secret in self._secrets)

    # --- frozen

    def freeze(self, now: datetime) -> JsonObject:
        """What a frozen share made now holds: the entries, and the latest messages that are loaded."""
        data = self._data
        entries = [attrs.evolve(outside(entry), slot=entry.slot) for entry in self._reached(now)]
        said = self.messages(data.messages, from_start=data.message_offset == 0)
        rows = [decode_json(encode_json(part)) for part in (entries, said[-FROZEN_MESSAGES:])]
        return {"entries": rows[0], "messages": rows[1]}

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


def _secrets(data: SessionData) -> list[str]:
    """The texts of sensitive entries, their bare values and the numbers in them, as they are compared."""
    found: set[str] = set()
    for entry in data.all_memories():
        if entry.sensitive:
            texts = [folded(text) for text in (entry.content, entry.value) if text]
            found.update(text.rstrip(".!? ") for text in texts)
            found.update(number for text in texts for number in _NUMBER.findall(text))
    return [text for text in found if len(text) >= SHORTEST_SECRET]


def outside(entry: MemoryEntry) -> MemoryEntry:
    """An entry as others get it: without the app's own data, and without where it came from."""
    author = (entry.metadata or {}).get("author") if entry.source == "shared" else None
    return attrs.evolve(
        entry,
        metadata=None if author is None else {"author": author},
        message_id=None,
        conversation_id=None,
        made_from=None,
        slot=None,
    )


def _message_outside(message: Message) -> Message:
    return attrs.evolve(message, metadata=None, tool_calls=None, tool_call_id=None)
