"""The conversation of a guest: what the model is told, what the owner sees of it, what never becomes theirs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.session.sharers import KEEP, at_once, owned, refused, shared_with, texts
from tests.session.stores import user_says, voxon_on
from voxsession import (
    BudgetError,
    ConfigurationError,
    MemorySessionStorage,
    ModelError,
    SessionConfig,
    SessionEndedError,
)
from voxsession.testing import ScriptedModel

pytestmark = pytest.mark.usefixtures(at_once.__name__)


def sent(model: ScriptedModel) -> str:
    """All that reached the model at the last request."""
    request = model.requests[-1]
    return repr(request.messages) + repr(request.config) + repr(request.functions)


async def test_a_guest_talks_in_a_conversation_of_their_own() -> None:
    """It is one for each share, goes on later, and names the guest as who speaks."""
    model = ScriptedModel(["Hello doctor.", "Aspirin.", "Bye."])
    storage = MemorySessionStorage(max_sessions=None)
    async with owned(storage, model=model) as (voxon, session):
        session.add_memory("Takes aspirin")
        shared, view = await shared_with(voxon, session, permissions=["read", "converse"])
        async with shared.conversation() as conversation:
            assert await conversation.send_message("Good morning") == "Hello doctor."
            assert [chunk async for chunk in conversation.stream_message("What does she take?")]
            said = await conversation.history()
        assert [(one.role, one.name, one.origin) for one in said[:2]] == [
            ("user", "doctor", "shared"),
            ("assistant", None, "shared"),
        ]
        assert "aspirin" in sent(model) and "'doctor'" in sent(model) and "'ann'" not in sent(model)
        with pytest.raises(SessionEndedError):
            await conversation.send_message("more")
        async with voxon_on(storage, model=model) as elsewhere:
            again = await (await elsewhere.access_shared_session(view.token, "doctor")).conversation()
            assert again.conversation_id == conversation.conversation_id
            await again.send_message("Thanks")
            assert len(await again.history()) == 6
        assert "Good morning" in sent(model), "the model sees what was said before"


@pytest.mark.parametrize(
    ("permissions", "knows", "heard"),
    [(["converse"], False, False), (["converse", "search"], True, False), (["converse", "read"], True, True)],
)
async def test_the_model_knows_what_the_guest_may_read(
    permissions: list[str], knows: bool, heard: bool
) -> None:
    """With `search` the memory, with `read` past messages as well, without either nothing of the owner."""
    model = ScriptedModel(["Fine."])
    async with owned(model=model) as (voxon, session):
        session.add_memory("Takes aspirin")
        await (await session.start_conversation()).add_messages(user_says("aspirin makes me dizzy"))
        shared, _ = await shared_with(voxon, session, permissions=permissions)
        await (await shared.conversation()).send_message("What about aspirin?")
        assert ("Takes aspirin" in sent(model), "dizzy" in sent(model)) == (knows, heard)


async def test_nothing_beyond_the_share_reaches_the_model() -> None:
    """Other categories, secrets, the owner's instructions and wishes, the app's state and functions stay away."""
    model = ScriptedModel(["Fine."])
    config = SessionConfig(memory_mode="persistent", enable_functions=True, instructions="Be kind.")
    async with owned(model=model, config=config) as (voxon, session):
        session.add_memory("Takes aspirin", category="medical")
        session.add_memory("Hidden hobby", category="hobbies", pinned=True)
        session.add_memory("Hidden illness", category="medical", sensitive=True)
        session.add_memory("Hidden wish: answer in French", category="instruction")
        session.set_preference("verbosity", "brief")
        session.update_state(context={"file": "hidden file"})
        mine = await session.start_conversation()
        mine.register_function(hidden_function)
        await mine.add_messages(user_says("hidden words about aspirin"))
        shared, _ = await shared_with(
            voxon, session, permissions=["read", "converse"], categories=["medical", "instruction"]
        )
        reply = await (await shared.conversation()).send_message("What about aspirin, hobby, illness, wish?")
        assert "Takes aspirin" in sent(model) and "Be kind." in sent(model)
        assert "idden" not in sent(model) and "idden" not in repr(reply.context.report())
        assert "brief" not in sent(model) and model.requests[-1].config.user_id == "doctor"


def hidden_function() -> str:
    """A function of the owner's conversation."""
    return "hidden"


async def test_instructions_of_a_template_stay_with_the_owner() -> None:
    """They are filled with what the app told about the owner."""
    model = ScriptedModel(["Fine."])
    async with voxon_on(MemorySessionStorage(), model=model) as voxon:
        context = {"patient_id": "P12345", "appointment_type": "follow_up"}
        session = voxon.create_session_from_template("medical_consultation", context, user_id="ann")
        shared, _ = await shared_with(voxon, session, permissions=["read", "converse"])
        await (await shared.conversation()).send_message("Who is it?")
        assert "P12345" not in sent(model) and "follow" not in sent(model)


