"""Preferences as people see them: how much of what, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from voxsession.core.display import clipped, escape, page_of, table
from voxsession.core.scales import scale
from voxsession.core.session_data import SessionData
from voxsession.learning.estimates import confidence_of, estimate, hand_set
from voxsession.learning.languages import language_name
from voxsession.learning.names import PUBLIC_NAMES, SCORES, WORDS
from voxsession.learning.profile_fields import WISH

__all__ = ["LearnedPreferences", "profile_html"]

_ENDS = {
    "formality": ("Formality", "casual", "formal"),
    "technical_level": ("Technical level", "plain words", "expert"),
    "verbosity": ("Verbosity", "brief", "detailed"),
}
_UNITS = {
    "avg_message_length": ("Message length", "words"),
    "optimal_response_length": ("Reply length", "words"),
    "speaking_pace": ("Speaking pace", "words a minute"),
    "interaction_style": ("Style", ""),
}
_NAMES = {"message_length": "avg_message_length", "response_length": "optimal_response_length"}
_MOST_TOPICS = 12


class LearnedPreferences(dict[str, Any]):
    """What was learned of a person, as a dict that shows itself in notebooks."""

    _confidence: Mapping[str, float] = MappingProxyType({})
    _set_by_hand: frozenset[str] = frozenset()

    @classmethod
    def of(cls, data: SessionData, known: Mapping[str, Any]) -> LearnedPreferences:
        """The preferences of a session, with how sure each score is."""
        made = cls(known)
        made._confidence = {name: confidence_of(estimate(data.evidence, name)[1]) for name in SCORES}
        made._set_by_hand = frozenset(hand_set(data))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # a copy, or what another process gets, is plain

    def _repr_html_(self) -> str:
        confidence, by_hand = self._confidence, self._set_by_hand
        scores = "".join(
            _score(name, self.get(PUBLIC_NAMES.get(name, name)), confidence.get(name, 0.0), name in by_hand)
            for name in SCORES
        )
        rows = [
            [title, f"{value:g} {unit}".strip() if isinstance(value, int | float) else str(value)]
            for name, (title, unit) in _UNITS.items()
            if (value := self.get(name))
        ]
        if self.get("language") is not None:
            rows.append(["Language", language_name(str(self["language"]))])
        if hours := self.get("active_hours"):
            rows.append(["Active hours", ", ".join(f"{hour:02d}:00" for hour in sorted(hours))])
        known = {*_UNITS, *(PUBLIC_NAMES.get(name, name) for name in SCORES), "language", "active_hours"}
        rows += [
            [name, str(value)]
            for name, value in self.items()
            if name in by_hand and name not in known | {"topics"}
        ]
        return page_of(
            "Learned preferences", scores + _topics(self.get("topics") or ()) + table(("", ""), rows)
        )


def profile_html(profile: Any) -> str:
    """A `SessionProfile` as HTML: what was set, asked for and learned, how much it rests on, and the topics."""
    scores = ""
    for name in SCORES:
        found = profile.evidence.get(f"{WISH}{name}") or profile.evidence.get(name)
        value = profile.preferences.get(name, found.value if found is not None and found.weight > 0 else None)
        sure = confidence_of(found.weight) if found is not None else 0.0
        scores += _score(name, value, sure, name in profile.preferences)
    rows = [
        [title, f"{found.value:.0f} {unit}", str(found.count)]
        for name in ("message_length", "response_length", "speaking_pace")
        if (found := profile.evidence.get(name)) is not None
        for title, unit in (_UNITS[_NAMES.get(name, name)],)
    ]
    rows += [[name, str(value), "set"] for name, value in profile.preferences.items() if name not in SCORES]
    if profile.conflicts:
        rows.append(["differs between sources", ", ".join(profile.conflicts), ""])
    when = f", as of {profile.updated_at:%Y-%m-%d}" if profile.updated_at is not None else ""
    body = scores + _topics(profile.topics) + (table(("", "value", "messages"), rows) if rows else "")
    return page_of(f"Preference profile{when}", body if profile else "It knows nothing yet.")


def _score(name: str, value: Any, confidence: float, by_hand: bool) -> str:
    title, low, high = _ENDS[name]
    number = (
        WORDS[name].get(value.strip().lower().replace(" ", "_").replace("-", "_"))
        if isinstance(value, str)
        else value
    )
    share = float(number) if isinstance(number, int | float) else None
    if by_hand:
        note, confidence = f"set: {value}", 1.0
    elif share is None or confidence == 0:
        share, note = None, "nothing known yet"
    else:
        note = f"{share:.2f}, {100 * confidence:.0f} % sure"
    return scale(title, share, (low, high), note, confidence)


def _topics(topics: Any) -> str:
    """The topics as words in a row, the weightiest first."""
    names = [clipped(str(topic)) for topic in topics][:_MOST_TOPICS]
    if not names:
        return ""
    style = "display:inline-block;border:1px solid #8889;border-radius:9px;padding:0 8px;margin:2px 4px 2px 0"
    chips = "".join(f'<span style="{style}">{escape(name)}</span>' for name in names)
    return f'<div style="margin:6px 0"><span style="opacity:.7">Topics </span>{chips}</div>'
