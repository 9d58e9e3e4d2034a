"""Vectors: checked, compared exactly, within their room, gone when they are dropped; two rankings made one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.errors import ModelCallError
from voxsession.memory.hybrid import blend, first_person
from voxsession.memory.vectors import VectorShelf, unit_rows

FINITE = st.floats(-1e6, 1e6, allow_nan=False)
ids = st.sampled_from("abcdefgh")


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

    found = shelf.nearest(rows(question), 100, lambda item_id: True)
    assert found == pytest.approx({one: cosine(vector, question) for one, vector in kept.items()}, abs=2e-5)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert shelf.nearest(rows(question), 1, lambda item_id: False, also="abcdefgh") == found
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
    assert list(shelf.nearest(asked, 3, lambda item_id: True)) == ["n0", "n1", "n2"]
    assert list(shelf.nearest(asked, 3, lambda item_id: int(item_id[1:]) >= 250)) == ["n250", "n251", "n252"]
    assert list(shelf.nearest(asked, 3, lambda item_id: item_id == "n299")) == ["n299"]


def test_a_long_text_is_as_near_as_its_nearest_part() -> None:
    """Of several vectors of one item the best counts."""
    shelf = VectorShelf()
    shelf.put("long", rows([1, 0], [0, 1]), (False, 1.0))
    shelf.put("short", rows([1, 1]), (False, 2.0))
    assert shelf.nearest(rows([0, 1]), 2, lambda _: True) == {"long": 1.0, "short": pytest.approx(0.70711)}
    assert shelf.nearest(rows([0, 1]), 2, lambda item_id: item_id == "short").keys() == {"short"}


def test_vectors_of_another_dimension_are_refused_as_long_as_there_are_others() -> None:
    """A model that changes under the session is an error; an empty shelf takes any dimension."""
    shelf = VectorShelf()
    shelf.put("a", rows([1, 0]), (True, 1.0))
    with pytest.raises(ModelCallError, match="vectors of 3 numbers, and of 2 before"):
        shelf.put("b", rows([1, 0, 0]), (True, 1.0))
    assert shelf.nearest(rows([1, 0, 0]), 5, lambda _: True) == {"a": 0.0}
    shelf.drop(["a"])
    shelf.put("b", rows([1, 0, 0]), (True, 1.0))
    assert shelf.nearest(rows([1, 0, 0]), 5, lambda _: True) == {"b": 1.0}


SCORES = st.dictionaries(ids, st.floats(0, 1))


@given(SCORES, st.dictionaries(ids, st.floats(-1, 1.3)))
def test_a_blend_is_within_0_and_1_and_does_not_depend_on_the_order(
    words: dict[str, float], meaning: dict[str, float]
) -> None:
    """Every candidate has one score, 0 to 1, the same in whatever order they come."""
    scores = blend(words, meaning)
    assert scores.keys() == words.keys() | meaning.keys()
    assert all(0 <= score <= 1 for score in scores.values())
    assert scores == blend(dict(reversed(words.items())), dict(reversed(meaning.items())))


@given(SCORES)
def test_without_vectors_a_blend_keeps_the_order_of_the_words(words: dict[str, float]) -> None:
    """Where nothing has a vector yet, the words alone decide."""
    scores = blend(words, {})
    assert all(scores[a] >= scores[b] for a in words for b in words if words[a] > words[b])


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
    """Names become "I" and "my", whole words only."""
    assert first_person(question, names) == expected
