"""Time in words: which dates a question names, and which texts say when something was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.memory.time_words import asked_spans, asks_when, says_when

AT = datetime(2024, 5, 15, 12, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("on 2023-11-05", "2023-11-05", "2023-11-06"),
        ("on 8 May 2023", "2023-05-08", "2023-05-09"),
        ("on the 8th of May, 2023", "2023-05-08", "2023-05-09"),
        ("on May 8th", "2024-05-08", "2024-05-09"),
        ("on Dec. 24", "2023-12-24", "2023-12-25"),
        ("in July 2023", "2023-07-01", "2023-08-01"),
        ("in December", "2023-12-01", "2024-01-01"),
        ("in 2022", "2022-01-01", "2023-01-01"),
        ("yesterday", "2024-05-14", "2024-05-15"),
        ("last night", "2024-05-14", "2024-05-15"),
        ("the day before yesterday", "2024-05-13", "2024-05-14"),
        ("this morning", "2024-05-15", "2024-05-16"),
        ("three days ago", "2024-05-12", "2024-05-13"),
        ("a week ago", "2024-05-05", "2024-05-12"),
        ("two months ago", "2024-03-01", "2024-04-01"),
        ("6 months ago", "2023-11-01", "2023-12-01"),
        ("a couple of years ago", "2022-01-01", "2023-01-01"),
        ("in the last 3 days", "2024-05-12", "2024-05-16"),
        ("last week", "2024-05-06", "2024-05-13"),
        ("this week", "2024-05-13", "2024-05-20"),
        ("last weekend", "2024-05-10", "2024-05-13"),
        ("last month", "2024-04-01", "2024-05-01"),
        ("last year", "2023-01-01", "2024-01-01"),
        ("last Wednesday", "2024-05-08", "2024-05-09"),
        ("on Monday", "2024-05-13", "2024-05-14"),
        ("in the summer of 2022", "2022-06-01", "2022-09-01"),
        ("last summer", "2023-06-01", "2023-09-01"),
        ("during the winter", "2023-12-01", "2024-03-01"),
        ("a fortnight ago", "2024-04-28", "2024-05-05"),
        ("two fortnights ago", "2024-04-14", "2024-04-21"),
        ("last fortnight", "2024-05-01", "2024-05-16"),
        ("three weeks back", "2024-04-21", "2024-04-28"),
        ("twenty days ago", "2024-04-25", "2024-04-26"),
        ("the week before last", "2024-04-29", "2024-05-06"),
        ("last May", "2023-05-01", "2023-06-01"),
        ("last Christmas", "2023-12-24", "2023-12-27"),
        ("over Christmas 2022", "2022-12-24", "2022-12-27"),
        ("on New Year's Eve", "2023-12-31", "2024-01-01"),
        ("at Easter", "2024-03-29", "2024-04-02"),
        ("Easter 2023", "2023-04-07", "2023-04-11"),
        ("last Thanksgiving", "2023-11-23", "2023-11-24"),
        ("on the 5th", "2024-05-05", "2024-05-06"),
        ("on the 31st", "2024-03-31", "2024-04-01"),
        ("on the 5th of last month", "2024-04-05", "2024-04-06"),
        ("on 5.6.2023", "2023-06-05", "2023-06-06"),
        ("on 23.5.2023", "2023-05-23", "2023-05-24"),
        ("on 5/23/2023", "2023-05-23", "2023-05-24"),
        ("on 23/5/23", "2023-05-23", "2023-05-24"),
        ("on 5/5/2023", "2023-05-05", "2023-05-06"),
        ("in the first week of June", "2023-06-01", "2023-06-08"),
        ("in the last week of April 2023", "2023-04-24", "2023-05-01"),
        ("in early June", "2023-06-01", "2023-06-11"),
        ("mid-June", "2023-06-11", "2023-06-21"),
        ("in late February", "2024-02-21", "2024-03-01"),
        ("at the end of April", "2024-04-21", "2024-05-01"),
        ("in the first half of April", "2024-04-01", "2024-04-16"),
        ("between March and April", "2024-03-01", "2024-05-01"),
        ("between November and February", "2023-11-01", "2024-03-01"),
        ("from 3 May to June 8th, 2023", "2023-05-03", "2023-06-09"),
        ("between November 2022 and February", "2022-11-01", "2023-03-01"),
        ("from 2021 to 2022", "2021-01-01", "2023-01-01"),
    ],
)
def test_a_question_names_a_time(query: str, start: str, end: str) -> None:
    """Dates and words counted from a moment are read as one stretch of days."""
    (span,) = asked_spans(f"What did I do {query}?", AT)
    assert (str(span.start.date()), str(span.end.date())) == (start, end)


@pytest.mark.parametrize(
    "query",
    [
        "May I march on?",
        "the second half",
        "31 June",
        "room 2045b",
        "as of December 2023",
        "",
        "in 1066",
        "9999 years ago",
        "on the 5th floor",
        "on the 45th",
        "version 5.6.2",
        "this Christmas",
        "on 31/13/24",
    ],
)
def test_what_is_no_time_is_left_alone(query: str) -> None:
    """Words and numbers that only look like a time name none."""
    assert asked_spans(query, AT) == ()


def test_a_named_date_is_not_read_twice() -> None:
    """The year inside a date, or a weekday beside it, is not another stretch."""
    assert [span.words for span in asked_spans("on the Monday before July 24, 2023", AT)] == ["july 24, 2023"]


def test_several_dates_are_several_spans() -> None:
    """A question may name more than one time."""
    assert len(asked_spans("in May 2023 or in June 2021", AT)) == 2


def test_a_date_in_numbers_that_may_be_of_either_month_names_both_days() -> None:
    """5/6 is 5 June to one asker and 6 May to another: neither is passed over, and the year is not read besides."""
    spans = asked_spans("What was on 5/6/2023?", AT)
    assert [str(span.start.date()) for span in spans] == ["2023-06-05", "2023-05-06"]
    assert {span.end - span.start for span in spans} == {timedelta(days=1)}


def test_only_words_counted_from_now_are_marked() -> None:
    """ "Last week" means another time in every text, a calendar date does not."""
    asked = ["last week", "two weeks ago", "on the 5th", "in May 2023", "last Christmas"]
    assert [asked_spans(words, AT)[0].counted for words in asked] == [True, True, True, False, False]


def test_days_begin_at_the_askers_midnight() -> None:
    """Spans are counted in the time zone of the moment that is given; a naive moment counts as UTC."""
    zone = timezone(timedelta(hours=5))
    (span,) = asked_spans("today", AT.astimezone(zone))
    assert span.start == datetime(2024, 5, 15, tzinfo=zone)
    assert asked_spans("today", AT.replace(tzinfo=None)) == asked_spans("today", AT)


@given(
    st.text()
    | st.lists(
        st.sampled_from("last this 31 2 a week month May June 2023 0 ago day on monday 19".split())
    ).map(" ".join)
)
def test_any_text_is_read(query: str) -> None:
    """No text fails, and each stretch begins before it ends."""
    for moment in (AT, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert all(span.start < span.end for span in asked_spans(query, moment))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("When did I move?", True),
        ("  when was it", True),
        ("What date is the wedding?", True),
        ("On which day do we meet?", True),
        ("Where was I when it rained?", False),
        ("", False),
    ],
)
def test_asking_for_a_time(query: str, wanted: bool) -> None:
    """A question that begins with "when" or "what day" asks for a time."""
    assert asks_when(query) is wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("We moved yesterday", True),
        ("I started two weeks ago", True),
        ("It was on the 3rd", True),
        ("since 2019", True),
        ("We moved", False),
        ("It was in May", True),
        ("We march in March", True),
        ("May I march? You may", False),
        ("", False),
    ],
)
def test_saying_when(text: str, told: bool) -> None:
    """A text with a date, a weekday or a word such as "ago" says when."""
    assert says_when(text) is told
