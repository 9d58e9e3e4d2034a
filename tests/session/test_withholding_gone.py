"""What stays withheld when a secret is out of sight, lives with one process only, or is told in other words."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.sharers import KEEP, at_once, owned, shared_with, texts
from tests.session.stores import KEY, user_says, voxon_on
from voxsession import (
    MemorySessionStorage,
    Session,
    SessionConfig,
    SessionTemplate,
    Voxon,
    VoxonConfig,
)
from voxsession.core.changes import MemoryEvicted
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.memory.facts import Fact
from voxsession.session.fingerprints import Fingerprints, marks_of
from voxsession.session.hold import Hold
from voxsession.session.traces import Traces, marks_of_secret
from voxsession.testing import FakeClock

pytestmark = pytest.mark.usefixtures(at_once.__name__)

LEARN = SessionConfig(memory_mode="persistent", enable_analytics=False)


@contextlib.asynccontextmanager
async def learning(
    storage: Any = None, config: SessionConfig = LEARN, **parts: Any
) -> AsyncIterator[tuple[Voxon, Session]]:
    """A facade with parts of its own, and a session of Ann's."""
    chosen = MemorySessionStorage(max_sessions=None) if storage is None else storage
    settings = VoxonConfig(session_storage=chosen, session_encryption_key=KEY)
    async with Voxon(settings, **parts) as voxon, voxon.session("ann", "s", config=config) as session:
        yield voxon, session


class Extractor:
    """Learns one fact of each message that holds one of the words."""

    def __init__(self, fact: str, *words: str, importance: float = 0.8) -> None:
        self.fact, self.words, self.importance = fact, words, importance

    def extract(self, text: str, at: Any, speaker: Any = None, previous: Any = None) -> list[Fact]:
        if not any(word in text for word in self.words):
            return []
        return [Fact(content=self.fact, category="health", importance=self.importance)]


class Exactly:
    """Learns what follows `fact:`."""

    def extract(self, text: str, at: Any, speaker: Any = None, previous: Any = None) -> list[Fact]:
        told = text.removeprefix("fact: ")
        return [Fact(content=told, category="health", importance=0.8)] if told != text else []


