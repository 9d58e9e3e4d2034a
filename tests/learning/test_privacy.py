"""Words that no profile tells, also when the memory of them is gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import START, apply, new_data, talk
from voxsession.core.session_changes import MAX_PRIVATE, PRIVATE_WORDS
from voxsession.core.types import encode_json
from voxsession.learning.privacy import noted_words, private_words, tellable
from voxsession.learning.seeding import profile_of, taught_by

TALK = ["Quillon and I met about melanoma research", "Quillon likes sailing boats and melanoma"] * 3


def test_a_noted_word_stays_out_of_every_profile() -> None:
    """Nothing is remembered any more, and yet neither what is exported nor what is taught holds the words."""
    data = talk(TALK)
    assert {"quillon", "sailing boat"} <= profile_of(data).topics.keys()
    apply(data, noted_words(data, ["Zora Quillon", "Has a Melanoma"], START))
    for profile in (profile_of(data), taught_by(data)):
        assert "sailing boat" in profile.topics
        assert not [topic for topic in profile.topics if "quillon" in topic or "melanoma" in topic]


def test_the_words_themselves_are_not_kept() -> None:
    """What stands in the session of them is a mark, another one in each session."""
    data = new_data()
    apply(data, noted_words(data, ["Zora Quillon has diabetes"], START))
    written = encode_json(data.extra).decode().casefold()
    assert data.extra[PRIVATE_WORDS] and not [w for w in ("zora", "quillon", "diabete") if w in written]
    other = new_data()
    other.session_id = "s2"
    assert set(private_words(data, ["Quillon"])).isdisjoint(private_words(other, ["Quillon"]))


def test_marks_are_made_once_and_stay_few() -> None:
    """What is known gives no change, and of very many the latest are kept."""
    data = new_data()
    apply(data, noted_words(data, ["Zora Quillon"], START))
    assert noted_words(data, ["zora QUILLON", "the"], START) == []
    names = [f"name{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(2000)]
    for name in names:
        apply(data, noted_words(data, [name], START))
    assert len(data.extra[PRIVATE_WORDS]) == MAX_PRIVATE
    assert tellable(["chess", names[-1], names[0]], data) == ["chess", names[0]]


@given(st.lists(st.text(st.characters(), max_size=40), max_size=5))
def test_any_text_can_be_noted(texts: list[str]) -> None:
    """Whatever is noted is told no more, plural or not."""
    data = new_data()
    apply(data, noted_words(data, texts, START))
    assert noted_words(data, texts, START) == []
