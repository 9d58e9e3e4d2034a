"""Patterns that look at one letter first find what they would find without it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.memory import fact_guards, fact_prose, fact_reports

WORDS = st.sampled_from(
    "I I'm my and but so because he she they it Tom said told says like that with love live is are name in as "
    "allergic dogs please don't what when works who by the way thanks yeah a an 12 - -- , : ; ( ) . ! ? :) :-( ;D "
    "🙂 ☀ \ufe0f § ſ İ Ünal".split(" ")
)
TEXTS = st.lists(
    st.tuples(WORDS, st.sampled_from(["", " ", " ", " ", "\n", ", ", " - ", "\u00a0"])), max_size=25
).map(lambda pieces: "".join(word + space for word, space in pieces))
LOOKS = {
    "boundary": (fact_guards._BOUNDARY, r"(?=[\s,():])"),
    "told by": (fact_reports._TOLD_BY, r"(?=[\s,-])"),
    "emoji": (fact_prose._EMOJI, r"(?=[\s:;\U0001F000-\U0001FAFF\u2600-\u27bf\ufe0f])"),
}


@pytest.mark.parametrize("name", LOOKS)
@given(text=TEXTS)
def test_the_look_ahead_changes_nothing(name: str, text: str) -> None:
    """The same places are found with and without it."""
    pattern, look = LOOKS[name]
    assert pattern.pattern.startswith(look)
    plain = re.compile(pattern.pattern.removeprefix(look), pattern.flags)
    assert [m.span() for m in pattern.finditer(text)] == [m.span() for m in plain.finditer(text)]