def talk_of(*texts_: str) -> list[dict[str, Any]]:
    """The person and the assistant in turn."""
    return [
        {"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(texts_)
    ]


def mark_all(session: Any, word: str) -> None:
    """Makes what is remembered with this word sensitive."""
    for entry in session.get_memory().entries:
        if word in entry.content:
            session.update_memory(entry.id, sensitive=True)


async def write_whole(session: Any) -> None:
    """Saves the whole document, which files what gave way and drops what has expired."""
    session.clear_memory(ids=[session.add_memory("gone at once").id])
    await session.save()


async def shown(voxon: Any, session: Any, **limits: Any) -> list[str]:
    """All that a share shows of memory and history."""
    shared, _ = await shared_with(voxon, session, permissions=["read"], **limits)
    return [*texts(await shared.get_memory()), *texts(await shared.history(limit=1000))]


# --- with one process only


@pytest.mark.parametrize("mode", ["hybrid", "ephemeral"])
async def test_secrets_that_live_with_a_process_are_withheld_in_all(mode: str) -> None:
    """Nothing of the entry is stored, and other processes withhold what it came from and what repeats it."""
    storage = MemorySessionStorage(max_sessions=None)
    config = SessionConfig(memory_mode=mode, enable_analytics=False)
    extractor = Extractor("User takes antidepressants", "Prozac", importance=0.4)
    async with learning(storage, config, extractor=extractor) as (_, session), voxon_on(storage) as elsewhere:
        conversation = await session.start_conversation("c")
        rows = talk_of(
            "I am on Prozac",
            "It helps many",
            "Fine weather",
            "Yes",
            "He takes antidepressants: user takes antidepressants",
        )
        await conversation.add_messages(rows)
        mark_all(session, "antidepressants")
        if mode == "ephemeral":
            session.add_memory("PIN 4711-88", sensitive=True)
            await conversation.add_messages(user_says("so 4711-88 it is"))
        assert session._core.data.local_memories
        await session.save()
        assert "antidepressants" not in repr(session._core.data.extra)
        theirs = await elsewhere.load_session("s")
        assert await shown(elsewhere, theirs) == ["Fine weather", "Yes"]
        for entry in session.get_memory().entries:
            session.update_memory(entry.id, sensitive=False)
        await session.save()
        await theirs.reload()
        assert "I am on Prozac" in await shown(elsewhere, theirs), "a mark may be taken back"


# --- out of sight


@pytest.mark.parametrize("how", ["denied", "corrected", "expired", "evicted", "edited"])
async def test_what_repeats_a_secret_stays_withheld_when_it_is_gone(how: str) -> None:
    """Whatever became of the entry, other entries and messages that repeat it are not shown; nor are later ones."""
    clock = FakeClock(seed="gone")
    async with owned(config=LEARN, clock=clock) as (voxon, session):
        conversation = await session.start_conversation("c")
        await conversation.add_messages(talk_of("I live in Oslo.", "A fine city", "Bye", "Goodbye"))
        other = await session.start_conversation("d")
        await other.add_messages(user_says("Is the tram in Oslo good?"))
        session.add_memory("Has friends in Oslo", importance=1.0)
        (entry,) = (one for one in session.get_memory().entries if one.slot)
        session.update_memory(
            entry.id, sensitive=True, importance=0.0, expires_at=clock.now() + timedelta(days=1)
        )
        if how == "denied":
            await conversation.add_messages(user_says("I don't live in Oslo anymore."))
        elif how == "corrected":
            await conversation.add_messages(user_says("I live in Rome now."))
        elif how == "expired":
            clock.advance(days=2)
        elif how == "edited":
            session.update_memory(entry.id, content="User lives in Rome", importance=1.0)
        else:
            session._core.record(MemoryEvicted(at=clock.now(), entry_ids=[entry.id]))
        await write_whole(session)
        await write_whole(session)
        found = session._core.data.memories.get(entry.id)
        assert (found is None) == (how != "edited")
        await other.add_messages(user_says("And the weather in OSLO?"))
        for snapshot in (False, True):
            seen = await shown(voxon, session, snapshot=snapshot)
            assert "Goodbye" in seen and not any("oslo" in one.casefold() for one in seen)
        assert "Oslo" not in repr((await session.export_full())["messages"])
        marks = session._core.data.extra["withheld_marks"]
        assert "oslo" not in repr(marks).casefold() and list(marks) == ["s"]


async def test_marks_are_not_in_exports() -> None:
    """A mark tells a short word to whoever tries all words, so it stays where the secret was."""
    async with owned(config=LEARN) as (_, session):
        entry = session.add_memory("PIN 4711", sensitive=True)
        session.update_memory(entry.id, content="PIN 9923")
        await session.save()
        (mark, *_) = session._core.data.extra["withheld_marks"]["s"]
        assert mark not in repr(await session.export_full())


words = st.lists(st.sampled_from("oslo Prozac 4711-88 München HIV 数 of in".split()), min_size=1, max_size=4)


@given(words, words, words)
def test_a_mark_knows_its_text_wherever_it_stands(
    front: list[str], secret: list[str], back: list[str]
) -> None:
    """As whole words, in any case; no part of it alone."""
    marks = marks_of([" ".join(secret)], "s")
    text = " ".join([*front, *secret, *back])
    if marks:
        assert Fingerprints({"s": marks}).are_in(text.upper() + "!")
        assert not Fingerprints({"s": marks}).are_in(" ".join(secret[1:]))
        assert not Fingerprints({"t": marks}).are_in(text), "marks are keyed with the session's id"


def test_marks_that_are_none_find_nothing() -> None:
    """What a document holds may have been altered."""
    assert not Fingerprints({"s": ["", "1", "x.y.z", "1.00.", "1..ab"]}).are_in("some words")


# --- frozen shares


@pytest.mark.parametrize("how", ["all", "category", "ids"])
async def test_clearing_reaches_frozen_copies_of_what_is_out_of_sight(how: str) -> None:
    """What was filed or evicted since is in no frozen share once the owner has cleared it."""
    clock = FakeClock()
    async with owned(clock=clock) as (voxon, session):
        old = clock.now() - timedelta(days=60)
        first = session.add_memory("Was in jail in 2010", category="crime", at=old)
        session.add_memory("Was really in jail in 2010", category="crime", at=old + timedelta(days=1))
        evicted = session.add_memory("Stole an apple", category="crime", importance=0.01)
        kept = session.add_memory("Likes tea", importance=1.0)
        frozen, _ = await shared_with(voxon, session, snapshot=True)
        session.compress_memory(keep_recent_days=1)
        session._core.record(MemoryEvicted(at=clock.now(), entry_ids=[evicted.id]))
        await write_whole(session)
        await write_whole(session)
        gone = {first.id, evicted.id}
        assert gone.isdisjoint(session._core.data.memories) and len(texts(await frozen.get_memory())) == 4
        if how == "ids":
            session.clear_memory(ids=[kept.id])
            session.clear_memory(ids=sorted(gone), category="other")
            assert len(texts(await frozen.get_memory())) == 3, (
                "an id alone is not enough where a category is given"
            )
            session.clear_memory(ids=sorted(gone), category="crime")
            assert texts(await frozen.get_memory()) == ["Was really in jail in 2010"]
            return
        session.clear_memory(category="crime" if how == "category" else None)
        assert texts(await frozen.get_memory()) == (["Likes tea"] if how == "category" else [])


async def test_clearing_reaches_frozen_copies_when_nothing_else_is_left() -> None:
    """Where no entry is left at all, the frozen copies are cleared all the same, by id too."""
    for by_id in (False, True):
        async with owned() as (voxon, session):
            entry = session.add_memory("Was in jail")
            frozen, _ = await shared_with(voxon, session, snapshot=True)
            session._core.record(MemoryEvicted(at=session.created_at, entry_ids=[entry.id]))
            await session.save()
            assert texts(await frozen.get_memory()) == ["Was in jail"]
            assert session.clear_memory(ids=[entry.id] if by_id else None) == 0
            await session.save()
            assert texts(await frozen.get_memory()) == []


@pytest.mark.parametrize("size", [1, 4_000])
async def test_a_frozen_share_holds_no_answer_without_its_question(size: int) -> None:
    """Should the question turn out to be a secret, the frozen share could not tell what answers it."""
    extractor = Extractor("User has epilepsy", "epilepsy")
    async with learning(extractor=extractor) as (voxon, session):
        conversation = await session.start_conversation("c")
        rest = "long " * size
        await conversation.add_messages(
            talk_of("I have epilepsy. Can I drive?", "With seizures like yours you must not")
        )
        await conversation.add_messages([{"role": "assistant", "content": f"{n} {rest}"} for n in range(48)])
        await conversation.add_messages(talk_of("thanks", "You are welcome"))
        await conversation.add_messages(user_says("bye"))
        frozen, _ = await shared_with(voxon, session, snapshot=True)
        assert texts(await frozen.history())[-3:] == ["thanks", "You are welcome", "bye"]
        mark_all(session, "epilepsy")
        seen = texts(await frozen.history())
        assert seen == ["thanks", "You are welcome", "bye"] and "seizures" not in repr(seen)


# --- summaries, confirmations, numbers


async def test_what_is_summed_up_repeats_no_secret() -> None:
    """What is withheld is not told to the summarizer, whose words nothing would know again."""
    given_: list[str] = []

    async def summarizer(found: list[str]) -> str:
        given_.extend(found)
        return "Short."

    clock = FakeClock()
    async with learning(config=KEEP, clock=clock, summarizer=summarizer) as (voxon, session):
        session.add_memory("Drinks too much: alcoholism", sensitive=True)
        session.add_memory("alcoholism", sensitive=True)
        session.add_memory("Was treated for alcoholism at the Clearview clinic in the year of the flood")
        session.add_memory("Plays the piano in the evening, mostly Bach, at times some Chopin too")
        session.add_memory("Plays tennis on Sundays with the neighbours, at times with the children too")
        clock.advance(days=30)
        await session.summarize_memory()
        assert len(given_) >= 2 and "alcoholism" not in repr(given_)
        assert "Short." in await shown(voxon, session)


async def test_messages_that_confirm_a_secret_are_withheld() -> None:
    """Said again in other words, learned in another process, merged with another entry: with the replies, all of it."""
    storage = MemorySessionStorage(max_sessions=None)
    extractor = Extractor("User has epilepsy", "epilepsy", "seizures")
    async with learning(storage, extractor=extractor) as (voxon, session):
        conversation = await session.start_conversation("c")
        await conversation.add_messages(talk_of("I suffer from epilepsy.", "Sorry", "Fine weather.", "Yes"))
        await conversation.add_messages(talk_of("The seizures come at night.", "Try to rest", "Bye.", "Bye!"))
        (entry,) = session.get_memory().entries
        assert entry.evidence_count == 2 and list((entry.confirmed_in or {}).values()) == ["c"]
        mark_all(session, "epilepsy")
        assert await shown(voxon, session) == ["Fine weather.", "Yes", "Bye.", "Bye!"]
        await conversation.add_messages(talk_of("Again seizures.", "Oh", "Well.", "Well!"))
        assert await shown(voxon, session) == ["Fine weather.", "Yes", "Bye.", "Bye!", "Well.", "Well!"]
        assert "seizures" not in repr((await session.export_full())["messages"]).casefold()
        session.update_memory(entry.id, sensitive=False)
        assert len(await shown(voxon, session)) == 13
        shared, _ = await shared_with(voxon, session)
        assert [one.confirmed_in for one in (await shared.get_memory()).entries] == [None]


async def test_what_is_merged_keeps_the_messages_of_both() -> None:
    """Two entries that say the same become one; marked as sensitive, it withholds what both were learned from."""
    clock = FakeClock()
    async with learning(clock=clock, extractor=Exactly()) as (voxon, session):
        conversation = await session.start_conversation("c")
        rows = talk_of("fact: Has a bad heart since May", "Take care", "Fine weather.", "Yes")
        await conversation.add_messages(rows)
        await conversation.add_messages(
            talk_of("fact: Has a really bad heart since May", "Do!", "Bye.", "Bye!")
        )
        clock.advance(days=30)
        assert session.compress_memory().counts["merged"] == 1
        (left,) = session.get_memory().entries
        mark_all(session, "heart")
        assert await shown(voxon, session) == ["Fine weather.", "Yes", "Bye.", "Bye!"]
        friend = session.add_memory("A friend: has a really bad heart since May, as others do")
        session.update_memory(left.id, content="Is well")
        await write_whole(session)
        await write_whole(session)
        assert friend.content not in await shown(voxon, session)


async def test_what_a_merged_secret_said_stays_withheld() -> None:
    """The wording that gave way is known again when it is filed away."""
    clock = FakeClock()
    async with owned(clock=clock) as (voxon, session):
        session.add_memory("The code is 4711", sensitive=True)
        session.add_memory("The code is really 4711", sensitive=True)
        conversation = await session.start_conversation("c")
        await conversation.add_messages(user_says("the code is 4711 or the code is really 4711", "Bye"))
        clock.advance(days=30)
        assert session.compress_memory().counts["merged"] == 1
        (left,) = session.get_memory().entries
        session.clear_memory(ids=[left.id])  # erased, so that no mark of it stays
        await write_whole(session)
        await write_whole(session)
        assert await shown(voxon, session) == ["Bye"]


async def test_what_two_processes_learn_is_withheld_with_both_messages() -> None:
    """The later one becomes evidence, and its message is known all the same."""
    storage = MemorySessionStorage(max_sessions=None)
    extractor = Extractor("User has epilepsy", "epilepsy", "seizures")
    settings = VoxonConfig(session_storage=storage, session_encryption_key=KEY)
    async with (
        learning(storage, extractor=extractor) as (voxon, session),
        Voxon(settings, extractor=extractor) as elsewhere,
    ):
        conversation = await session.start_conversation("c")
        await session.save()
        theirs = await elsewhere.load_session("s")
        other = await theirs.start_conversation("d")
        await conversation.add_messages(talk_of("I suffer from epilepsy.", "Sorry"))
        await other.add_messages(talk_of("The seizures come at night.", "Try to rest"))
        await session.save()
        await theirs.save()
        await session.reload()
        assert [entry.evidence_count for entry in session.get_memory().entries] == [2]
        mark_all(session, "epilepsy")
        assert await shown(voxon, session) == []


async def test_summaries_of_conversations_belong_to_no_category() -> None:
    """They may be about anything: only a share that names their own category reaches them."""

    async def summarizer(found: list[str]) -> str:
        return "She takes medicine for it."

    async def summed_up(session: Session) -> None:
        conversation = await session.start_conversation("c")
        await conversation.add_messages(talk_of("I take medicine", "I see"))
        await conversation.summarize()
        session.add_memory("Plays chess")

    told = "She takes medicine for it."
    async with learning(config=KEEP, summarizer=summarizer) as (voxon, session):
        await summed_up(session)
        assert await shown(voxon, session, categories=["general"]) == ["Plays chess"]
        assert await shown(voxon, session, categories=["summary"]) == [told]
        template = SessionTemplate(name="t", memory_categories=["medical", "hobbies"])
        other = await voxon.create_session_from_template(template=template, user_id="bob", context={})
        await summed_up(other)
        assert await shown(voxon, other, categories=["general"]) == ["Plays chess"]
        assert told in await shown(voxon, other)


@pytest.mark.parametrize(
    ("secret", "text", "is_told"),
    [
        ("Phone: 5551234567", "call 555-123-4567", True),
        ("Phone: 5551234567", "call (555) 123 4567", True),
        ("Phone: 555 123 4567", "call 5551234567", True),
        ("IBAN DE89370400440532013000", "de89 3704 0044 0532 0130 00", True),
        ("PIN 471", "my pin is 471", True),
        ("PIN 471", "it was 1471 years ago", False),
        ("Is HIV-positive", "Is HIV positive", True),
        ("Has Crohn\u2019s disease", "has crohn's disease", True),
        ("Was born in 1980", "born in Oslo", False),
    ],
)
def test_numbers_and_hyphens_are_known_however_they_are_written(
    secret: str, text: str, is_told: bool
) -> None:
    """While the secret is there, and by its marks when it is gone as far as its words go."""
    now = FakeClock().now()
    entry = MemoryEntry(id="e", content=secret, timestamp=now, sensitive=True)
    assert Traces([entry]).in_texts([text]) is is_told
    by_marks = Traces([], (), {"s": marks_of_secret(entry, "s")})
    assert not by_marks.in_texts([text]) or is_told
    assert by_marks.in_texts([f"he said: {secret}."])


def test_elsewhere_than_at_the_start_a_conversation_begins_as_withheld() -> None:
    """The first message that is seen may answer a secret that is not seen."""
    now = FakeClock().now()

    def said(number: int, role: str) -> Message:
        return Message(id=f"m{number}", conversation_id="c", role=role, content="x", at=now)

    rows = [said(0, "assistant"), said(1, "user"), said(2, "assistant")]
    for from_start, expected in ((True, [False] * 3), (False, [True, False, False])):
        hold = Hold({"elsewhere": None}, {}, from_start=from_start)
        assert [hold.takes(row, 100 + place) for place, row in enumerate(rows)] == expected
    hold = Hold({}, {}, from_start=False)
    assert not hold.takes(rows[0], 100), "where there is no secret nothing is withheld"


# --- notes


async def test_notes_take_a_fifth_of_a_categorys_share_at_most() -> None:
    """A guest with nothing but `add_notes` cannot push the owner's entries of a category out."""
    clock = FakeClock()
    config = KEEP.replace(memory_categories={"medical": {"share": 0.1}}, max_memory_size=5_000)
    async with owned(config=config, clock=clock) as (voxon, session):
        for number in range(40):
            session.add_memory(f"The owner is allergic to substance number {number}", category="medical")
        await session.save()
        clock.advance(days=60)
        shared, _ = await shared_with(voxon, session, permissions=["add_notes"], categories=["medical"])
        written = 0
        with pytest.raises(Exception, match="share of category 'medical'"):
            for number in range(50):
                await shared.add_note(f"lorem ipsum dolor sit amet {number} " * 3, "medical")
                written += 1
        theirs = [one for one in session.get_memory().entries if one.source == "shared"]
        own = sum(one.token_count for one in session.get_memory().entries if one.source != "shared")
        assert 1 <= written == len(theirs) and sum(one.token_count for one in theirs) <= 100
        assert own >= 300, "four fifths of what the category may take, to within an entry of each kind"


async def test_a_note_does_not_say_who_the_owner_is() -> None:
    """A note under `identity` gives way like any other."""
    async with owned(config=KEEP.replace(max_memory_size=200)) as (voxon, session):
        shared, _ = await shared_with(voxon, session)
        note = await shared.add_note("Is called Max", "identity")
        own = session.add_memory("Is called Ann", "identity", importance=0.1)
        left = {note.id, own.id}
        while len(left) == 2:
            session.add_memory("some more words", importance=1.0)
            left &= {one.id for one in session.get_memory().entries}
        assert left == {own.id}


async def test_a_note_does_not_keep_the_owners_words_from_being_learned() -> None:
    """A list of the owner's own is learned from though a guest noted just these words."""
    for noted in (False, True):
        async with owned(config=LEARN) as (voxon, session):
            shared, _ = await shared_with(voxon, session)
            if noted:
                for text in ("I like tea", "User likes tea"):
                    await shared.add_note(text)
            conversation = await session.start_conversation("c")
            await conversation.add_messages(user_says("- I like tea\n- I like tea"))
            own = [one.content for one in session.get_memory().entries if one.source != "shared"]
            assert own == ["User likes tea"]
