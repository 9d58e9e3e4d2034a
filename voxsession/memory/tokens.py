"""How long a text is in tokens: exactly with tiktoken's ranks, estimated without them.

Usage::

    counter = LateCounter()                  # an estimate at once, no I/O
    await asyncio.to_thread(counter.load)    # exact from here on, if the ranks are on this machine
    counter.count("Hello")
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from voxsession.core.types import check_text
from voxsession.errors import ConfigurationError
from voxsession.memory.token_estimate import EstimatedCounter

__all__ = [
    "SHORT_CHARACTERS",
    "CheckedCounter",
    "EstimatedCounter",
    "LateCounter",
    "TiktokenCounter",
    "TokenCounter",
    "checked_counter",
    "count_long",
]

_log = logging.getLogger(__name__)

SHORT_CHARACTERS = 32 * 1024  # counted at once, without a thread
_CACHED_CHARACTERS = 2 * 1024
_CACHED_TEXTS = 1024
_MAX_COUNT = 10**12

# With o200k_base tiktoken panics on a million blanks in a row, and its panic is no Exception to be caught.
_PIECE_CHARACTERS = 100_000
_SEAM_CHARACTERS = 1_000
# Before a single blank between two letters both encodings begin a new word anyway.
_SEAM = re.compile(r"(?<=[A-Za-z]) (?=[A-Za-z])")


class TokenCounter(Protocol):
    """Counts the tokens of a text; whoever has another tokenizer gives the facade an object of this shape.

    A count is never negative and is 0 for the empty text. `count` may be called from several threads at once.
    """

    @property
    def name(self) -> str:
        """Says which numbers these are, as in ``"tiktoken/o200k_base"``; equal names mean equal counts."""
        ...

    @property
    def exact(self) -> bool:
        """True if these are the numbers of the model's own tokenizer, False if they are estimates."""
        ...

    def count(self, text: str) -> int:
        """The number of tokens in `text`, which may be any string, lone surrogates included."""
        ...


_loaded: set[str] = set()


class TiktokenCounter:
    """Counts exactly, with ranks that are found on this machine.

    Special tokens such as ``<|endoftext|>`` count as the plain text that they are in a message. Counting
    never raises. The latest 1,024 texts of up to 2,048 characters are remembered with their counts.
    Making the first one of the process blocks for up to half a second, so make it in a thread.

    Args:
        encoding: ``"o200k_base"`` or ``"cl100k_base"``.
        rank_dir: the one folder to look into; None means all places of `token_ranks.find_ranks`.
        allow_download: True permits to fetch the published rank file (1.7 or 3.6 MB) if none is found.

    Raises:
        ConfigurationError: the encoding is not known, or there is no valid rank file for it.
    """

    exact = True

    def __init__(
        self,
        encoding: str = "o200k_base",
        rank_dir: str | os.PathLike[str] | None = None,
        allow_download: bool = False,
    ) -> None:
        from voxsession.memory.token_ranks import (  # needed by the first exact count
            how_to_supply,
            load_encode,
        )

        encode = load_encode(encoding, rank_dir, allow_download=allow_download)
        if encode is None:
            raise ConfigurationError(how_to_supply(encoding), option="rank_dir")
        if rank_dir is None:
            _loaded.add(encoding)
        self.encoding = encoding
        self.name = f"tiktoken/{encoding}"
        self._count = functools.partial(_count, encode)
        self._remembered = functools.lru_cache(_CACHED_TEXTS)(self._count)

    def __repr__(self) -> str:
        return f"TiktokenCounter({self.encoding!r})"

    def count(self, text: str) -> int:
        """The number of tokens in `text`; blocks for about 0.2 s per million characters."""
        return self._remembered(text) if len(text) <= _CACHED_CHARACTERS else self._count(text)


_TOLD: set[str] = set()


