"""The calls of one open session: their records, their words, their sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voxsession.core.call_changes import (
    CallAudioKept,
    CallChanged,
    CallFunctionNoted,
    CallRemoved,
    CallResumed,
    CallStarted,
)
from voxsession.core.call_record import ENDED, WAITING, audio_pages_of, functions_of
from voxsession.core.changes import (
    Change,
    ConversationEnded,
    ConversationRestored,
    ConversationResumed,
    ConversationStarted,
    LearningForgotten,
    MemoryRemoved,
    MessagesRedacted,
)
from voxsession.core.conversation import ConversationEntry
from voxsession.core.message import Message
from voxsession.core.types import JsonObject
from voxsession.errors import ConfigurationError, ConflictError, SessionEndedError
from voxsession.session.call_audio import read_audio, write_audio
from voxsession.session.host import SessionHost
from voxsession.session.learn import learn_from
from voxsession.session.live import LiveCore
from voxsession.session.messages import message_from_dict, new_message_id
from voxsession.session.noting import additions, local_day
from voxsession.session.reading import find_conversation, read_history

__all__ = ["CallBook"]

REASON = "its message was replaced"


class CallBook:
    """What is read and recorded of calls in one session; each method that records saves as well.

    A `ConflictError` of any of them says that nothing was recorded: what it would have been is taken back here too.
    """

    def __init__(self, core: LiveCore, host: SessionHost) -> None:
        self._core = core
        self._host = host

    # --- reading

    async def entry(self, conversation_id: str) -> ConversationEntry | None:
        """The conversation with what its call keeps, also where it was filed away."""
        return await find_conversation(self._core, self._host, conversation_id)

    def is_open(self, conversation_id: str) -> bool:
        """Whether somebody in this process holds the conversation open."""
        return bool(self._core.open_conversations.get(conversation_id))

    async def history(self, conversation_id: str) -> list[Message]:
        """What was said in the call, oldest first."""
        await self._bring_back(conversation_id)
        return await read_history(self._core, self._host, conversation_id)

    async def audio(self, call: Mapping[str, Any]) -> list[bytes]:
        """The chunks of sound that the call keeps."""
        return await read_audio(await self._host.ready(), self._core, call)

    # --- recording

    async def begin(self, conversation_id: str, call: JsonObject) -> bool:
        """Makes a conversation a call; False where another process was faster.

        Raises:
            ConfigurationError: the conversation was deleted, or is a guest's.
            SessionEndedError: it was a call that has ended.
        """
        core = self._core
        entry = await self.entry(conversation_id)
        if entry is None:
            now = core.now()
            started = ConversationStarted(
                at=now, conversation_id=conversation_id, call=call, local_day=local_day(core, now)
            )
            await self._save(started)
        else:
            _check_can_be_call(entry, core.data.session_id)
            await self._bring_back(conversation_id)
            changes: list[Change] = [CallStarted(at=core.now(), conversation_id=conversation_id, call=call)]
            await self._save(*self._reopening(entry), *changes)
        entry = await self.entry(conversation_id)
        return entry is not None and (entry.call or {}).get("token") == call["token"]

    async def resume(self, conversation_id: str, resumed_count: int, values: JsonObject) -> None:
        """Records that the call goes on, for the so many-th time.

        Raises:
            ConflictError: somebody else resumed, ended or removed it meanwhile.
        """
        entry = await self._bring_back(conversation_id)
        resumed = CallResumed(
            at=self._core.now(), conversation_id=conversation_id, resumed_count=resumed_count, values=values
        )
        await self._save(*(self._reopening(entry) if entry is not None else ()), resumed)
        # Not before it is stored: somebody else may have been faster.
        self._core.signal("session.resumed", conversation_id=conversation_id, resumed_count=resumed_count)

    async def change(
        self,
        conversation_id: str,
        values: JsonObject,
        *,
        audio: Sequence[bytes] | None = None,
        said: Sequence[Mapping[str, Any]] = (),
        unsaid: Sequence[str] = (),
    ) -> None:
        """Puts other values into the record of a call, and into its conversation what was said.

        Args:
            conversation_id: the call's.
            values: what the record has from now on.
            audio: the chunks in place of those that it has; None leaves them.
            said: messages behind the others, as `add_messages` takes them.
            unsaid: the ids of messages that are erased.

        Raises:
            ConflictError: another process put other audio into it meanwhile.
        """
        core = self._core
        await self._bring_back(conversation_id)
        changes = await self._words(conversation_id, said, unsaid)
        changes.append(CallChanged(at=core.now(), conversation_id=conversation_id, values=values))
        if audio is None:
            core.record(*changes)
        else:
            changes.append(await self._record_with_audio(conversation_id, audio, changes))
        await self._keep(changes)

    async def end(self, conversation_id: str, values: JsonObject) -> None:
        """Ends the call for good, and with it its conversation."""
        core, now = self._core, self._core.now()
        entry = await self._bring_back(conversation_id)
        changes: list[Change] = [CallChanged(at=now, conversation_id=conversation_id, values=values)]
        if entry is not None and entry.status == "active":
            seconds = max((now - (entry.opened_at or entry.started_at)).total_seconds(), 0.0)
            day = local_day(core, now)
            changes.append(
                ConversationEnded(
                    at=now, conversation_id=conversation_id, duration_seconds=seconds, local_day=day
                )
            )
        await self._save(*changes)

    async def begin_function(self, conversation_id: str, call_id: str, values: JsonObject) -> bool:
        """Notes durably that a function is run now; False where it was begun before, by anybody."""
        entry = await self._bring_back(conversation_id)
        for row in functions_of((entry.call or {}) if entry is not None else {}):
            if row.get("call_id") == call_id and str(row.get("status")).lower() not in WAITING:
                return False
        try:
            await self._note(conversation_id, call_id, values)
        except ConflictError:
            return False
        return True

    async def finish_function(self, conversation_id: str, call_id: str, values: JsonObject) -> None:
        """Notes how a function ended."""
        await self._bring_back(conversation_id)
        await self._note(conversation_id, call_id, values)

    async def remove(self, conversation_id: str) -> None:
        """Removes what the call kept for its resumption; the conversation and its messages stay.

        Raises:
            ConflictError: the call was used meanwhile.
        """
        entry = await self._bring_back(conversation_id)
        if entry is not None:
            self._core.loose_pages |= audio_pages_of([entry])
            await self._save(CallRemoved(at=self._core.now(), conversation_id=conversation_id))

    # --- how it is recorded

    async def _note(self, conversation_id: str, call_id: str, values: JsonObject) -> None:
        at = self._core.now()
        await self._save(
            CallFunctionNoted(at=at, conversation_id=conversation_id, call_id=call_id, values=values)
        )

    async def _record_with_audio(
        self, conversation_id: str, audio: Sequence[bytes], changes: Sequence[Change]
    ) -> CallAudioKept:
        core, recorder = self._core, await self._host.ready()
        async with recorder.turn(core):
            entry = core.data.conversations[conversation_id]
            rows = await write_audio(recorder, core, entry.call or {}, audio)
            core.loose_pages |= audio_pages_of([entry]) - {row.get("id") for row in rows}
            kept = CallAudioKept(at=core.now(), conversation_id=conversation_id, pages=rows)
            core.record(*changes, kept)
        return kept

    async def _words(
        self, conversation_id: str, said: Sequence[Mapping[str, Any]], unsaid: Sequence[str]
    ) -> list[Change]:
        core, now = self._core, self._core.now()
        changes: list[Change] = []
        if unsaid:
            ids, gone = list(unsaid), set(unsaid)
            taught = [one.id for one in core.data.memories.values() if one.message_id in gone]
            changes.append(MessagesRedacted(at=now, message_ids=ids, unnamed=ids))
            changes.append(LearningForgotten(at=now, message_ids=ids, topics=[]))
            if taught:
                changes.append(MemoryRemoved(at=now, entry_ids=taught, reason=REASON))
        first = new_message_id(core)
        made = [
            await message_from_dict(core, conversation_id, one, place, new_message_id(core, first, place))
            for place, one in enumerate(said)
        ]
        return [*changes, *additions(core, made)]

    async def _save(self, *changes: Change) -> None:
        self._core.record(*changes)
        await self._keep(changes)

    async def _keep(self, changes: Sequence[Change]) -> None:
        """Saves what was recorded; what does not go together with others' changes is taken back."""
        core = self._core
        said = [message for change in changes if (message := getattr(change, "message", None)) is not None]
        if said:
            doubles = core.repair_history(latest=16 + len(said))
            learn_from(core, self._host, [one for one in said if one.id not in doubles])
        try:
            await self._host.save(core)
        except ConflictError:
            gone = set(map(id, changes))
            core.pending = [pending for pending in core.pending if id(pending.change) not in gone]
            await (await self._host.ready()).reload(core, keep_pending=True)
            raise
        if said:
            self._host.start_learning(core)

    def _reopening(self, entry: ConversationEntry) -> list[Change]:
        if entry.status == "active" and self.is_open(entry.id):
            return []
        return [ConversationResumed(at=self._core.now(), conversation_id=entry.id)]

    async def _bring_back(self, conversation_id: str) -> ConversationEntry | None:
        """The entry, in the head again where it had been filed."""
        entry = await self.entry(conversation_id)
        if entry is not None and conversation_id not in self._core.view.conversations:
            self._core.record(ConversationRestored(at=entry.last_at, entry=entry))
        return entry


def _check_can_be_call(entry: ConversationEntry, session_id: str) -> None:
    if entry.status == "deleted" or entry.guest is not None:
        raise ConfigurationError(
            f"The conversation {entry.id!r} was deleted, or is a guest's. Choose another id for the call.",
            option="conversation_id",
            value=entry.id,
        )
    if (entry.call or {}).get("status") == ENDED:
        raise SessionEndedError(
            session_id, f"Conversation {entry.id!r} was a call that has ended; choose another id."
        )
