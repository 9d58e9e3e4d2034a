"""Recall by meaning as well as by words: what is embedded when, and that no embedder can break or lose anything."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import math
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.memory.ngrams import AwaitedSpelling, Spelling, spelling
from tests.patience import until
from voxsession import ConfigurationError, Event, Session, Voxon, VoxonConfig
from voxsession.testing import FakeClock

FACTS = ("Studies quantum physics", "Plays the violin", "Has a cat called Mia", "Grew up in Barcelona")
TYPO = "quantm fisycs"
CLEAR = "quantum physics"


@asynccontextmanager
async def remembering(embedder: Any, clock: Any = None) -> AsyncIterator[Session]:
    """A session with four entries."""
    config = VoxonConfig(session_storage="memory")
    async with Voxon(config, embedder=embedder, clock=clock) as voxon, voxon.session("alice") as session:
        for fact in FACTS:
            session.add_memory(fact)
        yield session


def heard(session: Session) -> list[Event]:
    """The failures that are told from now on."""
    failures: list[Event] = []
    session.events.on("handler.failed", failures.append)
    return failures


def texts(matches: Any) -> list[str]:
    return [match.content for match in matches]


async def by_words(query: str) -> list[str]:
    """What the same session finds without an embedder."""
    async with remembering(None) as session:
        return texts(await session.recall(query))


# --- what it finds


@pytest.mark.parametrize(
    "embedder", [AwaitedSpelling(), Spelling(), lambda batch: list(map(spelling, batch))]
)
async def test_what_shares_no_word_is_found_by_its_vector(embedder: Any) -> None:
    """Awaited, plain, or a bare function: what words cannot find is found, with the reason, scores best first."""
    assert await by_words(TYPO) == []
    async with remembering(embedder) as session:
        found = await session.recall(TYPO, limit=2)
        again = await session.recall(TYPO, limit=2)

    assert found[0].content == "Studies quantum physics"
    assert found[0].reasons[-1].startswith("meaning: 0.")
    assert len(found) == 1 and 0 < found[0].score <= 1
    assert again == found


async def test_words_and_meaning_are_summed() -> None:
    """What both find is first, with the reasons of both."""
    async with remembering(Spelling()) as session:
        [best] = await session.recall("Which violin does she play?", limit=1)
    assert best.content == "Plays the violin"
    assert [reason.partition(":")[0] for reason in best.reasons] == ["words", "meaning"]


async def test_a_plain_embedder_serves_search_memory_and_an_awaited_one_does_not() -> None:
    """search_memory cannot await: with a plain embedder it finds by meaning, else by words, and says nothing of it."""
    async with remembering(Spelling()) as session:
        failures = heard(session)
        assert texts(session.search_memory(TYPO, 1)) == ["Studies quantum physics"]
        assert session.search_memory(TYPO, category="work") == []

    def turns_out_to_be_awaited(batch: list[str]) -> Any:
        return AwaitedSpelling().embed(batch)

    for awaited in (AwaitedSpelling(), turns_out_to_be_awaited):
        async with remembering(awaited) as session:
            failures += heard(session)
            assert session.search_memory(TYPO) == []
            assert texts(session.search_memory(CLEAR)) == ["Studies quantum physics"]
            assert texts(await session.recall(TYPO, limit=1)) == ["Studies quantum physics"]
    assert failures == []


async def test_past_messages_are_found_too_and_sources_are_kept_apart() -> None:
    """A recall over messages finds them by meaning; one over memories embeds no message."""
    embedder = Spelling()
    async with remembering(embedder) as session:
        async with session.conversation("c") as conv:
            await conv.add_messages([
                {"role": "user", "content": "We went to the planetarium."},
                {"role": "assistant", "content": "How was it?"},
                {"role": "tool", "content": "planetarium: closed", "tool_call_id": "x"},
            ])  # fmt: skip
            await session.recall(TYPO, sources=("memories",))
            assert "How was it?" not in embedder.texts
            [best] = await session.recall("planetaryums", limit=1, sources=("messages",))
            assert best.content == "We went to the planetarium." and best.message is not None
    assert "planetarium: closed" not in embedder.texts


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([0.0, 1.0, 0.0], {"The cello": "meaning: 0.50", "A flute": "meaning: 0.50"}),
        ([math.nan] * 3, {"The cello": "meaning: 1.00"}),
    ],
)
async def test_a_question_about_a_participant_is_embedded_in_two_wordings(
    asked: list[float], found: dict[str, str]
) -> None:
    """As it is asked and as the person would: the mean of both counts, or the one that could be embedded."""
    vectors = {
        "The cello": [1.0, 0.0, 0.0],
        "A flute": [0.0, 1.0, 0.0],
        "No idea": [0.0, 0.0, 1.0],
        "What does Ann play?": asked,
        "What does I play?": [1.0, 0.0, 0.0],
    }
    config = VoxonConfig(session_storage="memory")
    async with (
        Voxon(config, embedder=lambda batch: [vectors[text] for text in batch]) as voxon,
        voxon.session("alice") as session,
        session.conversation("c") as conv,
    ):
        said = ["The cello", "A flute", "No idea"]
        await conv.add_messages([{"role": "user", "content": text, "name": "Ann"} for text in said])
        matches = await session.recall("What does Ann play?", sources=("messages",))
    told = {match.content: match.reasons[-1] for match in matches if match.reasons[-1][:7] == "meaning"}
    assert told == found


async def test_the_context_is_chosen_by_meaning_when_it_is_awaited() -> None:
    """The context that is sent has the entry whose words the message misspells; so has the awaited preview."""
    async with remembering(AwaitedSpelling()) as session, session.conversation("c") as conv:
        awaited = await conv.build_context(TYPO)
        reply = await conv.send_message(TYPO)
        quantum = next(entry for entry in session.get_memory().entries if "quantum" in entry.content)
    for context in (awaited, reply.context):
        assert context is not None
        row = next(row for row in context.report() if row["kind"] == "memory")
        assert (row["id"], row["included"], str(row["reason"])[:8]) == (quantum.id, True, "meaning:")


# --- what is embedded, and when


async def test_every_text_is_embedded_once_and_then_only_what_is_new() -> None:
    """Repeated recalls ask for nothing but new questions, new and changed entries."""
    embedder = AwaitedSpelling()
    async with remembering(embedder) as session:
        await session.recall(TYPO)
        await session.recall(TYPO)
        assert sorted(embedder.texts) == sorted([*FACTS, TYPO])

        entry = session.add_memory("Collects stamps")
        session.update_memory(session.get_memory().entries[0].id, importance=0.9)
        await session.recall("stamps", sources=("memories",))
        session.update_memory(entry.id, content="Collects coins")
        await session.recall("coins", sources=("memories",))
    assert sorted(embedder.texts[5:]) == ["Collects coins", "Collects stamps", "coins", "stamps"]


async def test_recalls_at_once_embed_each_text_once() -> None:
    """Five recalls at the same time share the work."""
    embedder = AwaitedSpelling(batch_size=2)
    async with remembering(embedder) as session:
        found = await asyncio.gather(*(session.recall(f"{TYPO} {number}", limit=1) for number in range(5)))
    assert [texts(matches) for matches in found] == [["Studies quantum physics"]] * 5
    assert sorted(text for text in embedder.texts if text in FACTS) == sorted(FACTS)


async def test_a_plain_embedder_runs_beside_the_event_loop_one_call_at_a_time() -> None:
    """It is called in other threads, never in two at once, and the loop goes on meanwhile."""
    loop, inside, most, went_on = asyncio.get_running_loop(), 0, 0, []

    def plain(batch: list[str]) -> list[list[float]]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        moved = threading.Event()
        loop.call_soon_threadsafe(moved.set)
        went_on.append(moved.wait(30))
        inside -= 1
        return list(map(spelling, batch))

    async with remembering(plain) as session:
        failures = heard(session)
        await asyncio.gather(*(session.recall(f"{TYPO} {number}") for number in range(20)))
    assert most == 1 and went_on == [True] * 21 and failures == []


async def test_texts_of_any_size_and_kind() -> None:
    """Ten megabytes are embedded as their beginning, in parts; odd queries do no harm."""
    embedder = Spelling(batch_size=8)
    async with remembering(embedder) as session:
        async with session.conversation("c") as conv:
            await conv.add_messages([
                {"role": "user", "content": "word " * 2_000_000 + "quantum"},
                {"role": "user", "content": "字" * 300_000},
            ])  # fmt: skip
        for query in ("", "   ", "🦄", 'AND NOT ("', "字", "x" * 50_000, "\0"):
            assert isinstance(await session.recall(query), list)
        assert texts(await session.recall(TYPO, limit=1)) == ["Studies quantum physics"]
    assert max(map(len, embedder.texts)) <= 2_000
    assert all(len(call) <= 8 and all(map(str.strip, call)) for call in embedder.calls)
    assert len(embedder.texts) < 100


# --- trouble

BAD: dict[str, Callable[[list[str]], Any]] = {
    "raises": lambda batch: 1 / 0,
    "is cancelled": lambda batch: (_ for _ in ()).throw(asyncio.CancelledError()),
    "too few": lambda batch: [spelling(text) for text in batch][1:],
    "too many": lambda batch: [spelling(text) for text in (*batch, "more")],
    "nothing": lambda batch: None,
    "text": lambda batch: "vectors",
    "NaN": lambda batch: [[math.nan] * 4 for _ in batch],
    "infinite": lambda batch: [[math.inf] * 4 for _ in batch],
    "zeros": lambda batch: [[0.0] * 4 for _ in batch],
    "ragged": lambda batch: [[1.0] * (len(text) + 1) for text in batch],
    "other dimensions": lambda batch: [[1.0] * len(batch[0]) for _ in batch],
}


@pytest.mark.parametrize("is_awaited", [True, False])
@pytest.mark.parametrize("how", BAD)
async def test_whatever_the_embedder_does_recall_goes_by_words(
    how: str, is_awaited: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad embedder costs nothing but its own help: the words answer, one event, one line in the log without texts."""

    async def awaited(batch: list[str]) -> Any:
        return BAD[how](batch)

    async with remembering(awaited if is_awaited else BAD[how]) as session:
        failures = heard(session)
        for query in (CLEAR, CLEAR, "violin"):
            found = await session.recall(query)
            assert texts(found)[:1] == (await by_words(query))[:1]
        if how not in ("ragged", "other dimensions"):  # there a question alone is well, the texts are not
            assert texts(found) == await by_words("violin")
            assert found[0].reasons[-1] == "words only: the embedder failed"
        assert texts(session.search_memory(CLEAR))[:1] == ["Studies quantum physics"]
        assert len(session.get_memory().entries) == len(FACTS)

    assert 1 <= len(failures) <= 2  # a question and the texts are two troubles
    assert {(failure.handler, failure.event) for failure in failures} == {("embedder", "recall")}
    lines = [record.getMessage() for record in caplog.records if "embedder" in record.getMessage()]
    assert len(lines) == len(failures)
    assert "quantum" not in " ".join(lines)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    answers=st.lists(
        st.recursive(
            st.none() | st.floats() | st.text(max_size=3) | st.integers(),
            lambda inner: st.lists(inner, max_size=5),
            max_leaves=12,
        ),
        min_size=1,
        max_size=4,
    )
)
async def test_no_answer_of_an_embedder_breaks_a_recall(answers: list[Any]) -> None:
    """Whatever comes back, in whatever order: a list of live entries, each once, the words' best among them."""
    given = iter(answers)
    async with remembering(lambda batch: next(given, None)) as session:
        for _ in range(2):
            found = texts(await session.recall(CLEAR))
            assert len(set(found)) == len(found) and set(found) <= set(FACTS)
            assert "Studies quantum physics" in found


