"""What a person's sessions taught: each counted once, in any order, however often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import START, apply, new_data, talk
from voxsession.core.session_changes import PreferenceSet
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.errors import IntegrityError, UnsupportedFormatError
from voxsession.learning import person
from voxsession.learning.person import part_of, profile_from, with_part, without_session
from voxsession.learning.preferences import learned_preferences
from voxsession.learning.profiles import ProfileEvidence, SessionProfile
from voxsession.learning.seeding import profile_of, seed_changes, taught_by


def made(session: int, seq: int, days: int = 0) -> dict[str, Any]:
    """A part of a session at one of its versions: the later, the more it taught."""
    at = START + timedelta(days=session + days, minutes=seq)
    evidence = {"formality": ProfileEvidence(value=session / 10, weight=float(seq), count=seq, last_at=at)}
    taught = SessionProfile(evidence=evidence, updated_at=at)
    began = (START + timedelta(days=session)).isoformat()
    return {"session_id": f"s{session}", "began_at": began, "seq": seq, "profile": taught.to_dict()}


PARTS = st.lists(st.builds(made, st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=12)


def folded(parts: list[dict[str, Any]], body: Any = None) -> Any:
    """The body after these parts, one after another."""
    for part in parts:
        changed = with_part(body, part)
        body = body if changed is None else changed
    return body


@given(PARTS, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(parts: list[dict[str, Any]], chance: Any) -> None:
    """Whatever order processes come in, and however often, the same parts and the same profile come out."""
    mixed = [*parts, *parts]
    chance.shuffle(mixed)
    once, again = folded(parts), folded(mixed)
    assert again == once
    assert profile_from(again) == profile_from(once)
    assert folded(mixed, once) == once
    assert all(with_part(once, part) is None for part in parts), "a part that is in there changes nothing"


def test_an_older_version_of_a_session_takes_nothing_back() -> None:
    """A process that is behind folds what it knows: what was there already stays."""
    body = with_part(None, made(1, 5))
    assert with_part(body, made(1, 3)) is None
    assert profile_from(with_part(body, made(1, 6))).evidence["formality"].weight == 6


def test_an_id_that_is_used_again_is_another_session() -> None:
    """After an erased or expired session its id may begin anew, with any version."""
    first, second = made(1, 5), {**made(1, 2), "began_at": "2027-01-01T00:00:00.000000Z"}
    body = folded([first, second])
    assert len(body["parts"]) == 2
    assert without_session(body, "s1") == {"version": 1, "parts": {}}
    assert without_session(body, "s2") is None


def test_only_again_leaves_out_what_was_never_folded() -> None:
    """A session that was not folded is not brought in by being looked at."""
    assert with_part(None, made(1, 5), only_again=True) is None
    assert with_part(with_part(None, made(1, 5)), made(1, 6), only_again=True) is not None


def test_the_oldest_sessions_fall_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record does not grow for ever, and what fell out does not come back by itself."""
    monkeypatch.setattr(person, "MAX_PARTS", 3)
    body = folded([made(number, 2) for number in range(6)])
    assert sorted(part["session_id"] for part in body["parts"].values()) == ["s3", "s4", "s5"]
    assert with_part(body, made(0, 2)) is None
    assert with_part(body, made(0, 9, days=30)) is not None, "it was talked in again"


# --- what a session itself taught


TEXTS = [
    "Would you kindly explain entropy?",
    "gimme the gist lol",
    "Please be formal.",
    "keep it short",
    "Thanks!",
]


@given(st.lists(st.sampled_from(TEXTS), max_size=6), st.lists(st.sampled_from(TEXTS), max_size=6))
def test_what_came_with_a_profile_is_not_taught_again(before: list[str], after: list[str]) -> None:
    """A session that began with a profile taught just what one without a profile would have."""
    seeds = seed_changes(profile_of(talk(before)), START)
    seeded, plain = (
        taught_by(talk(after, apply(new_data(), seeds), first=50)),
        taught_by(talk(after, first=50)),
    )
    assert set(seeded.evidence) == set(plain.evidence)
    for name, found in plain.evidence.items():
        other = seeded.evidence[name]
        assert other.value == pytest.approx(found.value, abs=1e-6), name
        assert (other.weight, other.count) == (pytest.approx(found.weight), found.count)
    assert seeded.topics.keys() <= plain.topics.keys()


