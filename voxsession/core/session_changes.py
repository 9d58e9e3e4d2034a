"""The changes of a session as a whole: its life, settings, state, metrics."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

from voxsession.core.change import Change, change_kind, day_of
from voxsession.core.memory_changes import put_memory
from voxsession.core.preference import Evidence, Metric
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve, field
from voxsession.core.types import JsonObject, UtcTime

__all__ = [
    "SATISFACTION",
    "SEED",
    "TOPIC_EVIDENCE",
    "ConfigChanged",
    "EvidenceAdded",
    "LearningForgotten",
    "MetricTracked",
    "PreferenceSet",
    "ProfileApplied",
    "SessionCreated",
    "SessionEnded",
    "StateUpdated",
    "TokensRecounted",
]

MAX_FLOAT = sys.float_info.max
MAX_RATING = 5.0
MAX_TOPICS = 200
#: So many names that were taken back are remembered as such,
MAX_UNSET = 200
#: and so many marks of words that no profile tells.
MAX_PRIVATE = 1000
#: Where these marks stand in `SessionData.extra`.
PRIVATE_WORDS = "private_words"
#: Where it stands under which session id they were made, where that is not the session's own.
MARKED_UNDER = "private_words_made_under"
#: The evidence that says when topics were last spoken of, by which messages.
TOPIC_EVIDENCE = "topics"
#: What of a piece of evidence came with a profile stands under its name with this in front.
SEED = "seed."
_NOTHING = Evidence()
#: The metric that the satisfaction score is the mean of.
SATISFACTION = "user_satisfaction"


@change_kind
class SessionCreated(Change, frozen=True, kw_only=True):
    """The session began."""

    kind: ClassVar[str] = "session.created"
    event: ClassVar[str | None] = "session.created"
    session_id: str
    user_id: str | None = None
    config: JsonObject = field(default_factory=dict)
    template: JsonObject | None = None

    def apply(self, data: SessionData) -> None:
        data.config = {**self.config, **data.config}
        data.template = data.template or self.template


@change_kind
class SessionEnded(Change, frozen=True, kw_only=True):
    """The session ended for good."""

    kind: ClassVar[str] = "session.ended"
    event: ClassVar[str | None] = "session.ended"
    reason: str

    def apply(self, data: SessionData) -> None:
        if data.status != "ended":
            data.status, data.ended_at, data.end_reason = "ended", self.at, self.reason


@change_kind
class ConfigChanged(Change, frozen=True, kw_only=True):
    """Settings got other values."""

    kind: ClassVar[str] = "config.changed"
    event: ClassVar[str | None] = "config.changed"
    values: JsonObject

    def apply(self, data: SessionData) -> None:
        counted = data.counts
        data.config.update(self.values)
        if data.counts is not counted:
            self._switch(data)

    def _switch(self, data: SessionData) -> None:
        """Analytics goes off or on: the time between is no part of what any conversation lasted."""
        off_since, data.totals.off_since = data.totals.off_since, None if data.counts else self.at
        if data.counts:
            for entry in list(data.conversations.values()):
                if entry.status == "active":
                    data.conversations[entry.id] = entry.after_pause(off_since, self.at)

    def observe(self, data: SessionData) -> Any:
        return {name: data.config.get(name) for name in self.values}


@change_kind
class StateUpdated(Change, frozen=True, kw_only=True):
    """The app's state took in a patch, or was replaced by it."""

    kind: ClassVar[str] = "state.updated"
    event: ClassVar[str | None] = "state.updated"
    patch: JsonObject
    replaces: bool = False

    def apply(self, data: SessionData) -> None:
        data.state = dict(self.patch) if self.replaces else {**data.state, **self.patch}

    def observe(self, data: SessionData) -> Any:
        return dict(data.state) if self.replaces else {key: data.state.get(key) for key in self.patch}


@change_kind
class MetricTracked(Change, frozen=True, kw_only=True):
    """A custom metric was measured; the app does that itself, so it counts while analytics is off too.

    A rating of satisfaction counts as 0 to 5, whatever was given.
    """

    kind: ClassVar[str] = "metric.tracked"
    event: ClassVar[str | None] = "metric.tracked"
    name: str
    value: float
    local_day: str | None = None

    def apply(self, data: SessionData) -> None:
        value = self.value
        if self.name == SATISFACTION:
            value = min(MAX_RATING, max(0.0, value))
            data.totals.count_day(day_of(self), rating_count=1, rating_total=value)
        old = data.metrics.get(self.name) or Metric(min=value, max=value)
        # By time, not by who saves first, so that two writers get the same.
        is_latest = old.last_at is None or self.at >= old.last_at
        data.metrics[self.name] = Metric(
            count=old.count + 1,
            # JSON has no infinity: a sum that reached it could never be read again.
            total=max(-MAX_FLOAT, min(MAX_FLOAT, old.total + value)),
            last=value if is_latest else old.last,
            last_at=self.at if is_latest else old.last_at,
            min=min(old.min, value),
            max=max(old.max, value),
        )


@change_kind
class TokensRecounted(Change, frozen=True, kw_only=True):
    """Estimated token counts were replaced by real ones; a text that changed meanwhile keeps its own count."""

    kind: ClassVar[str] = "tokens.recounted"
    counter: str
    messages: dict[str, int] = field(default_factory=dict)
    memories: dict[str, int] = field(default_factory=dict)

    def apply(self, data: SessionData) -> None:
        data.token_counter = self.counter
        for index, message in enumerate(data.messages):
            if message.estimated and message.id in self.messages:
                data.messages[index] = evolve(message, token_count=self.messages[message.id], estimated=False)
        for entry_id, count in self.memories.items():
            entry = data.find_memory(entry_id)
            if entry is not None and entry.estimated:
                put_memory(data, evolve(entry, token_count=count, estimated=False))


