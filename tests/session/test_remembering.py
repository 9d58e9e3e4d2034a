"""What a session remembers: modes, facts that change, sensitivity, expiry, budget, export, import."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from voxsession import (
    BudgetError,
    ConfigurationError,
    FileSessionStorage,
    MemorySessionStorage,
    SessionConfig,
    SessionEndedError,
    UnsupportedFormatError,
    Voxon,
    VoxonConfig,
)
from voxsession.testing import FakeClock, ScriptedModel

SECRET = "the number is 0049 555 1234"


def voxon_on(storage: Any, **options: Any) -> Voxon:
    """A facade on a given storage."""
    return Voxon(VoxonConfig(session_storage=storage), **options)


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("ephemeral", set()),
        ("persistent", {"User's name is Alice", "User likes tea", "from the app"}),
        ("hybrid", {"User's name is Alice", "from the app"}),
    ],
)
async def test_memory_modes_decide_what_is_stored(mode: str, kept: set[str]) -> None:
    """All are found while the process lives; what a new process finds is what the mode says."""
    storage = MemorySessionStorage()

    def extractor(text: str, **_: Any) -> list[Any]:
        from voxsession import Fact

        important = Fact(content="User's name is Alice", category="identity", importance=0.9)
        trivial = Fact(content="User likes tea", category="preference", importance=0.3)
        return [important, trivial]

    everything = {"User's name is Alice", "User likes tea", "from the app"}
    async with voxon_on(storage, model=ScriptedModel(["ok"]), extractor=extractor) as voxon:
        config = SessionConfig(memory_mode=mode)
        session = await voxon.create_session(session_id="s", config=config)
        async with session.conversation() as conv:
            await conv.send_message("anything")
        session.add_memory("from the app", importance=0.1)
        await session.save()
        here = {entry.content for entry in session.get_memory().entries}
        found = {match.content for match in session.search_memory("tea Alice app", limit=10)}
    async with voxon_on(storage) as later, await later.load_session("s") as session:
        there = {entry.content for entry in session.get_memory().entries}
        messages = [m.content for m in await (await session.resume_conversation()).history()]

    assert here == everything and found == everything
    assert there == kept
    assert messages == ["anything", "ok"], "messages are stored in every mode"


async def test_learning_can_be_switched_off_at_any_time() -> None:
    """enable_learning=False stops extraction and learning; the switch is a recorded change."""
    storage = MemorySessionStorage()
    async with voxon_on(storage, model=ScriptedModel(["a", "b"])) as voxon:
        session = await voxon.create_session(session_id="s")
        async with session.conversation() as conv:
            session.config.enable_learning = False
            await conv.send_message("My name is Alice")
        await session.close()
    async with voxon_on(storage) as later, await later.load_session("s") as again:
        assert again.config.enable_learning is False
        assert again.get_memory().entries == ()


async def test_a_newer_fact_takes_the_place_of_an_older_one() -> None:
    """After "call me Bob" the context and the memory hold Bob once; Alice is kept as superseded, with its time."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=SessionConfig(memory_mode="persistent"))
        events: list[Any] = []
        session.events.on("memory.superseded", events.append)
        async with session.conversation() as conv:
            await conv.send_message("My name is Alice")
            await conv.send_message("Actually, call me Bob")
            context = await conv.build_context("What's my name?")
            answer = await conv.send_message("What's my name?")
        names = [entry.content for entry in session.get_memory().by_category()["identity"]]
        core = session._core.data
        old = [entry for entry in core.memories.values() if entry.superseded_by is not None]

    assert len(events) == 1
    assert names == ["User's name is Bob"]
    assert "Bob" in context.messages[0]["content"] and "name is Alice" not in context.messages[0]["content"]
    assert "Bob" in answer and "Alice" not in answer
    assert old[0].content == "User's name is Alice" and old[0].superseded_at is not None


