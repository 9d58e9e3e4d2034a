"""Why a preference has its value: how sure it is, and which messages moved it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from voxsession.core.preference import Evidence
from voxsession.core.session_data import SessionData
from voxsession.errors import ConfigurationError
from voxsession.learning.estimates import (
    HALF_LIFE_SECONDS,
    confidence_of,
    hand_set,
    learned_preferences,
    sources_of,
)
from voxsession.learning.names import LEARNED, PUBLIC_NAMES, SCORES, canonical_name

__all__ = ["PreferenceExplanation", "explain_preference"]

_NEUTRAL = 0.5
_MOST_NAMED = 8
_UNITS: Final = {
    "message_length": " words",
    "response_length": " words",
    "speaking_pace": " words a minute",
}
#: What is no number, so that nothing moves it up or down.
_UNMOVED = frozenset({"interaction_style", "language", "topics", "active_hours"})


class PreferenceExplanation(dict[str, Any]):
    """Why a preference has its value, as a JSON-ready dict that prints as a few lines to read.

    It holds `name` (as `get_learned_preferences` has it), `value`, `confidence` (0 to 1), `evidence_count` (messages
    that added to it), `moved_by` (a list of `message_id` and `moved`: how far today's value would be off without the
    message; None where that is not known or the preference is no number), `message_ids` (the same ids, oldest
    first), `asked_for` (the user asked for it, and that stands) and `set_by_hand`.
    """

    def __repr__(self) -> str:
        name, value = self["name"], self["value"]
        unit = _UNITS.get(canonical_name(name), "") if isinstance(value, (int, float)) else ""
        lines = [f"{name}: {value!r}{unit}, {self._reason()}"]
        for row in self["moved_by"]:
            moved = row["moved"]
            lines.append(f"  {row['message_id']}" + ("" if moved is None else f"  {moved:+.3g}"))
        return "\n".join(lines)

    __str__ = __repr__

    def _reason(self) -> str:
        if self["set_by_hand"]:
            return "set by hand"
        count = self["evidence_count"]
        said = f"{count} message{'' if count == 1 else 's'}"
        why = "asked for by the user in" if self["asked_for"] else "learned from"
        return f"{why} {said}, confidence {self['confidence']:.2f}" if count else "nothing known yet"


def explain_preference(data: SessionData, name: str, now: datetime | None = None) -> PreferenceExplanation:
    """Why a preference has its value.

    Args:
        data: The session.
        name: A preference, with or without `_score`, or a name of the app's own that was set.
        now: The moment up to which evidence has faded (aware); None = no time has passed since the latest of it.

    Returns:
        The explanation; confidence is 1.0 for what was set by hand, and 0.0 where nothing is known.

    Raises:
        ConfigurationError: there is no such preference; it names those there are.

    Example:
        >>> from datetime import UTC
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> data = SessionData(session_id="s1", created_at=start, updated_at=start)
        >>> data.evidence["verbosity"] = Evidence().grown(0.2, 1.0, start, message_id="m1")
        >>> print(explain_preference(data, "verbosity"))
        verbosity: 0.2, learned from 1 message, confidence 0.17
          m1  -0.3
    """
    known = _known_name(data, name)
    by_hand = known in hand_set(data)
    sources = [] if by_hand else [one for one in sources_of(data.evidence, known) if one in data.evidence]
    parts = [data.evidence[one] for one in sources if data.evidence[one].weight > 0]
    moved_by = _moved_by(known, parts)
    return PreferenceExplanation(
        name=PUBLIC_NAMES.get(known, known),
        value=learned_preferences(data).get(PUBLIC_NAMES.get(known, known)),
        confidence=1.0 if by_hand else confidence_of(_weight(parts, sources, now)),
        evidence_count=sum(part.count for part in parts)
        if known == "active_hours"
        else _count(known, data, parts),
        moved_by=moved_by,
        message_ids=[row["message_id"] for row in moved_by],
        asked_for=any(source.startswith("wish.") for source in sources),
        set_by_hand=by_hand,
    )


def _known_name(data: SessionData, name: str) -> str:
    known = canonical_name(name) if isinstance(name, str) else ""
    if known in LEARNED or known in hand_set(data):
        return known
    names = sorted({*(PUBLIC_NAMES.get(one, one) for one in LEARNED), *hand_set(data)})
    raise ConfigurationError.out_of_range("name of the preference", name, f"known are {', '.join(names)}")


def _count(known: str, data: SessionData, parts: list[Evidence]) -> int:
    """Messages that added: to a style all its kinds were counted with each message."""
    if known == "interaction_style" and not parts:
        kinds = [found.count for one, found in data.evidence.items() if one.startswith("kind.")]
        return max(kinds, default=0)
    return max((part.count for part in parts), default=0)


def _weight(parts: list[Evidence], sources: list[str], now: datetime | None) -> float:
    """The weight in messages, faded up to now; what was asked for does not fade."""
    total = 0.0
    for part in parts:
        fades = now is not None and not any(source.startswith("wish.") for source in sources)
        total += part.weight_at(now, HALF_LIFE_SECONDS) if fades and now is not None else part.weight
    return total if not sources or not sources[0].startswith("kind.") else total / max(1, len(parts))


def _moved_by(known: str, parts: list[Evidence]) -> list[dict[str, Any]]:
    """The named messages, oldest first, with how far today's value would be off without each."""
    rows: dict[str, float | None] = {}
    for part in parts:
        shares = [(0.0, 0.0)] * (len(part.message_ids) - len(part.parts)) + part.parts
        for message_id, (value, weight) in zip(part.message_ids, shares, strict=True):
            if known in _UNMOVED:
                # Each kind and each language is counted with every message; those that are of it say so.
                if value > 0:
                    rows[message_id] = None
            else:
                rows[message_id] = _moved(known, part, value, weight)
    return [{"message_id": one, "moved": moved} for one, moved in list(rows.items())[-_MOST_NAMED:]]


def _moved(known: str, part: Evidence, value: float, weight: float) -> float | None:
    """The value less what it would be without this message; the first one moves it from neutral."""
    mean = part.value
    if weight <= 0 or mean is None:
        return None
    rest = part.weight - weight
    if rest <= 1e-6 * part.weight:
        return round(mean - (_NEUTRAL if known in SCORES else 0.0), 4)
    return round(mean - (part.total - value * weight) / rest, 4)
