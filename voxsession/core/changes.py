"""All kinds of change in one place: importing this module registers each of them."""

from __future__ import annotations

from voxsession.core.analytics_changes import FunctionCompleted, MilestoneReached
from voxsession.core.call_changes import (
    CallAudioKept,
    CallChanged,
    CallFunctionNoted,
    CallRemoved,
    CallResumed,
    CallStarted,
)
from voxsession.core.change import KINDS, Change
from voxsession.core.conversation_changes import (
    ConversationDeleted,
    ConversationEnded,
    ConversationMerged,
    ConversationRestored,
    ConversationResumed,
    ConversationStarted,
)
from voxsession.core.history_changes import HistoryRepaired, MessageRepair
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
from voxsession.core.message_changes import MessageAdded, MessageInterrupted, MessagesRedacted, TurnCompleted
from voxsession.core.session_changes import (
    ConfigChanged,
    EvidenceAdded,
    LearningForgotten,
    MetricTracked,
    PreferenceSet,
    ProfileApplied,
    SessionCreated,
    SessionEnded,
    StateUpdated,
    TokensRecounted,
)
from voxsession.core.share_changes import (
    NoteShared,
    ShareCreated,
    ShareRefused,
    ShareRevoked,
    ShareUsed,
    SnapshotErased,
)
from voxsession.core.withholding_changes import SecretsNoted

__all__ = [
    "KINDS",
    "CallAudioKept",
    "CallChanged",
    "CallFunctionNoted",
    "CallRemoved",
    "CallResumed",
    "CallStarted",
    "Change",
    "ConfigChanged",
    "ConversationDeleted",
    "ConversationEnded",
    "ConversationMerged",
    "ConversationRestored",
    "ConversationResumed",
    "ConversationStarted",
    "EvidenceAdded",
    "FunctionCompleted",
    "HistoryRepaired",
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
    "MessageRepair",
    "MessagesRedacted",
    "MetricTracked",
    "MilestoneReached",
    "NoteShared",
    "PreferenceSet",
    "ProfileApplied",
    "SecretsNoted",
    "SessionCreated",
    "SessionEnded",
    "ShareCreated",
    "ShareRefused",
    "ShareRevoked",
    "ShareUsed",
    "SnapshotErased",
    "StateUpdated",
    "TokensRecounted",
    "TurnCompleted",
]
