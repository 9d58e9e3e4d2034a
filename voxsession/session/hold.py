"""Which messages are withheld: those that secrets were learned from, with what was said until they were answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from voxsession.core.conversation import ConversationEntry
from voxsession.core.message import Message

__all__ = ["Hold", "may_tell"]

_OPEN, _WAITING, _ANSWERED = range(3)


class Hold:
    """Follows the messages of a session, in their order, and tells of each whether it is withheld.

    A hold begins with a message that a secret was learned from. It takes in what comes before the answer and the
    answer itself, and ends with the next message of the person. A branch begins in the state its parent was in
    where it left. What was recorded twice is withheld wherever anything of its conversation is.

    Args:
        withheld: the ids of the messages that secrets were learned from, with their conversations.
        talks: what is known of the conversations.
        from_start: the first message that is asked about is the first of the session. Elsewhere it may stand within
            a hold, so each conversation begins as withheld.
    """

    def __init__(
        self,
        withheld: Mapping[str, str | None],
        talks: Mapping[str, ConversationEntry],
        *,
        from_start: bool = True,
    ) -> None:
        self._withheld = withheld
        self._talks = talks
        self._base = _OPEN if from_start or not withheld else _WAITING
        self._steps: dict[
            str, list[tuple[int | None, int]]
        ] = {}  # of each conversation: from which index on, which state
        self._touched = {talk for talk in withheld.values() if talk is not None}

    def takes(self, message: Message, index: int | None) -> bool:
        """Whether a message is withheld.

        Args:
            message: behind all that were asked about before.
            index: its index in the session; None where nobody knows it any more.
        """
        if not self._withheld:
            return False
        talk = message.conversation_id
        if message.is_double:
            return talk in self._touched or self._state(talk) != _OPEN
        state = self._next(message, self._state(talk))
        steps = self._steps.setdefault(talk, [])
        if not steps or steps[-1][1] != state:
            steps.append((index, state))
        if state != _OPEN:
            self._touched.add(talk)
        return state != _OPEN

    def _next(self, message: Message, state: int) -> int:
        # Who calls a function has not answered yet.
        is_answer = message.role == "assistant" and not message.tool_calls
        if message.id in self._withheld:
            return _ANSWERED if is_answer else _WAITING
        if state == _WAITING and is_answer:
            return _ANSWERED
        return _OPEN if state == _ANSWERED and message.role == "user" else state

    def _state(self, talk: str) -> int:
        """The state of a conversation; of one that nothing was said in yet, that of where it left."""
        limit: int | None = None
        seen: set[str] = set()
        current: str | None = talk
        while current is not None and current not in seen:
            seen.add(current)
            steps = self._steps.get(current, ())
            if current != talk and any(index is None and state != _OPEN for index, state in steps):
                return _WAITING  # it may have left there
            for index, state in reversed(steps):
                if limit is None or index is None or index < limit:
                    return state
            entry = self._talks.get(current)
            if entry is None or entry.parent_id is None:
                return self._base
            if entry.branch_index is not None:
                limit = entry.branch_index if limit is None else min(limit, entry.branch_index)
            current = entry.parent_id
        return self._base


def may_tell(
    withheld: Collection[str | None], talks: Mapping[str, ConversationEntry], conversation_id: str
) -> bool:
    """Whether a summary of a conversation may tell what was withheld.

    It may where something was withheld in the conversation itself, in one it left (its first words may answer
    that), in one that left it, or in one that was merged into any of these.

    Args:
        withheld: the conversations in which something was withheld.
        talks: what is known of the conversations; of an unknown one the worst is assumed.
    """
    if not withheld:
        return False
    below: dict[str, set[str]] = {}
    for talk in talks.values():
        below.setdefault(talk.id, set()).update(talk.merged_ids)
        if talk.parent_id is not None:
            below.setdefault(talk.parent_id, set()).add(talk.id)
    found: set[str] = set()
    waiting = [conversation_id]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += below.get(current, ())
    entry = talks.get(conversation_id)
    while entry is not None and entry.parent_id is not None and entry.parent_id not in found:
        found.add(entry.parent_id)
        entry = talks.get(entry.parent_id)
    return entry is None or not found.isdisjoint(one for one in withheld if one is not None)