async def test_the_same_fact_twice_is_one_entry_with_more_evidence() -> None:
    """Saying something again adds evidence, not another entry."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            await conv.send_message("My name is Alice")
            await conv.send_message("Hi, my name is Alice")
        entries = session.get_memory().entries

    assert [(entry.content, entry.evidence_count) for entry in entries] == [("User's name is Alice", 2)]


async def test_nothing_is_learned_from_what_others_say() -> None:
    """Replies, system texts and tool results never become facts about the user."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            await conv.add_messages(
                [
                    {"role": "system", "content": "My name is Eve"},
                    {"role": "assistant", "content": "My name is Max and I live in Rome"},
                ]
            )
        assert session.get_memory().entries == ()


async def test_expired_entries_are_never_returned_and_leave_the_disk(tmp_path: Path) -> None:
    """After its time an entry is neither listed, found nor sent; a whole write drops it from the file."""
    clock = FakeClock()
    config = VoxonConfig(session_storage=FileSessionStorage(tmp_path / "s"), session_encryption_method="none")
    async with Voxon(config, clock=clock) as voxon:
        session = await voxon.create_session(session_id="s")
        session.add_memory("buy milk soon", category="plan", expires_after_days=1)
        await session.save()
        assert "buy milk" in (tmp_path / "s" / "s.json").read_text()
        clock.advance(seconds=2 * 86_400)
        assert session.get_memory().entries == ()
        assert session.search_memory("milk") == []
        assert await session.recall("milk") == []
        async with session.conversation() as conv:
            context = await conv.build_context("milk?")
        assert "buy milk" not in str(context.messages)
        session.add_memory("other")
        session.clear_memory(category="nothing at all") or session.clear_memory(category="general")
        await session.save()

    assert "buy milk" not in (tmp_path / "s" / "s.json").read_text()


async def test_sensitive_entries_stay_out_of_everything_that_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No log, debug output, repr or error, and no export unless asked for, holds a sensitive text."""
    with caplog.at_level(logging.DEBUG):
        # The machine's clock may tell of a moment that holds the four digits that are looked for.
        config = VoxonConfig(session_storage=MemorySessionStorage())
        async with Voxon(config, model=ScriptedModel(["ok"]), clock=FakeClock()) as voxon:
            async with voxon.session("u") as session, session.conversation() as conv:
                session.enable_debug()
                entry = session.add_memory(SECRET, category="contact", sensitive=True)
                reply = await conv.send_message("what is the number")
                found = session.search_memory("number")
                errors = []
                for wrong in ({"importance": 7}, {"metadata": {1}}):
                    with pytest.raises(ConfigurationError) as caught:
                        session.update_memory(entry.id, **wrong)
                    errors.append(str(caught.value))
                shown = [
                    repr(entry), repr(session), repr(found), repr(session.get_memory()), repr(reply.context),
                    repr(conv), str(session.get_debug_info()), session.export_debug_logs(), str(errors),
                    str(reply.context.report() if reply.context else ""), caplog.text,
                ]  # fmt: skip
                plain, full = session.export_memory(), session.export_memory(include_sensitive=True)

    assert found and found[0].entry is not None and found[0].entry.content == SECRET
    assert all(SECRET not in text and "0049" not in text for text in shown)
    assert plain["omitted"] == 1 and SECRET not in json.dumps(plain)
    assert full["omitted"] == 0 and SECRET in json.dumps(full)


async def test_the_budget_holds_and_evictions_are_told() -> None:
    """The lowest importance x recency leaves first, identity and pinned entries last, each as an event."""
    clock = FakeClock()
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon:
        config = SessionConfig(max_memory_size=60)
        async with voxon.session("u", config=config) as session:
            gone: list[str] = []
            session.events.on("memory.evicted", lambda event: gone.extend(event.entry_ids))
            pinned = session.add_memory("pinned fact of low worth", importance=0.0, pinned=True)
            identity = session.add_memory(
                "the name of this person is Ann", category="identity", importance=0.1
            )
            filler = []
            for i in range(30):
                clock.advance(seconds=60)
                filler.append(session.add_memory(f"filler number {i} about the weather", importance=0.5))
                assert session.get_memory().token_count <= 60
            kept = {entry.id for entry in session.get_memory().entries}
            usage = session.memory_usage

    assert {pinned.id, identity.id} <= kept
    assert gone[0] == filler[0].id, "the oldest of equal importance goes first"
    assert filler[-1].id in kept
    assert 0.5 < usage <= 1


async def test_arguments_of_add_memory_are_checked() -> None:
    """Each wrong argument is named, with what is allowed; nothing is remembered of it."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("u") as session:
        wrong: list[dict[str, Any]] = [
            {"content": ""},
            {"content": "x\ud800"},
            {"content": "x", "importance": 1.5},
            {"content": "x", "importance": float("nan")},
            {"content": "x", "importance": True},
            {"content": "x", "expires_after_days": -1},
            {"content": "x", "expires_after_days": 0},
            {"content": "x", "category": ""},
            {"content": "x", "metadata": {"a": object()}},
            {"content": "x", "metadata": [1]},
            {"content": "x", "metadata": {"deep": float("inf")}},
            {"content": "x", "at": datetime(2026, 1, 1)},
        ]
        for arguments in wrong:
            with pytest.raises(ConfigurationError) as caught:
                session.add_memory(**arguments)
            name = [key for key in arguments if key != "content"] or ["content"]
            assert name[0] in str(caught.value)
        with pytest.raises(BudgetError):
            session.add_memory("word " * 20_000)
        assert session.get_memory().entries == ()


