"""The measure of agreement with people's ratings."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.ratings import agreement, read_ratings, spearman

NUMBERS = st.lists(st.integers(-1000, 1000), min_size=2, max_size=30)


@given(NUMBERS)
def test_a_rising_function_changes_no_rank(values: list[int]) -> None:
    """The correlation of values with a rising function of them is 1, with a falling one -1, where there are two."""
    if len(set(values)) < 2:
        assert math.isnan(spearman(values, values))
        return
    assert spearman(values, [v**3 + v for v in values]) == pytest.approx(1)
    assert spearman(values, [-v for v in values]) == pytest.approx(-1)


def test_ties_share_their_ranks() -> None:
    """By hand: ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4 give 0.9487."""
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == 0.9487


@pytest.mark.parametrize(
    "text",
    [
        'rating,sentence\n2.0,"Dear Sir, I beg to differ."\n-2.5,lol nah\n',
        'news,2.0,"Dear Sir, I beg to differ."\nblog,-2.5,lol nah\n\nno rating,here\n',
        '\ufeff"Dear Sir, I beg to differ.",2.0\nlol nah,-2.5\n',
    ],
)
def test_sets_are_read_in_the_forms_they_come_in(tmp_path: Path, text: str) -> None:
    """A heading, a column of sources, a byte order mark and rows without a number are no trouble."""
    path = tmp_path / "set.csv"
    path.write_text(text, "utf-8")
    assert list(read_ratings(path)) == [("Dear Sir, I beg to differ.", 2.0), ("lol nah", -2.5)]
    assert agreement(path) == (1.0, 2, 2)
