"""The resume view of a live call."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs

from voxsession.clock import SystemClock
from voxsession.core.envelope import from_stamp
from voxsession.core.types import check_id
from voxsession.errors import ConfigurationError, UnsupportedFormatError
from voxsession.resume.basis import Basis
from voxsession.resume.fields import check_fields, check_history
from voxsession.session.calls.audio import MAX_AUDIO_BYTES, MAX_AUDIO_CHUNKS, check_audio

__all__ = ["STATE_VERSION", "SessionState", "SessionStatus"]

STATE_VERSION = 1
_BASE64 = "base64:"


class SessionStatus(StrEnum):
    """Where a call stands."""

    INITIATED = "initiated"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    ERROR = "error"


def _now() -> datetime:
    return SystemClock().now()


@attrs.define(slots=False)
class SessionState:
    """What a call needs to go on: who it is, what was said, which functions were called, what was not heard yet.

    It is a copy: setting a field changes nothing until it is given to `SessionManagerService.update_session`. It knows
    what it was read with, which goes along with `vars(state)`, so that only what was changed in it is written.

    Attributes:
        conversation_id: the global id of the call.
        session_id: the session whose conversation it is.
        bridge_type: what connects it; ``audiocodes`` where nobody named it, as in the earlier service.
        bot_name: who talks for the house; ``voice-bot`` where nobody named it.
        caller: who calls, as the platform says it.
        media_format: how the sound is coded, such as ``raw/lpcm16``.
        last_activity: when it last did something (aware, UTC).
        resumed_count: how often it was resumed.
        conversation_history: what was said, as ``{"type": "input", "text": ...}`` and ``{"type": "output", ...}``.
        function_calls: each with `call_id`, `name`, `arguments`, `status`, `result`; a begun one without an answer
            has the status ``unknown`` after a resumption and must not be run again.
        audio_buffer: sound that is still needed, up to 4 MiB.
        error_count: errors so far; `last_error` tells the latest.
        metadata: the app's own JSON-ready data.

    Example:
        >>> state = SessionState("call-1", caller="+39 055 12345")
        >>> state.status.value, SessionState.from_dict(state.to_dict()) == state
        ('initiated', True)
    """

    conversation_id: str
    session_id: str | None = None
    bridge_type: str = "audiocodes"
    bot_name: str = "voice-bot"
    caller: str = "unknown"
    media_format: str = "raw/lpcm16"
    status: SessionStatus = SessionStatus.INITIATED
    created_at: datetime = attrs.field(factory=_now)
    last_activity: datetime = attrs.field(factory=_now)
    resumed_count: int = 0
    conversation_history: list[dict[str, Any]] = attrs.field(factory=list, repr=False)
    current_turn: int = 0
    function_calls: list[dict[str, Any]] = attrs.field(factory=list, repr=False)
    audio_buffer: list[bytes] = attrs.field(factory=list, repr=False)
    audio_metadata: dict[str, Any] = attrs.field(factory=dict, repr=False)
    openai_session_id: str | None = None
    openai_conversation_id: str | None = None
    active_response_id: str | None = None
    error_count: int = 0
    last_error: str | None = attrs.field(default=None, repr=False)
    metadata: dict[str, Any] = attrs.field(factory=dict, repr=False)
    _read: Basis | None = attrs.field(default=None, alias="_read", kw_only=True, repr=False, eq=False)

    def to_dict(self) -> dict[str, Any]:
        """The state as a JSON-ready dict; sound as base64.

        Raises:
            ConfigurationError: a field holds what cannot be stored; it is named.
        """
        plain = check_fields({name: getattr(self, name) for name in _names() if name not in _OWN})
        chunks = check_audio(self.audio_buffer)
        return {
            "version": STATE_VERSION,
            "conversation_id": check_id("conversation_id", self.conversation_id),
            "session_id": self.session_id,
            **plain,
            "conversation_history": check_history(self.conversation_history),
            "audio_buffer": [_BASE64 + base64.b64encode(chunk).decode() for chunk in chunks],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SessionState:
        """The state that `to_dict` wrote; dicts of the earlier service, with sound in hex, are understood too.

        Raises:
            UnsupportedFormatError: a newer version wrote it.
            ConfigurationError: a field is unknown, missing or wrong; it is named.
        """
        if not isinstance(data, Mapping):
            raise ConfigurationError.out_of_range("state", type(data).__name__, "a dict is needed")
        given = dict(data)
        version = given.pop("version", STATE_VERSION)
        if not isinstance(version, int) or isinstance(version, bool) or version > STATE_VERSION:
            raise UnsupportedFormatError("The state of the call", found=version, newest=STATE_VERSION)
        unknown = sorted(str(name) for name in given if name not in _names())
        if unknown:
            raise ConfigurationError.out_of_range("state", unknown, "known fields are " + ", ".join(_names()))
        if "conversation_id" not in given:
            raise ConfigurationError(
                "The state has no conversation_id. Say which call it is of.", option="conversation_id"
            )
        return cls(**_checked(given))


_OWN = ("conversation_id", "session_id", "conversation_history", "audio_buffer")


def _names() -> list[str]:
    return [field.name for field in attrs.fields(SessionState) if field.name != "_read"]


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    plain = check_fields({name: value for name, value in given.items() if name not in _OWN})
    made: dict[str, Any] = {**plain, "conversation_id": check_id("conversation_id", given["conversation_id"])}
    if given.get("session_id") is not None:
        made["session_id"] = check_id("session_id", given["session_id"])
    for name in ("created_at", "last_activity"):
        if name in plain:
            made[name] = from_stamp(plain[name])
    if "status" in plain:
        made["status"] = SessionStatus(plain["status"])
    made["conversation_history"] = check_history(given.get("conversation_history") or [])
    made["audio_buffer"] = check_audio(_chunks(given.get("audio_buffer") or []))
    return made


def _chunks(value: object) -> list[bytes]:
    """Sound from a dict: bytes, base64 with its mark, or hex; counted before it is decoded."""
    if not isinstance(value, (list, tuple)):
        raise ConfigurationError.out_of_range("audio_buffer", type(value).__name__, "a list is needed")
    size = sum(len(one) for one in value if isinstance(one, (str, bytes, bytearray)))
    if size > 2 * MAX_AUDIO_BYTES + len(_BASE64) * MAX_AUDIO_CHUNKS or len(value) > MAX_AUDIO_CHUNKS:
        raise ConfigurationError(
            f"audio_buffer has {size:,} characters in {len(value):,} chunks; a call keeps up to "
            f"{MAX_AUDIO_BYTES:,} bytes in {MAX_AUDIO_CHUNKS:,} chunks. Leave out what was transcribed.",
            option="audio_buffer",
        )
    return [_chunk(place, one) for place, one in enumerate(value)]


def _chunk(place: int, value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        try:
            if value.startswith(_BASE64):
                return base64.b64decode(value[len(_BASE64) :], validate=True)
            return bytes.fromhex(value)
        except (ValueError, binascii.Error):
            pass
    raise ConfigurationError.out_of_range(
        f"audio_buffer[{place}]", type(value).__name__, "bytes, hex, or base64 after 'base64:' is needed"
    )
