"""What the user takes back is not told to the model any more, and stays as history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.session.test_two_processes import two
from voxsession import Fact, MemorySessionStorage, SessionConfig, Voxon, VoxonConfig

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TAKEN_BACK = [
    ("I have diabetes.", "I don't have diabetes, that was a wrong diagnosis."),
    ("I have diabetes.", "I no longer have diabetes"),
    ("I'm allergic to nuts", "I'm not allergic to nuts"),
    ("I'm allergic to nuts", "Sorry, I was wrong: I'm not allergic to nuts at all"),
    ("I'm allergic to nuts", "Turns out I'm not allergic to nuts"),
    ("I'm vegetarian", "I'm not vegetarian"),
    ("I'm vegan", "I used to be vegan"),
    ("I live in Rome", "I don't live in Rome any more"),
    ("I live in Rome, Italy", "I no longer live in Rome"),
    ("I live in Rome", "I moved away from Rome"),
    ("I work at Google", "I no longer work at Google"),
    ("I work at Google", "I quit my job"),
    ("I work at Google", "I got fired yesterday"),
    ("I work at Google", "I was laid off last week"),
    ("I work at Google", "I stopped working at Google"),
    ("I have a dog", "I don't have a dog"),
    ("I have a dog called Rex", "I don't have a dog any more"),
    ("I have a dog", "I haven't got a dog"),
    ("I have a dog", "My dog died"),
    ("My dog is called Rex", "I gave away my dog"),
    ("I take aspirin every day", "I stopped taking aspirin"),
    ("I take aspirin every day", "I don't take aspirin any more"),
    ("Always answer in French", "You don't have to answer in French anymore"),
    ("Always answer in French", "No need to answer in French"),
    ("Always cite your sources", "You don't have to cite your sources any more"),
    ("I love hiking", "I used to love hiking"),
    ("I love hiking", "I no longer enjoy hiking"),
    ("I play chess", "I gave up playing chess"),
    ("I run every morning", "I don't run every morning any more"),
    ("I'm married", "I'm not married any more"),
    ("I'm married to Tom", "I'm not married any more"),
    ("My name is Bob", "My name is not Bob"),
    ("I'm moving to Rome in June 2099", "I'm not moving to Rome after all"),
    ("I'm flying to Rome on 3 May 2099", "I'm not going to Rome after all"),
    ("I'm flying to Rome on 3 May 2099", "My trip to Rome is cancelled"),
    ("I'm flying to Rome on 3 May 2099", "I cancelled my trip to Rome"),
    ("I'm a nurse", "I'm not a nurse any more"),
    ("I drive a Tesla", "I sold my Tesla"),
    ("I drive a Tesla", "I sold my car"),
    ("I speak German", "I don't speak German"),
    ("My sister Dana lives in Oslo", "My sister doesn't live in Oslo any more"),
    ("My favourite colour is green", "My favourite colour is not green"),
    ("I'm from Leeds", "I'm not from Leeds"),
    ("I'm interested in chess", "I used to be interested in chess"),
]
STAYS = [
    ("I live in Rome", "I don't live in Paris"),
    ("I work at Google", "I don't work at Apple"),
    ("I have a dog", "I don't have a black cat"),
    ("I have a dog", "Don't I have a dog?"),
    ("I have a dog", "I don't have a dog, do I?"),
    ("I have a dog", "I don't have a dog lol just kidding"),
    ("I have a dog", "I don't have my dog with me"),
    ("I have a dog", "If I didn't have a dog I'd be sad"),
    ("I have a dog", "Suppose I don't have a dog"),
    ("I have a dog", "She said I don't have a dog"),
    ("I have a dog", "I don't have a dog, he said."),
    ("I have a dog", 'He wrote "I don\'t have a dog"'),
    ("I have a dog", "My sister doesn't have a dog"),
    ("I have a dog", "I wish I didn't have a dog"),
    ("I'm a nurse", "I'm not just a nurse, I'm a mother too"),
    ("I'm a nurse", "I'm not only a nurse"),
    ("I'm married", "Tom is not married any more"),
    ("I take aspirin every day", "I don't take aspirin on weekends"),
    ("I take aspirin every day", "I don't always take aspirin"),
    ("I work at Google", "I don't work at Google today"),
    ("I work at Google", "I got fired up about the game"),
    ("I love hiking", "I used to hate hiking"),
    ("I love hiking", "I used to love hiking and I still do"),
    ("I'm allergic to nuts", "I'm not allergic to milk"),
    ("I'm allergic to nuts", "I don't think I'm allergic to nuts"),
    ("I'm flying to Rome on 3 May 2099", "I'm not going to Paris after all"),
    ("My name is Bob", "My name is not Peter"),
    ("Always answer in French", "You don't have to call me Peter"),
    ("I have diabetes", "You don't have diabetes"),
    ("I don't eat meat", "I don't eat fish"),
    ("My sister is called Dana", "My sister is called Diana"),
]


def talk(*texts: str, at: datetime = START) -> list[dict[str, Any]]:
    """The user's messages, a day after each other, each answered."""
    rows: list[dict[str, Any]] = []
    for place, text in enumerate(texts):
        moment = at + timedelta(days=place)
        rows += [
            {"role": "user", "content": text, "at": moment},
            {"role": "assistant", "content": "ok", "at": moment},
        ]
    return rows


