"""At which hours a person writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import apply, new_data, say
from voxsession.core.session_data import SessionData
from voxsession.learning.explanation import explain_preference
from voxsession.learning.preferences import learn, learned_preferences

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def hours_of(moments: list[datetime], **config: Any) -> SessionData:
    """A session that heard a message at each of these moments."""
    data = new_data()
    data.config.update(config)
    for number, moment in enumerate(moments):
        apply(data, learn(data, say(number, "Hello there", at=moment), previous=None, reply=None))
    return data


def test_hours_are_those_of_the_zone() -> None:
    """The hour is that of the clock on the wall, before and after a change of clocks."""
    winter, summer = datetime(2026, 3, 28, 8, 30, tzinfo=UTC), datetime(2026, 3, 30, 7, 30, tzinfo=UTC)
    assert learned_preferences(hours_of([winter, summer], timezone="Europe/Berlin"))["active_hours"] == [9]
    assert sorted(learned_preferences(hours_of([winter, summer]))["active_hours"]) == [7, 8]


def test_the_busiest_hour_comes_first_and_rare_ones_are_left_out() -> None:
    """An hour counts from a quarter of the busiest one's weight on."""
    day = datetime(2026, 5, 1, tzinfo=UTC)
    moments = [day + timedelta(days=n, hours=20) for n in range(10)]
    moments += [day + timedelta(days=n, hours=8) for n in range(5)]
    moments += [day + timedelta(hours=3)]
    data = hours_of(moments)
    assert learned_preferences(data)["active_hours"] == [20, 8]
    assert explain_preference(data, "active_hours")["evidence_count"] == 16


def test_old_habits_fade() -> None:
    """Who changes from mornings to evenings is known for the evenings half a year later."""
    day = datetime(2026, 1, 1, tzinfo=UTC)
    mornings = [day + timedelta(days=n, hours=7) for n in range(20)]
    evenings = [day + timedelta(days=300 + n, hours=21) for n in range(10)]
    assert learned_preferences(hours_of(mornings + evenings))["active_hours"] == [21]


@given(st.lists(MOMENTS, max_size=12), st.randoms())
def test_the_order_in_which_messages_come_in_does_not_matter(moments: list[datetime], chance: Any) -> None:
    """An old transcript that is imported late gives the same hours."""
    shuffled = list(moments)
    chance.shuffle(shuffled)
    first, second = hours_of(moments), hours_of(shuffled)
    assert sorted(learned_preferences(first)["active_hours"]) == sorted(
        learned_preferences(second)["active_hours"]
    )
