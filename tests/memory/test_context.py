"""The context: inside its budget whatever it is made of, never a half turn, and a reason for everything."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.memory.talk import SENTENCES, START, call, message, sentences, talks
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.rules import CONTEXT_SHARES
from voxsession.core.struct import evolve
from voxsession.core.types import encode_json
from voxsession.errors import BudgetError, ConfigurationError
from voxsession.memory.building import build_context
from voxsession.memory.context import Context, ContextParts
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.tokens import EstimatedCounter, TiktokenCounter, TokenCounter
from voxsession.memory.turns import call_ids, complete_turns
from voxsession.testing.models import refuse_bad_messages

NOW = START + timedelta(days=2)
OVERHEAD = 4
PLENTY = 10_000_000


class FormulaCounter:
    """A counter made of a formula; `exact` as it is told."""

    def __init__(self, name: str, formula: Callable[[str], int], *, exact: bool = True) -> None:
        self.name, self.exact, self._formula = name, exact, formula

    def count(self, text: str) -> int:
        return self._formula(text)


def _tiktoken() -> TokenCounter | None:
    try:
        return TiktokenCounter()
    except ConfigurationError:
        return None


# Words, characters, estimates, the real thing - and two for whom a whole is more than its parts together.
COUNTERS: dict[str, TokenCounter | None] = {
    "words": FormulaCounter("words", lambda text: len(text.split())),
    "estimate": EstimatedCounter(),
    "guarded": EstimatedCounter(guard=True),
    "tiktoken": _tiktoken(),
    "floor": FormulaCounter("floor", lambda text: len(text) // 16, exact=False),
    "square": FormulaCounter("square", lambda text: len(text) ** 2 // 400),
}


counters = st.sampled_from([counter for counter in COUNTERS.values() if counter is not None])


@pytest.fixture(scope="module", params=COUNTERS)
def each_counter(request: pytest.FixtureRequest) -> TokenCounter:
    found = COUNTERS[request.param]
    if found is None:
        pytest.skip("the ranks are not on this machine: `make ranks` fetches them")
    return found


def entry(number: int, content: str = "a fact", **fields: Any) -> MemoryEntry:
    given_fields = {"timestamp": START + timedelta(hours=number), **fields}
    return MemoryEntry(id=f"e{number}", content=content, **given_fields)


def parts_of(messages: list[Message] | None = None, **fields: Any) -> ContextParts:
    """The parts of a context, with a large budget and nothing else in it."""
    plain: dict[str, Any] = {"instructions": "", "entries": [], "budget_tokens": PLENTY, "now": NOW}
    return ContextParts(messages=messages or [], **{**plain, **fields})


def counted(messages: list[Message], counter: TokenCounter) -> list[Message]:
    """The messages with their sizes, as they are when this counter recorded them; every third was never counted."""
    return [
        evolve(
            one,
            token_count=0 if place % 3 == 2 else counter.count(one.content or ""),
            estimated=place % 3 == 2 or not counter.exact,
        )
        for place, one in enumerate(messages)
    ]


def real_tokens(messages: list[dict[str, Any]], counter: TokenCounter) -> int:
    """What the messages really take: contents, names, calls, and four for each message."""
    total = 0
    for one in messages:
        total += OVERHEAD + counter.count(one["content"] or "")
        total += counter.count(one["name"]) + 1 if "name" in one else 0
        total += counter.count(encode_json(one["tool_calls"]).decode()) if "tool_calls" in one else 0
        total += counter.count(one["tool_call_id"]) if "tool_call_id" in one else 0
    return total


_entries = st.lists(
    st.builds(
        lambda content, category, importance, pinned, age: (content, category, importance, pinned, age),
        sentences,
        st.sampled_from(["general", "identity", "preference", "interest"]),
        st.sampled_from([0.0, 0.5, 0.5, 1.0]),  # so that many are of one rank
        st.booleans(),
        st.sampled_from([-10, 3, 3, 400]),
    ),
    max_size=8,
).map(
    lambda rows: [
        entry(
            n,
            content,
            category=category,
            importance=importance,
            pinned=pinned,
            timestamp=NOW - timedelta(days=age),
        )
        for n, (content, category, importance, pinned, age) in enumerate(rows)
    ]
)


@st.composite
def all_parts(draw: st.DrawFn) -> ContextParts:
    """Any parts: some of the matches are among the entries, some among the messages, some from elsewhere."""
    messages, entries = draw(talks(max_size=10)), draw(_entries)
    past = [message(50 + n, draw(st.sampled_from(["user", "assistant"])), draw(sentences)) for n in range(3)]
    said = [one for one in messages if one.role in ("user", "assistant") and one.content and not one.redacted]
    found: list[Any] = draw(st.lists(st.sampled_from([*entries, *past, *said]), max_size=6, unique_by=id))
    matches = [
        MemoryMatch(
            score=1 - place / 10,
            reasons=("words: x",) * (place % 2),
            entry=one if isinstance(one, MemoryEntry) else None,
            message=one if isinstance(one, Message) else None,
        )
        for place, one in enumerate(found)
    ]
    return ContextParts(
        instructions=draw(st.sampled_from(["", "  ", "You are a helpful assistant", *SENTENCES])),
        messages=messages,
        entries=entries,
        matches=matches,
        wishes=draw(st.lists(sentences, max_size=2)),
        state=draw(st.none() | st.dictionaries(sentences, sentences, max_size=2)),
        summaries=[entry(90 + n, draw(sentences)) for n in range(draw(st.integers(0, 2)))],
        conversation_id=draw(st.sampled_from([None, "c1", "c2"])),
        shares=draw(st.dictionaries(st.sampled_from(sorted(CONTEXT_SHARES)), st.floats(0, 1), max_size=6)),
        complete=draw(st.booleans()),
        budget_tokens=draw(st.integers(0, 60) | st.integers(60, 600)),
        now=NOW,
    )


def built(parts: ContextParts, counter: TokenCounter) -> Context:
    """The context of parts whose messages this counter recorded; parts that do not fit are left to another test."""
    try:
        return build_context(evolve(parts, messages=counted(list(parts.messages), counter)), counter)
    except BudgetError:
        assume(False)
        raise


# --- the laws


@settings(max_examples=40)
@given(parts=all_parts())
def test_a_context_never_exceeds_its_budget(each_counter: TokenCounter, parts: ContextParts) -> None:
    """What is sent, counted as a whole by the same counter, is at most the budget, and is what it says it is."""
    context = built(parts, each_counter)
    tokens = real_tokens(context.messages, each_counter)
    assert tokens <= context.token_count <= context.budget_tokens == parts.budget_tokens


@settings(max_examples=40)
@given(counter=counters, parts=all_parts())
def test_what_must_be_in_is_in(counter: TokenCounter, parts: ContextParts) -> None:
    """Instructions and the newest turn are always in; `BudgetError` says so just when they alone do not fit."""
    parts = evolve(parts, messages=counted(list(parts.messages), counter))
    turns = complete_turns(parts.messages)
    newest = turns[-1].messages if turns else []
    alone = build_context(parts_of(newest, instructions=parts.instructions), counter)
    if alone.token_count > parts.budget_tokens:
        with pytest.raises(BudgetError) as caught:
            build_context(parts, counter)
        assert caught.value.needed_tokens == alone.token_count > parts.budget_tokens
        assert caught.value.available_tokens == parts.budget_tokens
        return
    context = build_context(parts, counter)
    instructions = parts.instructions.strip()
    if instructions:
        assert context.messages[0]["role"] == "system" and context.messages[0]["content"].startswith(
            instructions
        )
    start = len(context.messages) - len(newest)
    assert [one["content"] for one in context.messages[start:]] == [
        one.content if one.content is not None or call_ids(one) else "" for one in newest
    ]


@settings(max_examples=40)
@given(counter=counters, parts=all_parts())
def test_an_endpoint_takes_it(counter: TokenCounter, parts: ContextParts) -> None:
    """Never a call without its result right behind it, nor a result without its call, however small the budget."""
    context = built(parts, counter)
    if context.messages:
        refuse_bad_messages(context.messages)
    assert sum(one["role"] == "system" and place == 0 for place, one in enumerate(context.messages)) <= 1


@settings(max_examples=40)
@given(parts=all_parts())
def test_recent_messages_have_no_gap(parts: ContextParts) -> None:
    """The conversation that is in is its end: whole turns, none left out between two that are in."""
    counter = COUNTERS["words"]
    assert counter is not None
    context = built(parts, counter)
    turns = complete_turns(counted(list(parts.messages), counter))
    wholes = [
        [one.content or "" for turn in turns[start:] for one in turn.messages]
        for start in range(len(turns) + 1)
    ]
    said = [one["content"] or "" for one in context.messages]
    if said and context.messages[0]["role"] == "system" and said not in wholes:
        said = said[1:]
    assert said in wholes


@settings(max_examples=40)
@given(parts=all_parts(), seed=st.integers(0, 99))
def test_the_same_parts_give_the_same_context(parts: ContextParts, seed: int) -> None:
    """Building is deterministic, and the order in which entries are handed in does not matter."""
    counter = COUNTERS["estimate"]
    assert counter is not None
    shuffled = list(parts.entries)
    random.Random(seed).shuffle(shuffled)
    assert built(parts, counter) == built(parts, counter) == built(evolve(parts, entries=shuffled), counter)


@settings(max_examples=40)
@given(counter=counters, parts=all_parts())
def test_the_report_has_a_row_for_every_candidate(counter: TokenCounter, parts: ContextParts) -> None:
    """Each message, entry, match, wish and state is told with its size and the reason why it is in or not."""
    context = built(parts, counter)
    rows = context.report()
    assert all(row["reason"] and row["tokens"] >= 0 for row in rows)

    def ids(kind: str, *, included: bool | None = None) -> list[Any]:
        return [row["id"] for row in rows if row["kind"] == kind and included in (None, row["included"])]

    assert {one.id for one in parts.messages if not one.redacted} <= set(ids("message"))
    assert sorted(ids("memory")) == sorted(one.id for one in parts.entries)
    assert ids("recalled") == [match.message.id for match in parts.matches if match.message is not None]
    assert len(ids("preference")) == len(parts.wishes)
    assert len(ids("state")) == bool(parts.state) and len(ids("instructions")) == 1
    assert ids("summary") == [one.id for one in parts.summaries]
    for item in context.items:
        assert item.fate == (
            "out" if not item.included else "in" if item.full_tokens is None else "shortened"
        )
    assert ids("memory", included=True) == [one.id for one in context.memories]
    assert ids("recalled", included=True) == [match.message.id for match in context.recalled if match.message]
    sent = {one["content"] for one in context.messages}
    for one in complete_turns(list(parts.messages))[-1:]:
        assert {said.content or "" for said in one.messages} <= {content or "" for content in sent}


@settings(max_examples=40)
@given(parts=all_parts())
def test_no_part_takes_more_than_its_share(parts: ContextParts) -> None:
    """Each part keeps inside its share of what instructions and the newest turn leave, headings and all."""
    counter = COUNTERS["words"]
    assert counter is not None
    context = built(parts, counter)
    fixed = sum(item.tokens for item in context.items if item.reason in ("always in", "the turn to answer"))
    fixed -= sum(
        item.tokens for item in context.items if item.kind in ("preference", "state") and item.included
    )
    stands = {one.id for one in parts.entries if one.pinned or one.category in ("identity", "preference")}
    taken = dict.fromkeys(("standing", "state", "memories", "summaries", "branch"), 0)
    names = {"preference": "standing", "state": "state", "summary": "summaries", "branch": "branch"}
    for item in context.items:
        if item.included and item.kind == "memory":
            taken["standing" if item.id in stands else "memories"] += item.tokens
        elif item.included and item.kind in names:
            taken[names[item.kind]] += item.tokens
    room = max(parts.budget_tokens - fixed, 0)
    for part, tokens in taken.items():
        assert tokens <= int(room * parts.shares.get(part, CONTEXT_SHARES[part]))


# --- what is chosen


WORDS = FormulaCounter("words", lambda text: len(text.split()))


def test_nothing_to_send() -> None:
    """Without instructions and messages there is nothing, and it costs nothing."""
    context = build_context(parts_of(budget_tokens=0), WORDS)
    assert (context.messages, context.token_count, context.complete) == ([], 0, True)


def test_sections_come_in_order() -> None:
    """Instructions, wishes, what the app gave, memories, what was said before: one system message in that order."""
    past = message(7, "user", "I have  a\ndog", name="Ann\nB")
    earlier = message(3, "assistant", "It is Rome")
    context = build_context(
        parts_of(
            [message(9, "user", "Hello")],
            instructions=" Be kind. ",
            wishes=["Answer briefly."],
            state={"plan": "gold"},
            entries=[entry(1, "Her name\nis Alice", category="identity"), entry(2, "likes tea")],
            matches=[MemoryMatch(score=1.0, message=past), MemoryMatch(score=0.5, message=earlier)],
        ),
        WORDS,
    )
    assert context.messages == [
        {
            "role": "system",
            "content": "Be kind.\n\n"
            "How the user likes to be answered:\n- Answer briefly.\n"
            'Given by the application:\n{"plan":"gold"}\n'
            "What you remember about the user:\n"
            "- Her name is Alice (1 January 2026)\n- likes tea (1 January 2026)\n"
            "What was said in earlier conversations:\n"
            "- [1 January 2026] assistant: It is Rome\n- [1 January 2026] Ann B: I have a dog",
        },
        {"role": "user", "content": "Hello"},
    ]


def test_standing_entries_come_first() -> None:
    """Pinned, identity, wish and preference come first, then what search found, then importance x recency."""
    entries = [
        entry(1, importance=0.9),
        entry(2, importance=0.1),
        entry(3, category="preference", importance=0.2),
        entry(4, pinned=True, importance=0.1),
        entry(5, importance=0.95, timestamp=NOW - timedelta(days=300)),
        entry(6, category="identity", importance=0.9),
    ]
    matches = [MemoryMatch(score=0.4, entry=entries[1], reasons=("words: fact",))]
    context = build_context(parts_of(entries=entries, matches=matches), WORDS)
    assert [one.id for one in context.memories] == ["e6", "e3", "e4", "e2", "e1", "e5"]
    reasons = {row["id"]: row["reason"] for row in context.report() if row["kind"] == "memory"}
    assert reasons["e6"] == "standing: identity" and reasons["e4"] == "pinned"
    assert reasons["e2"] == "words: fact" and reasons["e1"] == "by importance x recency"


def test_memories_leave_room_for_the_conversation() -> None:
    """However much is remembered, the latest messages still find most of the room."""
    messages = [message(n, "user" if n % 2 == 0 else "assistant", f"{n} " + "word " * 9) for n in range(20)]
    entries = [entry(n, "fact " * 12, importance=0.9) for n in range(30)]
    context = build_context(parts_of(counted(messages, WORDS), entries=entries, budget_tokens=200), WORDS)
    spoken = [one for one in context.messages if one["role"] != "system"]
    assert context.memories and len(spoken) * 14 > 100


def test_what_is_in_the_recent_messages_is_not_repeated() -> None:
    """A match that is in the conversation already, or comes twice, is told and not said again."""
    here, past = message(1, "user", "I live in Rome"), message(2, "user", "I like tea", conversation_id="c0")
    matches = [MemoryMatch(score=1.0, message=here), *(MemoryMatch(score=0.5, message=past),) * 2]
    context = build_context(parts_of([here, message(3, "user", "Where?")], matches=matches), WORDS)
    assert [match.message for match in context.recalled] == [past]
    reasons = [row["reason"] for row in context.report() if row["kind"] == "recalled"]
    assert reasons[0] == "out: in the recent messages already" and reasons[2].startswith("out")


def test_a_turn_that_does_not_fit_hides_what_came_before() -> None:
    """The first turn without room ends the conversation, also where a shorter one before it would fit."""
    messages = [
        message(0, "user", "short"),
        message(1, "user", "long " * 50),
        message(2, "assistant", "yes"),
        message(3, "user", "and now?"),
    ]
    context = build_context(parts_of(counted(messages, WORDS), budget_tokens=40), WORDS)
    assert [one["content"] for one in context.messages] == ["and now?"]
    assert [row["id"] for row in context.report() if not row["included"]] == ["m01", "m02", "m00"]
    assert context.complete


def test_completeness_is_told() -> None:
    """A context is complete when all that could matter was there, or what was missing had found no room."""
    messages = counted([message(0, "user", "long " * 50), message(1, "user", "and now?")], WORDS)
    for complete, budget, expected in (
        (True, 40, True),
        (False, 40, True),
        (False, 400, False),
        (True, 400, True),
    ):
        parts = parts_of(messages, complete=complete, budget_tokens=budget)
        assert build_context(parts, WORDS).complete is expected


def test_the_newest_turn_is_whole() -> None:
    """In the middle of a turn with calls, all of it is in, or `BudgetError`; a half turn is never sent."""
    messages = [
        message(0, "user", "How warm is it?"),
        message(1, "assistant", None, tool_calls=call("call_1", "call_2")),
        message(2, "tool", "4", tool_call_id="call_1"),
    ]
    context = build_context(parts_of(counted(messages, WORDS)), WORDS)
    assert [one["role"] for one in context.messages] == ["user", "assistant", "tool", "tool"]
    assert "was recorded" in context.messages[-1]["content"]
    assert any(row["reason"].startswith("repaired") for row in context.report())
    with pytest.raises(BudgetError, match=r"need \d+ tokens"):
        build_context(parts_of(counted(messages, WORDS), budget_tokens=context.token_count - 1), WORDS)
    assert build_context(parts_of(counted(messages, WORDS), budget_tokens=context.token_count), WORDS)


def test_estimates_are_recounted_when_that_is_possible() -> None:
    """A size that was estimated is counted anew by an exact counter, and trusted by one that estimates too."""
    said = message(0, "user", "one two three", token_count=50, estimated=True)
    assert build_context(parts_of([said]), WORDS).token_count == 3 + OVERHEAD
    guess = FormulaCounter("guess", lambda text: len(text.split()), exact=False)
    assert build_context(parts_of([said]), guess).token_count == 50 + OVERHEAD


def test_each_text_of_a_message_is_sent_as_endpoints_take_it() -> None:
    """Names, calls and results keep their fields; a text that is missing without a call is an empty one."""
    messages = [
        message(0, "user", None, name="Ann", tool_calls=call("x"), tool_call_id="y"),
        message(1, "assistant", None, tool_calls=call("call_1")),
        message(2, "tool", "4", tool_call_id="call_1", name="weather"),
        message(3, "assistant", None),
    ]
    assert build_context(parts_of(counted(messages, WORDS)), WORDS).messages == [
        {"role": "user", "content": "", "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": call("call_1")},
        {"role": "tool", "content": "4", "tool_call_id": "call_1"},
        {"role": "assistant", "content": ""},
    ]


def test_a_long_text_is_counted_once() -> None:
    """However often a size is asked for while a context is built, each message is counted once."""
    asked: list[str] = []

    def count(text: str) -> int:
        asked.append(text)
        return len(text.split())

    messages = [message(n, "user", f"text {n}", estimated=True) for n in range(5)]
    build_context(parts_of(messages), FormulaCounter("watched", count))
    assert sorted(asked) == sorted(one.content or "" for one in messages)


def test_the_text_form_shows_no_content() -> None:
    """A context in a log tells how full it is, and nothing that was said."""
    context = build_context(parts_of([message(0, "user", "secret")], instructions="secret too"), WORDS)
    assert "secret" not in repr(context) + repr(context.items)
    assert repr(context) == f"Context(2 messages, {context.token_count}/{PLENTY} tokens)"


STORY = "It rained. " * 30 + "The dog is called Rex. " + "They walked on. " * 30


def test_a_long_memory_is_shortened_to_what_is_asked_for() -> None:
    """What was found and does not fit whole is there with the sentences that fit the question, and told so."""
    one = entry(1, STORY)
    matches = [MemoryMatch(score=0.9, entry=one, reasons=("words: called",))]
    asked = message(9, "user", "What is the dog called?")
    context = build_context(parts_of([asked], entries=[one], matches=matches, budget_tokens=150), WORDS)
    (row,) = [row for row in context.report() if row["kind"] == "memory"]
    assert row["included"] and row["full_tokens"] > row["tokens"] and row["reason"].startswith("shortened (")
    assert "The dog is called Rex." in context.messages[0]["content"] and context.memories == (one,)


def test_a_long_past_message_is_shortened_too() -> None:
    """A recalled message that would not fit gives its fitting sentences instead of nothing."""
    past = message(1, "user", STORY, conversation_id="c0")
    matches = [MemoryMatch(score=0.9, message=past)]
    asked = message(9, "user", "What is the dog called?")
    context = build_context(parts_of([asked], matches=matches, budget_tokens=100), WORDS)
    assert "user: " in context.messages[0]["content"] and "called Rex." in context.messages[0]["content"]
    assert [match.message for match in context.recalled] == [past]


def test_wishes_that_stand_do_not_depend_on_search() -> None:
    """However much search finds, identity, instructions and preferences keep a share of their own."""
    standing = [entry(n, f"Always do {n}", category="instruction") for n in range(3)]
    found = [entry(10 + n, "fact " * 10) for n in range(30)]
    matches = [MemoryMatch(score=1.0, entry=one) for one in found]
    parts = parts_of(
        [message(9, "user", "Hi")], entries=[*found, *standing], matches=matches, budget_tokens=120
    )
    context = build_context(parts, WORDS)
    assert {one.id for one in standing} < {one.id for one in context.memories}


def test_a_large_state_leaves_room_for_the_rest() -> None:
    """What the app gives is in whole or not at all, and never takes more than its share."""
    parts = parts_of(
        [message(9, "user", "Hi")], state={"log": "x " * 60}, entries=[entry(1)], budget_tokens=120
    )
    context = build_context(parts, WORDS)
    (row,) = [row for row in context.report() if row["kind"] == "state"]
    assert not row["included"] and "share" in row["reason"] and context.memories
    assert build_context(evolve(parts, shares={"state": 1.0}), WORDS).messages[0]["content"].count("x") == 60
