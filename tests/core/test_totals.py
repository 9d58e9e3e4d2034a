"""The counters: bounded in size, the same however often and in whatever pieces they are counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.strategies import FIELDS, START, changes_of, data_with
from voxsession.codec.batch import decode_changes, encode_changes
from voxsession.codec.document import data_from_core, document_sections
from voxsession.core.changes import (
    Change,
    ConfigChanged,
    ConversationEnded,
    ConversationResumed,
    ConversationStarted,
    MessageAdded,
)
from voxsession.core.envelope import stamp
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.totals import DAY_COLUMNS, MAX_FUNCTIONS, MAX_MODELS, OTHER, Totals

MINUTE = timedelta(minutes=1)
MOST_ROWS = 92 + 60 + 30 + 1
COUNTED = sorted(
    kind
    for kind in FIELDS
    if kind.split(".")[0] in ("conversation", "message", "turn", "function", "metric", "milestone")
)
counted = st.lists(st.sampled_from(COUNTED).flatmap(changes_of), max_size=12)
off, on = (ConfigChanged(at=START, values={"enable_analytics": switched}) for switched in (False, True))


def said(minute: float, role: Any = "user", number: int = 0, **fields: Any) -> MessageAdded:
    """A message so many minutes after the start."""
    at = START + minute * MINUTE
    message = Message(
        id=f"m{minute}{role}{number}", conversation_id="c", role=role, content="x", at=at,
        origin=fields.pop("origin", "said"),
    )  # fmt: skip
    return MessageAdded(at=at, message=message, **fields)


def started(minute: float = 0) -> ConversationStarted:
    return ConversationStarted(at=START + minute * MINUTE, conversation_id="c")


def ended(minute: float, seconds: float) -> ConversationEnded:
    return ConversationEnded(at=START + minute * MINUTE, conversation_id="c", duration_seconds=seconds)


def total_seconds(data: SessionData) -> float:
    return data.totals.total_duration_seconds + data.totals.running_seconds


def summed(totals: Totals, column: str) -> float:
    """What all rows of days hold in a column."""
    return sum(row[DAY_COLUMNS.index(column)] for row in totals.days.values())


def through_a_document(data: SessionData) -> SessionData:
    """The data as it is after it was written whole and read."""
    header = {
        "session_id": data.session_id, "created_at": stamp(data.created_at),
        "updated_at": stamp(data.updated_at), "status": data.status, "seq": 1,
    }  # fmt: skip
    return data_from_core(header, document_sections(data)["core"], "s1")


# --- the law


@settings(max_examples=50)
@given(counted, st.integers(0, 12))
def test_replay_gives_the_same_numbers(changes: list[Change], cut: int) -> None:
    """Counting at once, after batches were read, and after a document was written in between agree to the last bit."""
    at_once = data_with(changes)
    read = decode_changes(encode_changes(changes), "s1")
    again = data_with(read)
    resumed = through_a_document(data_with(read[:cut]))
    for change in read[cut:]:
        change.apply(resumed)

    for other in (again, resumed, through_a_document(at_once)):
        assert other.totals == at_once.totals
        assert other.conversations == at_once.conversations
        assert other.metrics == at_once.metrics


@settings(max_examples=50)
@given(counted)
def test_the_days_hold_all_that_was_counted(changes: list[Change]) -> None:
    """However days are folded, their rows add up to the totals, guests aside, and no duration is negative."""
    data = data_with([change for change in changes if change.kind != "conversation.restored"])
    totals = data.totals
    assert summed(totals, "message_count") == totals.message_count - totals.uncounted_messages
    assert summed(totals, "turn_count") == totals.turn_count
    assert summed(totals, "interruption_count") == totals.interruption_count
    assert summed(totals, "input_tokens") == totals.input_tokens
    assert summed(totals, "function_failures") == totals.function_failures
    assert summed(totals, "duration_seconds") == pytest.approx(total_seconds(data), abs=1e-3)
    assert total_seconds(data) >= -1e-6
    assert all(entry.duration_seconds >= 0 <= entry.running_seconds for entry in data.conversations.values())


@settings(max_examples=50)
@given(counted, counted)
def test_counters_add_up(first: list[Change], second: list[Change]) -> None:
    """Two sessions together have the sums of both; the first one's rows are left alone."""
    one, other = data_with(first).totals, data_with(second).totals
    both, before = Totals(), other.copy()
    both.add(one)
    both.add(other)

    assert other == before
    assert both.message_count == one.message_count + other.message_count
    assert both.hours == [a + b for a, b in zip(one.hours, other.hours, strict=True)]
    assert summed(both, "message_count") == both.message_count - both.uncounted_messages
    assert sum(row[0] for row in both.models.values()) == sum(
        row[0] for totals in (one, other) for row in totals.models.values()
    )


