"""Conversations that remember: sessions with token-budgeted memories, learned preferences, encrypted storage."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from voxsession.clock import Clock, SystemClock
from voxsession.codec.keys import KeyRing
from voxsession.core.config import SessionConfig
from voxsession.core.envelope import SessionInfo
from voxsession.core.events import Event
from voxsession.core.memory_entry import Memory, MemoryEntry
from voxsession.core.message import Message, Usage
from voxsession.errors import (
    BudgetError,
    ConfigurationError,
    ConflictError,
    ConversationBusyError,
    FormatError,
    IntegrityError,
    KeyNotFoundError,
    ModelError,
    PermissionDeniedError,
    ProtocolError,
    SessionClosedError,
    SessionEndedError,
    SessionError,
    SessionExistsError,
    SessionNotFoundError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
    UnsupportedFormatError,
    VoxSessionError,
)
from voxsession.memory.context import Context
from voxsession.memory.facts import Fact
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.tokens import TokenCounter
from voxsession.models.base import ContextTooLongError, Model, ModelCallError, ModelRequest, Reply
from voxsession.presets import SessionPresets
from voxsession.session.conversation import Conversation
from voxsession.session.reply_stream import ReplyStream
from voxsession.session.reports import CompressionReport, ImportReport, Receipt, Report
from voxsession.session.session import Session
from voxsession.storage.base import SessionStorage
from voxsession.voxon import Voxon
from voxsession.voxon_config import VoxonConfig

if _TYPE_CHECKING:
    from voxsession.core.template import SessionTemplate
    from voxsession.learning.profiles import SessionProfile
    from voxsession.memory.embedding import Embedder
    from voxsession.models.extractor import ModelExtractor
    from voxsession.models.local_embedder import LocalEmbedder
    from voxsession.models.offline import OfflineModel
    from voxsession.models.openai import OpenAIModel
    from voxsession.models.openai_embedder import OpenAIEmbedder
    from voxsession.moving.migration import migrate
    from voxsession.profile_presets import ProfilePresets
    from voxsession.session.shares.session import SharedSession
    from voxsession.session.shares.views import SharedView, ShareInfo
    from voxsession.storage.database import DatabaseSessionStorage as DatabaseSessionStorage
    from voxsession.storage.file import FileSessionStorage
    from voxsession.storage.inmemory import MemorySessionStorage
    from voxsession.storage.redis import RedisSessionStorage as RedisSessionStorage
    from voxsession.templates import SessionTemplates

__all__ = [
    "BudgetError",
    "Clock",
    "CompressionReport",
    "ConfigurationError",
    "ConflictError",
    "Context",
    "ContextTooLongError",
    "Conversation",
    "ConversationBusyError",
    "Embedder",
    "Event",
    "Fact",
    "FileSessionStorage",
    "FormatError",
    "ImportReport",
    "IntegrityError",
    "KeyNotFoundError",
    "KeyRing",
    "LocalEmbedder",
    "Memory",
    "MemoryEntry",
    "MemoryMatch",
    "MemorySessionStorage",
    "Message",
    "Model",
    "ModelCallError",
    "ModelError",
    "ModelExtractor",
    "ModelRequest",
    "OfflineModel",
    "OpenAIEmbedder",
    "OpenAIModel",
    "PermissionDeniedError",
    "ProfilePresets",
    "ProtocolError",
    "Receipt",
    "Reply",
    "ReplyStream",
    "Report",
    "Session",
    "SessionClosedError",
    "SessionConfig",
    "SessionEndedError",
    "SessionError",
    "SessionExistsError",
    "SessionInfo",
    "SessionNotFoundError",
    "SessionPresets",
    "SessionProfile",
    "SessionStorage",
    "SessionTemplate",
    "SessionTemplates",
    "ShareInfo",
    "SharedSession",
    "SharedView",
    "StorageError",
    "StorageFullError",
    "StorageUnavailableError",
    "SystemClock",
    "TokenCounter",
    "UnsupportedFormatError",
    "Usage",
    "VoxSessionError",
    "Voxon",
    "VoxonConfig",
    "migrate",
]
__version__ = "0.1.0"

# What not every program needs is loaded when it is first named.
_LATE = {
    "DatabaseSessionStorage": "voxsession.storage.database",
    "Embedder": "voxsession.memory.embedding",
    "FileSessionStorage": "voxsession.storage.file",
    "LocalEmbedder": "voxsession.models.local_embedder",
    "MemorySessionStorage": "voxsession.storage.inmemory",
    "ModelExtractor": "voxsession.models.extractor",
    "OfflineModel": "voxsession.models.offline",
    "OpenAIEmbedder": "voxsession.models.openai_embedder",
    "OpenAIModel": "voxsession.models.openai",
    "ProfilePresets": "voxsession.profile_presets",
    "RedisSessionStorage": "voxsession.storage.redis",
    "SessionProfile": "voxsession.learning.profiles",
    "SessionTemplate": "voxsession.core.template",
    "SessionTemplates": "voxsession.templates",
    "ShareInfo": "voxsession.session.shares.views",
    "SharedSession": "voxsession.session.shares.session",
    "SharedView": "voxsession.session.shares.views",
    "migrate": "voxsession.moving.migration",
}
# Not in `__all__`, since a star import would ask for their libraries.
_EXTRAS = {"DatabaseSessionStorage": "sql", "RedisSessionStorage": "redis"}


def __getattr__(name: str) -> _Any:
    if name not in _LATE:
        raise AttributeError(f"module 'voxsession' has no attribute {name!r}")
    try:
        found = globals()[name] = getattr(_import_module(_LATE[name]), name)
    except ImportError as error:
        if name not in _EXTRAS:
            raise
        from voxsession.storage.registry import MissingExtra

        raise MissingExtra(
            f"{name} needs {error.name}: pip install 'voxsession[{_EXTRAS[name]}]'", option=name
        ) from error
    return found
