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
from voxsession.core.call_record import ENDED, WAITING, audio_pages_of, functions_of, whole
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
from voxsession.errors import ConfigurationError, ConflictError, IntegrityError, SessionEndedError
from voxsession.session.calls.audio import read_audio, write_audio
from voxsession.session.host import SessionHost
from voxsession.session.learn import learn_from
from voxsession.session.live import LiveCore
from voxsession.session.messages import message_from_dict, new_message_id
from voxsession.session.noting import additions, local_day
from voxsession.session.reading import find_conversation, read_history

__all__ = ["CallBook"]

REASON = "its message was replaced"
MAX_LOOKS = 100
MAX_UNTOLD = 10_000

_Function = tuple[str, str, str]


class CallBook:
    """What is read and recorded of calls in one session; each method that records saves as well.

    A `ConflictError` of any of them says that nothing was recorded: what it would have been is taken back here too.
    Inside a `batch_update` of the same task they are refused, as nothing could be saved there.

    Args:
        untold: the functions whose beginning could not be saved in time, by session, call and function: nobody was
            told to run them. All books of one facade share it.
    """

    def __init__(self, core: LiveCore, host: SessionHost, untold: dict[_Function, JsonObject]) -> None:
        self._core = core
        self._host = host
        self._untold = untold

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

    async def audio(self, conversation_id: str) -> list[bytes]:
        """The chunks of sound that the call keeps.

        Raises:
            IntegrityError: a page of them is not what the session says, though nobody wrote it meanwhile.
        """
        core, recorder = self._core, await self._host.ready()
        for _ in range(MAX_LOOKS):
            entry, seq = await self.entry(conversation_id), core.data.seq
            try:
                return await read_audio(recorder, core, (entry.call if entry is not None else None) or {})
            except IntegrityError:  # whoever put other sound into the call has removed these pages
                await recorder.reload(core, keep_pending=True)
                if core.data.seq == seq:
                    raise
        raise ConflictError(
            core.data.session_id, expected_seq=seq, found_seq=core.data.seq, what="others write all the time"
        )

    # --- recording

    async def begin(
        self,
        conversation_id: str,
        call: JsonObject,
        *,
        audio: Sequence[bytes] = (),
        said: Sequence[Mapping[str, Any]] = (),
        replaces: str | None = None,
    ) -> bool:
        """Makes a conversation a call, with its first words and sound in the same write; False where it is another's.

        Args:
            conversation_id: the call's.
            call: what its record has.
            audio: chunks of sound.
            said: messages, as `add_messages` takes them.
            replaces: the token of a call that nothing leads to any more; it gives way.

        Raises:
            ConfigurationError: the conversation was deleted, or is a guest's; a message is wrong.
            SessionEndedError: it was a call that has ended.
        """
        core = self._core
        self._check_no_batch()
        entry, now = await self.entry(conversation_id), core.now()
        if entry is None:
            day = local_day(core, now)
            changes: list[Change] = [
                ConversationStarted(at=now, conversation_id=conversation_id, local_day=day)
            ]
        else:
            _check_can_be_call(entry, core.data.session_id)
            if (entry.call or {}).get("token") not in (None, replaces):
                return False
        words = await self._words(conversation_id, said, ())
        if audio and not core.exists:
            await self._host.save(core)  # pages lie beside a session that is there
        if entry is not None:
            await self._bring_back(conversation_id)
            changes = self._reopening(entry)
        changes.append(
            CallStarted(at=core.now(), conversation_id=conversation_id, call=call, replaces=replaces)
        )
        changes += words
        try:
            if audio:
                changes.append(await self._record_with_audio(conversation_id, audio, changes))
                await self._keep(changes)
            else:
                await self._save(*changes)
        except ConflictError:
            return False
        entry = await self.entry(conversation_id)
        return entry is not None and (entry.call or {}).get("token") == call["token"]

    async def resume(self, conversation_id: str, resumed_count: int, values: JsonObject) -> None:
        """Records that the call goes on, for the so many-th time.

        Raises:
            ConflictError: somebody else resumed, ended or removed it meanwhile.
        """
        self._check_no_batch()
        entry = await self._bring_back(conversation_id)
        call = (entry.call if entry is not None else None) or {}
        if whole(call.get("resumed_count")) != resumed_count - 1 or call.get("status") == ENDED:
            seq = self._core.data.seq  # it was taken in while the words and the sound were read
            raise ConflictError(
                self._core.data.session_id, expected_seq=seq, found_seq=seq, what=CallResumed.kind
            )
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
        metadata: JsonObject | None = None,
        audio: Sequence[bytes] | None = None,
        said: Sequence[Mapping[str, Any]] = (),
        unsaid: Sequence[str] = (),
        based_on: Mapping[str, Any] | None = None,
    ) -> None:
        """Puts other values into the record of a call, and into its conversation what was said.

        Args:
            conversation_id: the call's.
            values: what the record has from now on.
            metadata: what is put into the call's own metadata, whatever that is by now.
            audio: the chunks in place of those that it has; None leaves them.
            said: messages behind the others, as `add_messages` takes them.
            unsaid: the ids of messages that are erased.
            based_on: the record that the values were made from, with its words; None = whatever it is by now.

        Raises:
            ConflictError: somebody else put other audio into it meanwhile; or, with `based_on`, other words, or
                resumed it.
        """
        core = self._core
        self._check_no_batch()
        await self._bring_back(conversation_id)
        changes = await self._words(conversation_id, said, unsaid)
        changed = CallChanged(
            at=core.now(),
            conversation_id=conversation_id,
            values=values,
            metadata=metadata,
            expected_resumes=None if based_on is None else whole(based_on.get("resumed_count")),
            words=new_message_id(core) if said or unsaid else None,
        )
        changes.append(changed)
        if audio is None:
            self._check_basis(conversation_id, based_on)
            core.record(*changes)
        else:
            kept = await self._record_with_audio(conversation_id, audio, changes, based_on)
            changes.append(kept)
        await self._keep(changes)

    async def end(self, conversation_id: str, values: JsonObject, *, metadata: JsonObject) -> None:
        """Ends the call for good, and with it its conversation; `metadata` is put into what it has."""
        self._check_no_batch()
        core, now = self._core, self._core.now()
        entry = await self._bring_back(conversation_id)
        changes: list[Change] = [
            CallChanged(at=now, conversation_id=conversation_id, values=values, metadata=metadata)
        ]
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
        self._check_no_batch()
        entry = await self._bring_back(conversation_id)
        function = (self._core.data.session_id, conversation_id, call_id)
        for row in functions_of((entry.call or {}) if entry is not None else {}):
            if row.get("call_id") == call_id and str(row.get("status")).lower() not in WAITING:
                untold = self._untold.pop(function, None)
                return untold is not None and row.items() >= untold.items()
        try:
            await self._note(conversation_id, call_id, values)
        except ConflictError:
            return False
        except BaseException:  # it may be stored all the same, and whoever asked was not told
            if len(self._untold) >= MAX_UNTOLD:
                del self._untold[next(iter(self._untold))]
            self._untold[function] = dict(values)
            raise
        return True

    async def finish_function(self, conversation_id: str, call_id: str, values: JsonObject) -> None:
        """Notes how a function ended."""
        self._check_no_batch()
        await self._bring_back(conversation_id)
        await self._note(conversation_id, call_id, values)

    async def remove(self, conversation_id: str, token: str) -> None:
        """Removes what the call with this token kept for its resumption; the conversation and its messages stay.

        Raises:
            ConflictError: the call was used meanwhile.
        """
        self._check_no_batch()
        entry = await self._bring_back(conversation_id)
        if entry is not None and entry.call and entry.call.get("token") == token:
            self._core.loose_pages |= audio_pages_of([entry])
            await self._save(CallRemoved(at=self._core.now(), conversation_id=conversation_id, token=token))

    # --- how it is recorded

    def _check_no_batch(self) -> None:
        if self._core.in_batch:
            raise ConfigurationError(
                "A call cannot be made or changed inside batch_update(): nothing would be saved before the block "
                "ends. Leave the block first.",
                option="conversation_id",
            )

    async def _note(self, conversation_id: str, call_id: str, values: JsonObject) -> None:
        at = self._core.now()
        await self._save(
            CallFunctionNoted(at=at, conversation_id=conversation_id, call_id=call_id, values=values)
        )

    def _check_basis(self, conversation_id: str, based_on: Mapping[str, Any] | None) -> None:
        """Refuses what was made from another state of the call: somebody in this process was faster."""
        core = self._core
        entry = core.view.conversations.get(conversation_id)
        if based_on is not None and _basis(entry.call if entry is not None else None) != _basis(based_on):
            seq = core.data.seq
            raise ConflictError(core.data.session_id, expected_seq=seq, found_seq=seq, what="call.changed")

    async def _record_with_audio(
        self,
        conversation_id: str,
        audio: Sequence[bytes],
        changes: Sequence[Change],
        based_on: Mapping[str, Any] | None = None,
    ) -> CallAudioKept:
        core, recorder = self._core, await self._host.ready()
        async with recorder.turn(core):
            entry = core.data.conversations.get(conversation_id)  # None: it begins with this sound
            rows = await write_audio(recorder, core, (entry.call if entry is not None else None) or {}, audio)
            self._check_basis(conversation_id, based_on)  # pages that nothing names go with the next save
            core.loose_pages |= audio_pages_of([entry] if entry is not None else ()) - {
                row.get("id") for row in rows
            }
            kept = CallAudioKept(at=core.now(), conversation_id=conversation_id, pages=rows)
            core.record(*changes, kept)
        return kept

    async def _words(
        self, conversation_id: str, said: Sequence[Mapping[str, Any]], unsaid: Sequence[str]
    ) -> list[Change]:
        core, now = self._core, self._core.now()
        changes: list[Change] = []
        if unsaid:
            from voxsession.session.erasure import topics_lost_with  # only where something is erased

            ids, gone = list(unsaid), set(unsaid)
            await self._host.settle(core)  # what is being learned from one of them
            topics = await topics_lost_with(core, self._host, gone)
            taught = [one.id for one in core.data.memories.values() if one.message_id in gone]
            changes.append(MessagesRedacted(at=now, message_ids=ids, unnamed=ids))
            changes.append(LearningForgotten(at=now, message_ids=ids, topics=topics))
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
        known = set(map(id, core.pending))
        if said:
            doubles = core.repair_history(latest=16 + len(said))
            learn_from(core, self._host, [one for one in said if one.id not in doubles])
        gone = {id(one.change) for one in core.pending if id(one) not in known} | set(map(id, changes))
        try:
            await self._host.save(core)
        except ConflictError:
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


def _basis(call: Mapping[str, Any] | None) -> tuple[Any, ...]:
    call = call or {}
    return call.get("token"), whole(call.get("resumed_count")), call.get("words")


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
