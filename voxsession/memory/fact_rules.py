"""The rules of the extraction, made from the table in `fact_patterns`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from voxsession.core.struct import Struct
from voxsession.memory import fact_words as w
from voxsession.memory.fact_patterns import TABLE
from voxsession.memory.fact_values import READERS, Reader


class Rule(Struct, frozen=True, kw_only=True):
    """A beginning of a clause, and the fact it states.

    Args:
        source: a regular expression for the beginning of a clause, compiled when a clause first comes near it.
        opening: the letters that each clause it matches begins with.
        reader: takes the match and the words behind it, gives the values and the words left over.
        category: of the fact.
        importance: of the fact.
        slot: a template with `{key}` for the normalised value; `None` where the fact only adds.
        content: a template with `{u}` ("User"), `{p}` ("User's"), `{v}` (the value) and the groups of the pattern.
        tail: how the words left over go on ("I'm a"), or `None` where the engine decides.

    Returns:
        An immutable value.

    >>> RULES[0].slot, RULES[0].category
    ('name', 'identity')
    """

    source: str
    opening: str
    reader: Reader
    category: str
    importance: float
    slot: str | None
    content: str
    tail: str | None

    def match(self, clause: str) -> re.Match[str] | None:
        """Match the beginning of a clause.

        Args:
            clause: "I live in Rome".

        Returns:
            The match, or `None`; what follows it is for the reader.

        >>> rule = next(rule for rule in RULES if rule.slot == "origin")
        >>> rule.match("I'm from Rome").end()
        9
        """
        if clause[: len(self.opening)].lower() != self.opening:
            return None
        return _compiled(self.source).match(clause)


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source, re.I)


def _opening(source: str) -> str:
    """The letters before the first thing in a pattern that is not a letter: "I'm " of "I'm (?:an? )?"."""
    letters = re.match(r"[A-Za-z' -]*", source)
    found = letters[0] if letters else ""
    return (found[:-1] if source[len(found) :][:1] in ("?", "*", "{") else found).lower()


def _read_table(table: str) -> Iterator[Rule]:
    category, importance, slot, content = "", 0.0, "", ""
    joined = re.sub(r"\n {18}", "", table)
    for line in filter(None, joined.splitlines()):
        if line.startswith("["):
            category, _, weight = line.strip("[]").partition(" ")
            importance = float(weight)
        elif not line.startswith(" "):
            slot, content = (part.strip() for part in line.split(" | "))
        else:
            name, _, rest = line.strip().partition(" ")
            source, _, tail = rest.strip().partition(" ->")
            for part, meaning in w.PARTS.items():
                source = source.replace(f"<{part}>", meaning)
            end = "" if "(?P<v>" in source else r"(?:\s+|$)"
            yield Rule(
                source=source + end,
                opening=_opening(source),
                reader=READERS[name],
                category=category,
                importance=importance,
                slot=None if slot == "-" else slot,
                content=content,
                tail=tail.strip() or None,
            )


RULES = tuple(_read_table(TABLE))
