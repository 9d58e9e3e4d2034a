"""What every part of a session's face stands on: its handle on the live core."""

from __future__ import annotations

from typing import Any

from voxsession.core.config import SessionConfig
from voxsession.errors import SessionClosedError, SessionEndedError
from voxsession.session.handlers import Events
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore

__all__ = ["SessionBase"]

_DEFAULTS = SessionConfig()


class SessionBase:
    """One handle: it can be closed alone, the core is shared."""

    _core: LiveCore
    _host: SessionHost
    _events: Events
    _is_closed: bool

    def _setting(self, name: str) -> Any:
        values = self._core.view.config
        return values[name] if name in values else getattr(_DEFAULTS, name)

    def _writable(self) -> LiveCore:
        """The core, if this handle may change it."""
        data = self._core.view
        if self._is_closed:
            raise SessionClosedError(data.session_id)
        if data.status == "ended" or (data.expires_at is not None and data.expires_at <= self._core.now()):
            raise SessionEndedError(data.session_id)
        return self._core

    def _index_revision(self) -> int:
        """What the index is compared with; a batch has changes of its own, so it never counts as known."""
        return -2 if self._core.in_batch else self._core.revision
