"""Live sessions that note what was acknowledged, and what a fresh process finds of it."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any

import attrs

from tests.session.stores import KEY, contents, user_says, voxon_on
from voxsession import (
    Conversation,
    Session,
    SessionConfig,
    SessionNotFoundError,
    SessionStorage,
    StorageUnavailableError,
    Voxon,
    VoxonConfig,
)
from voxsession.storage.registry import open_storage

__all__ = ["QUIET", "Talker", "check", "named", "storage_at"]

QUIET = SessionConfig(memory_mode="persistent", enable_learning=False, enable_analytics=False)
WHOLE_EVERY = 7
_TRIES = 5
_NAMES = {"postgresql": "database", "sqlite": "database", "redis": "redis"}


def named(url: str, **options: Any) -> VoxonConfig:
    """The settings of a facade that finds its storage by name and URL."""
    name = _NAMES[url.partition(":")[0]]
    return VoxonConfig(
        session_storage=name, **{f"session_{name}_url": url}, session_encryption_key=KEY, **options
    )


def storage_at(url: str, **options: Any) -> SessionStorage:
    """A storage of the test's own, to look at what lies there."""
    return open_storage(url, **options)


@attrs.define
class Talker:
    """A session that says one thing after another, each only once.

    Attributes:
        said: every text that was given to the session, in order.
        acknowledged: those whose call returned; the calls of all others were errors of ours.
    """

    session: Session
    conversation: Conversation | None = None
    said: list[str] = attrs.field(factory=list)
    acknowledged: list[str] = attrs.field(factory=list)
    _numbers: Any = attrs.field(factory=itertools.count)

    @classmethod
    async def open(cls, voxon: Voxon, session_id: str) -> Talker:
        """A new session with its conversation, stored."""
        talker = cls(voxon.create_session(session_id=session_id, config=QUIET))
        # On a cold machine the first call may spend its whole time on reading the drivers from the disk.
        for _ in range(_TRIES):
            if await talker.begin():
                return talker
        raise AssertionError(f"the session {session_id} could not be stored in {_TRIES} tries")

    async def begin(self) -> bool:
        """Stores the session and begins its conversation, where that was not done; whether it is done."""
        if self.conversation is None:
            with contextlib.suppress(StorageUnavailableError):
                self.conversation = await self.session.start_conversation("c")
        return self.conversation is not None

    async def say(self, filling: str = "") -> bool:
        """One more turn; whether it was acknowledged. Now and then it is written as a whole document."""
        if not await self.begin():
            return False
        assert self.conversation is not None
        number = next(self._numbers)
        text = f"{self.session.session_id} {number} {filling}"
        if number % WHOLE_EVERY == WHOLE_EVERY - 1:
            self.session.clear_memory(ids=[self.session.add_memory("x").id])
        self.said.append(text)
        try:
            await self.conversation.add_messages(user_says(text))
        except StorageUnavailableError:
            return False
        self.acknowledged.append(text)
        return True

    @property
    def failed(self) -> int:
        """How many calls were errors."""
        return len(self.said) - len(self.acknowledged)


async def check(storage: SessionStorage, talkers: Iterable[Talker], *, is_settled: bool) -> None:
    """What a fresh process reads: all that was acknowledged, nothing twice, in order; once settled, all."""
    for talker in talkers:
        found = await _heard(storage, talker.session.session_id)
        twice = [text for text, count in Counter(found).items() if count > 1]
        assert not twice, f"stored twice: {twice}"
        lost = set(talker.said if is_settled else talker.acknowledged) - set(found)
        assert not lost, f"lost: {sorted(lost)}"
        assert found == [text for text in talker.said if text in set(found)]


async def _heard(storage: SessionStorage, session_id: str) -> list[str]:
    """All that a fresh process finds; nothing where not even the session's first write has arrived."""
    async with voxon_on(storage) as voxon:
        try:
            session = await voxon.load_session(session_id)
        except SessionNotFoundError:
            return []
        conversation = await session.start_conversation("c")  # which goes on where there is one
        return contents(await conversation.history())
