"""How the offline model says things: the standing wishes it can follow, and the last touch to a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from voxsession.core.struct import Struct, evolve
from voxsession.core.types import JsonObject
from voxsession.learning.languages import LANGUAGES, language_name
from voxsession.learning.wishes import Wish
from voxsession.memory.context import WISHES_HEADING
from voxsession.models.offline_knowledge import Known
from voxsession.models.offline_tone import casual, formal

__all__ = ["NO_OTHER_LANGUAGE", "Style", "finish", "follow_spoken", "formal", "read_style", "wishes_in"]

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
_PLAIN = r"\b(?:plain|simple|simpler|easy) (?:words|language|terms|english)\b"
_EXPERT = r"\b(?:expert knowledge|technical (?:detail|terms|language)|an expert)\b"
_WORDS = re.compile(r"\babout (\d+) words\b|\bat most (\d+) words\b", re.IGNORECASE)
_LANGUAGE = re.compile(r"\b(?:" + "|".join(LANGUAGES.values()) + r")\b", re.IGNORECASE)
# (pattern, attribute, value); later ones win over earlier ones.
_RULES: tuple[tuple[re.Pattern[str], str, Any], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), name, value)
    for pattern, name, value in (
        (rf"\b{_SHORT}|\bone sentence\b", "length", "brief"),
        (rf"\b{_LONG}", "length", "detailed"),
        (rf"{_NOT}{_LONG}", "length", "brief"),
        (rf"{_NOT}{_SHORT}", "length", "detailed"),
        (_FORMAL, "tone", "formal"),
        (_CASUAL, "tone", "casual"),
        (rf"{_NOT}{_FORMAL}", "tone", "neutral"),
        (_EXPERT, "level", "expert"),
        (_PLAIN, "level", "plain"),
        (rf"{_NOT}{_EXPERT}", "level", "plain"),
    )
)


class Style(Struct, frozen=True, kw_only=True):
    """How to answer.

    Attributes:
        length: `brief`, `normal` or `detailed`.
        tone: `formal` (no contractions, no small talk), `neutral` or `casual`.
        level: `plain` words, `normal`, or `expert` (what the answer was made from is told).
        words: about how many an answer may have; None = any number.
        language: the wanted language where it is not English, by its English name where that is known.
    """

    length: str = "normal"
    tone: str = "neutral"
    level: str = "normal"
    words: int | None = None
    language: str | None = None

    @property
    def formal(self) -> bool:
        """No contractions, no small talk."""
        return self.tone == "formal"

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


def follow_spoken(style: Style, wishes: Iterable[Wish]) -> Style:
    """The style with what the message to be answered itself asks for, or takes back.

    Example:
        >>> from voxsession.learning.wishes import wishes_of
        >>> follow_spoken(Style(length="brief", tone="formal"), wishes_of("Back to normal, please."))
        Style(length='normal', tone='neutral', level='normal', words=None, language=None)
    """
    for wish in wishes:
        if wish.name == "response_length":
            style = evolve(style, words=None if wish.value is None else round(wish.value))
        elif wish.name in _SPOKEN:
            field, low, neutral, high = _SPOKEN[wish.name]
            value = 0.5 if wish.value is None else wish.value
            chosen: Any = low if value <= 0.25 else high if value >= 0.75 else neutral
            style = evolve(style, **{field: chosen})
        elif wish.name.startswith("language.") and wish.value:
            style = evolve(style, language=_other_language(wish.name.removeprefix("language.")))
    return style


#: A wish -> the field of a style, with its value for a low, a middle and a high one.
_SPOKEN = {
    "verbosity": ("length", "brief", "normal", "detailed"),
    "formality": ("tone", "casual", "neutral", "formal"),
    "technical_level": ("level", "plain", "normal", "expert"),
}


def _with(style: Style, sentence: str) -> Style:
    if words := _WORDS.search(sentence):
        style = evolve(style, words=int(words[1] or words[2]))
    for pattern, name, value in _RULES:
        if pattern.search(sentence):
            style = evolve(style, **{name: value})
    named = _LANGUAGE.search(sentence)
    if named and _ANSWERS.search(sentence):
        refused = re.search(_NOT + named.group(), sentence, re.IGNORECASE)
        style = evolve(style, language=None if refused else _other_language(named.group()))
    return style


def _other_language(language: str | None) -> str | None:
    if not language or language.lower().startswith("en"):
        return None
    code = re.split(r"[-_]", language.strip())[0]
    return language_name(code) if len(code) <= 3 else language.strip().capitalize()


# --- the last touch

_SENTENCE_END = re.compile(r"[.!?…][\"')]*(?= |$)")


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
    if style.tone != "neutral":
        text = formal(text) if style.formal else casual(text)
    if style.words is not None:
        text = _within(text, style.words)
    limit = max_tokens * _CHARS_PER_TOKEN
    if len(text) <= limit:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text[:limit])]
    if ends:
        return text[: ends[-1]]
    return (text[: limit - 1].rsplit(" ", 1)[0] or text[: limit - 1]).rstrip(" ,;") + "…"


def _within(text: str, most_words: int) -> str:
    """As many sentences as have about so many words together, at least one."""
    end = len(text)
    for match in _SENTENCE_END.finditer(text):
        if len(text[: match.end()].split()) > most_words:
            break
        end = match.end()
    else:
        return text
    return text[:end] if end < len(text) else text[: next(_SENTENCE_END.finditer(text)).end()]
