"""What a conversation may be reminded of: nothing that was said on branches it does not stand on."""

from __future__ import annotations

from collections.abc import Iterable

from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry, is_summary, summary_slot
from voxsession.core.message import Message
from voxsession.core.struct import evolve
from voxsession.memory.matches import MemoryMatch
from voxsession.session.live import LiveCore
from voxsession.session.reading import lineage

__all__ = ["Scope", "with_origins"]


class Scope:
    """The sight of one conversation over the session.

    It sees its own messages, those of its ancestors up to where it left, and those of
    other conversations that began by themselves. What was said on other branches
    stays there; what was remembered from it is everybody's, with its origin named.
    """

    def __init__(self, core: LiveCore, conversation_id: str) -> None:
        self._core = core
        self._limits = dict(lineage(core.view, conversation_id))
        self._targets: dict[str, list[str]] | None = None

    def sees(self, message: Message) -> bool:
        """Whether the conversation may be shown this message."""
        talk = message.conversation_id
        if message.origin == "shared" and talk not in self._limits:
            return False  # what somebody says whom the session was shared with is not the person's
        if talk in self._limits:
            limit, place = self._limits[talk], self._core.index.place_of(message.id)
            return limit is None or (place is not None and place < limit)
        entry = _entry(self._core, talk)
        # Of one whose entry was not read yet nobody knows whether it is a branch.
        return entry is not None and entry.parent_id is None and entry.status != "deleted"

    def sees_summary(self, entry: MemoryEntry) -> bool:
        """Whether the conversation may be shown an entry, as far as that sums another one up.

        A summary is for the line of its own conversation, up to where that was left, and for those it was merged
        into; of a conversation that began by itself it is everybody's, as what was said there is.
        """
        if not is_summary(entry):
            return True
        place = self._core.index.place_of(entry.message_id or "")
        seen: set[str] = set()
        waiting = [(entry.slot or "").removeprefix(summary_slot(""))]
        while waiting:
            talk = waiting.pop()
            if talk in seen:
                continue
            seen.add(talk)
            if self._reaches(talk, place):
                return True
            waiting += self._merged_into().get(talk, ())
        return False

    def _reaches(self, talk: str, place: int | None) -> bool:
        """Whether it sees what a conversation comes to, up to an index."""
        if talk in self._limits:
            limit = self._limits[talk]
            return limit is None or (place is not None and place < limit)
        entry = _entry(self._core, talk)
        # Of one whose entry was not read yet nobody knows whether it is a branch.
        if entry is None or entry.status == "deleted":
            return False
        return entry.parent_id is None and entry.guest is None

    def _merged_into(self) -> dict[str, list[str]]:
        """Of each merged branch the conversations that it was merged into."""
        if self._targets is None:
            self._targets = {}
            for talk in {**self._core.filed_talks.entries, **self._core.view.conversations}.values():
                for branch in talk.merged_ids:
                    self._targets.setdefault(branch, []).append(talk.id)
        return self._targets

    def origin(self, entry: MemoryEntry) -> str | None:
        """The branch that an entry was remembered on, where the conversation does not stand on it."""
        talk = entry.conversation_id
        return None if talk is None or talk in self._limits else _branch(self._core, talk)


def with_origins(core: LiveCore, matches: Iterable[MemoryMatch]) -> list[MemoryMatch]:
    """The matches, each entry that was remembered on a branch with the branch among its reasons."""
    return [_with_origin(core, match) for match in matches]


def _with_origin(core: LiveCore, match: MemoryMatch) -> MemoryMatch:
    if match.message is not None and match.message.origin == "shared":
        return evolve(match, reasons=(*match.reasons, "said in a shared conversation"))
    talk = match.entry.conversation_id if match.entry is not None else None
    branch = _branch(core, talk) if talk is not None else None
    if branch is None:
        return match
    return evolve(match, reasons=(*match.reasons, f"remembered on the branch {branch}"))


def _branch(core: LiveCore, conversation_id: str) -> str | None:
    entry = _entry(core, conversation_id)
    return entry.id if entry is not None and entry.parent_id is not None else None


def _entry(core: LiveCore, conversation_id: str) -> ConversationEntry | None:
    return core.view.conversations.get(conversation_id) or core.filed_talks.entries.get(conversation_id)
