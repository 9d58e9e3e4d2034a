"""Fewer memories and the way back, summaries of conversations, categories with rules, tables for notebooks."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxsession import (
    BudgetError,
    ConfigurationError,
    FileSessionStorage,
    MemorySessionStorage,
    SessionConfig,
    Voxon,
    VoxonConfig,
)
from voxsession.testing import FakeClock, ScriptedModel

LEARNING_OFF = SessionConfig(memory_mode="persistent", enable_learning=False)
DAY = 86_400
LONG = (
    "The trip to Norway was planned over three evenings with the whole family around the table. "
    "Everybody said something about food. The boat leaves Bergen on 14 August at 7 in the morning. "
    "It may rain a little, or not, who knows. Her son must never be given peanuts because of his allergy. "
    "There was some talk about the weather in general. The neighbours came by later and stayed for long. "
    "They looked at photographs of other trips for a while."
)


def voxon_on(storage: Any, **options: Any) -> Voxon:
    return Voxon(VoxonConfig(session_storage=storage, session_encryption_method="none"), **options)


def contents(session: Any) -> list[str]:
    return sorted(entry.content for entry in session.get_memory().entries)


# --- fewer, and back


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        (["Is allergic to peanuts", "Is allergic to cats"], ["Is allergic to peanuts; cats"]),
        (["Likes jazz", "Likes tea"], ["Likes jazz", "Likes tea"]),
    ],
)
async def test_what_the_guide_says_of_folding(facts: list[str], kept: list[str]) -> None:
    """The examples of the guide: where nothing is gained, nothing is folded."""
    clock = FakeClock()
    async with (
        voxon_on(MemorySessionStorage(), clock=clock) as voxon,
        voxon.session(config=LEARNING_OFF) as session,
    ):
        for fact in facts:
            session.add_memory(fact)
        clock.advance(seconds=10 * DAY)
        session.compress_memory()
        assert contents(session) == kept


async def test_related_entries_are_folded_and_come_back() -> None:
    """Short entries that begin alike become one of their own words; either id brings all of them back, for good."""
    clock = FakeClock()
    facts = ["Likes green tea", "Likes jazz.", "Lives with two cats", "likes long walks"]
    async with (
        voxon_on(MemorySessionStorage(), clock=clock) as voxon,
        voxon.session(config=LEARNING_OFF) as session,
    ):
        entries = [session.add_memory(fact, importance=n / 10) for n, fact in enumerate(facts)]
        clock.advance(seconds=10 * DAY)
        before, used = contents(session), session.memory_usage
        report = session.compress_memory()

        assert report.counts == {"merged": 0, "folded": 3, "shortened": 0, "expired": 0}
        assert contents(session) == ["Lives with two cats", "likes green tea; jazz; long walks"]
        assert session.memory_usage < used
        made = next(entry for entry in session.get_memory().entries if entry.made_from)
        assert made.importance == 0.3 and made.timestamp == entries[3].timestamp and made.evidence_count == 3
        rows = {row["id"]: row for row in report.details}
        assert rows[entries[0].id] == {"id": entries[0].id, "became": "folded", "into": made.id}
        assert rows[entries[2].id]["why"] == "nothing to gain"
        assert not session.compress_memory(), "what was made is left alone"

        back = await session.restore_memory(entries[1].id)
        assert {entry.id for entry in back} == {entries[n].id for n in (0, 1, 3)}
        assert contents(session) == before and session.memory_usage == used
        assert not session.compress_memory(), "what was brought back is left alone"


async def test_a_long_entry_is_shortened_to_its_own_sentences() -> None:
    """The figures and the danger stay, in the order they were told; the whole comes back from its page."""
    clock = FakeClock()
    storage = MemorySessionStorage()
    async with voxon_on(storage, clock=clock) as voxon, voxon.session("u", config=LEARNING_OFF) as session:
        whole = session.add_memory(LONG, category="travel")
        clock.advance(seconds=10 * DAY)
        report = session.compress_memory()
        (short,) = session.get_memory().entries
        assert report.counts["shortened"] == 1 and short.token_count <= whole.token_count / 2
        assert "14 August" in short.content and "never be given peanuts" in short.content
        assert all(part in LONG for part in short.content.split(". "))
        assert not session.compress_memory(), "it is not shortened once more"
        session.clear_memory(ids=["none"])
        session.add_memory("Another thing")
        await session.save()
        session._core.needs_whole = True  # what was replaced goes into a page
        await session.save()
        assert whole.id not in session._core.data.memories

    async with voxon_on(storage, clock=clock) as voxon, voxon.session("u") as session:
        (back,) = await session.restore_memory(short.id)
        assert back.id == whole.id and LONG in contents(session) and len(contents(session)) == 2
        assert session.search_memory("peanuts allergy")[0].entry == back


async def test_a_merged_duplicate_comes_back_beside_the_one_that_stayed() -> None:
    """Of two that say the same one stayed as it is, so only the other has to come back."""
    clock = FakeClock()
    async with (
        voxon_on(MemorySessionStorage(), clock=clock) as voxon,
        voxon.session(config=LEARNING_OFF) as session,
    ):
        old = session.add_memory("Likes tea.")
        new = session.add_memory("likes  tea", at=clock.now() + timedelta(seconds=1))
        clock.advance(seconds=10 * DAY)
        assert session.compress_memory().counts["merged"] == 1
        assert [entry.id for entry in await session.restore_memory(old.id)] == [old.id]
        assert {entry.id for entry in session.get_memory().entries} == {old.id, new.id}


async def test_what_cannot_come_back_says_why() -> None:
    """Neither an unknown id, nor a live entry, nor what has expired meanwhile is brought back."""
    clock = FakeClock()
    async with (
        voxon_on(MemorySessionStorage(), clock=clock) as voxon,
        voxon.session(config=LEARNING_OFF) as session,
    ):
        entries = [
            session.add_memory(f"Allergic to {what}", expires_after_days=20)
            for what in ("hazelnuts", "shellfish")
        ]
        for name in ("mem_unknown", entries[0].id):
            with pytest.raises(ConfigurationError, match="brought back"):
                await session.restore_memory(name)
        clock.advance(seconds=10 * DAY)
        assert session.compress_memory().counts["folded"] == 2
        (made,) = session.get_memory().entries
        assert made.expires_at == entries[0].expires_at, "what it is made of must not outlive its time"
        clock.advance(seconds=11 * DAY)
        assert session.get_memory().entries == ()
        with pytest.raises(ConfigurationError, match="expired"):
            await session.restore_memory(entries[0].id)


async def test_originals_are_kept_for_as_long_as_the_settings_say(tmp_path: Path) -> None:
    """With `memory_archive_days` the next compression erases older originals from head and pages, and no others."""
    clock = FakeClock()
    config = LEARNING_OFF.replace(memory_archive_days=30)
    async with (
        voxon_on(FileSessionStorage(tmp_path), clock=clock) as voxon,
        voxon.session("u", config=config) as session,
    ):
        olds = [session.add_memory(f"Afraid of all {what}") for what in ("zebras", "quaggas")]
        clock.advance(seconds=10 * DAY)
        session.compress_memory()
        session._core.needs_whole = True
        await session.save()
        assert session._core.data.archive_pages
        clock.advance(seconds=31 * DAY)
        session.compress_memory()
        await session.save()
        assert not session._core.data.archive_pages
        with pytest.raises(ConfigurationError, match="brought back"):
            await session.restore_memory(olds[0].id)
        assert contents(session) == ["Afraid of all zebras; quaggas"]
    assert b'Likes zebras"' not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


async def test_a_compression_is_not_applied_over_what_others_changed(tmp_path: Path) -> None:
    """Another process edits an entry that was folded here: the folding is dropped and told, all else is saved."""
    clock = FakeClock()
    storage = [FileSessionStorage(tmp_path) for _ in range(2)]
    async with voxon_on(storage[0], clock=clock) as one, voxon_on(storage[1], clock=clock) as two:
        async with one.session("u", config=LEARNING_OFF) as mine:
            tea = mine.add_memory("Allergic to hazelnuts")
            fish = mine.add_memory("Allergic to shellfish")
            await mine.save()
            clock.advance(seconds=10 * DAY)
            async with two.session("u") as theirs:
                theirs.update_memory(tea.id, content="Likes coffee now")
            mine.add_memory("Collects stamps")
            dropped: list[Any] = []
            mine.events.on("memory.compression_dropped", dropped.append)
            report = mine.compress_memory()
            assert report.counts["folded"] == 2
            await mine.save()

            assert contents(mine) == ["Allergic to shellfish", "Collects stamps", "Likes coffee now"]
            assert [sorted(event.entry_ids) for event in dropped] == [sorted((tea.id, fish.id))]
            assert report.counts["folded"] == 0
            assert {row["became"] for row in report.details} == {"kept"}
        async with two.session("u") as again:
            assert contents(again) == ["Allergic to shellfish", "Collects stamps", "Likes coffee now"]


async def test_a_merge_that_is_dropped_counts_no_evidence(tmp_path: Path) -> None:
    """Evidence moves with the merge or not at all; a second compression then folds what is there."""
    clock = FakeClock()
    storage = [FileSessionStorage(tmp_path) for _ in range(2)]
    async with voxon_on(storage[0], clock=clock) as one, voxon_on(storage[1], clock=clock) as two:
        async with one.session("u", config=LEARNING_OFF) as mine:
            first = mine.add_memory("Likes green tea a lot")
            mine.add_memory("Likes green tea a lot")
            await mine.save()
            clock.advance(seconds=10 * DAY)
            async with two.session("u") as theirs:
                theirs.update_memory(first.id, importance=0.9)
            assert mine.compress_memory().counts["merged"] == 1
            await mine.save()
            assert [entry.evidence_count for entry in mine.get_memory().entries] == [1, 1]
            assert mine.compress_memory().counts["merged"] == 1
            await mine.save()
            (left,) = mine.get_memory().entries
            assert (left.evidence_count, left.importance) == (2, 0.9)


async def test_summarize_leaves_alone_what_is_no_shorter_and_what_is_secret() -> None:
    """A summary must save room; sensitive entries are never shown to who writes it; what it is made of comes back."""
    clock = FakeClock()
    asked: list[list[str]] = []

    async def summarize(texts: list[str]) -> str:
        asked.append(texts)
        return "in short" if len(asked) > 1 else "words " * 500

    async with voxon_on(MemorySessionStorage(), clock=clock, summarizer=summarize) as voxon:
        async with voxon.session(config=LEARNING_OFF) as session:
            kept = [
                session.add_memory(f"The plan number {n} is rather long", category="plan") for n in range(3)
            ]
            session.add_memory("The plan with the lawyer", category="plan", sensitive=True)
            clock.advance(seconds=10 * DAY)
            first = await session.summarize_memory()
            assert not first and {row["why"] for row in first.details} == {"the summary is no shorter"}
            second = await session.summarize_memory()
            assert second.counts == {"summarized": 3}
            assert contents(session) == ["The plan with the lawyer", "in short"]
            assert not any("lawyer" in text for texts in asked for text in texts)
            await session.restore_memory(second.details[0]["into"])
            assert len(contents(session)) == 4 and kept[0].content in contents(session)


# --- conversations in short


async def test_a_summary_stands_for_turns_that_find_no_room() -> None:
    """It is in the context where turns are left out, replaced by the next one, and written from what is new."""
    asked: list[list[str]] = []

    async def summarize(texts: list[str]) -> str:
        asked.append(texts)
        return f"They spoke of Lisbon, part {len(asked)}."

    async with voxon_on(
        MemorySessionStorage(), summarizer=summarize, model=ScriptedModel(["Fine."] * 9)
    ) as voxon:
        config = LEARNING_OFF.replace(context_tokens=300)
        async with voxon.session(config=config) as session, session.conversation("c") as conv:
            assert await conv.summarize() is None
            await conv.add_messages([{"role": "user", "content": "We fly to Lisbon. " * 20}])
            first = await conv.summarize()
            assert first is not None and first.category == "summary" and await conv.summarize() is first
            roomy = await conv.build_context("And?")
            assert [row["reason"] for row in roomy.report() if row["kind"] == "summary"] == [
                "not needed: all its turns are in"
            ]
            for n in range(4):
                await conv.add_messages([{"role": "user", "content": f"Day {n}: " + "a long walk. " * 20}])
            tight = await conv.build_context("And?")
            (row,) = [row for row in tight.report() if row["kind"] == "summary"]
            assert row["included"] and "part 1." in tight.messages[0]["content"]
            assert first.id not in [entry.id for entry in tight.memories]

            second = await conv.summarize()
            assert second is not None and asked[1][0] == f"So far: {first.content}"
            assert "Lisbon." not in asked[1][1] and len(asked[1]) == 5
            assert [entry.id for entry in session.get_memory().entries] == [second.id]


async def test_a_summary_of_what_was_erased_meanwhile_is_thrown_away() -> None:
    """Whoever erases a message while it is summed up does not find it in the summary."""
    sessions: list[Any] = []

    async def summarize(texts: list[str]) -> str:
        await sessions[0].forget("Lisbon")
        return "They spoke of Lisbon."

    async with voxon_on(MemorySessionStorage(), summarizer=summarize) as voxon:
        async with voxon.session(config=LEARNING_OFF) as session, session.conversation() as conv:
            sessions.append(session)
            await conv.add_messages([{"role": "user", "content": "We fly to Lisbon."}])
            assert await conv.summarize() is None
            assert session.get_memory().entries == ()


async def test_a_branch_keeps_the_end_of_what_it_left() -> None:
    """Where the branch's own turns fill the room, the last words before it are there as lines, and told so."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        config = LEARNING_OFF.replace(context_tokens=300, context_shares={"branch": 0.2, "recalled": 0})
        async with voxon.session(config=config) as session, session.conversation("main") as main:
            await main.add_messages([{"role": "user", "content": "The ship is called Dagny."}])
            async with await session.start_conversation("side", parent_id="main") as side:
                for n in range(6):
                    await side.add_messages(
                        [{"role": "user", "content": f"Day {n}: " + "a long walk. " * 15}]
                    )
                context = await side.build_context("And what was her name?")
    row = next(row for row in context.report() if row["kind"] == "branch")
    assert row["included"] and "user: The ship is called Dagny." in context.messages[0]["content"]
    assert context.token_count <= 300