class LateCounter:
    """Estimates at once, and counts exactly as soon as its ranks are loaded.

    Making one does no I/O. `name` and `exact` say which of the two the next count will be.

    Args:
        encoding: ``"o200k_base"`` or ``"cl100k_base"``.
        rank_dir: the one folder to look into; None means all places of `token_ranks.find_ranks`.
        allow_download: True permits `load` to fetch the published rank file if none is found.

    Raises:
        ConfigurationError: the encoding is not known.

    Example:
        >>> counter = LateCounter()
        >>> counter.exact, counter.name
        (False, 'estimate/o200k_base')
        >>> counter.count("The weather will stay fine until Friday.")
        7
    """

    def __init__(
        self,
        encoding: str = "o200k_base",
        rank_dir: str | os.PathLike[str] | None = None,
        allow_download: bool = False,
    ) -> None:
        self._current: EstimatedCounter | TiktokenCounter = EstimatedCounter(encoding)
        self._rank_dir = rank_dir
        self._allow_download = allow_download
        self._loading = threading.Lock()
        self._tried = False

    def __repr__(self) -> str:
        return f"<LateCounter {self.name}>"

    @property
    def encoding(self) -> str:
        """The encoding whose tokens are counted or estimated."""
        return self._current.encoding

    @property
    def name(self) -> str:
        """``"tiktoken/<encoding>"`` once loaded, ``"estimate/<encoding>"`` until then."""
        return self._current.name

    @property
    def exact(self) -> bool:
        """True once the ranks are loaded."""
        return self._current.exact

    def count(self, text: str) -> int:
        """The number of tokens in `text`, exact or estimated as `exact` says."""
        return self._current.count(text)

    @property
    def loads_at_once(self) -> bool:
        """Whether `load` need not run in a thread, because this process has loaded the ranks before."""
        return self._rank_dir is None and self.encoding in _loaded

    def load(self) -> bool:
        """Finds and loads the ranks; afterwards every count is exact.

        Blocks for up to half a second (and 20 seconds more if a download is allowed), so run it in a thread,
        before there is a live call: for 0.2 s of it, once in the process, tiktoken lets no other thread run.
        Several threads may call it. It tries once: later calls return what the first one found. Ranks that
        are not found are no error but one warning in the log.

        Returns:
            True if counts are exact now, False if they stay estimates.

        Raises:
            ConfigurationError: a `rank_dir` was given, and it holds no valid rank file.
        """
        with self._loading:
            if not self._tried:
                self._load()
                self._tried = True
            return self.exact

    def _load(self) -> None:
        try:
            self._current = TiktokenCounter(self.encoding, self._rank_dir, self._allow_download)
        except ConfigurationError as error:
            if self._rank_dir is not None:
                raise
            if self.encoding not in _TOLD:  # once in the process, however many counters are made
                _TOLD.add(self.encoding)
                _log.warning("Token counts are estimates. %s", error)


class CheckedCounter:
    """A counter of the app's own: what it gives is checked, because a wrong number would be stored.

    Args:
        counter: has `name`, `exact` and `count`.

    Raises:
        ConfigurationError: one of them is missing or of the wrong kind; of `count` that is told when it is called.

    Example:
        >>> CheckedCounter(EstimatedCounter()).count("The weather will stay fine until Friday.")
        7
    """

    def __init__(self, counter: TokenCounter) -> None:
        if not callable(getattr(counter, "count", None)):
            raise ConfigurationError.out_of_range(
                "token_counter",
                type(counter).__name__,
                "an object with name, exact and count(text) is needed",
            )
        self._counter = counter
        self._count = counter.count
        _ = self.name, self.exact

    def __repr__(self) -> str:
        return f"CheckedCounter({self.name!r})"

    @property
    def name(self) -> str:
        """The counter's name."""
        return check_text("token_counter.name", getattr(self._counter, "name", None), allow_empty=False)

    @property
    def exact(self) -> bool:
        """Whether the counter says that its numbers are exact."""
        found: object = getattr(self._counter, "exact", None)
        if isinstance(found, bool):
            return found
        raise ConfigurationError.out_of_range("token_counter.exact", type(found).__name__, "a bool is needed")

    def count(self, text: str) -> int:
        """What the counter gives, if it is a number of tokens."""
        try:
            found: object = self._count(text)
        except Exception as error:
            raise ConfigurationError(
                f"token_counter {self.name!r} failed in count() with {type(error).__name__}. "
                "It has to give a whole number for any text; mend it or leave token_counter out.",
                option="token_counter",
            ) from error
        if type(found) is int and 0 <= found <= _MAX_COUNT:
            return found
        shown = found if isinstance(found, (int, float)) else type(found).__name__
        raise ConfigurationError.out_of_range(
            "token_counter", shown, "count() has to give an int of at least 0", where="what count() gave"
        )


def checked_counter(counter: TokenCounter | None) -> TokenCounter:
    """The counter of a facade: this package's own as it is, another one checked, for None the default."""
    if counter is None:
        return LateCounter()
    known = (LateCounter, TiktokenCounter, EstimatedCounter, CheckedCounter)
    return counter if isinstance(counter, known) else CheckedCounter(counter)


async def count_long(counter: TokenCounter, text: str) -> int:
    """Counts a text of any length without holding up the event loop.

    Args:
        counter: what counts.
        text: any string; up to 32,768 characters are counted at once, more in a thread.

    Returns:
        The same number as ``counter.count(text)``.

    Example:
        >>> asyncio.run(count_long(EstimatedCounter(), "The weather will stay fine until Friday."))
        7
    """
    if len(text) <= SHORT_CHARACTERS:
        return counter.count(text)
    return await asyncio.to_thread(counter.count, text)


def _count(encode: Callable[[str], list[int]], text: str) -> int:
    if len(text) <= _PIECE_CHARACTERS:
        return len(encode(text))
    return sum(len(encode(piece)) for piece in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces, cut where the count does not change if there is such a place."""
    start = 0
    while len(text) - start > _PIECE_CHARACTERS:
        end = start + _PIECE_CHARACTERS
        for seam in _SEAM.finditer(text, end - _SEAM_CHARACTERS, end):
            end = seam.start()
        yield text[start:end]
        start = end
    yield text[start:]
