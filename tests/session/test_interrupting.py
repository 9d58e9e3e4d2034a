"""Two turns at once and replies that are cut off: who gets the place, what is kept, that no race loses anything."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.models.openai_talk import stored
from voxsession import (
    Conversation,
    ConversationBusyError,
    MemorySessionStorage,
    ModelError,
    ModelRequest,
    Voxon,
    VoxonConfig,
)


async def in_words(request: ModelRequest) -> AsyncIterator[str]:
    """Answers in five chunks, each a moment later."""
    for word in ("re ", request.messages[-1]["content"], " one", " two", " three"):
        await asyncio.sleep(0.002)
        yield word


class Talk:
    """A conversation in a storage that can be slow."""

    def __init__(self, model: Any = in_words) -> None:
        self.storage = SlowStorage()
        self._voxon = Voxon(VoxonConfig(session_storage=self.storage), model=model)

    async def __aenter__(self) -> Conversation:
        self._session = await self._voxon.session("u", session_id="s")
        self._conversation = self._session.conversation("c")
        return await self._conversation.__aenter__()

    async def __aexit__(self, *problem: Any) -> None:
        await self._conversation.__aexit__(*problem)
        await self._session.close()
        await self._voxon.close()

    async def kept(self) -> list[tuple[str, str | None, bool]]:
        """What another process finds."""
        return await stored(self.storage)


class SlowStorage(MemorySessionStorage):
    """Waits before each write."""

    seconds = 0.0

    async def append(self, *given: Any, **named: Any) -> Any:
        """Waits, then appends."""
        await asyncio.sleep(self.seconds)
        return await super().append(*given, **named)


# --- who gets the place


async def test_fifty_interruptions_at_once_leave_one_reply_and_all_messages_in_order() -> None:
    """Each cuts off what runs and what waits ahead of it: only the last is answered, and no message is lost."""
    async with (talk := Talk()) as conv:
        sent = [conv.send_message(f"m{n}", on_busy="interrupt") for n in range(50)]
        replies = await asyncio.gather(*sent)

    assert [reply.interrupted for reply in replies] == [True] * 49 + [False]
    assert replies[-1] == "re m49 one two three"
    users = [("user", f"m{n}", False) for n in range(50)]
    assert await talk.kept() == [*users, ("assistant", "re m49 one two three", False)]


async def test_an_interruption_does_not_wait_for_those_ahead_of_it() -> None:
    """What waits in the queue is recorded, and cut off as well: an interruption is answered next."""
    async with (talk := Talk()) as conv:
        first = asyncio.create_task(conv.send_message("a"))
        await asyncio.sleep(0.005)
        second = asyncio.create_task(conv.send_message("b"))
        await asyncio.sleep(0.001)
        urgent = await conv.send_message("c", on_busy="interrupt")
        cut = [await first, await second]

    assert urgent == "re c one two three"
    assert cut[0].interrupted and cut[1] == "" and cut[1].interrupted
    said = [(role, content) for role, content, _ in await talk.kept() if role == "user"]
    assert said == [("user", "a"), ("user", "b"), ("user", "c")]


@pytest.mark.parametrize("on_busy", ["reject", "interrupt"])
async def test_a_place_that_is_handed_over_is_not_free(on_busy: str) -> None:
    """A message sent in the very moment in which the next one gets the place finds the conversation busy."""
    async with Talk() as conv:

        async def two() -> str:
            await conv.send_message("a")
            return str(await conv.send_message("c", on_busy=on_busy))

        third, second = await asyncio.gather(two(), conv.send_message("b"), return_exceptions=True)

    if on_busy == "reject":
        assert isinstance(third, ConversationBusyError) and second == "re b one two three"
    else:
        assert third == "re c one two three" and second == ""


async def test_those_who_are_cancelled_while_they_wait_leave_no_gap() -> None:
    """Cancelled waiters record nothing, the others are answered in order, and the place is free in the end."""
    async with (talk := Talk()) as conv:
        tasks = [asyncio.create_task(conv.send_message(f"m{n}")) for n in range(20)]
        await asyncio.sleep(0.015)
        for task in tasks[5::3]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        last = await asyncio.wait_for(conv.send_message("last", on_busy="reject"), 10)

    gone = {f"m{n}" for n in range(5, 20, 3)}
    said = [content for role, content, _ in await talk.kept() if role == "user"]
    assert last == "re last one two three"
    assert said == [f"m{n}" for n in range(20) if f"m{n}" not in gone] + ["last"]


def test_a_turn_that_a_closed_loop_left_behind_holds_up_nobody() -> None:
    """Where a loop was closed in the middle of a turn, the next loop's message is answered."""
    voxon = Voxon(VoxonConfig(session_storage=MemorySessionStorage()), model=in_words)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def begin() -> tuple[Conversation, asyncio.Task[Any]]:
        session = await voxon.session("u", session_id="s")
        conv = await session.start_conversation("c")
        task = asyncio.create_task(conv.send_message("a"))
        await asyncio.sleep(0.003)
        return conv, task

    conv, task = first.run_until_complete(begin())
    for pending in asyncio.all_tasks(first):
        pending._log_destroy_pending = False  # type: ignore[attr-defined]
    first.close()
    reply = second.run_until_complete(asyncio.wait_for(conv.send_message("b"), 10))
    second.run_until_complete(voxon.close())
    second.close()

    assert not task.done()
    assert reply == "re b one two three"
    del conv, task, pending
    gc.collect()  # what the closed loop left goes without a word: pytest makes an error of one