async def test_an_embedder_that_was_down_is_asked_again_after_half_a_minute() -> None:
    """While it is down it is left alone, then it serves again, and a new trouble is told anew."""
    clock, embedder = FakeClock(), Spelling()
    is_down = True

    async def shaky(batch: list[str]) -> Any:
        if is_down:
            embedder.calls.append([])
            raise ConnectionError("no route")
        return embedder.embed(batch)

    async with remembering(shaky, clock) as session:
        failures = heard(session)
        for _ in range(3):
            assert await session.recall(TYPO) == []
        asked = len(embedder.calls)
        assert asked == 2, "one for the question, one for the texts"

        is_down = False
        assert await session.recall(TYPO) == []
        clock.advance(seconds=31)
        assert texts(await session.recall(TYPO, limit=1)) == ["Studies quantum physics"]
        is_down = True
        assert texts(await session.recall("violyn", limit=1)) == []
    assert [type(failure.error) for failure in failures] == [ConnectionError] * 3


async def test_what_was_embedded_before_a_failure_is_kept() -> None:
    """Of four batches the third fails: two are kept, and later only the rest is asked for."""
    clock, embedder = FakeClock(), Spelling(batch_size=1)
    seen = 0

    async def half(batch: list[str]) -> Any:
        nonlocal seen
        seen += batch[0] in FACTS
        if seen == 3 and batch[0] in FACTS:
            raise RuntimeError("half way")
        return embedder.embed(batch)

    half_object = type("Half", (), {"batch_size": 1, "embed": staticmethod(half)})()
    async with remembering(half_object, clock) as session:
        await session.recall(CLEAR)
        assert sum(text in FACTS for text in embedder.texts) == 2
        clock.advance(seconds=31)
        assert texts(await session.recall("barselona", limit=1)) == ["Grew up in Barcelona"]
    assert sorted(text for text in embedder.texts if text in FACTS) == sorted(FACTS)


