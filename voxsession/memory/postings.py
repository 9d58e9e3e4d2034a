"""The inverted index: which rows hold a word, kept by SQLite's FTS5 in memory."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Collection, Iterable, Sequence

from voxsession.core.types import decode_json

__all__ = ["Postings"]

# Marks (Mn, Mc) belong to their word in Indic and Thai script; accents on Latin letters are folded away.
_TOKENIZER = "porter unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
_MOST_STEMS = 20_000
_LONGEST_KEPT_CHARS = 1_000
# One write costs as much as fifty rows in it: a few new rows wait for the next search.
_MOST_PENDING = 64


class Postings:
    """Words to rows, stemmed and without accents; not safe for threads by itself.

    SQLite does what is slow in Python (cutting, folding, stemming, keeping lists of rows in order); the ranking,
    which needs more than FTS5's own, reads the raw lists. Neither the texts nor the places of the words in them
    are kept here, so that whoever takes a row out brings its text along.

    Example:
        >>> postings = Postings()
        >>> postings.add([1, 2], ["We sang songs", "One song, one singer: a song"])
        >>> postings.terms_of("songs"), postings.rows_with(["song"], 10)
        (('song',), [1, 2])
    """

    __slots__ = ("__weakref__", "_db", "_many", "_pending", "_stems")

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        # Nothing to roll back to: an index that fails half-way is built anew by its owner.
        self._db.execute("PRAGMA journal_mode=OFF")
        for table, detail in (("said", "none"), ("asked", "full")):
            self._db.execute(
                f"CREATE VIRTUAL TABLE {table} USING fts5"
                f'(text, content="", columnsize=0, detail={detail}, tokenize="{_TOKENIZER}")'
            )
            self._db.execute(f"CREATE VIRTUAL TABLE {table}_words USING fts5vocab({table}, 'instance')")
        self._pending: dict[int, str] = {}
        self._stems: dict[str, tuple[str, ...]] = {}
        # How many rows there are at least with terms that have too many.
        self._many: dict[tuple[str, ...], int] = {}

    def add(self, rows: Sequence[int], texts: Sequence[str]) -> None:
        """Index texts under row numbers that are not in use.

        Args:
            rows: Numbers from 1.
            texts: The text of each, which can be encoded as UTF-8.
        """
        self._pending.update(zip(rows, texts, strict=True))
        if len(self._pending) >= _MOST_PENDING:
            self._flush()

    def remove(self, rows: Sequence[tuple[int, str]]) -> None:
        """Take rows out of the index, with exactly the texts they were added with.

        Args:
            rows: Pairs of row number and text.
        """
        self._many.clear()
        self._write(
            "INSERT INTO said(said, rowid, text) VALUES('delete', ?, ?)",
            [(row, text) for row, text in rows if self._pending.pop(row, None) is None],
        )

    def clear(self) -> None:
        """Take out every row."""
        self._pending.clear()
        self._many.clear()
        self._db.execute("INSERT INTO said(said) VALUES('delete-all')")

    def terms_of(self, words: str) -> tuple[str, ...]:
        """What a question's words are called in the index: folded and stemmed, none for mere signs.

        Args:
            words: A word, or several with spaces between; text that can be encoded as UTF-8.

        Returns:
            The index's terms, distinct, in their order.
        """
        if not words:
            return ()
        known = self._stems.get(words)
        if known is None:
            if len(self._stems) >= _MOST_STEMS:
                self._stems.clear()
            self._db.execute("INSERT INTO asked(rowid, text) VALUES(1, ?)", (words,))
            rows = self._db.execute("SELECT term FROM asked_words ORDER BY offset").fetchall()
            self._db.execute("INSERT INTO asked(asked) VALUES('delete-all')")
            known = tuple(dict.fromkeys(term for (term,) in rows))
            if len(words) <= _LONGEST_KEPT_CHARS:
                self._stems[words] = known
        return known

    def rows_with(self, terms: Sequence[str], limit: int) -> list[int] | None:
        """The rows that hold one of some terms, with repetitions where a row holds several.

        Args:
            terms: Terms from `terms_of`.
            limit: How many are too many.

        Returns:
            Row numbers; None where there are `limit` or more.
        """
        if not terms:
            return []
        asked = tuple(terms)
        if self._many.get(asked, 0) >= limit:
            return None
        self._flush()
        select = f"SELECT doc FROM said_words WHERE term IN ({','.join('?' * len(asked))}) LIMIT ?"
        # One string read as JSON takes half the time of as many rows.
        (found,) = self._db.execute(f"SELECT group_concat(doc) FROM ({select})", (*asked, limit)).fetchone()
        rows: list[int] = decode_json(f"[{found or ''}]")
        if len(rows) < limit:
            return rows
        if len(self._many) >= _MOST_STEMS:
            self._many.clear()
        self._many[asked] = limit
        return None

    def newest_rows_with(self, term: str, limit: int) -> list[int]:
        """The last rows that hold a term, descending; slower than `rows_with`, for very common terms.

        Args:
            term: A term from `terms_of`.
            limit: How many to read at most.

        Returns:
            Row numbers.
        """
        self._flush()
        quoted = '"' + term.replace('"', '""') + '"'
        rows: Iterable[tuple[int]] = self._db.execute(
            "SELECT rowid FROM said WHERE said MATCH ? ORDER BY rowid DESC LIMIT ?", (quoted, limit)
        )
        if found := [row for (row,) in rows]:
            return found
        # FTS5 stems what it is given; the few stems that are not their own stem are found the other way.
        others = self._db.execute("SELECT doc FROM said_words WHERE term = ? LIMIT ?", (term, limit))
        return [row for (row,) in others]

    def _flush(self) -> None:
        if self._pending:
            self._write("INSERT INTO said(rowid, text) VALUES(?, ?)", self._pending.items())
            self._pending.clear()

    def _write(self, statement: str, rows: Collection[tuple[int, str]]) -> None:
        if not rows:
            return
        self._db.execute("BEGIN")
        try:
            self._db.executemany(statement, rows)
        finally:
            self._db.execute("COMMIT")