@change_kind
class EvidenceAdded(Change, frozen=True, kw_only=True):
    """A message moved learned preferences, by increments: name -> (value, weight).

    Attributes:
        message_id: which message it was; None where it was none, as for what comes with a profile.
        topics: topic -> weight that the message adds.
        decay: what is left of earlier evidence, 0 to 1.
        half_life_seconds: time after which evidence counts half; None = time does not count.
        tallies: name -> weight that is only counted: no message is named, and only time makes it fade.
        private_words: marks of words that no profile tells, whatever becomes of the memory that they came from.
    """

    kind: ClassVar[str] = "preference.evidence"
    message_id: str | None = None
    increments: dict[str, tuple[float, float]] = field(default_factory=dict)
    topics: dict[str, float] = field(default_factory=dict)
    decay: float = 1.0
    half_life_seconds: float | None = None
    tallies: dict[str, float] = field(default_factory=dict)
    private_words: list[str] = field(default_factory=list)

    def apply(self, data: SessionData) -> None:
        if self.topics:
            self._weigh_topics(data)
        if self.private_words:
            marks = dict.fromkeys([*data.extra.get(PRIVATE_WORDS, ()), *self.private_words])
            data.extra[PRIVATE_WORDS] = list(marks)[-MAX_PRIVATE:]
        span = self.half_life_seconds
        for name, (value, weight) in self.increments.items():
            old = data.evidence.get(name) or _NOTHING
            data.evidence[name] = old.grown(
                value, weight, self.at, message_id=self.message_id, decay=self.decay, half_life_seconds=span
            )
        for name, weight in self.tallies.items():
            old = data.evidence.get(name) or _NOTHING
            data.evidence[name] = old.grown(1.0, weight, self.at, half_life_seconds=span)
        if "profile" in data.extra:
            self._fade_what_came(data)

    def _fade_what_came(self, data: SessionData) -> None:
        """What came with a profile fades with the evidence that it is part of, so that it can be told apart."""
        for names, decay in ((self.increments, self.decay), (self.tallies, 1.0)):
            for name in names:
                came = data.evidence.get(f"{SEED}{name}")
                if came is not None:
                    data.evidence[f"{SEED}{name}"] = came.grown(
                        0.0, 0.0, self.at, decay=decay, half_life_seconds=self.half_life_seconds
                    )

    def _weigh_topics(self, data: SessionData) -> None:
        """Older topics fade as new ones and time come, and only the weightiest are kept."""
        keep = self.decay
        known = data.evidence.get(TOPIC_EVIDENCE)
        if self.half_life_seconds is not None and known is not None and known.weight > 0:
            keep *= known.weight_at(self.at, self.half_life_seconds) / known.weight
        weights = {topic: weight * keep for topic, weight in data.topics.items()}
        came = data.extra.get("profile")
        if isinstance(came, dict) and came.get("topics"):
            faded = {topic: weight * keep for topic, weight in came["topics"].items()}
            data.extra["profile"] = {**came, "topics": faded}
        for topic, weight in self.topics.items():
            weights[topic] = weights.get(topic, 0.0) + weight
        if len(weights) > MAX_TOPICS:
            strongest = sorted(weights, key=weights.__getitem__, reverse=True)[:MAX_TOPICS]
            weights = {topic: weights[topic] for topic in strongest}
        data.topics = {topic: weight for topic, weight in weights.items() if weight > 0}


@change_kind
class LearningForgotten(Change, frozen=True, kw_only=True):
    """What was learned no longer says from which messages, and no longer names some topics; its numbers stay."""

    kind: ClassVar[str] = "learning.forgotten"
    erases: ClassVar[bool] = True
    message_ids: list[str]
    topics: list[str] = field(default_factory=list)

    def apply(self, data: SessionData) -> None:
        gone = set(self.message_ids)
        for name, evidence in data.evidence.items():
            data.evidence[name] = evidence.without(gone)
        for topic in self.topics:
            data.topics.pop(topic, None)
        known = data.extra.get("profile")
        if isinstance(known, dict) and self.topics and known.get("topics"):
            kept = {name: weight for name, weight in known["topics"].items() if name not in self.topics}
            data.extra["profile"] = {**known, "topics": kept}


@change_kind
class PreferenceSet(Change, frozen=True, kw_only=True):
    """A preference was fixed by hand; None lets the learned value count again.

    A name that has a time and no value was taken back then.

    Attributes:
        set_at: when it was, where that was in another session; None = now.
    """

    kind: ClassVar[str] = "preference.set"
    event: ClassVar[str | None] = "preference.set"
    name: str
    value: Any = None
    set_at: UtcTime | None = None

    def apply(self, data: SessionData) -> None:
        data.preference_times.pop(self.name, None)  # so that the latest stands last
        data.preference_times[self.name] = self.set_at or self.at
        if self.value is not None:
            data.preferences[self.name] = self.value
            return
        data.preferences.pop(self.name, None)
        unset = [name for name in data.preference_times if name not in data.preferences]
        for name in unset[: max(0, len(unset) - MAX_UNSET)]:
            del data.preference_times[name]

    def observe(self, data: SessionData) -> Any:
        return (data.preferences.get(self.name),)


@change_kind
class ProfileApplied(Change, frozen=True, kw_only=True):
    """The session began with a profile; `known` is what of it is nothing that the session itself learned."""

    kind: ClassVar[str] = "profile.applied"
    known: JsonObject

    def apply(self, data: SessionData) -> None:
        data.extra["profile"] = self.known

    def observe(self, data: SessionData) -> Any:
        return (data.extra.get("profile"),)