async def test_one_bad_text_does_not_hold_up_the_others() -> None:
    """A text that the embedder cannot take ends up alone in its call; all others get their vectors."""
    clock, embedder = FakeClock(), Spelling()

    async def picky(batch: list[str]) -> Any:
        if "Plays the violin" in batch:
            raise ValueError("cannot embed that")
        return embedder.embed(batch)

    async with remembering(picky, clock) as session:
        failures = heard(session)
        for number in range(6):
            found = await session.recall(f"{TYPO} {number}", limit=1)
            clock.advance(seconds=31)
        assert texts(found) == ["Studies quantum physics"]
        assert texts(await session.recall("violin", limit=1)) == ["Plays the violin"]
    assert len(failures) == 1
    assert {text for text in embedder.texts if text in FACTS} == {*FACTS} - {"Plays the violin"}


@pytest.mark.parametrize("is_awaited", [True, False])
async def test_a_slow_embedder_is_waited_for_no_longer_than_it_says(is_awaited: bool) -> None:
    """After timeout_seconds the words answer; hung calls do not pile up."""
    begun = 0
    free = threading.Event()

    class Slow:
        timeout_seconds = 0.1

        if is_awaited:

            async def embed(self, batch: list[str]) -> Any:
                nonlocal begun
                begun += 1
                await asyncio.sleep(60)
        else:

            def embed(self, batch: list[str]) -> Any:
                nonlocal begun
                begun += 1
                free.wait(20)
                return list(map(spelling, batch))

    clock = FakeClock()
    async with remembering(Slow(), clock) as session:
        failures = heard(session)
        for _ in range(5):
            start = time.monotonic()
            assert texts(await session.recall(CLEAR)) == ["Studies quantum physics"]
            assert time.monotonic() - start < 10  # and not for 20 or for 60
            clock.advance(seconds=31)
        at_the_end = begun
        free.set()
    assert {failure.error.kind for failure in failures} == {"timeout"}
    assert at_the_end <= (10 if is_awaited else 2)


