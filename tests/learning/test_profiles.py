"""Profiles: what they carry over, how they merge, what they refuse."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import START, apply, new_data, talk
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.preference import Evidence
from voxsession.core.session_changes import MAX_UNSET, PreferenceSet
from voxsession.core.session_data import SessionData
from voxsession.core.types import encode_json
from voxsession.errors import ConfigurationError, UnsupportedFormatError
from voxsession.learning.estimates import wished_language
from voxsession.learning.preferences import (
    adaptation_lines,
    explain_preference,
    learned_moves,
    learned_preferences,
)
from voxsession.learning.profile_bounds import MAX_NAMES
from voxsession.learning.profile_fields import range_of
from voxsession.learning.profiles import ProfileEvidence, SessionProfile
from voxsession.learning.seeding import profile_of, seed_changes

TIMES = st.datetimes(min_value=START.replace(tzinfo=None), timezones=st.just(START.tzinfo)) | st.none()
SHARES = st.floats(0, 1)
EVIDENCE = st.builds(
    ProfileEvidence, value=SHARES, weight=st.floats(0, 100), count=st.integers(0, 1000), last_at=TIMES
)
PROFILES = st.builds(
    SessionProfile,
    preferences=st.dictionaries(st.sampled_from(["formality", "verbosity"]), SHARES),
    evidence=st.dictionaries(
        st.sampled_from(["formality", "technical_level", "wish.verbosity", "kind.question"]), EVIDENCE
    ),
    topics=st.dictionaries(st.text(max_size=20), st.floats(0, 100), max_size=5),
    updated_at=TIMES,
    conflicts=st.lists(st.text(max_size=10), max_size=3),
)


def person() -> SessionData:
    """A session that has learned something of everything."""
    said = ["Please keep it short and answer in German.", *["I like quantum physics", "What is entropy?"] * 5]
    data = talk(said)
    data.preferences["formality"] = "casual"
    return data


@given(PROFILES)
def test_round_trip(profile: SessionProfile) -> None:
    """A profile comes back from its dict and its JSON as it was."""
    assert SessionProfile.from_dict(profile.to_dict()) == profile
    assert SessionProfile.from_json(profile.to_json()) == profile


def test_file_round_trip(tmp_path: Path) -> None:
    """A profile comes back from its file, which only its owner can read."""
    profile = profile_of(person())
    path = profile.save(tmp_path / "me.json")
    assert SessionProfile.load(path) == profile
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    SessionProfile().save(path)
    assert SessionProfile.load(path) == SessionProfile()
    assert [found.name for found in tmp_path.iterdir()] == ["me.json"]


def test_a_new_session_knows_what_the_old_one_did() -> None:
    """Values, wishes, topics and what was set by hand come over, and so do the instructions."""
    old = person()
    new = apply(new_data(), seed_changes(profile_of(old), START + timedelta(days=1)))
    before, after = learned_preferences(old), learned_preferences(new)
    assert after.pop("verbosity") == pytest.approx(before.pop("verbosity"), abs=1e-3)
    assert before["topics"] == [*after["topics"], "german"], "what was said once is in no profile"
    about = dict.fromkeys(["topics", "topic_weights"])
    assert {**after, **about} == {**before, **about}
    assert adaptation_lines(new) == adaptation_lines(old)


def test_what_is_seeded_is_not_told_as_learned() -> None:
    """The first message in a seeded session is no news."""
    data = apply(new_data(), seed_changes(profile_of(person()), START))
    before = dict(data.evidence)
    talk(["What is entropy?"], data, first=50)
    assert learned_moves(before, data) == []


def test_no_ids_and_no_sentences() -> None:
    """A profile names no message, no session and no person, and repeats no text."""
    text = encode_json(profile_of(person()).to_dict()).decode()
    for private in ('"m1"', '"s1"', "message_ids", "Please keep it short", "What is entropy"):
        assert private not in text


def test_the_language_asked_for_last_is_seeded() -> None:
    """Of two languages asked for the profile hands on the later one."""
    old = talk(["answer in German", "answer in French"])
    new = apply(new_data(), seed_changes(profile_of(old), START + timedelta(days=1)))
    assert learned_preferences(new)["language"] == "fr"


def test_an_empty_profile_changes_nothing() -> None:
    """Seeding with nothing gives no change."""
    assert seed_changes(SessionProfile(), START) == []
    assert profile_of(new_data()).evidence == {}


def test_seeded_values_are_not_by_hand_unless_they_were() -> None:
    """What was learned stays learned, what was set stays set."""
    data = apply(new_data(), seed_changes(profile_of(person()), START))
    assert explain_preference(data, "formality")["set_by_hand"]
    assert not explain_preference(data, "verbosity")["set_by_hand"]


# -- merging --------------------------------------------------------------------


def learned(value: float, weight: float, days: int = 0) -> SessionProfile:
    """A profile with one learned number, so many days old."""
    at = START - timedelta(days=days)
    evidence = {"formality": ProfileEvidence(value=value, weight=weight, last_at=at)}
    return SessionProfile(evidence=evidence, updated_at=at)


def test_merging_nothing_gives_an_empty_profile() -> None:
    """No profiles make a profile that knows nothing."""
    assert SessionProfile.merge([]) == SessionProfile()


@given(PROFILES)
def test_merging_one_changes_nothing(profile: SessionProfile) -> None:
    """One profile alone stays as it is, but for repeated names of conflicts and the weakest topics."""
    merged = SessionProfile.merge([profile])
    assert (merged.preferences, merged.evidence, merged.topics) == (
        profile.preferences,
        profile.evidence,
        profile.topics,
    )


@given(st.lists(PROFILES, max_size=4))
def test_merged_values_stay_in_range(profiles: list[SessionProfile]) -> None:
    """A merged number lies between those it was made from, and the merged profile can be stored."""
    merged = SessionProfile.merge(profiles)
    for name, found in merged.evidence.items():
        values = [profile.evidence[name].value for profile in profiles if name in profile.evidence]
        assert min(values) - 1e-9 <= found.value <= max(values) + 1e-9
    assert SessionProfile.from_dict(merged.to_dict()) == merged


def test_more_evidence_weighs_more() -> None:
    """Thirty messages count ten times as much as three."""
    merged = SessionProfile.merge([learned(1.0, 30), learned(0.0, 3)])
    assert merged.evidence["formality"].value == pytest.approx(30 / 33)


def test_newer_evidence_weighs_more() -> None:
    """Evidence that is 90 days older counts half."""
    merged = SessionProfile.merge([learned(0.0, 10, days=90), learned(1.0, 10)])
    assert merged.evidence["formality"].value == pytest.approx(2 / 3)


def test_conflicts_are_listed() -> None:
    """What two people set differently takes the newer value and is named."""
    old = SessionProfile(preferences={"formality": "formal", "verbosity": "brief"}, updated_at=START)
    new = SessionProfile(
        preferences={"formality": "casual", "verbosity": "brief"}, updated_at=START + timedelta(days=1)
    )
    for profiles in ([old, new], [new, old]):
        merged = SessionProfile.merge(profiles)
        assert merged.preferences == {"formality": "casual", "verbosity": "brief"}
        assert merged.conflicts == ["formality"]


# -- bad input ------------------------------------------------------------------


def test_a_newer_version_is_refused_as_such() -> None:
    """A profile of tomorrow asks for an upgrade instead of being read wrongly."""
    with pytest.raises(UnsupportedFormatError) as caught:
        SessionProfile.from_dict({"version": 2, "whatever": 1})
    assert (caught.value.found, caught.value.newest) == (2, 1)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"formality": 0.5}, "formality"),
        ({"version": "1"}, "version"),
        ({"version": 0}, "version"),
        ({"preferences": {"formality": 7}}, "formality"),
        ({"preferences": ["formality"]}, "preferences"),
        ({"evidence": {"formality": {"value": 2}}}, "formality"),
        ({"evidence": {"formality": {"weight": 1}}}, "value"),
        ({"preferences": {}, "formality": 0.5}, "formality"),
        ({"evidence": {"kind.shout": {"value": 0.5}}}, "kind.shout"),
        ({"evidence": {"language.klingon": {"value": 0.5}}}, "klingon"),
        ({"evidence": {"formality": {"value": float("nan")}}}, "formality"),
        ({"topics": {"x" * 201: 1}}, "200 characters"),
        ({"topics": {str(number): 1 for number in range(1001)}}, "1000"),
        ({"set_at": {"formality": "yesterday"}}, "set_at"),
        ({"evidence": {"formality": 0.5}}, "formality"),
        ({"evidence": {"shoe_size": {"value": 0.5}}}, "shoe_size"),
        ({"evidence": {"formality": {"value": 0.5, "weight": -1}}}, "weight"),
        ({"evidence": {"formality": {"value": 0.5, "last_at": "yesterday"}}}, "last_at"),
        ({"evidence": {"formality": {"value": 0.5, "last_at": "2026-01-01T00:00:00"}}}, "last_at"),
        ({"topics": {"sailing": "much"}}, "sailing"),
        ({"topics": ["sailing"]}, "topics"),
        ({"conflicts": 3}, "conflicts"),
        ({"updated_at": 5}, "updated_at"),
        ([], "profile"),
    ],
)
def test_bad_profiles_are_refused_in_a_sentence(data: Any, named: str) -> None:
    """The refusal names the field that is wrong."""
    with pytest.raises(ConfigurationError, match=named):
        SessionProfile.from_dict(data)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1}', b"\xff"])
def test_bad_json_is_refused(text: Any) -> None:
    """A text that is no profile is a wrong argument."""
    with pytest.raises(ConfigurationError):
        SessionProfile.from_json(text)


def test_nothing_private_in_the_repr() -> None:
    """Values and topics do not show in logs."""
    profile = SessionProfile(preferences={"tone": "secret"}, topics={"hidden topic": 1.0})
    assert "secret" not in repr(profile)
    assert "hidden" not in repr(profile)


def test_a_file_that_is_no_profile_is_not_read_to_its_end(tmp_path: Path) -> None:
    """A hundred megabytes are refused after the first of them, a truncated file is told as such."""
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(ConfigurationError, match="1,048,576"):
        SessionProfile.load(path)
    with pytest.raises(ConfigurationError, match="1,048,576"):
        SessionProfile.from_json('{"extra": "' + "x" * 2_000_000)
    whole = profile_of(person()).to_json()
    for length in range(0, len(whole), 7):
        with pytest.raises(ConfigurationError):
            SessionProfile.from_json(whole[:length])
    for deep in ("[" * 100_000, '{"topics":' * 50_000):
        with pytest.raises(ConfigurationError):
            SessionProfile.from_json(deep)
    with pytest.raises(OSError, match="nowhere"):
        SessionProfile.load(tmp_path / "nowhere.json")


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    """A profile with megabytes of the app's own settings is refused before a file is made."""
    huge = SessionProfile(preferences={f"own {number}": "x" * 4000 for number in range(300)})
    with pytest.raises(ConfigurationError, match="1,048,576"):
        huge.save(tmp_path / "huge.json")
    assert list(tmp_path.iterdir()) == []


