"""Turns of guests that waited, that nobody reads, or whose conversation is filed away or deleted meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.session.sharers import ALL, KEEP, at_once, owned, refused, shared_with, texts
from tests.session.stores import user_says, voxon_on
from voxsession import (
    ConfigurationError,
    MemorySessionStorage,
    PermissionDeniedError,
    Session,
    SessionEndedError,
    VoxSessionError,
)
from voxsession.core.changes import MessageAdded
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.session.branches import deletion
from voxsession.session.filing import HEAD_CONVERSATIONS, IndexPage, Plan
from voxsession.session.shares import guest_turn
from voxsession.session.shares.admission import Ticket
from voxsession.testing import FakeClock, ScriptedModel

pytestmark = pytest.mark.usefixtures(at_once.__name__)


async def write_whole(session: Session) -> None:
    """Saves the whole document, which files what is old."""
    session.clear_memory(ids=[session.add_memory("gone at once").id])
    await session.save()


async def bury(session: Session, talk_id: str) -> None:
    """Has so many other conversations that this one is filed away."""
    for number in range(2 * HEAD_CONVERSATIONS):
        conversation = await session.start_conversation(f"c{number}")
        await conversation.add_messages(user_says(f"hello {number}"))
        await conversation.end()
    await write_whole(session)
    assert talk_id not in session._core.data.conversations


class Held:
    """A model that waits in the midst of its answers until it is told to go on."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.prompts: list[str] = []

    async def __call__(self, request: Any) -> AsyncIterator[str]:
        return self._chunks(request)

    async def _chunks(self, request: Any) -> AsyncIterator[str]:
        self.prompts.append(repr(request.messages))
        yield "begun "
        self.has_begun.set()
        await self.may_go_on.wait()
        yield "and ended"


# --- filed away


async def test_a_filed_shared_conversation_stays_the_guests() -> None:
    """It is never the owner's, whatever was filed between two words of the guest."""
    model = ScriptedModel(["Fine."] * 3)
    async with owned(model=model) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=ALL)
        talk = await shared.conversation()
        await talk.send_message("first words")
        await bury(session, talk.conversation_id)
        await talk.send_message("more words")
        entry = session._core.data.conversations[talk.conversation_id]
        assert entry.guest is not None and entry.message_count == 4
        assert "first words" in repr(model.requests[-1].messages)
        assert [one.content for one in await talk.history()] == [
            "first words",
            "Fine.",
            "more words",
            "Fine.",
        ]
        assert (await session.resume_conversation()).conversation_id != talk.conversation_id
        nosy, _ = await shared_with(voxon, session, "nosy", permissions=["read"])
        assert "more words" not in texts(await nosy.history())


async def test_a_conversation_that_is_filed_when_the_guest_comes_in_stays_theirs() -> None:
    """The use itself may be what writes the whole document."""
    async with owned(model=ScriptedModel(["Fine."] * 2)) as (voxon, session):
        shared, view = await shared_with(voxon, session, permissions=ALL)
        talk = await shared.conversation()
        await talk.send_message("first words")
        await bury(session, talk.conversation_id)
        for number in range(HEAD_CONVERSATIONS):
            conversation = await session.start_conversation(f"d{number}")
            await conversation.add_messages(user_says(f"hello {number}"))
            await conversation.end()
        again = await (await voxon.access_shared_session(view.token, "doctor")).conversation()
        session.clear_memory(ids=[session.add_memory("gone at once").id])
        await again.send_message("more words")
        assert session._core.data.conversations[talk.conversation_id].guest == view.grant_id


def test_a_lost_entry_is_made_anew_as_the_guests() -> None:
    """Whoever talks through a share never makes a conversation of the owner's."""
    start = FakeClock().now()
    data = SessionData(session_id="s", created_at=start, updated_at=start)
    for origin, talk_id in (("shared", "share_x"), ("shared", "share_x.2"), ("said", "c")):
        said = Message(
            id=f"m_{talk_id}", conversation_id=talk_id, role="user", content="x", at=start, origin=origin
        )
        MessageAdded(at=start, message=said).apply(data)
    assert [data.conversations[name].guest for name in ("share_x", "share_x.2", "c")] == ["share_x"] * 2 + [
        None
    ]


