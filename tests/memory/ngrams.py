"""A deterministic embedder that knows spelling and no meaning at all."""

from __future__ import annotations

import zlib

DIMENSIONS = 256


def spelling(text: str) -> list[float]:
    """Counts of the text's runs of three letters, hashed: texts with like spelling get like vectors, that is all."""
    counts = [0.0] * DIMENSIONS
    padded = f"  {text.casefold()}  "
    for place in range(len(padded) - 2):
        counts[zlib.crc32(padded[place : place + 3].encode("utf-8", "replace")) % DIMENSIONS] += 1.0
    return counts


class Spelling:
    """The embedder, plain; it keeps what it was asked.

    It stands in for a model where a test needs vectors that lie near for a reason one can see: "quantm fisics" is
    near "quantum physics". What a real model finds besides is not tested with it.
    """

    def __init__(self, batch_size: int = 64, timeout_seconds: float = 10) -> None:
        self.batch_size = batch_size
        self.timeout_seconds = timeout_seconds
        self.calls: list[list[str]] = []

    @property
    def texts(self) -> list[str]:
        """All texts in the order they were asked for."""
        return [text for call in self.calls for text in call]

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text."""
        self.calls.append(texts)
        return [spelling(text) for text in texts]


class AwaitedSpelling(Spelling):
    """The same, to be awaited."""

    async def embed(self, texts: list[str]) -> list[list[float]]:  # type: ignore[override]
        """One vector for each text."""
        return super().embed(texts)
