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
    assert len(asked_spans("between May 2023 and June 2023", AT)) == 2


def test_only_words_counted_from_now_are_marked() -> None:
    """ "Last week" means another time in every text, a calendar date does not."""
    assert [span.counted for span in asked_spans("last week", AT) + asked_spans("in May 2023", AT)] == [
        True,
        False,
    ]


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