async def test_update_and_clear(tmp_path: Path) -> None:
    """update_memory changes one entry; clear_memory erases by category, time and id, also from the file."""
    clock = FakeClock()
    config = VoxonConfig(session_storage_path=str(tmp_path / "s"), session_encryption_method="none")
    async with Voxon(config, clock=clock) as voxon:
        session = await voxon.create_session(session_id="s")
        one = session.add_memory("first text", category="a")
        clock.advance(seconds=10)
        two = session.add_memory("second text", category="b")
        clock.advance(seconds=10)
        three = session.add_memory("third text", category="b")
        changed = session.update_memory(one.id, content="another text", importance=0.9)
        await session.save()
        assert changed.content == "another text" and changed.importance == 0.9
        assert session.clear_memory(category="b", before=clock.now() - timedelta(seconds=5)) == 1
        assert session.clear_memory(ids=[two.id]) == 0
        await session.save()
        kept = [entry.id for entry in session.get_memory().entries]
        with pytest.raises(ConfigurationError, match="no memory entry"):
            session.update_memory(two.id, content="x")

    stored = (tmp_path / "s" / "s.json").read_text()
    assert kept == [one.id, three.id]
    assert "second text" not in stored and "first text" not in stored


async def test_compress_folds_what_says_the_same_and_keeps_the_originals() -> None:
    """Older duplicates are folded into the newest with all evidence; recent ones are left alone."""
    clock = FakeClock()
    async with voxon_on(MemorySessionStorage(), clock=clock) as voxon, voxon.session("u") as session:
        for text in (
            "User likes jasmine tea in the morning",
            "User likes jasmine tea in the  morning",
            "Other",
        ):
            session.add_memory(text)
        clock.advance(seconds=10 * 86_400)
        session.add_memory("User likes jasmine tea in the morning")
        report = session.compress_memory(keep_recent_days=7)
        again = session.compress_memory(keep_recent_days=7)
        contents = [(entry.content, entry.evidence_count) for entry in session.get_memory().entries]
        kept = len(session._core.data.memories)

    assert report.counts["merged"] == 1 and not again
    assert sorted(evidence for _, evidence in contents) == [1, 1, 2]
    assert kept == 4, "the original is kept as superseded history"


