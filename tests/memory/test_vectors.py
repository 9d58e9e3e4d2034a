"""Vectors: checked, compared exactly, within their room, gone when they are dropped; two rankings made one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.core.struct import evolve
from voxsession.errors import ModelCallError
from voxsession.memory.hybrid import blend, wordings
from voxsession.memory.search import Hit, Passage, SearchIndex
from voxsession.memory.vectors import Nearest, VectorShelf, unit_rows

FINITE = st.floats(-1e6, 1e6, allow_nan=False)
ids = st.sampled_from("abcdefgh")
AT = datetime(2024, 5, 1, tzinfo=UTC)


def rows(*vectors: list[float]) -> Any:
    return unit_rows(list(vectors), len(vectors))


def cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "vectors",
        5,
        [],
        [[]],
        [[1.0, 2.0]],
        [[1.0], [1.0, 2.0]],
        [["a"], ["b"]],
        [[[1.0]], [[2.0]]],
        [1.0, 2.0],
        {"a": [1.0], "b": [2.0]},
        [[1.0], [2.0], [3.0]],
        [[10**400], [1]],
        np.zeros((2, 0)),
    ],
    ids=repr,
)
def test_what_is_no_list_of_vectors_is_refused(answer: Any) -> None:
    """Anything but one vector for each of two texts is one error that says what there must be."""
    with pytest.raises(ModelCallError, match="one vector for each text") as caught:
        unit_rows(answer, 2)
    assert caught.value.kind == "bad_answer"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, None, 1e308])
def test_a_vector_that_cannot_be_used_is_zeros_and_the_others_stay(bad: Any) -> None:
    """NaN, infinite numbers, nothing but zeros, and lengths beyond all numbers spoil their own row only."""
    made = unit_rows([[bad, bad], [3.0, 4.0]], 2)
    assert made[0].tolist() == [0.0, 0.0]
    assert made[1].tolist() == pytest.approx([0.6, 0.8])
    assert made.dtype == np.float32


@given(
    st.lists(
        st.tuples(ids, st.lists(FINITE, min_size=3, max_size=3).filter(lambda v: math.hypot(*v) > 1e-3)),
        min_size=1,
    ),
    st.sets(ids),
    st.lists(FINITE, min_size=3, max_size=3).filter(lambda v: math.hypot(*v) > 1e-3),
)
def test_cosines_are_exact_and_what_was_dropped_leaves_nothing(
    puts: list[tuple[str, list[float]]], dropped: set[str], question: list[float]
) -> None:
    """After any puts and drops: the latest vector of each id counts, the dropped ones are in no answer, no row."""
    shelf = VectorShelf()
    kept: dict[str, list[float]] = {}
    for number, (item_id, vector) in enumerate(puts):
        shelf.put(item_id, rows(vector), (True, float(number)))
        kept[item_id] = vector
    shelf.drop(dropped)
    kept = {item_id: vector for item_id, vector in kept.items() if item_id not in dropped}

    found = shelf.nearest(rows(question), 100, lambda item_id: True).cosines
    assert found == pytest.approx({one: cosine(vector, question) for one, vector in kept.items()}, abs=2e-5)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert shelf.nearest(rows(question), 1, lambda item_id: False, also="abcdefgh").cosines == found
    assert int(np.any(shelf._rows != 0, axis=1).sum()) == len(kept) == len(shelf)


@given(st.lists(st.tuples(ids, st.booleans(), st.integers(0, 20), st.integers(1, 3)), max_size=60))
def test_the_room_is_never_exceeded_and_the_lowest_rank_makes_room(
    puts: list[tuple[str, bool, int, int]],
) -> None:
    """However much is put: no more bytes than allowed, and nothing kept ranks below what had to go."""
    most_bytes = 5 * 4 * 2
    shelf = VectorShelf(most_bytes)
    for item_id, is_memory, moment, count in puts:
        shelf.put(item_id, rows(*[[1.0, 2.0]] * count), (is_memory, float(moment)))
        assert shelf._rows.nbytes <= most_bytes
        assert all(shelf.horizon is None or rank >= shelf.horizon for rank in shelf._ranks.values())
        assert sum(map(len, shelf._places.values())) + len(shelf._free) == len(shelf._rows)


def test_the_nearest_wanted_is_found_however_many_nearer_are_not() -> None:
    """What may not be an answer does not push out what may, and equal ones come in the order they were put in."""
    shelf = VectorShelf()
    for number in range(300):
        shelf.put(f"n{number}", rows([1.0, number // 2 / 100]), (True, 0.0))
    asked = rows([1.0, 0.0])
    assert list(shelf.nearest(asked, 3, lambda item_id: True).cosines) == ["n0", "n1", "n2"]
    assert list(shelf.nearest(asked, 3, lambda item_id: int(item_id[1:]) >= 250).cosines) == [
        "n250",
        "n251",
        "n252",
    ]
    assert list(shelf.nearest(asked, 3, lambda item_id: item_id == "n299").cosines) == ["n299"]


def test_a_long_text_is_as_near_as_its_nearest_part() -> None:
    """Of several vectors of one item the best counts."""
    shelf = VectorShelf()
    shelf.put("long", rows([1, 0], [0, 1]), (False, 1.0))
    shelf.put("short", rows([1, 1]), (False, 2.0))
    assert shelf.nearest(rows([0, 1]), 2, lambda _: True).cosines == {
        "long": 1.0,
        "short": pytest.approx(0.70711),
    }
    assert shelf.nearest(rows([0, 1]), 2, lambda item_id: item_id == "short").cosines.keys() == {"short"}


def test_vectors_of_another_dimension_are_refused_as_long_as_there_are_others() -> None:
    """A model that changes under the session is an error; an empty shelf takes any dimension."""
    shelf = VectorShelf()
    shelf.put("a", rows([1, 0]), (True, 1.0))
    with pytest.raises(ModelCallError, match="vectors of 3 numbers, and of 2 before"):
        shelf.put("b", rows([1, 0, 0]), (True, 1.0))
    assert shelf.nearest(rows([1, 0, 0]), 5, lambda _: True).cosines == {"a": 0.0}
    shelf.drop(["a"])
    shelf.put("b", rows([1, 0, 0]), (True, 1.0))
    assert shelf.nearest(rows([1, 0, 0]), 5, lambda _: True).cosines == {"b": 1.0}


def test_several_wordings_of_a_question_count_by_the_mean_of_their_cosines() -> None:
    """A text that is near to one wording only comes after one that is rather near to both."""
    shelf = VectorShelf()
    shelf.put("one", rows([1, 0]), (True, 1.0))
    shelf.put("both", rows([1, 1]), (True, 1.0))
    found = shelf.nearest(rows([1, 0], [0, 1]), 2, lambda _: True).cosines
    assert found == {"both": pytest.approx(0.70711, abs=2e-5), "one": 0.5}
    assert list(found) == ["both", "one"]


def test_an_ordinary_text_has_a_quarter_below_it_and_what_was_dropped_does_not_count() -> None:
    """The floor goes by the vectors there are: not by free places, nor by what may not be an answer."""
    shelf = VectorShelf()
    for number in range(9):
        shelf.put(f"n{number}", rows([1.0, number / 4]), (True, 0.0))
    asked = rows([1.0, 0.0])
    assert shelf.nearest(asked, 1, lambda _: False).floor == pytest.approx(1 / math.hypot(1, 6 / 4), abs=2e-5)
    shelf.drop(f"n{number}" for number in range(5, 9))
    assert shelf.nearest(asked, 1, lambda _: False).floor == pytest.approx(1 / math.hypot(1, 3 / 4), abs=2e-5)
    assert VectorShelf().nearest(asked, 1, lambda _: True) == Nearest(cosines={}, floor=0.0)


SLOTS = st.integers(1, 8)
SCORES = st.dictionaries(SLOTS, st.floats(0, 3))


@given(SCORES, SCORES)
def test_a_blend_is_within_0_and_1_and_does_not_depend_on_the_order(
    words: dict[int, float], meaning: dict[int, float]
) -> None:
    """Every candidate has one score, 0 to 1, the same in whatever order they come."""
    scores = blend(words, meaning)
    assert scores.keys() == words.keys() | meaning.keys()
    assert all(0 <= score <= 1 for score in scores.values())
    assert scores == blend(dict(reversed(words.items())), dict(reversed(meaning.items())))


@given(SCORES)
def test_what_has_the_same_by_words_and_by_meaning_keeps_its_order(words: dict[int, float]) -> None:
    """Where both halves say the same, so does their sum; where one is silent, the other decides."""
    for scores in (blend(words, words), blend(words, {}), blend({}, words)):
        assert all(scores[a] >= scores[b] for a in words for b in words if words[a] > words[b])


def said(count: int, **texts: str) -> list[Passage]:
    """Messages of one conversation: those given by name, and others that have nothing to do with them."""
    given = list(texts.items())
    fillers = [(f"f{number}", f"filler {number}") for number in range(count)]
    return [
        Passage(
            id=name, text=text, source="message", at=AT + timedelta(minutes=place), role="user",
            group=f"talk-{place // 4}", position=place,
        )
        for place, (name, text) in enumerate(given + fillers)
    ]  # fmt: skip


def search(passages: list[Passage], query: str, cosines: dict[str, float], floor: float = 0.0) -> list[Hit]:
    """The hits, best first, where the cosines of some are known."""
    index = SearchIndex()
    index.add(passages)

    def compare(count: int, allowed: Callable[[str], bool], also: Iterable[str], /) -> Nearest:
        wanted = {one: cosine for one, cosine in cosines.items() if allowed(one) or one in set(also)}
        return Nearest(cosines=wanted, floor=floor)

    return index.search(query, 50, compare=compare)


def test_what_is_near_brings_the_message_before_it_and_not_the_one_after() -> None:
    """A question whose answer is near is found though no nearer than others; what follows the answer is not."""
    passages = said(8, ask="Fun?", answer="We hiked", after="Nice", other="Rain")
    cosines = {"answer": 0.8, "ask": 0.39, "after": 0.39} | {f"f{number}": 0.39 for number in range(8)}
    hits = search(passages, "quorum", cosines, floor=0.3)
    assert [hit.id for hit in hits] == ["answer", "ask"]
    assert [hit.reasons for hit in hits] == [("meaning: 0.80",), ("next to a match",)]


def test_by_meaning_too_what_says_the_same_goes_down() -> None:
    """Twins of a better hit lose the same share where meaning counts as well."""
    bought = {f"day{number}": f"Dana bought a violin on day {number}" for number in range(10)}
    texts = bought | {"attic": "The violin is kept in the attic of Dana"}
    passages = [Passage(id=name, text=text, source="memory", at=AT) for name, text in texts.items()]
    hits = search(passages, "Where is Dana's violin?", dict.fromkeys(bought, 0.8) | {"attic": 0.75})
    assert "attic" in [hit.id for hit in hits[:2]] and len(hits) == 11


def test_by_meaning_too_it_counts_whom_the_question_is_about() -> None:
    """Of two texts equally near, the one of the person asked about is first, and the reasons say both."""
    passages = [
        evolve(passage, speaker=name)
        for passage, name in zip(said(0, x="A cello", y="A flute"), ("Ann", "Bob"), strict=True)
    ]
    for name, first in (("Ann", "x"), ("Bob", "y")):
        best, other = search(passages, f"What does {name} like?", {"x": 0.6, "y": 0.6})
        assert best.id == first and best.score > other.score
        assert best.reasons == (f"speaker {name}", "meaning: 0.60")
        assert other.reasons == ("meaning: 0.60",)


def test_how_near_is_measured_from_an_ordinary_text() -> None:
    """With a model to which all texts are alike, the little that the nearest is nearer still counts."""
    passages = said(6, near="Plays the viola", word="The music was loud", same="Loud music again")
    cosines = {one.id: 0.8 for one in passages} | {"near": 0.9}
    alike = search(passages, "music", cosines, floor=0.8)
    assert alike[0].id == "near"
    unlike = search(passages, "music", cosines, floor=0.0)
    assert unlike[0].id in ("word", "same")


def test_what_has_no_vector_counts_by_its_words_in_both_halves() -> None:
    """A message that is not embedded yet is not behind for that; without any vectors the words alone decide."""
    passages = said(4, a="A red kite", b="A red kite over the red hill", c="The hill")
    assert {hit.id for hit in search(passages, "red kite", {})} >= {"a", "b"}
    assert search(passages, "red kite", {})[0].id == "a"
    assert search(passages, "red kite", {"c": 0.5}, floor=0.0)[0].id == "a"
    assert search(passages, "red kite", {"a": 0.1, "c": 0.5}, floor=0.0)[0].id == "b"


@pytest.mark.parametrize(
    ("question", "names", "expected"),
    [
        ("What did Ann's sister say to Ann?", {"Ann"}, "What did my sister say to I?"),
        ("When will Will come?", {"Will"}, "When will I come?"),
        ("what did ann lee paint", {"Ann Lee"}, "what did I paint"),
        ("Did Annabel see Ann?", {"Ann"}, "Did Annabel see I?"),
        ("東京で何を", {"Ann"}, "東京で何を"),
        ("a (b) c", {"(b)"}, "a I c"),
        ("anything", set(), "anything"),
    ],
)
def test_a_question_about_somebody_is_asked_as_they_would_say_it(
    question: str, names: set[str], expected: str
) -> None:
    """Names become "I" and "my", whole words only; the question as it was asked stays."""
    own = wordings(question, names)
    assert own[0] == question and own[-1] == expected
    assert len(own) == len(set(own))
