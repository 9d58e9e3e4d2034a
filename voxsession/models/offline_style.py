"""How the offline model says things: the standing wishes it can follow, and the last touch to a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import attrs

from voxsession.core.types import JsonObject
from voxsession.learning.languages import LANGUAGES, language_name
from voxsession.memory.context import WISHES_HEADING
from voxsession.models.offline_knowledge import Known

__all__ = ["NO_OTHER_LANGUAGE", "Style", "finish", "formal", "read_style", "wishes_in"]

NO_OTHER_LANGUAGE = "I can only write English"
_CHARS_PER_TOKEN = 4
_ANSWERS = re.compile(
    r"\b(?:answers?|answered|repl\w+|respon\w+|explanations?|sentences?|keep|language|tone|style|wording"
    r"|talk)\b",
    re.IGNORECASE,
)
_NOT = r"\b(?:not|n't|don't|doesn't|no|never|less|avoid|without|isn't|stop|too)\b[^.]{0,20}"
_SHORT = r"(?:short\w*|brief\w*|concise\w*|succinct\w*|terse|to the point)\b"
_LONG = r"(?:detail\w*|long\w*|thorough\w*|in[- ]depth|elaborate|comprehensive)\b"
_FORMAL = r"\b(?:formal\w*|polite\w*|professional\w*)\b"
_CASUAL = r"\b(?:informal\w*|casual\w*|relaxed|chatty|like a friend|friendly)\b"
_LANGUAGE = re.compile(r"\b(?:" + "|".join(LANGUAGES.values()) + r")\b", re.IGNORECASE)
# (pattern, attribute, value); later ones win over earlier ones.
_RULES: tuple[tuple[re.Pattern[str], str, Any], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), name, value)
    for pattern, name, value in (
        (rf"\b{_SHORT}|\bone sentence\b", "length", "brief"),
        (rf"\b{_LONG}", "length", "detailed"),
        (rf"{_NOT}{_LONG}", "length", "brief"),
        (rf"{_NOT}{_SHORT}", "length", "detailed"),
        (_FORMAL, "formal", True),
        (_CASUAL, "formal", False),
        (rf"{_NOT}{_FORMAL}", "formal", False),
    )
)


@attrs.frozen(slots=True, kw_only=True)
class Style:
    """How to answer.

    Attributes:
        length: `brief`, `normal` or `detailed`.
        formal: no contractions, no small talk.
        language: the wanted language where it is not English, by its English name where that is known.
    """

    length: str = "normal"
    formal: bool = False
    language: str | None = None

    @property
    def brief(self) -> bool:
        """One short sentence at most."""
        return self.length == "brief"

    @property
    def detailed(self) -> bool:
        """More than usual."""
        return self.length == "detailed"


def wishes_in(messages: Iterable[JsonObject]) -> list[str]:
    """The lines under the heading of wishes in the system message.

    Example:
        >>> wishes_in([{"role": "system", "content": "Hi.\\n\\n" + WISHES_HEADING + "- Keep answers short.\\n"}])
        ['Keep answers short.']
    """
    found: list[str] = []
    for message in messages:
        content = message.get("content")
        if message.get("role") == "system" and isinstance(content, str):
            _, heading, section = content.partition(WISHES_HEADING)
            for line in section.split("\n") if heading else []:
                if not line.startswith("- "):
                    break
                found.append(line[2:].strip())
    return found


def read_style(language: str | None, wishes: Iterable[str], known: Iterable[Known]) -> Style:
    """The style that the settings, the wishes and the remembered instructions ask for, the last said winning.

    Args:
        language: of the config, a code or a name; None is English.
        wishes: sentences such as "Keep answers short."
        known: what is remembered, oldest first; only what is about answering counts.

    Example:
        >>> read_style(None, ["Keep answers short."], []).brief
        True
        >>> read_style("de", [], []).language
        'German'
    """
    style = Style(language=_other_language(language))
    for wish in wishes:
        style = _with(style, wish)
    for one in known:
        is_wish = one.category == "instruction" or (
            one.category == "preference" and _ANSWERS.search(one.content)
        )
        if is_wish and one.speaker is None:
            style = _with(style, one.content)
    return style


def _with(style: Style, sentence: str) -> Style:
    for pattern, name, value in _RULES:
        if pattern.search(sentence):
            style = attrs.evolve(style, **{name: value})
    named = _LANGUAGE.search(sentence)
    if named and _ANSWERS.search(sentence):
        refused = re.search(_NOT + named.group(), sentence, re.IGNORECASE)
        style = attrs.evolve(style, language=None if refused else _other_language(named.group()))
    return style


def _other_language(language: str | None) -> str | None:
    if not language or language.lower().startswith("en"):
        return None
    code = re.split(r"[-_]", language.strip())[0]
    return language_name(code) if len(code) <= 3 else language.strip().capitalize()


# --- the last touch

_EXPANDED = (
    (re.compile(r"\b([Cc])an't\b"), r"\1annot"),
    (re.compile(r"\b([Ww])on't\b"), r"\1ill not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\bI'm\b"), "I am"),
    (re.compile(r"(?<=\w)'re\b"), " are"),
    (re.compile(r"(?<=\w)'ve\b"), " have"),
    (re.compile(r"(?<=\w)'ll\b"), " will"),
    (re.compile(r"\b([Tt]hat|[Ii]t|[Ww]hat|[Tt]here)'s\b"), r"\1 is"),
)
_SENTENCE_END = re.compile(r"[.!?…][\"')]*(?= |$)")


def formal(text: str) -> str:
    """A text without contractions; what stands in quotation marks stays as it was said.

    Example:
        >>> formal('You\\'re right. I said: "I don\\'t."')
        'You are right. I said: "I don\\'t."'
    """
    parts = text.split('"')
    for index in range(0, len(parts), 2):
        for pattern, full in _EXPANDED:
            parts[index] = pattern.sub(full, parts[index])
    return '"'.join(parts)


def finish(text: str, style: Style, max_tokens: int, *, notice: bool) -> str:
    """The text as it goes out: formal where wanted, with the notice about the language, cut to the limit.

    Args:
        text: what is said.
        style: how.
        max_tokens: the limit, counted as four characters a token; the cut is made after a sentence.
        notice: whether to say that no other language can be written.

    Example:
        >>> finish("One. Two.", Style(), 1, notice=False)
        'One.'
    """
    if notice and style.language:
        said = f"{NO_OTHER_LANGUAGE}, not {style.language}"
        text = f"{text.rstrip('.')} ({said})." if style.brief else f"{text} {said}."
    if style.formal:
        text = formal(text)
    limit = max_tokens * _CHARS_PER_TOKEN
    if len(text) <= limit:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text[:limit])]
    if ends:
        return text[: ends[-1]]
    return (text[: limit - 1].rsplit(" ", 1)[0] or text[: limit - 1]).rstrip(" ,;") + "…"
