"""Taking conversations in that were held elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from voxsession.core.changes import ConversationEnded, ConversationStarted
from voxsession.core.message import Message
from voxsession.errors import ConfigurationError, VoxSessionError
from voxsession.memory.readers.chatgpt import PastMessage, PastTalk, talk_of
from voxsession.memory.tokens import count_long
from voxsession.session.host import SessionHost
from voxsession.session.import_file import ImportFile
from voxsession.session.intake import Fates
from voxsession.session.live import LiveCore
from voxsession.session.messages import new_message_id
from voxsession.session.noting import additions, local_day
from voxsession.session.reports import ImportReport

__all__ = ["PastTalks"]

_FATES = ("added", "skipped", "renamed", "messages")
_SAVE_AFTER_MESSAGES = 1000
_PAUSE_SECONDS = 1800.0


class PastTalks:
    """Imports conversations one by one; what is there already is skipped, so a broken import is simply repeated.

    Nothing is learned from what was said there, and it does not count as an active hour.
    """

    def __init__(self, core: LiveCore, host: SessionHost, file: ImportFile, on_conflict: str) -> None:
        if on_conflict == "replace":
            raise ConfigurationError.out_of_range(
                "on_conflict", on_conflict, "a conversation is skipped or renamed, never replaced"
            )
        self._core = core
        self._host = host
        self._file = file
        self._on_conflict = on_conflict
        self._known: set[str] = set()
        self._unsaved = 0

    async def take_in(self, dry_run: bool) -> ImportReport:
        """Reads the file through, then once more to take it in.

        Raises:
            ConfigurationError: a conversation is wrong; its line is named, nothing was taken in.
        """
        report = await self._run(is_real=False)
        return report if dry_run else await self._run(is_real=True)

    async def _run(self, *, is_real: bool) -> ImportReport:
        self._known = await self._ids()
        fates, taken = Fates(_FATES), 0
        async for line, row in self._file.rows():
            try:
                talk = talk_of(row)
            except ConfigurationError as error:
                where = f"{self._file.name} line {line}"
                hidden = error.without_value()
                raise ConfigurationError(f"{where}: {hidden} Nothing was taken in.", option=where) from None
            if not talk.messages:
                fates.add(line, talk.id, "skipped", reason="nothing was said in it")
                continue
            became, talk_id = self._fate(talk)
            fates.add(line, talk_id, became, messages=len(talk.messages))
            if became == "skipped":
                continue
            fates.counts["messages"] += len(talk.messages)
            if is_real:
                await self._take(talk, talk_id, taken)
            taken += 1
        if is_real:
            await self._save(taken)
        return fates.report()

    async def _ids(self) -> set[str]:
        """All conversations of the session, filed ones too."""
        known = set(self._core.view.conversations)
        if self._core.data.index_pages:
            recorder = await self._host.ready()
            known |= {entry.id for entry in (await recorder.load_index(self._core)).conversations}
        return known

    def _fate(self, talk: PastTalk) -> tuple[str, str]:
        if talk.id not in self._known:
            self._known.add(talk.id)
            return "added", talk.id
        if self._on_conflict == "skip":
            return "skipped", talk.id
        return "renamed", self._core.clock.new_id("conv")

    async def _take(self, talk: PastTalk, talk_id: str, taken: int) -> None:
        core = self._core
        messages = await self._messages(talk, talk_id)
        core.record(
            ConversationStarted(
                at=messages[0].at, conversation_id=talk_id, local_day=local_day(core, messages[0].at)
            ),
            *additions(core, messages, by_hour=False),
            ConversationEnded(
                at=messages[-1].at,
                conversation_id=talk_id,
                local_day=local_day(core, messages[-1].at),
                duration_seconds=_talking_seconds([message.at for message in messages]),
            ),
        )
        self._unsaved += len(messages)
        if self._unsaved >= _SAVE_AFTER_MESSAGES:
            await self._save(taken + 1)

    async def _messages(self, talk: PastTalk, talk_id: str) -> list[Message]:
        core, first = self._core, new_message_id(self._core)
        at, made = talk.started_at or _first_moment(talk.messages) or core.now(), list[Message]()
        for place, said in enumerate(talk.messages):
            at = said.at or at
            message = Message(
                id=new_message_id(core, first, place),
                conversation_id=talk_id,
                role=said.role,
                content=said.content,
                at=at,
                metadata={"title": talk.title} if talk.title and not place else None,
                token_count=await count_long(core.counter, said.content),
                estimated=not core.counter.exact,
                origin="imported",
            )
            made.append(message)
        return made

    async def _save(self, taken: int) -> None:
        try:
            await self._host.autosave_now(self._core)
            self._unsaved = 0
        except VoxSessionError as error:
            error.add_note(
                f"{taken} conversations of {self._file.name} had been taken in. Import it again when saving "
                "works: what is there is skipped."
            )
            raise


def _first_moment(messages: Sequence[PastMessage]) -> datetime | None:
    return next((message.at for message in messages if message.at is not None), None)


def _talking_seconds(moments: Sequence[datetime]) -> float:
    """How long they talked; a chat that is gone on with after a week did not last a week."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    return sum(gap for gap in gaps if 0 < gap <= _PAUSE_SECONDS)