# --- days


@given(st.lists(st.dates(date(1, 1, 2), date(9999, 12, 30)), max_size=400))
def test_the_rows_of_days_are_bounded(days: list[date]) -> None:
    """Whatever dates messages claim, so many rows are kept, and nothing is lost."""
    totals = Totals()
    for day in days:
        totals.count_day(day.isoformat(), message_count=1)
    assert len(totals.days) <= MOST_ROWS
    assert summed(totals, "message_count") == len(days)


@settings(max_examples=50)
@given(st.permutations(range(130)))
def test_the_order_of_days_does_not_matter(order: list[int]) -> None:
    """Of days that come in any order the newest 92 have rows of their own."""
    totals = Totals()
    for number in order:
        totals.count_day((date(2026, 1, 1) + timedelta(days=number)).isoformat(), message_count=1)
    days = sorted(key for key in totals.days if len(key) == 10)
    assert days == [(date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(38, 130)]
    assert totals.days["2026-01"][0] == 31 and totals.days["2026-02"][0] == 7


def test_months_become_years() -> None:
    """Ten years of days are 92 days, 60 months and the years before."""
    totals = Totals()
    for number in range(3650):
        totals.count_day((date(2016, 1, 1) + timedelta(days=number)).isoformat(), message_count=1)
    assert [sum(len(key) == n for key in totals.days) for n in (10, 7, 4, 0)] == [92, 60, 5, 0]


def test_rows_of_an_earlier_version_grow() -> None:
    """A row with fewer columns is filled up, also where it is folded."""
    totals = Totals(days={"2026-01-01": [5]})
    totals.count_day("2026-01-01", thanks_count=1)
    assert totals.days["2026-01-01"][:1] == [5] and len(totals.days["2026-01-01"]) == len(DAY_COLUMNS)
    for number in range(1, 93):
        totals.count_day((date(2026, 1, 1) + timedelta(days=number)).isoformat(), message_count=1)
    assert totals.days["2026-01"][0] == 5


def test_names_are_bounded() -> None:
    """A model that invents names of functions, or changes its own, fills no table."""
    totals = Totals()
    for number in range(300):
        totals.count_run(f"f{number}" * 50, 1.0, worked=False)
        totals.count_model(f"m{number}", 1, 2, 3)
        totals.reach(f"messages:{number}")
    assert len(totals.functions) == MAX_FUNCTIONS + 1 and totals.functions[OTHER][0] == 300 - MAX_FUNCTIONS
    assert max(map(len, totals.functions)) <= 64
    assert len(totals.models) == MAX_MODELS + 1 and sum(row[1] for row in totals.models.values()) == 600
    assert len(totals.milestones) == 200


# --- time


def test_a_conversation_lasts_up_to_its_latest_message_and_then_to_its_end() -> None:
    """The steps from message to message and the rest at the end make the whole span, once."""
    data = data_with([started(), said(1), said(3)])
    assert total_seconds(data) == data.conversations["c"].running_seconds == 180.0
    ended(5, 300.0).apply(data)
    assert (data.totals.running_seconds, data.totals.total_duration_seconds) == (0.0, 300.0)
    assert (data.conversations["c"].duration_seconds, data.conversations["c"].running_seconds) == (300.0, 0.0)


def test_clocks_that_go_backwards_take_nothing_away() -> None:
    """A message before the one before it adds no time, and an end before the beginning neither."""
    data = data_with([started(10), said(12), said(3), said(13)])
    assert total_seconds(data) == 180.0
    ended(1, 0.0).apply(data)
    assert total_seconds(data) == 180.0
    assert min(row[DAY_COLUMNS.index("duration_seconds")] for row in data.totals.days.values()) >= 0


def test_a_message_from_the_future_counts_when_it_was_recorded() -> None:
    """It adds neither years of talk nor a day in another century."""
    data = data_with([started(), said(60 * 24 * 365 * 50, counted_at=START + 2 * MINUTE), said(3)])
    assert total_seconds(data) == 180.0
    assert list(data.totals.days) == [START.date().isoformat()]


def test_a_span_that_never_ended_is_kept_when_the_conversation_goes_on() -> None:
    """After a crash it lasted up to its latest message; the time until it was resumed does not count."""
    resumed = ConversationResumed(at=START + 600 * MINUTE, conversation_id="c")
    data = data_with([started(), said(5), resumed, said(602)])
    assert total_seconds(data) == 300.0 + 120.0
    ended(603, 180.0).apply(data)
    assert total_seconds(data) == data.conversations["c"].duration_seconds == 480.0


def test_what_is_said_after_the_end_counts_from_the_end() -> None:
    """Another process may go on with a conversation that was ended here: nothing counts twice."""
    data = data_with([started(), said(5), ended(6, 360.0), said(8)])
    assert total_seconds(data) == 480.0


def test_imported_talk_lasts_as_long_as_its_end_says() -> None:
    """Pauses of days between imported messages are no talk."""
    data = data_with(
        [started(), said(1, origin="imported"), said(5000, origin="imported"), ended(5000, 90.0)]
    )
    assert total_seconds(data) == 90.0


def test_a_day_is_that_of_the_zone() -> None:
    """`local_day` decides, else the date in UTC."""
    data = data_with([started(), said(1, local_day="2025-12-31"), said(2)])
    assert {day: row[0] for day, row in data.totals.days.items()} == {"2025-12-31": 1, "2026-01-01": 1}


# --- the switch


@settings(max_examples=50)
@given(counted)
def test_nothing_is_counted_while_it_is_off(changes: list[Change]) -> None:
    """From the change of the setting on all counters stand still; what is stored of messages goes on."""
    automatic = [change for change in changes if change.kind != "metric.tracked"]
    data = data_with([said(0), off])
    before = data.totals.copy()
    for change in automatic:
        change.apply(data)

    messages = sum(change.kind == "message.added" for change in automatic)
    assert data.totals.message_count == before.message_count + messages
    assert data.totals.uncounted_messages == messages
    assert data.totals.conversation_count - data.totals.uncounted_conversations == before.conversation_count
    for name in (
        "turn_count interruption_count injection_count response_count input_tokens output_tokens hours days "
        "function_calls function_runs functions models thanks_count"
    ).split():
        assert getattr(data.totals, name) == getattr(before, name), name
    # What was counted before may end now, but grows no more.
    restored = any(change.kind in ("conversation.restored", "conversation.resumed") for change in automatic)
    assert restored or total_seconds(data) == pytest.approx(0.0)


def test_time_that_passed_while_it_was_off_does_not_count_later() -> None:
    """Switched on again, the span has the time before and after."""
    data = data_with([started(), said(2), off, said(10), on, said(11), ended(12, 720.0)])
    assert total_seconds(data) == (2 + 2) * 60
    assert data.conversations["c"].turn_count == 2 and data.conversations["c"].message_count == 3


def test_an_end_while_it_is_off_keeps_what_was_counted() -> None:
    """What was counted of the span before stays."""
    assert total_seconds(data_with([started(), said(2), off, ended(12, 720.0)])) == 120.0


def test_the_cost_of_a_message_does_not_grow() -> None:
    """After years of use a message touches one row of its day and one entry."""
    data = data_with([started()])
    for number in range(2000):
        said(number * 600).apply(data)
    rows = {day: row for day, row in data.totals.days.items()}
    copies = {day: list(row) for day, row in rows.items()}
    said(1999 * 600 + 1).apply(data)
    assert sum(data.totals.days[day] != copies[day] for day in copies) == 1
    assert all(data.totals.days[day] is row for day, row in rows.items())
    assert len(document_sections(data)["core"]) < 16_000


def test_a_day_of_utc_is_the_default() -> None:
    """A change that was stored before days were kept counts for its date in UTC."""
    stored = b'[["message.added",{"at":"2026-03-01T23:30:00Z","message":{"id":"m","conversation_id":"c","role":"user",'
    stored += b'"content":"x","at":"2026-03-01T23:30:00Z"},"local_hour":0}]]'
    data = data_with(decode_changes(stored, "s"))
    assert list(data.totals.days) == ["2026-03-01"]
    assert data.conversations["c"].started_at == datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


# --- off and on again


def switched(minute: float, on: bool) -> ConfigChanged:
    return ConfigChanged(at=START + minute * MINUTE, values={"enable_analytics": on})


def test_the_time_while_analytics_is_off_is_no_part_of_a_duration() -> None:
    """Ten minutes, of which it was off for six, are four: by the messages, and by the end as well."""
    steps = [started(), said(1), switched(2, False), said(4), switched(8, True), said(9)]
    assert total_seconds(data_with(steps)) == 180.0
    assert total_seconds(data_with([*steps, ended(10, 600.0)])) == 240.0
    silent = [started(), said(1), switched(2, False), switched(8, True), said(9)]
    assert total_seconds(data_with(silent)) == 180.0
    assert total_seconds(data_with([*silent, ended(10, 600.0)])) == 240.0
    again = [*steps, switched(9, False), switched(9.5, True), said(10)]
    assert total_seconds(data_with(again)) == 210.0


def test_a_conversation_that_began_while_off_counts_from_when_it_is_on() -> None:
    """It has a duration and a place in the count from its first counted message on, and neither before."""
    data = data_with([switched(0, False), started(1), said(2), switched(5, True)])
    assert (total_seconds(data), data.totals.uncounted_conversations, data.totals.days) == (0.0, 1, {})
    for change in (said(7), ended(8, 7 * 60.0)):
        change.apply(data)
    assert (total_seconds(data), data.totals.uncounted_conversations) == (180.0, 0)
    assert summed(data.totals, "conversation_count") == 1 and summed(data.totals, "duration_seconds") == 180.0


def test_a_conversation_that_never_counted_has_no_duration_either() -> None:
    """Ended after the switch, without a message that counts, it adds nothing."""
    data = data_with([switched(0, False), started(1), said(2), switched(5, True), ended(8, 420.0)])
    assert total_seconds(data) == 0.0 and data.totals.uncounted_conversations == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(["said", "off", "on", "resume", "end"]), st.floats(0, 30)), max_size=12
    )
)
def test_no_more_is_counted_than_passed_while_on(steps: list[tuple[str, float]]) -> None:
    """However it is switched, the duration is at most the time that it was on; the days agree with the total."""
    data, minute, on, on_minutes = data_with([started()]), 0.0, True, 0.0
    opened = 0.0
    for what, pause in steps:
        minute += pause
        on_minutes += pause if on else 0.0
        if what in ("off", "on"):
            on = what == "on"
        change = {
            "said": said(minute),
            "off": switched(minute, False),
            "on": switched(minute, True),
            "end": ended(minute, (minute - opened) * 60),
            "resume": ConversationResumed(at=START + minute * MINUTE, conversation_id="c"),
        }[what]
        opened = minute if what == "resume" else opened
        change.apply(data)
    if "end" not in [what for what, _ in steps]:
        assert -1e-6 <= total_seconds(data) <= on_minutes * 60 + 1e-6
    assert summed(data.totals, "duration_seconds") == pytest.approx(total_seconds(data))


# --- transcripts


def test_a_transcript_lasts_from_its_first_to_its_last_message() -> None:
    """Recorded weeks later, it counts on its own day, and the moments of recording it count for nothing."""
    data = data_with([started(60 * 24 * 30), said(0), said(4), said(10), ended(60 * 24 * 30 + 5, 300.0)])
    assert total_seconds(data) == data.conversations["c"].duration_seconds == 600.0
    row = dict(zip(DAY_COLUMNS, data.totals.days[START.date().isoformat()], strict=True))
    assert (row["conversation_count"], row["message_count"], row["duration_seconds"]) == (1, 3, 600.0)
    assert summed(data.totals, "conversation_count") == 1
    assert summed(data.totals, "duration_seconds") == 600.0


def test_a_transcript_that_is_gone_on_from_does_not_last_until_today() -> None:
    """The weeks between what was recorded afterwards and what is said now are no conversation."""
    opened = 60 * 24 * 30
    data = data_with([started(opened), said(0), said(10), said(opened + 1), ended(opened + 3, 180.0)])
    assert total_seconds(data) == 600.0 + 180.0