async def test_summarize_uses_the_summarizer_and_keeps_the_originals() -> None:
    """Older entries of a category become one written by the summarizer; without one the error says what to give."""
    clock = FakeClock()

    async def summarize(texts: list[str]) -> str:
        return f"{len(texts)} facts about tea"

    async with voxon_on(MemorySessionStorage(), clock=clock, summarizer=summarize) as voxon:
        async with voxon.session("u") as session:
            for i in range(3):
                session.add_memory(f"tea fact {i} is quite long", category="tea")
            clock.advance(seconds=10 * 86_400)
            report = await session.summarize_memory()
            live = [entry.content for entry in session.get_memory().entries]
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("u") as session:
        with pytest.raises(ConfigurationError, match="summarizer"):
            await session.summarize_memory()

    assert report.counts == {"summarized": 3}
    assert live == ["3 facts about tea"]


async def test_export_and_import_of_memories(tmp_path: Path) -> None:
    """An export comes in again as it was; conflicts, a dry run and bad rows do what they say."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        one = await voxon.create_session(session_id="one")
        kept = one.add_memory(
            "User prefers formal language", category="preference", importance=0.9, pinned=True
        )
        one.add_memory("second", expires_after_days=3, metadata={"a": [1, None]})
        data = json.loads(json.dumps(one.export_memory()))
        path = await one.export_memory_to(tmp_path / "memories.jsonl")
        two = await voxon.create_session(session_id="two")
        assert two.import_memory(data, dry_run=True).counts["added"] == 2 and not two.get_memory().entries
        assert two.import_memory(data).counts["added"] == 2
        assert not two.import_memory(data).counts["added"]
        assert two.import_memory(data, on_conflict="replace").counts["replaced"] == 2
        assert two.import_memory(data, on_conflict="rename").counts["renamed"] == 2
        three = await voxon.create_session(session_id="three")
        assert (await three.import_memory_from(path)).counts["added"] == 2
        same = {
            e.id: (e.content, e.category, e.importance, e.pinned, e.metadata)
            for e in three.get_memory().entries
        }
        bad = {**data, "entries": [*data["entries"], {"content": "x", "importance": 9}]}
        four = await voxon.create_session(session_id="four")
        with pytest.raises(ConfigurationError, match=r"entries\[2\].*importance"):
            four.import_memory(bad)
        with pytest.raises(UnsupportedFormatError):
            four.import_memory({**data, "format": 99})
        assert four.get_memory().entries == ()

    assert same[kept.id] == ("User prefers formal language", "preference", 0.9, True, None)


async def test_recall_finds_memories_and_messages_with_reasons() -> None:
    """One ranked list over entries and past messages; sources narrow it, hostile queries are harmless."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("u") as session:
        session.add_memory("User plays the violin in an orchestra", category="interest")
        async with session.conversation() as conv:
            await conv.add_messages(
                [
                    {"role": "user", "content": "The orchestra rehearses on Tuesday", "name": "Ann",
                     "at": datetime(2026, 3, 3, tzinfo=UTC)},
                    {"role": "assistant", "content": "Noted."},
                ]
            )  # fmt: skip
        both = await session.recall("orchestra")
        memories = await session.recall("orchestra", sources=("memories",))
        for query in ("", '"AND NOT (', "🎻", "the of and", "x" * 50_000, "\x00"):
            await session.recall(query)
            session.search_memory(query)
        with pytest.raises(ConfigurationError):
            await session.recall("x", sources=("dreams",))

    assert {match.content for match in both} >= {
        "User plays the violin in an orchestra",
        "The orchestra rehearses on Tuesday",
    }
    assert all(match.message is None for match in memories) and memories
    assert both[0].reasons and both[0].score >= both[-1].score