async def test_a_guest_reads_nothing_that_did_not_come_through_the_share() -> None:
    """Should anything else ever get into the conversation, neither the guest nor their model sees it."""
    model = ScriptedModel(["Fine."] * 2)
    async with owned(model=model) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=ALL)
        talk = await shared.conversation()
        await talk.send_message("hello")
        stray = Message(
            id="m_stray",
            conversation_id=talk.conversation_id,
            role="assistant",
            content="the owner's secret",
            at=session._core.now(),
        )
        session._core.record(MessageAdded(at=stray.at, message=stray))
        assert texts(await talk.history()) == ["hello", "Fine."]
        await talk.send_message("what was that?")
        assert "secret" not in repr(model.requests[-1].messages)


# --- waiting, streaming


@pytest.mark.parametrize("how", ["revoked", "expired", "ended", "deleted"])
async def test_a_turn_that_waited_is_decided_anew(how: str) -> None:
    """What ended in another process while it stood in the queue is over: no model is asked, nothing is kept."""
    storage, clock, model = MemorySessionStorage(max_sessions=None), FakeClock(), Held()
    async with (
        owned(storage, clock=clock) as (_, session),
        voxon_on(storage, clock=clock, model=model) as elsewhere,
    ):
        view = await session.create_shared_view("doctor", permissions=ALL, expire_after_hours=1)
        talk = await (await elsewhere.access_shared_session(view.token, "doctor")).conversation()
        first = asyncio.ensure_future(talk.send_message("one"))
        await model.has_begun.wait()
        second = asyncio.ensure_future(talk.send_message("two"))
        await asyncio.sleep(0.01)
        session.add_memory("Was arrested afterwards")
        await session.reload() if how == "deleted" else await session.save()
        if how == "revoked":
            await session.revoke_share(view.grant_id)
        elif how == "expired":
            clock.advance(hours=2)
        elif how == "ended":
            await session.end()
        else:
            await session.delete_conversation(talk.conversation_id)
        model.may_go_on.set()
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
        wanted = (PermissionDeniedError, SessionEndedError)
        assert isinstance(outcomes[1], wanted) and len(model.prompts) == 1
        assert isinstance(outcomes[0], PermissionDeniedError), "it ended while the model was answering"
        await session.reload()
        assert "two" not in texts(session._core.data.messages)


@pytest.mark.parametrize("how", ["revoked", "expired", "ended"])
async def test_a_stream_stops_when_its_share_ends(how: str) -> None:
    """No chunk is given after the end that this process has heard of."""
    clock, model = FakeClock(), Held()
    async with owned(clock=clock, model=model) as (voxon, session):
        shared, view = await shared_with(voxon, session, permissions=ALL, expire_after_hours=1)
        talk = await shared.conversation()
        stream = talk.stream_message("tell me all")
        assert await anext(stream) == "begun "
        if how == "revoked":
            await session.revoke_share(view.grant_id)
        elif how == "expired":
            clock.advance(hours=2)
        else:
            await session.end()
        model.may_go_on.set()
        with pytest.raises(PermissionDeniedError):
            await anext(stream)


async def test_a_guest_who_stops_reading_holds_nobody_up() -> None:
    """A stream that is read no further is closed when the share is revoked or the conversation deleted."""

    async def model(request: Any) -> AsyncIterator[str]:
        async def chunks() -> AsyncIterator[str]:
            for number in range(100):
                yield f"word {number} "

        return chunks()

    async with owned(model=model) as (voxon, session):
        for revokes in (True, False):
            shared, view = await shared_with(voxon, session, permissions=ALL)
            talk = await shared.conversation()
            stream = talk.stream_message("tell me all")
            await anext(stream)
            if revokes:
                await session.revoke_share(view.grant_id)
            receipt = await session.delete_conversation(talk.conversation_id)
            assert receipt.counts["messages"] == 2
            assert [chunk async for chunk in _quietly(stream)] == []
            assert session._core.guest_turns == {}


