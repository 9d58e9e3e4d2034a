"""A copy of a call that is written takes nothing back that was recorded since it was read."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.resume.services import service_on, talk
from voxsession import ConfigurationError, ConflictError, MemorySessionStorage
from voxsession.resume import SessionManagerService, SessionState, SessionStatus

CALL = "c"
Row = dict[str, Any]


def memory() -> MemorySessionStorage:
    """An empty storage."""
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


async def read(service: SessionManagerService) -> SessionState:
    """The call as it is stored."""
    state = await service.get_session(CALL)
    assert state is not None
    return state


async def rows(service: SessionManagerService) -> list[Row]:
    """What was said in the call."""
    return (await read(service)).conversation_history


async def say(service: SessionManagerService, *texts: str) -> None:
    """Records words of the caller in the conversation itself."""
    state = await read(service)
    async with await service.voxon.load_session(str(state.session_id)) as session:
        conversation = await session.resume_conversation(CALL)
        await conversation.add_messages([{"role": "user", "content": text} for text in texts])


def said(*texts: str) -> list[Row]:
    """The rows of what `say` records."""
    return [{"type": "input", "text": text} for text in texts]


def is_within(some: Sequence[Row], of: Sequence[Row]) -> bool:
    """Whether the rows are all there, in this order."""
    left = iter(of)
    return all(any(row == other for other in left) for row in some)


# --- what was lost once


async def test_a_state_from_the_beginning_takes_no_turn_back() -> None:
    """The model talked since it was read: words and what they taught stay, the changed field is written."""
    service = service_on(memory())
    state = await service.create_session(CALL, user_id="mira")
    async with await service.voxon.load_session(str(state.session_id)) as session:
        conversation = await session.resume_conversation(CALL)
        await conversation.send_message("My name is Mira and I live in Oslo.")
        state.metadata = {"ticket": 7}
        assert await service.update_session(CALL, **vars(state))
        found = await read(service)
        assert len(found.conversation_history) == 2 and found.metadata == {"ticket": 7}
        assert any("Oslo" in entry.content for entry in session.get_memory().entries)
        found.conversation_history = []  # and here it is meant
        assert await service.update_session(CALL, **vars(found))
        assert await rows(service) == [] and not session.get_memory().entries
        assert session.get_analytics()["topics"] == []


async def test_a_copy_writes_only_the_fields_that_were_changed_in_it() -> None:
    """Another service names its own meanwhile; sound, words in progress, status."""
    storage = memory()
    here, there = service_on(storage), service_on(storage)
    state = await here.create_session(CALL, metadata={"n": [1]}, audio_buffer=[b"old"])
    new: dict[str, Any] = {"metadata": {"n": [2]}, "audio_buffer": [b"new"], "status": SessionStatus.PAUSED}
    await there.update_session(CALL, **new, function_calls=[{"call_id": "f", "status": "pending"}])
    state.bot_name = "robin"
    await here.update_session(CALL, **vars(state))
    found = await read(there)
    assert {name: getattr(found, name) for name in new} == new
    assert [row["call_id"] for row in found.function_calls] == ["f"] and found.bot_name == "robin"
    found.metadata["n"].append(3)  # in place
    found.audio_buffer.append(b"more")
    await there.update_session(CALL, **vars(found))
    again = await read(here)
    assert (again.metadata, again.audio_buffer) == ({"n": [2, 3]}, [b"new", b"more"])


async def test_what_was_erased_since_is_not_said_again() -> None:
    """A message was forgotten, another was cut short where the caller interrupted it."""
    service = service_on(memory())
    state = await service.create_session(
        CALL, user_id="ann", conversation_history=talk("My code is Xylophone7", "a b c")
    )
    async with await service.voxon.load_session(str(state.session_id)) as session:
        await (await session.resume_conversation(CALL)).interrupt(heard="a")
        await session.forget("Xylophone7")
    state.conversation_history.append(said("bye")[0])
    await service.update_session(CALL, **vars(state))
    assert await rows(service) == [{"type": "output", "text": "a"}, *said("bye")]
    state.conversation_history[0] = said("other")[0]
    with pytest.raises(ConflictError):
        await service.update_session(CALL, **vars(state))


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))]
)
async def test_copies_of_a_state_know_what_it_was_read_with(copied: Any) -> None:
    """Of two copies one writes; the other one is as it was read, and removes nothing of it."""
    service = service_on(memory())
    state = await service.create_session(CALL, conversation_history=talk("one"))
    other = copied(state)
    state.conversation_history = [*state.conversation_history, *said("two")]
    await service.update_session(CALL, **vars(state))
    await service.update_session(CALL, **vars(other))
    assert await rows(service) == [*talk("one"), *said("two")]


async def test_a_state_of_a_call_before_says_its_words_anew() -> None:
    """What it was read with was another call of the same id: in this one nothing of it was said."""
    service = service_on(memory(), fallback_to_new=True)
    state = await service.create_session(CALL, conversation_history=talk("one"))
    await service.end_session(CALL)
    assert await service.resume_session(CALL) is not None and await rows(service) == []
    await service.update_session(CALL, conversation_history=state.conversation_history, _read=state._read)
    assert await rows(service) == talk("one")


# --- the law

texts = st.sampled_from("ab")
additions = st.lists(texts, max_size=2)
steps = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 1), additions),
    st.tuples(st.just("say"), st.integers(0, 1), additions),
    st.tuples(st.sampled_from(["append", "assign", "name"]), st.integers(0, 5), additions),
)


@settings(max_examples=40, deadline=None)
@example([("say", 0, ["a"]), ("name", 0, [])])
@example([("read", 0, []), ("say", 1, ["a", "b"]), ("append", 1, ["b", "a"]), ("append", 1, ["b"])])
@given(st.lists(steps, min_size=2, max_size=8))
async def test_no_copy_takes_anything_back(plan: list[tuple[str, int, list[str]]]) -> None:
    """Copies are read and written, with additions or none, whole or as rows to add; turns are recorded between."""
    storage = memory()
    services = [service_on(storage), service_on(storage)]
    copies = [await services[0].create_session(CALL)]
    for step, number, words in plan:
        before = await rows(services[0])
        if step == "read":
            copies.append(await read(services[number]))
            continue
        if step == "say":
            await say(services[number], *words)
            assert await rows(services[0]) == [*before, *said(*words)]
            continue
        state = copies[number % len(copies)]
        wanted = [*state.conversation_history, *said(*words)]
        service = services[number % 2]
        if step == "append":
            state.conversation_history += said(*words)
        elif step == "assign":
            state.conversation_history = wanted
        is_refused = False
        try:
            rows_only = {"conversation_history": wanted, "replace_history": False}
            given = rows_only if step == "name" else dict(vars(state))
            assert await service.update_session(CALL, **given)
        except ConflictError:
            assert step == "name", "a state knows what is an addition"
            is_refused = True
        after = await rows(services[0])
        assert after[: len(before)] == before
        assert is_refused or is_within(wanted, after)
        assert len(after) <= len(before) + len(wanted)
        assert not is_refused or after == before
        if not is_refused:
            assert await service.update_session(CALL, **given)
            assert await rows(services[0]) == after, "writing it again adds nothing"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(texts, max_size=4),
    st.lists(texts, max_size=3),
    st.lists(st.sampled_from("abcd"), max_size=5),
)
async def test_only_a_rewrite_of_what_was_read_erases(
    first: list[str], since: list[str], wanted: list[str]
) -> None:
    """Any history in a state: as given where nothing was said since, else no word that was said since goes."""
    storage = memory()
    here, there = service_on(storage), service_on(storage)
    await here.create_session(CALL, conversation_history=said(*first))
    state = await read(here)
    await say(there, *since)
    state.conversation_history = said(*wanted)
    try:
        assert await here.update_session(CALL, **vars(state))
    except ConflictError:
        assert since and wanted[: len(first)] != first
        assert await rows(there) == said(*first, *since), "a stale rewrite is refused as a whole"
        return
    after = await rows(there)
    if not since:
        assert after == said(*wanted)
    else:
        assert after[: len(first) + len(since)] == said(*first, *since)


# --- rows without a state that knows what it was read with


@pytest.mark.parametrize(
    ("given_texts", "expected"),
    [
        ("", "abcd"),
        ("ab", "abcd"),
        ("abcd", "abcd"),
        ("acd", "abcd"),
        ("abx", "abcdx"),
        ("x", "abcdx"),
        ("abcdxy", "abcdxy"),
        ("axd", None),
        ("xabcd", None),
    ],
)
async def test_rows_that_are_to_be_added_only_add(given_texts: str, expected: str | None) -> None:
    """A beginning, a part, additions; what has other rows inside is refused."""
    service = service_on(memory())
    await service.create_session(CALL, conversation_history=said(*"abcd"))
    history = said(*given_texts)
    if expected is None:
        with pytest.raises(ConflictError, match="replace_history=True"):
            await service.update_session(
                CALL, conversation_history=history, replace_history=False, caller="x"
            )
        assert (await read(service)).caller == "unknown"
    else:
        assert await service.update_session(CALL, conversation_history=history, replace_history=False)
    assert await rows(service) == said(*(expected or "abcd"))


async def test_a_history_named_alone_is_all_that_was_said() -> None:
    """So it is with the flag in any case; a state that was put together or read from a dict only adds."""
    service = service_on(memory())
    await service.create_session(CALL, conversation_history=said(*"abcd"))
    state = SessionState.from_dict((await read(service)).to_dict())
    assert await service.update_session(CALL, conversation_history=said(*"abx"))
    assert await rows(service) == said(*"abx")
    state.conversation_history = said(*"ab")
    assert await service.update_session(CALL, **vars(state))
    assert await rows(service) == said(*"abx")
    assert await service.update_session(CALL, **vars(state), replace_history=True)
    assert await rows(service) == said(*"ab")
    assert await service.update_session(CALL, conversation_history=[])
    assert await rows(service) == []


async def test_replacing_names_a_history() -> None:
    """Without one it is a mistake, and so is what is no flag and no basis."""
    service = service_on(memory())
    await service.create_session(CALL)
    wrong: list[dict[str, Any]] = [
        {"replace_history": True, "caller": "x"},
        {"replace_history": False},
        {"replace_history": "yes", "conversation_history": []},
        {"_read": {"token": "x"}},
    ]
    for fields in wrong:
        with pytest.raises(ConfigurationError):
            await service.update_session(CALL, **fields)


# --- rows


@pytest.mark.parametrize(
    "row", [{"type": "input"}, {"role": "user", "txt": "hi"}, {"type": "output", "id": 7}]
)
async def test_a_row_that_says_who_spoke_and_not_what_is_refused(row: Row) -> None:
    """Its place is told, and what it has; nothing is written."""
    service = service_on(memory())
    with pytest.raises(ConfigurationError, match=r"conversation_history\[1\].*text, content, transcript"):
        await service.create_session(CALL, conversation_history=[*said("a"), row])
    await service.create_session(CALL, conversation_history=said("a"))
    state = await read(service)
    state.conversation_history += [*said("b"), row]
    with pytest.raises(ConfigurationError, match=r"conversation_history\[2\]"):
        await service.update_session(CALL, **vars(state))
    assert await rows(service) == said("a")


async def test_changing_a_row_of_a_state_changes_no_message() -> None:
    """What a row holds inside is the state's own, until it is written."""
    service = service_on(memory())
    item = {"type": "output", "text": "Hi", "n": [1]}
    await service.create_session(CALL, conversation_history=[item])
    state = await read(service)
    state.conversation_history[0]["n"].append(2)
    assert await rows(service) == [item]
    await service.update_session(CALL, **vars(state))
    assert await rows(service) == [{**item, "n": [1, 2]}]
