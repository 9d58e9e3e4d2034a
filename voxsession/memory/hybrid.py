"""One ranking out of two: by words, by meaning."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from voxsession.memory.words import STOP_WORDS

if TYPE_CHECKING:
    from voxsession.memory.lookup import Hit

__all__ = ["blend", "first_person", "rank"]

#: The share of the meaning in a score; the rest is that of the words.
_MEANING = 0.5
#: What is added to the cosine of what the asked person said, in shares of the greatest cosine.
_SPEAKER = 0.3
#: What words do not find must be so near, in shares of the greatest cosine: there is always something nearest.
_NEAR = 0.5


def first_person(question: str, names: Collection[str]) -> str:
    """A question about people as they would speak of it themselves: that is how what they said is written.

    Args:
        question: Any text.
        names: The participants it names.

    Returns:
        The question with "I" and "my" in place of the names.

    Example:
        >>> first_person("When did Ann see Bob's garden?", {"Ann Lee"})
        "When did I see Bob's garden?"
        >>> first_person("What is Ann's job?", {"Ann"})
        'What is my job?'
    """
    parts = {part for name in names for part in (name, *name.split()) if part}
    if not parts:
        return question
    ordered = sorted(parts, key=lambda part: (-len(part), part))
    # "When will Will come?": a name that is also a common word must have its capital.
    named = "|".join(
        re.escape(part) if part.casefold() in STOP_WORDS else f"(?i:{re.escape(part)})" for part in ordered
    )
    return re.sub(
        rf"(?<!\w)(?:{named})(?!\w)(?P<owns>['\u2019]s\b)?",
        lambda found: "my" if found["owns"] else "I",
        question,
    )


def blend(words: Mapping[str, float], meaning: Mapping[str, float]) -> dict[str, float]:
    """Scores by words and by meaning in one, each first brought to 0..1 over all candidates of the question.

    Args:
        words: Scores by words; what is not in it was not found by words and has 0.
        meaning: Cosines; for what has no vector its words stand in.

    Returns:
        The weighted sum for each candidate, 0..1.

    Example:
        >>> blend({"a": 0.8, "b": 0.4}, {"b": 0.6, "c": 0.2})
        {'a': 1.0, 'b': 0.75, 'c': 0.0}
    """
    most = max(words.values(), default=0.0) or 1.0
    least, top = min(meaning.values(), default=0.0), max(meaning.values(), default=0.0)
    span = top - least
    scores = {}
    for item_id in {**words, **meaning}:
        said = words.get(item_id, 0.0) / most
        cosine = meaning.get(item_id)
        meant = said if cosine is None else (cosine - least) / span if span else 1.0
        # Rounded, for sums in another order differ in their last digits.
        scores[item_id] = round((1 - _MEANING) * said + _MEANING * meant, 6)
    return scores


def rank(
    hits: Sequence[Hit], cosines: Mapping[str, float], said: Collection[str], moments: Mapping[str, datetime]
) -> list[tuple[str, float, tuple[str, ...]]]:
    """What was found by words and by meaning, in one order.

    Args:
        hits: What was found by words.
        cosines: How like the question the candidates are; those by words have one too where they have a vector.
        said: The candidates that the person said whom the question is about.
        moments: When each candidate was said.

    Returns:
        Id, score and reasons, best first; equally good ones newest first, then by id.
    """
    best = max(0.0, max(cosines.values(), default=0.0))
    boost = _SPEAKER * best
    meaning = {item_id: cosine + boost * (item_id in said) for item_id, cosine in cosines.items()}
    scores = blend({hit.id: hit.score for hit in hits}, meaning)
    words = {hit.id: hit.reasons for hit in hits}
    middle = (min(meaning.values(), default=0.0) + max(meaning.values(), default=0.0)) / 2

    def reasons(item_id: str) -> tuple[str, ...]:
        is_meant = item_id in meaning and (item_id not in words or meaning[item_id] >= middle)
        return words.get(item_id, ()) + ((f"meaning: {cosines[item_id]:.2f}",) if is_meant else ())

    found = [item_id for item_id in scores if item_id in words or cosines[item_id] > _NEAR * best]
    found.sort(key=lambda item_id: (-scores[item_id], -moments[item_id].timestamp(), item_id))
    return [(item_id, scores[item_id], reasons(item_id)) for item_id in found]