async def _quietly(stream: AsyncIterator[str]) -> AsyncIterator[str]:
    try:
        async for chunk in stream:
            yield chunk
    except PermissionDeniedError:
        return


# --- deleted


async def test_a_guest_does_not_talk_in_a_deleted_conversation() -> None:
    """They open another one; what was deleted is not theirs to read either."""
    async with owned(model=ScriptedModel(["Fine."] * 3)) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=ALL)
        talk = await shared.conversation()
        await talk.send_message("first words")
        await session.delete_conversation(talk.conversation_id)
        for _ in range(2):
            with pytest.raises(SessionEndedError, match="Open another"):
                await talk.send_message("hidden words")
            await write_whole(session)
        assert await talk.history() == []
        assert not any("hidden" in (one or "") for one in texts(session._core.data.messages))
        another = await shared.conversation()
        assert another.conversation_id != talk.conversation_id
        assert await another.send_message("hello") == "Fine."


async def test_a_reply_that_comes_after_the_deletion_is_not_kept() -> None:
    """Another process deletes the conversation while the model answers: its answer goes nowhere."""
    storage, model = MemorySessionStorage(max_sessions=None), Held()
    async with owned(storage) as (_, session), voxon_on(storage, model=model) as elsewhere:
        view = await session.create_shared_view("doctor", permissions=ALL)
        talk = await (await elsewhere.access_shared_session(view.token, "doctor")).conversation()
        turn = asyncio.ensure_future(talk.send_message("my words"))
        await model.has_begun.wait()
        await session.reload()
        await session.delete_conversation(talk.conversation_id)
        model.may_go_on.set()
        await refused(turn)
        await session.reload()
        assert not any(one.content for one in session._core.data.messages)
        assert session._core.data.conversations[talk.conversation_id].status == "deleted"


async def test_deleting_while_a_reply_is_given_leaves_nothing_of_it() -> None:
    """In the owner's process too: what was given already is not put into the deleted conversation."""
    for delays in range(4):
        model = Held()
        async with owned(model=model) as (voxon, session):
            shared, _ = await shared_with(voxon, session, permissions=ALL)
            talk = await shared.conversation()
            turn = asyncio.ensure_future(talk.send_message("my words"))
            await model.has_begun.wait()
            for _ in range(delays):
                await asyncio.sleep(0)
            await session.delete_conversation(talk.conversation_id)
            model.may_go_on.set()
            await refused(turn)
            assert not any(one.content for one in session._core.data.messages)


async def test_what_a_guest_says_while_the_deletion_reads_is_deleted_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The deletion looks again where something came in between."""
    async with owned() as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=ALL)
        talk = await shared.conversation()
        core, gather, waiting = session._core, deletion.gather, ["late words"]

        async def slowly(*given: Any) -> Any:
            held = await gather(*given)
            if waiting:
                said = Message(
                    id="m_late",
                    conversation_id=talk.conversation_id,
                    role="user",
                    content=waiting.pop(),
                    at=core.now(),
                    origin="shared",
                )
                core.record(MessageAdded(at=said.at, message=said))
            return held

        monkeypatch.setattr(deletion, "gather", slowly)
        assert (await session.delete_conversation(talk.conversation_id)).counts["messages"] == 1
        assert texts(core.data.messages) == [""]


async def test_a_share_that_ends_while_the_context_is_read_gets_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is recorded and no model asked, whatever was read already."""
    model = ScriptedModel(["Fine."])
    async with owned(model=model) as (voxon, session):
        shared, view = await shared_with(voxon, session, permissions=ALL)
        talk = await shared.conversation()
        read = guest_turn.read_guests

        async def slowly(*given: Any) -> Any:
            await session.revoke_share(view.grant_id)
            return await read(*given)

        monkeypatch.setattr(guest_turn, "read_guests", slowly)
        await refused(talk.send_message("hello"))
        assert not model.requests and not session._core.data.messages


