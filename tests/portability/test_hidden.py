"""What an export must not tell: sensitive entries by their traces, what `redact` takes out by its spellings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.portability.sessions import elsewhere
from voxsession import Session, SessionConfig, Voxon
from voxsession.learning.privacy import private_words
from voxsession.testing import FakeClock

NAME = "Zoë Müller"


def spelt(bundle: Any) -> str:
    """All of a bundle as text, each letter spelt as itself."""
    return json.dumps(bundle, ensure_ascii=False).casefold()


async def told_of_zoran(voxon: Voxon) -> Session:
    """A session that knows of somebody, as secrets."""
    session = await voxon.create_session(session_id="s", user_id="u")
    async with session.start_conversation("main") as conv:
        await conv.add_messages([{"role": "user", "content": "My boss Zoran lives in Graz."}])
    assert session.get_memory().entries
    for entry in session.get_memory().entries:
        session.update_memory(entry.id, sensitive=True)
    session.add_memory("Is HIV positive", sensitive=True)
    return session


async def test_what_stays_behind_is_not_named() -> None:
    """No attribute, no message, no mark tells of the sensitive entries that were left out."""
    async with elsewhere(clock=FakeClock(seed="zoran")) as here:
        session = await told_of_zoran(here)
        notes = dict(session._core.data.extra)
        assert notes["withheld_slots"] and notes["private_words"] and notes["withheld"]
        bundle = await session.export_full()
        whole = await session.export_full(include_sensitive=True)
    assert bundle["omitted"] == 3 and bundle["session"]["extra"] == {}
    assert "zoran" not in spelt(bundle) and "graz" not in spelt(bundle)
    assert not any(mark in spelt(bundle) for mark in notes["private_words"])
    assert whole["session"]["extra"] == notes


async def test_redaction_reaches_notes_and_marks() -> None:
    """Slots that name whom `redact` takes out are called as their entries are now; marks of words go."""
    async with elsewhere() as here, elsewhere() as there:
        session = await told_of_zoran(here)
        bundle = await session.export_full(include_sensitive=True, redact="(?i)zoran")
        assert "zoran" not in spelt(bundle) and "private_words" not in bundle["session"]["extra"]
        slots = {row["slot"] for row in bundle["memories"] if row.get("slot")}
        assert set(bundle["session"]["extra"]["withheld_slots"]) <= slots
        moved = await there.import_session(bundle)
        again = await moved.export_full()
        assert again["memories"] == [] and again["session"]["extra"] == {}


async def test_topics_of_what_is_secret_stay_behind() -> None:
    """A topic with a word of a secret is not exported, also when the memory of it was erased; others are."""
    async with elsewhere() as here:
        session = await here.create_session(session_id="s", user_id="u")
        async with session.start_conversation("c") as conv:
            said = ["What helps with zorkitis treatment?", "Tell me about quantum physics."] * 3
            await conv.add_messages([{"role": "user", "content": text} for text in said])
        entry = session.add_memory("Has zorkitis", sensitive=True)
        session.clear_memory(ids=[entry.id])
        bundle = await session.export_full()
        whole = await session.export_full(include_sensitive=True)
    assert any("zorkitis" in topic for topic in whole["session"]["topics"])
    assert not any("zorkitis" in topic for topic in bundle["session"]["topics"])
    assert any("quantum" in topic for topic in bundle["session"]["topics"])


async def test_what_came_with_a_profile_is_rewritten_or_left_out() -> None:
    """Its topics are words of somebody like any others."""
    async with elsewhere() as here:
        first = await here.create_session(user_id="u")
        async with first.start_conversation() as conv:
            said = [
                "Tell me about the Zoranberg wedding venue",
                "What does the Zoranberg wedding venue cost?",
            ]
            await conv.add_messages([{"role": "user", "content": text} for text in said * 3])
        profile = first.export_preference_profile()
        assert any("zoranberg" in topic for topic in profile.topics)
        session = await here.create_session(user_id="u", preference_profile=profile)
        redacted = await session.export_full(redact=r"(?i)zoran\w*")
        bare = await session.export_full(include_learning=False)
    assert "zoran" not in spelt(redacted) and redacted["session"]["extra"]["profile"]["topics"]
    assert "zoran" not in spelt(bare) and "profile" not in bare["session"]["extra"]


# --- spellings


async def called_by_name(voxon: Voxon, **settings: Any) -> Session:
    """A session with a function call and its result, as `json.dumps` spells them."""
    session = await voxon.create_session(session_id="s", user_id="u", config=SessionConfig(**settings))
    call = {"name": "call", "arguments": json.dumps({"who": NAME, "deep": json.dumps([NAME])})}
    assert "\\u00eb" in call["arguments"]
    async with session.start_conversation("main") as conv:
        await conv.add_messages(
            [
                {"role": "user", "content": "Call her please"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c1", "type": "function", "function": call}],
                },
                {"role": "tool", "tool_call_id": "c1", "content": json.dumps({"called": NAME, "n": 5550199})},
            ]
        )
    return session


def unescaped(bundle: Any) -> str:
    """All of a bundle with every text in it that is JSON opened."""

    def opened(value: Any) -> Any:
        if isinstance(value, str) and value[:2] in ('{"', '["'):
            return opened(json.loads(value))
        if isinstance(value, dict):
            return {key: opened(item) for key, item in value.items()}
        return [opened(item) for item in value] if isinstance(value, list) else value

    return spelt(opened(bundle))


async def test_redaction_sees_through_escapes() -> None:
    """A letter that JSON spells as its number is the same letter; JSON that nothing is found in stays as it is."""
    async with elsewhere(
        clock=FakeClock()
    ) as here:  # an id of chance may hold the two letters that are looked for
        session = await called_by_name(here)
        bundle = await session.export_full(redact=NAME)
        untouched = await session.export_full(redact="nobody of this name")
        numbers = await session.export_full(redact="5550199")
        given = await session.export_full()
    assert "zo" not in unescaped(bundle["messages"]) and "[redacted]" in unescaped(bundle["messages"])
    assert untouched["messages"] == given["messages"]
    assert "5550199" not in spelt(numbers["messages"])


async def test_json_that_is_nested_too_deep_is_not_shown() -> None:
    """What cannot be looked through goes as a whole."""
    async with elsewhere() as here:
        session = await here.create_session(session_id="s")
        async with session.start_conversation("c") as conv:
            deep = "[" * 900 + '"Zo\\u00eb"' + "]" * 900
            await conv.add_messages([{"role": "user", "content": deep}])
        bundle = await session.export_full(redact="Zoë")
    assert "zo" not in bundle["messages"][0]["content"].casefold()


async def test_a_secret_in_a_result_is_blanked_however_it_is_spelt() -> None:
    """The default export looks into JSON, of calls and of their results."""
    async with elsewhere() as here:
        session = await called_by_name(here)
        session.add_memory(NAME, sensitive=True)
        bundle = await session.export_full()
    assert [row["content"] for row in bundle["messages"]] == ["Call her please", "", ""]
    assert bundle["redacted"] == 2


# --- marks


@pytest.mark.parametrize("on_conflict", ["reject", "rename"])
@pytest.mark.parametrize("include_sensitive", [True, False])
async def test_private_words_stay_private_under_another_id(on_conflict: str, include_sensitive: bool) -> None:
    """Marks are keyed by the id of the session; one that is renamed knows under which they were made."""
    async with elsewhere() as here:
        session = await here.create_session(session_id="s", user_id="u")
        async with session.start_conversation("c") as conv:
            said = ["Tell me about zorkitis treatment please", "What helps with zorkitis treatment?"] * 4
            await conv.add_messages([{"role": "user", "content": text} for text in said])
        entry = session.add_memory("Has zorkitis", sensitive=True)
        session.clear_memory(ids=[entry.id])
        bundle = await session.export_full(include_sensitive=include_sensitive)
        where = here if on_conflict == "rename" else elsewhere()
        await session.close()
        moved = await where.import_session(bundle, on_conflict=on_conflict)
        assert (moved.session_id == "s") is (on_conflict == "reject")
        assert not any("zorkitis" in topic for topic in moved.export_preference_profile().topics)
        twice = await where.import_session(
            await moved.export_full(include_sensitive=include_sensitive), on_conflict="rename"
        )
        assert not any("zorkitis" in topic for topic in twice.export_preference_profile().topics)
        await where.close()


async def test_private_entries_are_marked_where_they_land() -> None:
    """The marks stay behind in a default export, so that those of the entries that travel are made anew."""
    async with elsewhere() as here, elsewhere() as there:
        session = await here.create_session(session_id="s", user_id="u")
        session.add_memory("Name is Quillon", category="identity")
        moved = await there.import_session(await session.export_full(), on_conflict="rename")
        data = moved._core.data
        assert set(private_words(data, ["Quillon"])) <= set(data.extra["private_words"])


async def test_without_messages_no_entry_names_one() -> None:
    """Neither the message it was learned from, nor those that said it again."""
    async with elsewhere() as here:
        session = await here.create_session(session_id="s", user_id="u")
        async with session.start_conversation("main") as conv:
            said = ["I love hiking.", "The weather is fine.", "I love hiking."]
            await conv.add_messages([{"role": "user", "content": text} for text in said])
        whole = await session.export_full()
        bare = await session.export_full(include_messages=False)
    ids = [row["id"] for row in whole["messages"]]
    assert any(one in spelt(whole["memories"]) for one in ids)
    assert not any(one in spelt(bare["memories"]) for one in ids)
