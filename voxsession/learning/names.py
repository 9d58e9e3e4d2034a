"""The names of preferences, and which values they take when they are set by hand."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from voxsession.core.types import check_json, check_number, check_text
from voxsession.errors import ConfigurationError

__all__ = [
    "KINDS",
    "LEARNED",
    "PUBLIC_NAMES",
    "SCORES",
    "UNSETTABLE",
    "WORDS",
    "Kind",
    "canonical_name",
    "check_name",
    "check_preference",
]

#: What a message can be; the evidence `kind.question` and so on counts them.
Kind: TypeAlias = Literal["question", "command", "statement", "greeting"]
KINDS: Final[tuple[Kind, ...]] = ("question", "command", "statement", "greeting")
#: The preferences that are shares from 0 to 1.
SCORES: Final = ("formality", "technical_level", "verbosity")
#: What is measured in words, or words a minute.
LENGTHS: Final = ("message_length", "response_length", "speaking_pace")
#: Name inside the document -> key in what `get_learned_preferences()` gives; the others are alike.
PUBLIC_NAMES: Final = {
    "formality": "formality_score",
    "message_length": "avg_message_length",
    "response_length": "optimal_response_length",
}
#: All that is learned; any other name is the app's own.
LEARNED: Final = (*SCORES, *LENGTHS, "interaction_style", "language", "topics", "active_hours")
#: What follows from something else, so that nobody sets it; with what is set instead.
UNSETTABLE: Final = {
    "active_hours": "it is learned from the times of messages",
    "topic_weights": "they follow from the topics: set 'topics'",
}
#: The words that may be set, with the value each stands for.
WORDS: Final[dict[str, dict[str, float]]] = {
    "formality": {
        "always_formal": 1.0, "very_formal": 1.0, "formal": 0.9, "professional": 0.9, "polite": 0.8, "neutral": 0.5,
        "friendly": 0.3, "casual": 0.1, "informal": 0.1, "very_casual": 0.0, "always_casual": 0.0,
        "always_informal": 0.0,
    },
    "technical_level": {
        "beginner": 0.05, "novice": 0.05, "plain": 0.1, "simple": 0.1, "low": 0.2, "basic": 0.2, "intermediate": 0.5,
        "medium": 0.5, "advanced": 0.8, "high": 0.8, "technical": 0.9, "expert": 0.95, "professional": 0.9,
    },
    "verbosity": {
        "very_brief": 0.0, "always_brief": 0.0, "brief": 0.1, "short": 0.1, "concise": 0.1, "terse": 0.0, "low": 0.2,
        "normal": 0.5, "medium": 0.5, "balanced": 0.5, "high": 0.8, "long": 0.9, "detailed": 0.9, "verbose": 0.95,
        "always_detailed": 1.0, "very_detailed": 1.0,
    },
    "response_length": {"short": 30.0, "brief": 30.0, "medium": 80.0, "normal": 80.0, "long": 200.0, "detailed": 200.0},
    "speaking_pace": {"slow": 110.0, "normal": 150.0, "medium": 150.0, "fast": 190.0},
    "message_length": {},
    "interaction_style": {"questions": 0.0, "commands": 0.0, "chat": 0.0},
}  # fmt: skip
_MOST = {"message_length": 10_000, "response_length": 10_000, "speaking_pace": 1000}
_LONGEST_NAME = 200
_LONGEST_VALUE = 4000

_CANONICAL = {public: name for name, public in PUBLIC_NAMES.items()} | {
    "technical": "technical_level",
    "technical_score": "technical_level",
    "avg_response_length": "response_length",
    "pace": "speaking_pace",
    "style": "interaction_style",
}


def canonical_name(name: str) -> str:
    """The name under which a preference is kept: `formality` for `formality_score`.

    Args:
        name: As the app writes it, with or without `_score`, in any case; a name
            of the app's own is given back as it is.

    Returns:
        The name in the document.

    Example:
        >>> canonical_name("formality_score"), canonical_name("Technical Level"), canonical_name("Favourite colour")
        ('formality', 'technical_level', 'Favourite colour')
    """
    folded = name.strip().lower().replace(" ", "_").replace("-", "_")
    for known in (folded, folded.removesuffix("_score")):
        if known in LEARNED or known in UNSETTABLE:
            return known
        if known in _CANONICAL:
            return _CANONICAL[known]
    return name


def check_preference(name: str, value: object) -> Any:
    """The value of a preference that is set by hand, if it is one that the preference takes.

    Args:
        name: A learned preference or a name of the app's own, 1 to 200 characters.
        value: A number in the preference's unit or one of its words; for a name of the
            app's own anything that JSON has, except None.

    Returns:
        The value as it will be kept: words as given.

    Raises:
        ConfigurationError: the name is empty or too long, or the value is not allowed; it says what is.

    Example:
        >>> check_preference("formality", "always_formal"), check_preference("verbosity_score", 0.2)
        ('always_formal', 0.2)
    """
    known = canonical_name(check_name(name))
    if known in UNSETTABLE:
        raise ConfigurationError.out_of_range(name, value, f"it cannot be set: {UNSETTABLE[known]}")
    if value is None:
        raise ConfigurationError.out_of_range(name, value, "unset_preference(name) removes a preference")
    if known in WORDS:
        return _check_known(name, known, value)
    if known == "language":
        text = check_text(name, value, allow_empty=False)
        if len(text) <= 100:
            return text
        raise ConfigurationError.out_of_range(
            name, value, "a language has a name or code of 1 to 100 characters"
        )
    if known == "topics":
        return _check_topics(name, value)
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        raise ConfigurationError.out_of_range(name, value, f"a text has at most {_LONGEST_VALUE} characters")
    return check_json(name, value)


def check_name(name: object) -> str:
    """The name of a preference, if one can be called so.

    Raises:
        ConfigurationError: it is no text, or has not 1 to 200 characters.
    """
    text = check_text("name of the preference", name, allow_empty=False)
    if len(text) > _LONGEST_NAME:
        raise ConfigurationError.out_of_range(
            "name of the preference", text, f"a name has 1 to {_LONGEST_NAME} characters"
        )
    return text


def _check_known(name: str, known: str, value: object) -> Any:
    words = WORDS[known]
    if isinstance(value, str):
        if value.strip().lower().replace(" ", "_").replace("-", "_") in words:
            return value
        number = "" if known == "interaction_style" else f", or a number from 0 to {_MOST.get(known, 1)}"
        raise ConfigurationError.out_of_range(name, value, f"one of {', '.join(words) or 'no words'}{number}")
    if known == "interaction_style":
        raise ConfigurationError.out_of_range(name, value, f"one of {', '.join(words)}")
    return check_number(name, value, 0, _MOST.get(known, 1))


def _check_topics(name: str, value: object) -> list[str]:
    if isinstance(value, (list, tuple)) and len(value) <= 100:
        return [check_text(f"{name}[{i}]", item, allow_empty=False) for i, item in enumerate(value)]
    raise ConfigurationError.out_of_range(name, value, "a list of at most 100 texts")