async def test_a_preview_has_no_side_effects() -> None:
    """However often a context is looked at, nothing is pending, nothing is told and the next one is the same."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(config=LEARNING_OFF) as session:
        async with session.conversation() as conv:
            await conv.add_messages([{"role": "user", "content": "I like tea."}])
            session.add_memory("Likes tea")
            await session.save()
            told: list[str] = []
            session.events.on("*", lambda event: told.append(event.type))
            data, seq = session._core.data.copy(), session._core.data.seq
            one, two = conv.build_context("Tea?"), await conv.build_context("Tea?")
            assert one.messages == two.messages and one.items == two.items
            assert session._core.data == data and session._core.data.seq == seq
            assert not session._core.pending and told == []


# --- the budget of a session


_steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "add", "add", "update", "budget", "rules", "clear", "later", "compress", "batch"]
        ),
        st.integers(0, 40),
        st.booleans(),
    ),
    max_size=20,
)


@settings(max_examples=60)
@given(_steps)
def test_the_budget_holds_whatever_happens(steps: list[tuple[str, int, bool]]) -> None:
    """After each addition, edit, setting or compression all live entries, pinned ones too, fit; shares hold as well."""
    asyncio.run(_live_through(steps))


async def _live_through(steps: list[tuple[str, int, bool]]) -> None:
    clock = FakeClock()
    config = LEARNING_OFF.replace(max_memory_size=60)
    async with (
        voxon_on(MemorySessionStorage(), clock=clock) as voxon,
        voxon.session(config=config) as session,
    ):
        for what, number, flag in steps:
            with contextlib.suppress(BudgetError):  # the entry alone would not fit: it is not taken in
                _step(session, clock, what, number, flag)
            memory = session.get_memory()
            assert memory.token_count <= session.config.max_memory_size
            for name, rule in session.config.memory_categories.items():
                size = sum(entry.token_count for entry in memory.by_category().get(name, []))
                assert size <= int(session.config.max_memory_size * rule["share"])


def _step(session: Any, clock: FakeClock, what: str, number: int, flag: bool) -> None:
    entries = session.get_memory().entries
    if what in ("add", "batch"):
        with session.batch_update() if what == "batch" else session._core.batch():
            session.add_memory(
                "Likes " + "tea " * (number % 30),
                category="chat" if number % 3 else "other",
                importance=number / 40,
                pinned=flag,
            )
    elif what == "update" and entries:
        session.update_memory(
            entries[number % len(entries)].id, content="word " * (number % 30 + 1), pinned=flag
        )
    elif what == "budget":
        session.config.max_memory_size = number * 3
    elif what == "rules":
        session.config.memory_categories = {"chat": {"share": (number + 1) / 41}} if flag else {}
    elif what == "clear" and entries:
        session.clear_memory(ids=[entries[0].id])
    elif what == "later":
        clock.advance(seconds=number * DAY)
    elif what == "compress":
        session.compress_memory(0)


async def test_a_category_has_its_own_expiry_and_share() -> None:
    """New entries end when their category says so, unless they were told themselves or are pinned."""
    clock = FakeClock()
    rules = {"news": {"expires_after_days": 2, "share": 0.5}}
    config = LEARNING_OFF.replace(memory_categories=rules, max_memory_size=40)
    async with (
        voxon_on(MemorySessionStorage(), clock=clock) as voxon,
        voxon.session(config=config) as session,
    ):
        plain = session.add_memory("It rains", category="news")
        own = session.add_memory("It snows", category="news", expires_after_days=9)
        pinned = session.add_memory("It storms", category="news", pinned=True)
        assert plain.expires_at == clock.now() + timedelta(days=2) and pinned.expires_at is None
        assert own.expires_at == clock.now() + timedelta(days=9)
        assert session.get_memory().entries[0].expires_at is not None
        with pytest.raises(BudgetError, match="share of category 'news' has 20"):
            session.add_memory("many words " * 15, category="news")
        rules["news"]["share"] = 1.0
        session.config.memory_categories["news"]["share"] = 1.0  # copies, both
        assert session.config.memory_categories["news"]["share"] == 0.5
        clock.advance(seconds=3 * DAY)
        assert [entry.id for entry in session.get_memory().entries] == [own.id, pinned.id]


async def test_a_paste_of_ten_megabytes_is_refused_at_once() -> None:
    """It names what it would need and what there is, and is not counted to its end; the session goes on."""
    counted: list[int] = []

    class Counter:
        name, exact = "watched", True

        def count(self, text: str) -> int:
            counted.append(len(text))
            return len(text) // 4

    async with voxon_on(MemorySessionStorage(), token_counter=Counter()) as voxon:
        async with voxon.session(config=LEARNING_OFF) as session:
            with pytest.raises(BudgetError, match="max_memory_size") as caught:
                session.add_memory("All work and no play. " * 480_000)
            assert caught.value.available_tokens == 10_000 and caught.value.needed_tokens > 2_000_000
            assert sum(counted) < 500_000 and not session.get_memory().entries
            session.add_memory("Short.")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("memory_categories", ["chat"], "a dict"),
        ("memory_categories", {"chat": 0.5}, "a dict"),
        ("memory_categories", {"": {}}, "empty"),
        ("memory_categories", {"x" * 101: {}}, "100 characters"),
        ("memory_categories", {"chat": {"share": 0}}, "more than 0"),
        ("memory_categories", {"chat": {"share": 1.5}}, "from 0 to 1"),
        ("memory_categories", {"chat": {"half_life": 3}}, "known rules"),
        ("memory_categories", {f"c{n}": {} for n in range(101)}, "100 categories"),
        ("memory_archive_days", -1, "from 0"),
        ("context_shares", {"memory": 0.5}, "known parts"),
        ("context_shares", {"memories": 2}, "from 0 to 1"),
    ],
)
def test_rules_are_checked_when_they_are_given(name: str, value: Any, said: str) -> None:
    """A wrong rule is refused with its place and what is allowed."""
    with pytest.raises(ConfigurationError, match=said):
        SessionConfig(**{name: value})


# --- in a notebook


async def test_tables_are_escaped_and_hide_what_is_sensitive() -> None:
    """Session, memory, context and reports show themselves without scripts, secrets or markup of the data."""
    clock = FakeClock()
    async with (
        voxon_on(MemorySessionStorage(), clock=clock) as voxon,
        voxon.session(config=LEARNING_OFF) as session,
    ):
        session.add_memory("<script>alert(1)</script> likes tea", category="<b>bold</b>")
        session.add_memory("the secret number is 5551234", sensitive=True)
        clock.advance(seconds=10 * DAY)
        async with session.conversation() as conv:
            await conv.add_messages([{"role": "user", "content": "5551234 <img src=x>"}])
            context = conv.build_context("Hm?")
        report = context.report()
        shown = [
            one._repr_html_()
            for one in (session, session.get_memory(), context, report, session.compress_memory())
        ]
    for html in shown:
        assert "<script" not in html and "<b>" not in html and "<img" not in html and "5551234" not in html
        assert html.count("<div") == html.count("</div>") and html.count("<td") == html.count("</td>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; likes tea" in shown[1] and "[sensitive]" in shown[1]
    assert all("width:240px" in html for html in shown[:4]), "a bar for the budget"
    head, parts, rows = (part.splitlines() for part in str(report).split("\n\n"))
    assert head == [f"{context.token_count} of 8000 tokens (1%): 5 in"]
    assert [line.split() for line in parts] == [
        ["part", "candidates", "in", "tokens"],
        *(
            [kind, str(len(items)), str(len(items)), str(sum(item.tokens for item in items))]
            for kind in ("instructions", "message", "memory")
            for items in [[item for item in context.items if item.kind == kind]]
        ),
    ]
    assert rows[0].split() == ["kind", "id", "tokens", "score", "fate", "why"]
    assert len(rows) == 1 + len(context.items)
