"""All kinds of change in one place: importing this module registers each of them."""

from __future__ import annotations

from voxsession.core.change import KINDS, Change
from voxsession.core.conversation_changes import (
    ConversationDeleted,
    ConversationEnded,
    ConversationMerged,
    ConversationRestored,
    ConversationResumed,
    ConversationStarted,
    MessageAdded,
    MessageInterrupted,
    MessagesRedacted,
    TurnCompleted,
)
from voxsession.core.memory_changes import (
    MemoryAdded,
    MemoryCompressed,
    MemoryEvicted,
    MemoryExpired,
    MemoryReinforced,
    MemoryRemoved,
    MemoryRestored,
    MemorySuperseded,
    MemoryUpdated,
)
from voxsession.core.session_changes import (
    ConfigChanged,
    EvidenceAdded,
    LearningForgotten,
    MetricTracked,
    PreferenceSet,
    SessionCreated,
    SessionEnded,
    StateUpdated,
    TokensRecounted,
)

__all__ = [
    "KINDS",
    "Change",
    "ConfigChanged",
    "ConversationDeleted",
    "ConversationEnded",
    "ConversationMerged",
    "ConversationRestored",
    "ConversationResumed",
    "ConversationStarted",
    "EvidenceAdded",
    "LearningForgotten",
    "MemoryAdded",
    "MemoryCompressed",
    "MemoryEvicted",
    "MemoryExpired",
    "MemoryReinforced",
    "MemoryRemoved",
    "MemoryRestored",
    "MemorySuperseded",
    "MemoryUpdated",
    "MessageAdded",
    "MessageInterrupted",
    "MessagesRedacted",
    "MetricTracked",
    "PreferenceSet",
    "SessionCreated",
    "SessionEnded",
    "StateUpdated",
    "TokensRecounted",
    "TurnCompleted",
]
