"""How well a learned score agrees with what people said: rank correlation with a rated set that lies elsewhere."""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from voxsession.learning.features import features_of

__all__ = ["agreement", "read_ratings", "spearman"]


def read_ratings(path: str | Path) -> Iterator[tuple[str, float]]:
    """The sentences of a rated set with their mean ratings.

    Args:
        path: a CSV file in UTF-8, two or more columns in any order, with or without a line of names: in each row
            the longest cell that is no number is the sentence, the first number the mean rating.

    Yields:
        (sentence, rating); rows without either are passed over.
    """
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        for row in csv.reader(file):
            numbers = [number for cell in row if (number := _number(cell)) is not None]
            texts = [cell.strip() for cell in row if _number(cell) is None and cell.strip()]
            if numbers and texts:
                yield max(texts, key=len), numbers[0]


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation, ties given the mean of their ranks (Spearman 1904); nan for fewer than two different values.

    Example:
        >>> spearman([1, 2, 3, 4], [10, 20, 40, 30])
        0.8
    """
    try:
        return round(statistics.correlation(_ranks(first), _ranks(second)), 4)
    except statistics.StatisticsError:
        return float("nan")


def agreement(path: str | Path, score: str = "formality") -> tuple[float, int, int]:
    """Spearman's correlation of a score with the ratings of a set.

    Args:
        path: the rated set.
        score: `formality` or `technical_level`.

    Returns:
        The correlation over the sentences that have a score, how many these are, and how many were read.
    """
    ours, theirs, count = [], [], 0
    for sentence, rating in read_ratings(path):
        count += 1
        value = getattr(features_of(sentence), score)
        if value is not None:
            ours.append(value)
            theirs.append(rating)
    return spearman(ours, theirs), len(ours), count


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value from 1 on; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            ranks[place] = (start + end) / 2 + 1
        start = end + 1
    return ranks


def main() -> None:
    """Prints the correlation for each file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", help="CSV files: sentence, mean rating")
    parser.add_argument("--score", choices=("formality", "technical_level"), default="formality")
    given = parser.parse_args()
    for path in given.paths:
        rho, scored, count = agreement(path, given.score)
        print(
            f"{Path(path).name}: Spearman {rho:.3f} for {given.score}, {scored} of {count} sentences scored"
        )


if __name__ == "__main__":
    main()