async def test_a_whole_answer_that_comes_too_late_is_not_given() -> None:
    """Of a model that does not stream, nothing is given or kept once the share has ended."""
    clock = FakeClock()

    async def model(request: Any) -> str:
        clock.advance(hours=2)
        return "too late"

    async with owned(clock=clock, model=model) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=ALL, expire_after_hours=1)
        talk = await shared.conversation()
        await refused(talk.send_message("hello"))
        assert texts(session._core.data.messages) == ["hello"]


async def test_a_conversation_with_a_guest_in_it_is_not_filed() -> None:
    """Not while the turn runs, nor where it began while pages were being written."""
    model = Held()
    async with owned(model=model) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=ALL)
        talk = await shared.conversation()
        turn = asyncio.ensure_future(talk.send_message("my words"))
        await model.has_begun.wait()
        with pytest.raises(AssertionError):
            await bury(session, talk.conversation_id)
        core = session._core
        entry = core.data.conversations[talk.conversation_id]
        plan = Plan(index_page=IndexPage(conversations=[entry]))
        assert plan.still_fits(core.data) and not plan.still_fits(core.data, core.conversations_in_use)
        model.may_go_on.set()
        assert await turn == "begun and ended"
        assert core.data.conversations[talk.conversation_id].message_count == 2


# --- what is asked


async def test_the_token_itself_is_compared() -> None:
    """What leads to a grant is not enough: the hash of the token has to be the grant's."""
    async with owned() as (voxon, session):
        shared, _ = await shared_with(voxon, session)
        ticket = shared._ticket
        forged = Ticket(
            session_id=ticket.session_id,
            grant_id=ticket.grant_id,
            token_hash="0" * 64,
            user_id=ticket.user_id,
        )
        with pytest.raises(PermissionDeniedError):
            async with shared._admission.enter(forged, "get_memory", "read"):
                pass
        with pytest.raises(PermissionDeniedError):
            await shared._admission.check(forged, "get_memory", "read")
        await shared._admission.check(ticket, "get_memory", "read")


async def test_what_a_guest_sends_along_is_bounded() -> None:
    """Metadata of a guest's message lies in the owner's session."""
    async with owned(config=KEEP, model=ScriptedModel(["Fine."])) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=ALL)
        talk = await shared.conversation()
        for send in (talk.send_message, lambda *args, **named: anext(talk.stream_message(*args, **named))):
            with pytest.raises(ConfigurationError, match="16,384"):
                await send("hello", metadata={"x": "y" * 20_000})
        assert await talk.send_message("hello", metadata={"x": "y"}) == "Fine."


async def test_a_note_that_is_not_taken_is_in_the_audit_list() -> None:
    """A refused note is a call as well; a stranger is never listed as the person, however alike the ids."""
    rightful = "x" * 100
    async with owned() as (voxon, session):
        shared, view = await shared_with(voxon, session, rightful, permissions=["add_notes"])
        for _ in range(2):
            with pytest.raises(VoxSessionError):
                await shared.add_note("word " * 700 * 4)
        with pytest.raises(VoxSessionError):
            await shared.add_note("hello", category="y" * 200)
        await refused(voxon.access_shared_session(view.token, rightful + "evil"))
        await asyncio.gather(*voxon._home.background)  # the answer does not wait for its note
        (share,) = await session.list_shares()
        assert [(one.action, one.outcome, one.by == rightful) for one in share.audit] == [
            ("access", "done", True),
            ("add_note", "invalid", True),
            ("access", "wrong_user", False),
        ]
        assert timedelta(0) <= share.audit[1].at - share.created_at
