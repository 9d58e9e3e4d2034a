"""File names for ids: told apart everywhere, and readable back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.storage.file_names import LONGEST_NAME, escaped, is_shortened, unescaped

IDS = st.text("abcXYZ019._:@+=-%", min_size=1, max_size=40) | st.text(min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sess_abc-1", "sess_abc-1"),
        ("user@host+x=1", "user@host+x=1"),
        ("Alice", "Alice"),
        ("a:b", "a%3ab"),
        ("a/../b", "a%2f..%2fb"),
        (".hidden", "%2ehidden"),
        ("dot.", "dot%2e"),
        ("con", "%63on"),
        ("COM1.txt", "%43OM1.txt"),
        ("console", "console"),
        ("100%", "100%25"),
        ("é", "%c3%a9"),
    ],
)
def test_names(text: str, name: str) -> None:
    """Plain ids are their own names; the rest is escaped, byte by byte."""
    assert escaped(text) == name
    assert unescaped(name) == text


@given(IDS, st.booleans())
def test_names_can_be_read_back(text: str, keep_case: bool) -> None:
    """What was escaped is unescaped to the same id, and is safe on any file system."""
    name = escaped(text, keep_case=keep_case)

    assert is_shortened(name) or unescaped(name) == text
    assert name.isascii() and not set(name) & set('/\\:*?"<>| \0')
    assert name[0] != "." and name[-1] != "."
    assert keep_case or name == name.lower()
    assert 0 < len(name) <= LONGEST_NAME


@given(IDS, IDS)
def test_different_ids_have_different_names(one: str, other: str) -> None:
    """Two ids never share a name, also where capital letters do not count."""
    assert (escaped(one) == escaped(other)) == (one == other)
    folded = escaped(one, keep_case=False).lower() == escaped(other, keep_case=False).lower()
    assert folded == (one == other)


def test_long_names_are_shortened() -> None:
    """A name that would be too long is a hash; names just short enough are not."""
    assert escaped("x" * 240) == "x" * 240
    assert is_shortened(escaped("x" * 241)) and len(escaped("é" * 200)) < LONGEST_NAME
    assert escaped("é" * 200) != escaped("é" * 199)