def test_a_person_who_comes_every_day_is_not_counted_double() -> None:
    """Over a month of sessions, each begun with the profile, evidence grows by what was said, not by itself."""
    body = None
    for day in range(30):
        data = apply(named(day), seed_changes(profile_from(body), START + timedelta(days=day)))
        talk(["Would you kindly explain quantum physics?"] * 2, data, first=1440 * day)
        body = folded([part_of(evolve(data, seq=1))], body)
    profile = profile_from(body)
    assert profile.evidence["message_length"].count == 60
    assert profile.evidence["message_length"].weight < 60
    assert profile.topics["quantum physics"] < 60


def test_what_was_set_last_wins_whoever_talked_last() -> None:
    """A setting that a session only inherited is not newer than one made in another session since."""
    old = named(0)
    old.preferences["verbosity"], old.preference_times["verbosity"] = "brief", START
    body = folded([part_of(old)])
    heir = apply(named(1), seed_changes(profile_from(body), START + timedelta(days=1)))
    other = apply(named(2), seed_changes(profile_from(body), START + timedelta(days=1)))
    other.preferences["verbosity"], other.preference_times["verbosity"] = (
        "detailed",
        START + timedelta(days=2),
    )
    talk(["What is entropy?"], heir, first=50_000)
    heir.updated_at = START + timedelta(days=40)
    profile = profile_from(folded([part_of(other), part_of(heir)], body))
    assert profile.preferences == {"verbosity": "detailed"} and profile.conflicts == ["verbosity"]


def test_what_is_taken_back_does_not_live_on_in_heirs() -> None:
    """A setting that is unset, or a wish that is taken back, where it was made, is gone for the person."""
    old = talk(["Please be formal."], named(0))
    old.preferences["verbosity"], old.preference_times["verbosity"] = "brief", START
    body = folded([part_of(evolve(old, seq=1))])
    heir = apply(named(1), seed_changes(profile_from(body), START + timedelta(days=1)))
    talk(["What is entropy?"], heir, first=2000)
    body = folded([part_of(heir)], body)
    assert profile_from(body).preferences == {"verbosity": "brief"}
    apply(old, [PreferenceSet(at=START + timedelta(days=2), name="verbosity", value=None)])
    talk(["You don't have to be formal any more."], old, first=4000)
    body = folded([part_of(evolve(old, seq=2))], body)
    assert profile_from(body).preferences == {}
    new = apply(named(3), seed_changes(profile_from(body), START + timedelta(days=3)))
    assert learned_preferences(new)["formality_score"] < 0.9


def named(number: int) -> SessionData:
    """A session of its own that knows nothing yet."""
    at = START + timedelta(days=number)
    return SessionData(session_id=f"s{number}", created_at=at, updated_at=at)


# --- bad input


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": 1},
        {"version": "1", "parts": {}},
        {"version": 1, "parts": {"a": {"seq": 1}}},
        {"version": 1, "parts": []},
    ],
)
def test_what_is_no_profile_is_not_taken_for_an_empty_one(body: Any) -> None:
    """Nothing is put in the place of what cannot be read."""
    for read in (
        profile_from,
        lambda one: with_part(one, made(1, 1)),
        lambda one: without_session(one, "s1"),
    ):
        with pytest.raises(IntegrityError):
            read(body)


def test_a_newer_version_is_told_and_left_alone() -> None:
    """A record, or a part of it, of tomorrow asks for an upgrade."""
    part = made(1, 1)
    part["profile"]["version"] = 2
    for body in ({"version": 2, "parts": {}}, {"version": 1, "parts": {"x": part}}):
        with pytest.raises(UnsupportedFormatError):
            profile_from(body)
    with pytest.raises(UnsupportedFormatError):
        with_part({"version": 2, "parts": {}}, made(1, 1))
