"""Search over one session's memories and messages: by words, who, when and what stands beside it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from voxsession.memory.lookup import Hit, Lookup
from voxsession.memory.postings import Postings
from voxsession.memory.question import Question, read_question
from voxsession.memory.rank import Weights
from voxsession.memory.shelf import Passage, Shelf

if TYPE_CHECKING:
    from voxsession.memory.hybrid import Compare

__all__ = ["Hit", "Passage", "SearchIndex"]

#: With more unused row numbers than this, and more than used ones, the index is built anew.
_MOST_UNUSED_ROWS = 1_024


class SearchIndex:
    """An index in memory over memories and messages, updated as they come; safe to use from several threads.

    Example:
        >>> from datetime import UTC, datetime
        >>> at = datetime(2024, 5, 1, tzinfo=UTC)
        >>> index = SearchIndex()
        >>> index.add([
        ...     Passage(id="1", text="I adopted a puppy", source="message", at=at, role="user", group="c"),
        ...     Passage(id="2", text="Prefers tea", source="memory", at=at),
        ... ])
        >>> [(hit.id, hit.reasons) for hit in index.search("When did I adopt my dog?")]
        [('1', ('words: adopt', 'related words: dog', 'said by the user'))]
    """

    def __init__(self, *, weights: Weights | None = None) -> None:
        self._weights = weights or Weights()
        self._lock = threading.RLock()
        self._postings = Postings()
        self._shelf = Shelf()
        self._latest: tuple[object, Lookup] | None = None

    def __len__(self) -> int:
        return len(self._shelf.slot_of)

    def __contains__(self, passage_id: object) -> bool:
        return passage_id in self._shelf.slot_of

    def add(self, passages: Iterable[Passage]) -> None:
        """Index passages; one whose id is already in is replaced.

        Args:
            passages: Any number, in any order; many at once are far cheaper than one by one.

        Example:
            >>> from datetime import UTC, datetime
            >>> index = SearchIndex()
            >>> index.add([Passage(id="m", text="Prefers tea", source="memory", at=datetime(2024, 5, 1, tzinfo=UTC))])
            >>> len(index), "m" in index
            (1, True)
        """
        new = {passage.id: passage for passage in passages}
        with self._lock:
            self.remove([known for known in new if known in self._shelf.slot_of])
            self._postings.add(*self._shelf.put(new.values()))

    def remove(self, ids: Iterable[str]) -> None:
        """Take passages out, so that they neither are found nor help others; unknown ids are passed over.

        Args:
            ids: Ids of passages.

        Example:
            >>> SearchIndex().remove(["never added"])
        """
        with self._lock:
            self._latest = None
            rows: list[tuple[int, str]] = []
            for known in ids:
                rows += self._shelf.take(known)
            self._postings.remove(rows)
            if self._shelf.unused_rows > max(_MOST_UNUSED_ROWS, self._shelf.rows_total):
                left = [
                    passage
                    for slot in self._shelf.slot_of.values()
                    if (passage := self._shelf.passages[slot])
                ]
                self.clear()
                self.add(left)

    def clear(self) -> None:
        """Take everything out.

        Example:
            >>> SearchIndex().clear()
        """
        with self._lock:
            self._latest = None
            self._postings.clear()
            self._shelf = Shelf()

    def search(
        self,
        query: str,
        limit: int = 5,
        *,
        sources: Collection[str] = ("message", "memory"),
        category: str | None = None,
        at: datetime | None = None,
        compare: Compare | None = None,
    ) -> list[Hit]:
        """Find the passages that answer a question best.

        Args:
            query: Any text; quotes and operators mean nothing special.
            limit: How many hits at most.
            sources: Which sources to look in.
            category: Only passages of this category, where given.
            at: The moment that "last week" counts from, aware; that of the newest passage where None.
            compare: Compares passages with the query by meaning, which counts as well where given.

        Returns:
            Hits, best first; equally good ones newest first, then by id.

        Example:
            >>> SearchIndex().search("anything")
            []
        """
        with self._lock:
            if limit <= 0 or not self._shelf.slot_of:
                return []
            self._shelf.settle()
            moment = at or self._shelf.newest()
            if compare is None:
                lookup = self._lookup(query, moment)
            else:
                from voxsession.memory.hybrid import HybridLookup

                lookup = HybridLookup(
                    self._read(query, moment), self._shelf, self._postings, self._weights, compare
                )
            return lookup.hits(limit, frozenset(sources), category)

    def _read(self, query: str, at: datetime) -> Question:
        return read_question(query, self._shelf.name_words, at)

    def _lookup(self, query: str, at: datetime) -> Lookup:
        """The search for a question by words; the latest is kept, for memories and messages are asked one by one."""
        asked = query, at, str(at.tzinfo)
        if self._latest is None or self._latest[0] != asked:
            lookup = Lookup(self._read(query, at), self._shelf, self._postings, self._weights)
            self._latest = asked, lookup
        return self._latest[1]
