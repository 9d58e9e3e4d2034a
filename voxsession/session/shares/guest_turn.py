"""A turn of somebody whom the session was shared with: the model sees what the share reaches, and no more."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from voxsession.core.config import SessionConfig, known_settings
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import ShareGrant
from voxsession.core.struct import evolve
from voxsession.errors import PermissionDeniedError, VoxSessionError
from voxsession.memory.context import Context
from voxsession.models.base import Reply
from voxsession.session.assembling import assemble
from voxsession.session.functions import FunctionTable
from voxsession.session.gate import TurnGate
from voxsession.session.handlers import EventHub
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.shares.admission import REFUSED
from voxsession.session.shares.reading import reach_of, read_guests, read_shared
from voxsession.session.turn import Turn

__all__ = ["GuestTurn", "withdraw_guests"]

OWN_MESSAGES = 400  # of the shared conversation, and so many of the owner's, a context is chosen from
OWNERS_MESSAGES = 512
_ONLY_OWNERS = "instruction"  # how the owner wants to be answered, which is nobody else's wish
_KEPT = (
    "language",
    "temperature",
    "max_output_tokens",
    "context_tokens",
    "context_shares",
    "timezone",
    "voice",
)


class GuestTurn(Turn):
    """One turn of a shared conversation.

    Its context is built from data that holds nothing but what the share reaches, so there is nothing else to slip
    into it. It calls no functions, and nothing is learned from it.

    Args:
        grant: as it was when the call came in.
        check: decides anew, when the turn has its place, whether it may begin; it raises where it may not.
        may_go_on: whether the share and the conversation are still there, as far as is known here.
    """

    origin = "shared"

    def __init__(
        self,
        core: LiveCore,
        host: SessionHost,
        conversation_id: str,
        grant: ShareGrant,
        *,
        check: Callable[[], Awaitable[None]],
        may_go_on: Callable[[], bool],
    ) -> None:
        gate: TurnGate = core.gates.setdefault(conversation_id, TurnGate())
        super().__init__(core, host, conversation_id, gate, FunctionTable())
        self._grant = grant
        self._check = check
        self._may_go_on = may_go_on
        self.speaker = grant.shared_with_user_id

    async def _begin(self, text: str, metadata: Any) -> None:
        await self._check()  # it may have waited for its place
        await super()._begin(text, metadata)

    def _is_stopped(self) -> bool:
        if not self._stopped and not self._may_go_on():
            self.stop(None)
        return self._stopped

    def _record_reply(self, *, interrupted: bool) -> None:
        entry = self._core.data.conversations.get(self.conversation_id)
        if entry is not None and entry.status != "deleted":  # the owner wants nothing of it
            super()._record_reply(interrupted=interrupted)
        elif self.reply is None:
            self.reply = Reply("", interrupted=True)

    async def withdraw(self) -> None:
        """Ends it from outside: nothing more is given, and nobody has to read it to its end."""
        self.stop(None)
        if not getattr(self._generator, "ag_running", False):
            await self.close()

    async def _assembled(self, newest: Message | None) -> Context:
        data = await self._seen()
        apart = LiveCore(
            data=data,
            clock=self._core.clock,
            counter=self._core.counter,
            hub=EventHub(self._core.clock),
            key="",
        )
        if newest is not None and not self._may_go_on():  # it ended while that was read
            raise PermissionDeniedError(REFUSED)
        return assemble(apart, self.conversation_id, newest, self._budget_tokens)

    async def _seen(self) -> SessionData:
        """The session as the share shows it, with the shared conversation."""
        core, host, grant = self._core, self._host, self._grant
        entries: list[MemoryEntry] = []
        said: list[Message] = []
        if {"read", "search"} & set(grant.permissions):
            reached = (await reach_of(core, host, grant)).entries(core.now())
            entries = [evolve(one, pinned=False) for one in reached if one.category != _ONLY_OWNERS]
        if "read" in grant.permissions:
            said = await read_shared(core, host, grant, OWNERS_MESSAGES, None)
        own = await read_guests(core, host, self.conversation_id, OWN_MESSAGES)
        return SessionData(
            session_id=core.data.session_id,
            created_at=core.data.created_at,
            updated_at=core.data.updated_at,
            config=self._settings(),
            conversations=_talks([*said, *own]),
            held_memories={entry.id: entry for entry in entries},
            held_messages=[*said, *own],
        )

    def _settings(self) -> dict[str, Any]:
        config = self._core.data.config
        kept = {name: config[name] for name in _KEPT if name in config}
        return {**kept, "instructions": self._instructions(), "enable_adaptation": False}

    def _instructions(self) -> str:
        # Those of a template are filled with what the app told about the owner, so they stay with the owner.
        data = self._core.data
        own = (
            str(data.config.get("instructions", ""))
            if data.template is None
            else SessionConfig().instructions
        )
        who = " ".join(self._grant.shared_with_user_id.split())[:100]
        return (
            f"{own}\nYou now speak with {who!r}, with whom another person has shared a part of what you remember. "
            "What you remember about the user is about that other person, not about the one you speak with."
        )

    def _config(self) -> SessionConfig:
        names = known_settings(self._settings())
        return SessionConfig(**names, user_id=self.speaker, session_id=self._core.data.session_id)

    async def _finish(self, *, interrupted: bool) -> None:
        await super()._finish(interrupted=interrupted)
        await self._host.save(self._core)  # also where the app saves by itself: nobody else would


async def withdraw_guests(core: LiveCore, conversation_ids: Iterable[str]) -> None:
    """Ends the turns of guests that run here in these conversations; what they were given is kept."""
    turns = [turn for name in conversation_ids for turn in core.guest_turns.get(name, ())]
    for turn in turns:
        with contextlib.suppress(VoxSessionError):  # told as session.save_failed; it goes with the next save
            await turn.withdraw()


def _talks(messages: Iterable[Message]) -> dict[str, ConversationEntry]:
    """An entry for each conversation, none of which branches: what is shown has been chosen already."""
    talks: dict[str, ConversationEntry] = {}
    for message in messages:
        name = message.conversation_id
        talks.setdefault(name, ConversationEntry(id=name, started_at=message.at, last_at=message.at))
    return talks