async def test_those_who_wait_for_a_hung_embedder_take_no_threads() -> None:
    """However many sessions ask while a plain call hangs: the threads of the program stay free."""
    free = threading.Event()

    class Hung:
        timeout_seconds = 0.3

        def embed(self, batch: list[str]) -> Any:
            free.wait(20)
            return list(map(spelling, batch))

    async with remembering(Hung()) as session:
        before = threading.active_count()
        recalls = asyncio.gather(*(session.recall(f"{CLEAR} {number}") for number in range(20)))
        await asyncio.sleep(0.15)
        assert threading.active_count() <= before + 2
        assert [texts(found) for found in await recalls] == [["Studies quantum physics"]] * 20
        free.set()


async def test_a_cancelled_recall_is_cancelled_and_the_next_one_finds() -> None:
    """The cancellation of the caller is no failure of the embedder."""
    gate, is_asked = asyncio.Event(), asyncio.Event()
    embedder = AwaitedSpelling()

    async def waiting(batch: list[str]) -> Any:
        is_asked.set()
        await gate.wait()
        return await embedder.embed(batch)

    async with remembering(waiting) as session:
        failures = heard(session)
        recall = asyncio.create_task(session.recall(TYPO))
        await asyncio.wait_for(is_asked.wait(), 30)
        recall.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recall
        gate.set()
        assert texts(await session.recall(TYPO, limit=1)) == ["Studies quantum physics"]
    assert failures == []