def test_fields_of_a_later_version_are_kept() -> None:
    """What this version does not know at the top comes out again; inside a number it is left out."""
    data = {
        "version": 1,
        "preferences": {},
        "humour": {"dry": 0.9},
        "evidence": {"formality": {"value": 0.5, "hue": 3}},
    }
    profile = SessionProfile.from_dict(data)
    assert profile.extra == {"humour": {"dry": 0.9}} and profile.to_dict()["humour"] == {"dry": 0.9}
    assert SessionProfile.from_dict(profile.to_dict()) == profile
    assert SessionProfile.merge([profile]).extra == {} and "hue" not in profile.to_json()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"evidence": {"formality": {"value": 2}}}, ["profile.evidence['formality'].value", "2", "1"]),
        ({"evidence": {"formality": {"value": 0.5, "weight": 1e9}}}, ["weight", "1000000"]),
        ({"preferences": {"formality": 7}}, ["formality", "7", "0 to 1"]),
        ({"topics": {"sailing": -1}}, ["profile.topics['sailing']", "-1", "0"]),
    ],
)
def test_what_is_out_of_range_is_told_with_its_range(data: Any, said: list[str]) -> None:
    """Field, value and what is allowed stand in the sentence."""
    with pytest.raises(ConfigurationError) as caught:
        SessionProfile.from_dict(data)
    assert all(part in str(caught.value) for part in said), str(caught.value)