async def test_an_ended_session_can_be_read_only() -> None:
    """After end() every change is refused by name and reading works, also in another process."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", user_id="u")
        session.add_memory("still here")
        await session.end("done")
        with pytest.raises(SessionEndedError):
            session.add_memory("no")
    async with voxon_on(storage) as later:
        async with await later.load_session("s") as again:
            assert again.status == "ended" and not again.is_active
            assert [entry.content for entry in again.get_memory().entries] == ["still here"]
            for change in (lambda: again.update_state(a=1), lambda: again.track_metric("x", 1)):
                with pytest.raises(SessionEndedError):
                    change()
        async with later.session("u") as new:
            assert new.session_id != "s"


async def test_summarize_asks_the_model_where_there_is_one() -> None:
    """Without a summarizer a model that writes is asked, outside any conversation."""
    clock = FakeClock()
    model = ScriptedModel(["Three facts about tea."])
    async with voxon_on(MemorySessionStorage(), clock=clock, model=model) as voxon:
        async with voxon.session("u") as session:
            for number in range(3):
                session.add_memory(f"tea fact number {number}", category="tea")
            clock.advance(seconds=10 * 86_400)
            await session.summarize_memory()
            live = [entry.content for entry in session.get_memory().entries]

    assert (
        live == ["Three facts about tea."] and "tea fact number 2" in model.requests[0].messages[1]["content"]
    )


# --- arguments and days


@pytest.mark.parametrize("value", ["yes", "", 1, 0, None, 0.5])
@pytest.mark.parametrize("option", ["pinned", "sensitive"])
async def test_a_flag_is_true_or_false(option: str, value: Any) -> None:
    """Neither a new entry nor an edit takes "no" for yes; nothing is remembered then."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session() as session:
        with pytest.raises(ConfigurationError, match=f"{option}=.*True or False") as error:
            session.add_memory("Likes tea", **{option: value})
        assert error.value.option == option
        assert not session.get_memory().entries
        entry = session.add_memory("Likes tea", **{option: True})
        with pytest.raises(ConfigurationError, match=f"{option}=.*True or False"):
            session.update_memory(entry.id, **{option: value})
        assert getattr(session.get_memory().entries[0], option) is True


async def test_yesterday_is_that_of_the_sessions_zone() -> None:
    """At 20:00 UTC it is the 15th in Tokyo: yesterday is the 14th there, for messages, memories and the past alike."""
    clock = FakeClock(datetime(2024, 6, 14, 20, tzinfo=UTC))
    config = SessionConfig(timezone="Asia/Tokyo", enable_learning=False)
    said = {
        "the 13th": datetime(2024, 6, 13, 14, 59, tzinfo=UTC),
        "the 14th": datetime(2024, 6, 13, 15, 1, tzinfo=UTC),
        "the 15th": datetime(2024, 6, 14, 15, 1, tzinfo=UTC),
    }
    async with (
        voxon_on(MemorySessionStorage(), clock=clock) as voxon,
        voxon.session(config=config) as session,
    ):
        for text, at in said.items():
            async with session.conversation() as conv:
                await conv.add_messages([{"role": "user", "content": text, "at": at}])
            session.add_memory(f"noted {text}", at=at)
        question = "what was said yesterday?"

        async def found(**options: Any) -> list[str]:
            return sorted(
                match.content for match in await session.recall(question, **{"limit": 2, **options})
            )

        assert await found() == ["noted the 14th", "the 14th"]
        assert await found(as_of=clock.now()) == ["noted the 14th", "the 14th"]
        assert (await session.recall(question))[0].reasons[-1] == "date 14 June 2024"
        assert session.search_memory(question, limit=1)[0].content == "noted the 14th"
        assert session.search_memory(question, limit=1, as_of=clock.now())[0].content == "noted the 14th"
        session.config.timezone = "UTC"
        both = ["noted the 13th", "noted the 14th", "the 13th", "the 14th"]
        assert await found(limit=4) == both, "in UTC both were said on the 13th"
