"""The changes of a session as a whole: its life, settings, state, metrics."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import attrs

from voxsession.core.change import Change, change_kind
from voxsession.core.memory_changes import put_memory
from voxsession.core.preference import Evidence, Metric
from voxsession.core.session_data import SessionData
from voxsession.core.types import JsonObject

__all__ = [
    "ConfigChanged",
    "EvidenceAdded",
    "LearningForgotten",
    "MetricTracked",
    "PreferenceSet",
    "SessionCreated",
    "SessionEnded",
    "StateUpdated",
    "TokensRecounted",
]

MAX_EVIDENCE_IDS = 8
MAX_FLOAT = sys.float_info.max
MAX_TOPICS = 200


@change_kind
class SessionCreated(Change):
    """The session began."""

    kind: ClassVar[str] = "session.created"
    event: ClassVar[str | None] = "session.created"
    session_id: str
    user_id: str | None = None
    config: JsonObject = attrs.field(factory=dict)
    template: JsonObject | None = None

    def apply(self, data: SessionData) -> None:
        data.config = {**self.config, **data.config}
        data.template = data.template or self.template


@change_kind
class SessionEnded(Change):
    """The session ended for good."""

    kind: ClassVar[str] = "session.ended"
    event: ClassVar[str | None] = "session.ended"
    reason: str

    def apply(self, data: SessionData) -> None:
        if data.status != "ended":
            data.status, data.ended_at, data.end_reason = "ended", self.at, self.reason


@change_kind
class ConfigChanged(Change):
    """Settings got other values."""

    kind: ClassVar[str] = "config.changed"
    event: ClassVar[str | None] = "config.changed"
    values: JsonObject

    def apply(self, data: SessionData) -> None:
        data.config.update(self.values)

    def observe(self, data: SessionData) -> Any:
        return {name: data.config.get(name) for name in self.values}


@change_kind
class StateUpdated(Change):
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
class MetricTracked(Change):
    """A custom metric was measured."""

    kind: ClassVar[str] = "metric.tracked"
    event: ClassVar[str | None] = "metric.tracked"
    name: str
    value: float

    def apply(self, data: SessionData) -> None:
        old = data.metrics.get(self.name) or Metric(min=self.value, max=self.value)
        # By time, not by who saves first, so that two writers get the same.
        is_latest = old.last_at is None or self.at >= old.last_at
        data.metrics[self.name] = Metric(
            count=old.count + 1,
            # JSON has no infinity: a sum that reached it could never be read again.
            total=max(-MAX_FLOAT, min(MAX_FLOAT, old.total + self.value)),
            last=self.value if is_latest else old.last,
            last_at=self.at if is_latest else old.last_at,
            min=min(old.min, self.value),
            max=max(old.max, self.value),
        )


@change_kind
class TokensRecounted(Change):
    """Estimated token counts were replaced by real ones; a text that changed meanwhile keeps its own count."""

    kind: ClassVar[str] = "tokens.recounted"
    counter: str
    messages: dict[str, int] = attrs.field(factory=dict)
    memories: dict[str, int] = attrs.field(factory=dict)

    def apply(self, data: SessionData) -> None:
        data.token_counter = self.counter
        for index, message in enumerate(data.messages):
            if message.estimated and message.id in self.messages:
                data.messages[index] = attrs.evolve(
                    message, token_count=self.messages[message.id], estimated=False
                )
        for entry_id, count in self.memories.items():
            entry = data.find_memory(entry_id)
            if entry is not None and entry.estimated:
                put_memory(data, attrs.evolve(entry, token_count=count, estimated=False))


@change_kind
class EvidenceAdded(Change):
    """A message moved learned preferences, by increments: name -> (value, weight)."""

    kind: ClassVar[str] = "preference.evidence"
    message_id: str | None = None
    increments: dict[str, tuple[float, float]] = attrs.field(factory=dict)
    topics: dict[str, float] = attrs.field(factory=dict)
    decay: float = 1.0

    def apply(self, data: SessionData) -> None:
        for name, (value, weight) in self.increments.items():
            old = data.evidence.get(name) or Evidence()
            ids = [*old.message_ids, self.message_id] if self.message_id else old.message_ids
            data.evidence[name] = Evidence(
                total=old.total * self.decay + value * weight,
                weight=old.weight * self.decay + weight,
                count=old.count + 1,
                last_at=self.at,
                message_ids=ids[-MAX_EVIDENCE_IDS:],
            )
        if self.topics:
            self._weigh_topics(data)

    def _weigh_topics(self, data: SessionData) -> None:
        """Older topics fade as new ones come, and only the weightiest are kept."""
        weights = {topic: weight * self.decay for topic, weight in data.topics.items()}
        for topic, weight in self.topics.items():
            weights[topic] = weights.get(topic, 0.0) + weight
        kept = sorted((item for item in weights.items() if item[1] > 0), key=lambda item: (-item[1], item[0]))
        data.topics = dict(kept[:MAX_TOPICS])


@change_kind
class LearningForgotten(Change):
    """What was learned no longer says from which messages, and no longer names some topics; its numbers stay."""

    kind: ClassVar[str] = "learning.forgotten"
    erases: ClassVar[bool] = True
    message_ids: list[str]
    topics: list[str] = attrs.field(factory=list)

    def apply(self, data: SessionData) -> None:
        gone = set(self.message_ids)
        for name, evidence in data.evidence.items():
            if not gone.isdisjoint(evidence.message_ids):
                kept = [message_id for message_id in evidence.message_ids if message_id not in gone]
                data.evidence[name] = attrs.evolve(evidence, message_ids=kept)
        for topic in self.topics:
            data.topics.pop(topic, None)


@change_kind
class PreferenceSet(Change):
    """A preference was fixed by hand; None lets the learned value count again."""

    kind: ClassVar[str] = "preference.set"
    event: ClassVar[str | None] = "preference.set"
    name: str
    value: Any = None

    def apply(self, data: SessionData) -> None:
        if self.value is None:
            data.preferences.pop(self.name, None)
        else:
            data.preferences[self.name] = self.value

    def observe(self, data: SessionData) -> Any:
        return (data.preferences.get(self.name),)