async def test_what_takes_long_goes_on_behind_the_recall_until_nobody_holds_the_session() -> None:
    """A backlog is embedded in the background, and no further than the session lives."""
    calls = 0

    class Patient:
        batch_size, timeout_seconds = 1, 0.15

        async def embed(self, batch: list[str]) -> Any:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0.04)
            return list(map(spelling, batch))

    voxon = Voxon(VoxonConfig(session_storage="memory"), embedder=Patient())
    session = await voxon.session("alice")
    for number in range(40):
        session.add_memory(f"Fact {number} about numbers")
    await session.recall(TYPO)
    soon = calls
    assert soon < 12
    await until(lambda: calls > soon + 3)
    await session.close()
    del session
    gc.collect()
    await asyncio.sleep(0.1)
    at_the_end = calls
    await asyncio.sleep(0.15)
    assert calls == at_the_end < 41
    await voxon.close()


# --- what goes


async def test_what_was_cleared_or_expired_has_no_vector_any_more() -> None:
    """Cleared, superseded and expired entries are in no answer, and their vectors in no memory."""
    clock = FakeClock()
    async with remembering(Spelling(), clock) as session:
        entries = session.get_memory().entries
        gone = next(entry for entry in entries if "quantum" in entry.content)
        session.add_memory("Is on a quantum retreat", expires_after_days=1)
        await session.recall(TYPO)
        session.clear_memory(ids=[gone.id])
        clock.advance(days=2)
        assert not {"Is on a quantum retreat", gone.content} & set(texts(await session.recall(TYPO)))

        meaning: Any = session._core.index._meaning
        kept = {entry.id for entry in session.get_memory().entries}
        assert set(meaning._shelf._places) == kept and not meaning._wanted
        assert int(meaning._shelf._rows.any(axis=1).sum()) == len(kept)


async def test_what_changes_while_it_is_embedded_is_not_kept() -> None:
    """Vectors that come back for a text that was cleared or edited meanwhile are thrown away, new ones made."""
    begun, gate = asyncio.Event(), asyncio.Event()

    async def waiting(batch: list[str]) -> Any:
        if len(batch) > 1:
            begun.set()
            await gate.wait()
        return list(map(spelling, batch))

    async with remembering(waiting) as session:
        cleared, edited, *_ = session.get_memory().entries
        recall = asyncio.create_task(session.recall("no such word"))
        await begun.wait()
        session.clear_memory(ids=[cleared.id])
        session.update_memory(edited.id, content="Something else")
        session.search_memory("looks at what changed")
        gate.set()
        await recall
        meaning: Any = session._core.index._meaning
        assert set(meaning._shelf._places) == {entry.id for entry in session.get_memory().entries}
        [best] = await session.recall("Something elze", limit=1)
        assert best.content == "Something else"