def test_merging_is_told_what_it_takes() -> None:
    """One profile instead of a list, or a dict in the list, is a wrong argument."""
    for wrong in (SessionProfile(), [SessionProfile(), {}], [None]):
        with pytest.raises(ConfigurationError, match="SessionProfile"):
            SessionProfile.merge(wrong)  # type: ignore[arg-type]


def test_wishes_that_differ_are_conflicts_too() -> None:
    """Two languages, or formal here and casual there, were asked for differently; twice the same was not."""
    one = profile_of(talk(["Please be formal.", "answer in German", "keep it short"]))
    other = profile_of(talk(["Please be casual.", "answer in French", "keep it short"], new_data(), first=10))
    merged = SessionProfile.merge([one, other])
    assert sorted(merged.conflicts) == ["formality", "language"]
    assert SessionProfile.merge([one, one]).conflicts == []
    new = apply(new_data(), seed_changes(merged, START + timedelta(days=1)))
    assert learned_preferences(new)["language"] == "fr" and learned_preferences(new)["formality_score"] < 0.2


@given(st.lists(PROFILES, max_size=4), st.randoms(use_true_random=False))
def test_the_order_does_not_matter_where_times_are_known(profiles: list[SessionProfile], chance: Any) -> None:
    """The same profiles give the same one, however they come."""
    timed = [one for one in profiles if one.updated_at is not None]
    mixed = list(timed)
    chance.shuffle(mixed)
    first, second = SessionProfile.merge(timed), SessionProfile.merge(mixed)
    assert (first.preferences, first.updated_at) == (second.preferences, second.updated_at)
    assert sorted(first.conflicts) == sorted(second.conflicts)
    for name, found in first.evidence.items():
        assert second.evidence[name].value == pytest.approx(found.value, abs=1e-9)