async def remembered(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What a session knows after a talk."""
    async with Voxon(VoxonConfig(session_storage="memory")) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            await conv.add_messages(rows)
            return [entry.content for entry in session.get_memory().entries]


@pytest.mark.parametrize(("said", "denied"), TAKEN_BACK)
async def test_a_denial_ends_what_it_denies(said: str, denied: str) -> None:
    """The old fact is gone, and nothing that the denial says is stored as a fact about the user."""
    before, after = await remembered(talk(said)), await remembered(talk(said, denied))
    assert before
    # Of a sentence that states two facts, only the denied one ends; a new value says by itself that it is none.
    gone = [content for content in before if content not in after]
    assert gone
    assert all("doesn't" in content or "longer" in content for content in set(after) - set(before))


@pytest.mark.parametrize(("said", "other"), STAYS)
async def test_what_is_not_denied_stays(said: str, other: str) -> None:
    """Another value, a question, a joke, a report, a part, a supposition or another person ends nothing."""
    before, after = await remembered(talk(said)), await remembered(talk(said, other))
    assert before and set(before) <= set(after)


@pytest.mark.parametrize(
    "said", [said for _, said in TAKEN_BACK] + ["I don't live in Paris", "I'm not Peter"]
)
async def test_a_denial_alone_is_no_fact(said: str) -> None:
    """Where nothing is remembered of it, nothing is stored but a fact that is negative itself."""
    assert all("doesn't" in content or "longer" in content for content in await remembered(talk(said)))


@pytest.mark.parametrize(
    ("said", "corrected", "left"),
    [
        ("I'm from Leeds", "Correction: I'm from Hull", ["User is from Hull"]),
        ("My sister is called Dana", "Sorry, my sister is called Diana", ["User's sister is Diana"]),
        (
            "I'm going to Rome on 3 May 2099",
            "My trip to Rome is on 5 May 2099 instead",
            ["User's trip to Rome is on 5 May 2099"],
        ),
        (
            "I have a dentist appointment on 3 May 2099",
            "My dentist appointment has been moved to 20 May 2099",
            ["User's dentist appointment is on 20 May 2099"],
        ),
        ("I live in Rome", "I don't live in Rome, I live in Paris", ["User lives in Paris"]),
        ("My name is Bob", "My name isn't Bob, it's Rob", ["User's name is Rob"]),
    ],
)
async def test_a_correction_takes_the_place(said: str, corrected: str, left: list[str]) -> None:
    """The corrected value is what is left."""
    assert await remembered(talk(said, corrected)) == left


async def test_a_correction_right_behind_the_own_words() -> None:
    """No assistant has to have said the name for "No, it's Rob" to correct it."""
    rows = [{"role": "user", "content": text} for text in ("My name is Bob.", "No, it's Rob.")]
    assert await remembered(rows) == ["User's name is Rob"]
    assert await remembered(
        [{"role": "user", "content": text} for text in ("I like tea.", "No, it's Rob.")]
    ) == ["User likes tea"]


async def test_the_model_is_not_told_what_was_denied_and_history_knows_it() -> None:
    """The context is without it; the past of before the denial has it, also after a reload."""
    config = SessionConfig(memory_mode="persistent")
    async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
        async with voxon.session("u", config=config) as session, session.conversation() as conv:
            await conv.add_messages(talk("I have diabetes.", "I don't have diabetes."))
            context = await conv.build_context("What should I eat?")
            assert "has diabetes" not in str(context.messages[0]["content"])
            await session.save()
        async with voxon.session("u") as session:
            moment = START + timedelta(hours=1)
            then = await session.recall("diabetes", sources=("memories",), as_of=moment)
            assert [found.content for found in then] == ["User has diabetes"]
            assert await session.recall("diabetes", sources=("memories",)) == []


async def test_what_was_denied_can_be_said_again() -> None:
    """A fact that comes back is a new entry."""
    assert await remembered(talk("I have a dog", "I don't have a dog", "I have a dog")) == ["User has a dog"]


async def test_an_older_message_ends_nothing_newer() -> None:
    """A transcript that is added later does not take back what was said after it."""
    rows = [*talk("I have a dog"), *talk("I don't have a dog", at=START - timedelta(days=9))]
    assert await remembered(rows) == ["User has a dog"]


async def test_a_denial_survives_another_writer() -> None:
    """What one process denies stays denied, although another saved first."""
    async with two(MemorySessionStorage(), SessionConfig(memory_mode="persistent")) as (mine, yours):
        async with mine.conversation() as conv:
            await conv.add_messages(talk("I have a dog"))
        await mine.save()
        await yours.reload()
        async with yours.conversation() as conv:
            await conv.add_messages(talk("I don't have a dog", at=START + timedelta(days=3)))
        async with mine.conversation() as conv:
            await conv.add_messages(talk("I have a dog", at=START + timedelta(days=2)))
        await mine.save()
        await yours.save()
        await mine.reload()
        assert [entry.content for entry in yours.get_memory().entries] == []
        assert mine.get_memory() == yours.get_memory()


async def test_an_app_may_say_what_is_denied() -> None:
    """A fact with `is_denied` of an app's own extractor ends what is remembered."""

    def extract(
        text: str, *, at: datetime, speaker: str | None = None, previous: str | None = None
    ) -> list[Fact]:
        return [
            Fact(
                content="User owns a boat",
                category="possession",
                importance=0.5,
                value="a boat",
                is_denied=text.startswith("no"),
            )
        ]

    async with Voxon(VoxonConfig(session_storage="memory"), extractor=extract) as voxon:
        async with voxon.session("u") as session, session.conversation() as conv:
            await conv.add_messages(talk("boat"))
            assert [entry.content for entry in session.get_memory().entries] == ["User owns a boat"]
            await conv.add_messages(talk("no boat", at=START + timedelta(days=1)))
            assert session.get_memory().entries == ()