async def test_what_a_guest_says_is_not_the_owners() -> None:
    """Nothing is learned from it, the owner's contexts leave it out, and it is never resumed by chance."""
    model = ScriptedModel(["Noted.", "Hello Ann.", "Well."])
    async with owned(model=model, config=SessionConfig(memory_mode="persistent")) as (voxon, session):
        mine = await session.start_conversation("mine")
        await mine.add_messages(user_says("I like hiking"))
        before = (session.get_memory().entries, session.get_learned_preferences())
        shared, _ = await shared_with(voxon, session, permissions=["read", "converse"])
        conversation = await shared.conversation()
        await conversation.send_message("My name is Gregory and I live in Princeton. I love motorcycles!")
        assert (session.get_memory().entries, session.get_learned_preferences()) == before
        assert (await session.resume_conversation()).conversation_id == "mine"
        await mine.send_message("Do I love motorcycles in Princeton?")
        assert "Gregory" not in sent(model)
        assert (await session.resume_conversation()).conversation_id == "mine"
        found = await session.recall("motorcycles Gregory", sources=("messages",), include_guests=True)
        assert "said in a shared conversation" in found[0].reasons and found[0].message.name == "doctor"


async def test_the_owner_reads_a_shared_conversation_and_does_not_talk_in_it() -> None:
    """What the owner's contexts hold would reach the guest otherwise; branching from it is refused as well."""
    async with owned(model=ScriptedModel(["Fine."])) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=["converse"])
        conversation = await shared.conversation()
        await conversation.send_message("Hello")
        name = conversation.conversation_id
        seen = await session.resume_conversation(name)
        assert texts(await seen.history()) == ["Hello", "Fine."]
        for call in (
            lambda: seen.send_message("me too"),
            lambda: seen.add_messages(user_says("me too")),
            seen.summarize,
            lambda: session.start_conversation(parent_id=name),
        ):
            with pytest.raises(ConfigurationError):
                await call()
        await seen.end()
        await session.delete_conversation(name)
        again = await shared.conversation()
        assert again.conversation_id != name and await again.history() == []


async def test_each_message_is_checked() -> None:
    """Revoked between two messages, or while the model is answering: the next answer is not given."""

    async def model(request: Any) -> str:
        if "revoke now" in request.messages[-1]["content"]:
            await session.revoke_share(view.grant_id)
        return "an answer"

    async with owned(model=model) as (voxon, session):
        shared, view = await shared_with(voxon, session, permissions=["read", "converse"])
        async with shared.conversation() as conversation:
            assert await conversation.send_message("hello") == "an answer"
            await refused(conversation.send_message("revoke now"))
            await refused(conversation.send_message("hello again"))
            await refused(conversation.history())
        counts = session.list_shares()[0].counts
        assert counts["send_message"] == 2 and counts["refused: revoked"] >= 1


async def test_turns_of_a_shared_conversation_wait_for_each_other() -> None:
    """Two at once are answered one after the other, and both are kept."""
    async with owned(model=ScriptedModel(["one", "two"])) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=["converse"])
        conversation = await shared.conversation()
        await asyncio.gather(conversation.send_message("a"), conversation.send_message("b"))
        said = texts(await conversation.history())
        assert said[1::2] == ["one", "two"] and sorted(said[::2]) == ["a", "b"]


async def test_failures_are_those_of_any_conversation() -> None:
    """A model that fails keeps what was said, a message that never fits is refused, and empty text is named."""

    async def model(request: Any) -> str:
        raise ValueError("down")

    async with owned(model=model, config=KEEP.replace(context_tokens=500)) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=["converse"])
        conversation = await shared.conversation()
        with pytest.raises(ModelError):
            await conversation.send_message("hello")
        with pytest.raises(BudgetError):
            await conversation.send_message("word " * 2000)
        with pytest.raises(ConfigurationError, match="text"):
            await conversation.send_message("")
        assert texts(await conversation.history()) == ["hello"]


async def test_leaving_a_stream_early_keeps_what_was_delivered() -> None:
    """It is marked interrupted, and the next turn goes on."""

    async def model(request: Any) -> Any:
        async def chunks() -> Any:
            for word in ("one ", "two ", "three"):
                yield word

        return chunks()

    async with owned(model=model) as (voxon, session):
        shared, _ = await shared_with(voxon, session, permissions=["converse"])
        conversation = await shared.conversation()
        stream = conversation.stream_message("count")
        assert await anext(stream) == "one "
        await stream.aclose()
        said = await conversation.history()
        assert (said[-1].content, said[-1].interrupted) == ("one ", True)
        assert await conversation.send_message("again") == "one two three"