def test_names_and_what_is_sensitive_are_no_topics() -> None:
    """What came up often stays out of a profile if it says who somebody is, or is marked as sensitive."""
    data = talk(
        ["Quillon and I met about melanoma research", "Quillon likes sailing boats, melanoma, sailing boats"]
        * 3
    )
    assert {"quillon", "sailing boat"} <= profile_of(data).topics.keys()
    about = {"importance": 0.5, "timestamp": START}
    data.memories["a"] = MemoryEntry(id="a", content="x", category="identity", value="Zora Quillon", **about)
    data.memories["b"] = MemoryEntry(
        id="b", content="Has a Melanoma", category="general", sensitive=True, **about
    )
    assert all("quillon" not in t and "melanoma" not in t for t in profile_of(data).topics)
    assert "sailing boat" in profile_of(data).topics and profile_of(data, topics=False).topics == {}


def test_what_is_exported_can_be_read_however_much_was_set() -> None:
    """Of too many names, or too large values, the newest are kept; numbers stay inside their ranges."""
    data = new_data()
    for number in range(1500):
        apply(data, [PreferenceSet(at=START + timedelta(seconds=number), name=f"n{number}", value="x" * 600)])
    data.evidence["message_length"] = Evidence(total=9e9, weight=3.0, count=3, last_at=START)
    profile = profile_of(data)
    assert SessionProfile.from_json(profile.to_json()) == profile
    assert "n1499" in profile.preferences and "n0" not in profile.preferences
    assert profile.evidence["message_length"].value == range_of("message_length")[1]