async def test_an_edited_text_loses_its_vector_even_where_no_new_one_can_be_made() -> None:
    """While the embedder is down, an edited entry goes by its new words, never by its old vector."""
    is_down = False

    def shaky(batch: list[str]) -> Any:
        if is_down and "Collects stamps" in batch:
            raise ConnectionError("no route")
        return list(map(spelling, batch))

    async with remembering(shaky) as session:
        await session.recall(TYPO)
        is_down = True
        entry = next(entry for entry in session.get_memory().entries if "quantum" in entry.content)
        session.update_memory(entry.id, content="Collects stamps")
        assert "Collects stamps" not in texts(await session.recall(TYPO + " "))


async def test_a_batch_that_was_given_up_leaves_no_vector() -> None:
    """What only a batch remembered is found inside it and nowhere else."""
    async with remembering(Spelling()) as session:
        with pytest.raises(KeyError):
            async with session.batch_update():
                session.add_memory("Likes rhododendrons")
                assert "Likes rhododendrons" in texts(await session.recall("rododendron"))
                raise KeyError
        assert "Likes rhododendrons" not in texts(await session.recall("rododendron"))
        assert len(session._core.index._meaning._shelf) == len(FACTS)  # type: ignore[union-attr]


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "update", "clear", "recall", "day"]),
        st.integers(0, 5),
        st.sampled_from(["quantum physics", "violin", "a cat", "Barcelona", "cuantum violn"]),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(ACTIONS)
async def test_vectors_kept_up_are_those_that_would_be_made_anew(actions: list[tuple[str, int, str]]) -> None:
    """After any changes, with recalls anywhere between: the same answer as of an index made from what is there."""
    clock = FakeClock()
    async with remembering(Spelling(), clock) as session:
        for action, number, text in actions:
            live = session.get_memory().entries
            if action == "add":
                session.add_memory(f"{text} {number}", expires_after_days=number or None)
            elif action == "update" and live:
                session.update_memory(live[number % len(live)].id, content=f"{text}!")
            elif action == "clear" and live:
                session.clear_memory(ids=[live[number % len(live)].id])
            elif action == "recall":
                await session.recall(text)
            else:
                clock.advance(days=1)
        grown = await session.recall("cuantum violn", limit=50)
        session._core.index = type(session._core.index)()
        anew = await session.recall("cuantum violn", limit=50)
    assert [(m.content, m.score, m.reasons) for m in grown] == [(m.content, m.score, m.reasons) for m in anew]


# --- what is no embedder


@pytest.mark.parametrize("given", ["all-MiniLM-L6-v2", 5, object(), Spelling, type("X", (), {"embed": 3})()])
def test_what_is_no_embedder_is_refused(given: Any) -> None:
    """A name, a class, an object without embed: an error that says what is needed."""
    with pytest.raises(ConfigurationError, match="embed"):
        Voxon(embedder=given)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"timeout_seconds": -1}, {"batch_size": "many"}])
def test_wrong_attributes_of_an_embedder_are_named(wrong: dict[str, Any]) -> None:
    """The error names the attribute."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Voxon(embedder=type("E", (Spelling,), {"__init__": lambda self: self.__dict__.update(wrong)})())


def test_without_numpy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is needed without an embedder; with one, the extra is named at once."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    Voxon()
    with pytest.raises(ConfigurationError, match=r"voxsession\[embeddings\]"):
        Voxon(embedder=Spelling())


def test_a_session_serves_one_event_loop_after_another() -> None:
    """A program that calls asyncio.run for each request keeps the vectors it has."""
    embedder = AwaitedSpelling()
    voxon = Voxon(VoxonConfig(session_storage="memory"), embedder=embedder)
    session: Any = None

    async def first() -> None:
        nonlocal session
        session = await voxon.session("alice")
        for fact in FACTS:
            session.add_memory(fact)
        await session.recall(TYPO)

    async def second() -> list[str]:
        return texts(await session.recall(TYPO + "!", limit=1))

    asyncio.run(first())
    assert asyncio.run(second()) == ["Studies quantum physics"]
    assert len(embedder.texts) == len(FACTS) + 2