# --- what was heard


async def test_what_was_heard_holds_when_another_message_follows_at_once() -> None:
    """interrupt(heard), and right behind it a message with on_busy="interrupt": what was heard is what is kept."""
    async with (talk := Talk()) as conv:
        first = asyncio.create_task(conv.send_message("a"))
        await asyncio.sleep(0.012)
        await conv.interrupt(heard="re")
        await conv.send_message("b", on_busy="interrupt")
        cut = await first

    assert cut == "re" and cut.interrupted
    assert (await talk.kept())[1] == ("assistant", "re", True)


async def test_what_was_heard_counts_while_the_reply_is_saved() -> None:
    """A reply that is written just then is shortened as well, for its caller, in the talk and in the store."""

    async def model(request: ModelRequest) -> str:
        return "I am a long answer"

    async with (talk := Talk(model)) as conv:
        await conv.send_message("first")
        talk.storage.seconds = 0.1
        turn = asyncio.create_task(conv.send_message("a"))
        await asyncio.sleep(0.05)
        await conv.interrupt(heard="I am")
        reply = await turn
        talk.storage.seconds = 0.0

    assert reply == "I am" and reply.interrupted and reply.message is not None and reply.message.interrupted
    assert (await talk.kept())[1::2] == [
        ("assistant", "I am a long answer", False),
        ("assistant", "I am", True),
    ]


@pytest.mark.parametrize("heard", ["re a", ""])
async def test_a_reply_that_was_left_can_be_shortened_to_what_was_heard(heard: str) -> None:
    """The stream is left first, and what was heard is known later: it counts, once as an interruption."""
    async with (talk := Talk()) as conv:
        stream = conv.stream_message("a")
        async for chunk in stream:
            if chunk == " two":
                break
        await stream.aclose()
        await conv.interrupt(heard=heard)
        await conv.interrupt(heard=heard)
        count = conv.get_analytics()["interruption_count"]

    assert await talk.kept() == [("user", "a", False), ("assistant", heard, True)]
    assert count == 1


@pytest.mark.parametrize("heard", [None, "", "something else"])
async def test_an_earlier_reply_is_not_taken_for_one_that_never_came(heard: str | None) -> None:
    """Where the latest message got no reply, an interruption does not touch the reply before it."""

    async def model(request: ModelRequest) -> AsyncIterator[str]:
        if request.messages[-1]["content"] == "b":
            await asyncio.Event().wait()
        yield "a whole answer"

    async with (talk := Talk(model)) as conv:
        await conv.send_message("a")
        turn = asyncio.create_task(conv.send_message("b"))
        await asyncio.sleep(0.01)
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        await conv.interrupt(heard=heard)

    assert (await talk.kept())[:2] == [("user", "a", False), ("assistant", "a whole answer", False)]


@pytest.mark.parametrize("how", ["raises", "goes on", "in one piece"])
async def test_how_a_model_takes_an_interruption_is_no_failure(how: str) -> None:
    """A model that raises when it is cut off, or does not stop, gives an interrupted reply all the same."""
    begun = asyncio.Event()

    async def stream(request: ModelRequest) -> AsyncIterator[str]:
        yield "so "
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if how == "raises":
                raise RuntimeError("the connection would not close") from None
        yield "on"

    async def whole(request: ModelRequest) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("the connection would not close")

    async with (talk := Talk(whole if how == "in one piece" else stream)) as conv:
        turn = asyncio.create_task(conv.send_message("a"))
        await begun.wait()
        await asyncio.sleep(0.01)
        await conv.interrupt()
        reply = await asyncio.wait_for(turn, 10)

    said = [("assistant", "so ", True)] if how != "in one piece" else []
    assert reply.interrupted and await talk.kept() == [("user", "a", False), *said]


@pytest.mark.parametrize("way", ["interrupted", "left"])
async def test_a_model_that_cannot_be_closed_is_no_failure(way: str) -> None:
    """A model that raises when it is closed between two chunks spoils neither the reply nor how it was left."""

    async def model(request: ModelRequest) -> AsyncIterator[str]:
        try:
            yield "so "
            yield "on"
        finally:
            raise RuntimeError("the connection would not close")

    async with (talk := Talk(model)) as conv:
        async with conv.stream_message("a") as stream:
            async for _ in stream:
                if way == "left":
                    break
                await conv.interrupt()
        assert stream.reply is not None and stream.reply.interrupted

    assert await talk.kept() == [("user", "a", False), ("assistant", "so ", True)]


async def test_an_error_of_the_model_is_not_hidden_by_its_end() -> None:
    """What an iterator raises is told, whatever closing it raises then."""

    class Broken:
        def __aiter__(self) -> Broken:
            return self

        async def __anext__(self) -> str:
            raise ValueError("the answer is no text")

        async def aclose(self) -> None:
            raise RuntimeError("the connection would not close")

    async def model(request: ModelRequest) -> Any:
        return Broken()

    async with Talk(model) as conv:
        with pytest.raises(ModelError) as told:
            await conv.send_message("a")

    assert isinstance(told.value.__cause__, ValueError)