def test_what_is_merged_can_be_read() -> None:
    """Twenty profiles of a hundred names each keep the newest thousand, and name no conflicts of others."""
    parts = [
        SessionProfile(
            preferences={f"n{(part * 97 + number) % 1900}": part for number in range(100)},
            updated_at=START + timedelta(days=part),
        )
        for part in range(20)
    ]
    merged = SessionProfile.merge(parts)
    assert SessionProfile.from_json(merged.to_json()) == merged
    assert len(merged.preferences) == MAX_NAMES and set(parts[-1].preferences) <= set(merged.preferences)
    assert set(merged.conflicts) <= set(merged.preferences)


def test_the_latest_act_counts_also_where_it_took_back() -> None:
    """What was set and later taken back is not in the merged profile; what was set after that is."""
    acts = [("casual", 0), (None, 1), ("formal", 2)]
    profiles = []
    for value, days in acts:
        data = new_data()
        apply(data, [PreferenceSet(at=START + timedelta(days=days), name="formality", value=value)])
        profiles.append(profile_of(data))
    assert SessionProfile.merge(profiles[:2]).preferences == {}
    assert SessionProfile.merge(profiles[1::-1]).preferences == {}
    assert SessionProfile.merge([SessionProfile.merge(profiles[:2]), profiles[0]]).preferences == {}
    assert SessionProfile.merge(profiles).preferences == {"formality": "formal"}
    assert SessionProfile.from_json(profiles[1].to_json()) == profiles[1]


def test_only_so_many_names_are_remembered_as_taken_back() -> None:
    """Taking back names without end does not make a session grow."""
    data = new_data()
    for number in range(MAX_UNSET + 50):
        apply(data, [PreferenceSet(at=START, name=f"n{number}")])
    assert len(data.preference_times) == MAX_UNSET and "n0" not in data.preference_times


def test_a_language_that_was_replaced_does_not_come_back() -> None:
    """German here, French there, French no more: none is asked for, in whatever order they are merged."""
    texts = ["Answer in German", "Answer in French", "Stop answering in French"]
    profiles = [profile_of(talk([text], first=number)) for number, text in enumerate(texts)]
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        merged = SessionProfile.merge(profiles[place] for place in order)
        assert wished_language(_evidence(merged)) is None
    two = SessionProfile.merge(profiles[:2])
    assert wished_language(_evidence(two))[0] == "fr"  # type: ignore[index]
    back = profile_of(talk(["Back to normal"], first=5))
    assert wished_language(_evidence(SessionProfile.merge([back, two]))) is None


def _evidence(profile: SessionProfile) -> dict[str, Evidence]:
    return {
        name: Evidence(total=found.value * found.weight, weight=found.weight, last_at=found.last_at)
        for name, found in profile.evidence.items()
    }


@pytest.mark.parametrize(
    "name",
    ["wish.topics", "wish.active_hours", "wish.interaction_style", "wish.hour.01", "wish.length_pressure"],
)
def test_what_nobody_can_ask_for_is_no_wish(name: str) -> None:
    """A wish for topics is refused, one for a language is not."""
    with pytest.raises(ConfigurationError, match=r"profile\.evidence"):
        SessionProfile.from_dict({"evidence": {name: {"value": 1}}})
    assert SessionProfile.from_dict({"evidence": {"wish.language.de": {"value": 1}}})


@pytest.mark.parametrize("name", ["active_hours", "topic_weights", "Topic Weights"])
def test_what_follows_cannot_be_set(name: str) -> None:
    """The error says what it follows from."""
    with pytest.raises(ConfigurationError, match="cannot be set"):
        SessionProfile.from_dict({"preferences": {name: [1]}})


def test_saving_where_no_folder_is(tmp_path: Path) -> None:
    """The error names the file that was asked for and its folder, and no name made up on the way."""
    target = tmp_path / "none" / "alice.json"
    with pytest.raises(ConfigurationError, match="no folder") as caught:
        SessionProfile().save(target)
    assert str(target) in str(caught.value) and caught.value.option == "path"
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError) as failed:
        SessionProfile().save(tmp_path / "taken")
    assert failed.value.filename == str(tmp_path / "taken") and os.listdir(tmp_path) == ["taken"]
