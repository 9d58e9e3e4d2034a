"""Calls that go on after a dropped line, a restart, on another server.

A call is a conversation of a session; what it needs to go on (who calls, the state of functions, sound that was not
transcribed yet) is kept with that conversation, and a pointer leads to it from its global id.
"""

from voxsession.resume.context_text import create_session_context
from voxsession.resume.monitor import SessionMonitor
from voxsession.resume.service import SessionManagerService
from voxsession.resume.state import SessionState, SessionStatus

__all__ = [
    "SessionManagerService",
    "SessionMonitor",
    "SessionState",
    "SessionStatus",
    "create_session_context",
]
