"""What the fields of a call may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from voxsession.core.envelope import stamp
from voxsession.core.types import (
    JsonObject,
    as_utc,
    check_json,
    check_number,
    check_object,
    check_text,
    encode_json,
)
from voxsession.errors import ConfigurationError
from voxsession.session.calls.audio import check_audio

__all__ = [
    "FIELDS",
    "MAX_REASON",
    "MAX_RECORD_BYTES",
    "check_fields",
    "check_history",
    "check_size",
    "split_fields",
]

MAX_TEXT = 2_000
MAX_ERROR_TEXT = 20_000
MAX_COUNT = 10**12
MAX_RECORD_BYTES = 1024 * 1024
MAX_REASON = 2_000
_REASONS = ("pause_reason", "end_reason")
STATUSES = ("initiated", "active", "paused", "ended", "error")

_Check = Callable[[str, Any], Any]


def _text(option: str, value: Any) -> str:
    text = check_text(option, value)
    if len(text) > MAX_TEXT:
        raise ConfigurationError.out_of_range(option, value, f"at most {MAX_TEXT:,} characters are kept")
    return text


def _optional_text(option: str, value: Any) -> str | None:
    return None if value is None else _text(option, value)


def _error_text(option: str, value: Any) -> str | None:
    """The text of an error; a long one is cut, since nobody chose it."""
    return None if value is None else check_text(option, value)[:MAX_ERROR_TEXT]


def _count(option: str, value: Any) -> int:
    return int(check_number(option, value, 0, MAX_COUNT, whole=True))


def _status(option: str, value: Any) -> str:
    if isinstance(value, str) and str.__str__(value) in STATUSES:
        return str.__str__(value)
    raise ConfigurationError.out_of_range(option, value, "choose one of " + ", ".join(STATUSES))


def _moment(option: str, value: Any) -> str:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ConfigurationError.out_of_range(option, value, "a moment in ISO 8601 is needed") from None
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)  # as the earlier service wrote them
    return stamp(as_utc(option, value))


def _functions(option: str, value: Any) -> list[JsonObject]:
    rows = _rows(option, value)
    for place, row in enumerate(rows):
        if row.get("call_id") is not None:
            check_text(f"{option}[{place}].call_id", row["call_id"], allow_empty=False)
    return rows


FIELDS: dict[str, _Check] = {
    "bridge_type": _text,
    "bot_name": _text,
    "caller": _text,
    "media_format": _text,
    "status": _status,
    "created_at": _moment,
    "last_activity": _moment,
    "resumed_count": _count,
    "current_turn": _count,
    "function_calls": _functions,
    "audio_metadata": check_object,
    "openai_session_id": _optional_text,
    "openai_conversation_id": _optional_text,
    "active_response_id": _optional_text,
    "error_count": _count,
    "last_error": _error_text,
    "metadata": check_object,
}
"""The fields that lie in the record of a call, each with what checks it."""


def check_fields(given: Mapping[str, Any]) -> JsonObject:
    """The fields as they are stored.

    Raises:
        ConfigurationError: there is no such field, its value is wrong, or all together are more than a call keeps.
    """
    values: JsonObject = {}
    for name, value in given.items():
        if name not in FIELDS:
            raise _unknown(name)
        values[name] = FIELDS[name](name, value)
    check_size(values)
    return values


def check_size(record: Mapping[str, Any], *, reserve_bytes: int = 0) -> None:
    """Refuses more than a call keeps, so that whatever it keeps can be read and written back as a whole.

    Args:
        record: the fields of the call; what lies elsewhere or was written by the service itself is not counted.
        reserve_bytes: what has to be left for what comes later.

    Raises:
        ConfigurationError: all together are more.
    """
    size, limit = len(encode_json(_counted(record))), MAX_RECORD_BYTES - reserve_bytes
    if size > limit:
        raise ConfigurationError(
            f"The fields of the call take {size:,} bytes; {limit:,} are kept. What was said belongs into "
            "conversation_history, what is remembered into memories of the session, what functions are given and "
            "give elsewhere, with its address here; functions that are done can be given the status 'forgotten'.",
            option="metadata",
        )


def _counted(record: Mapping[str, Any]) -> JsonObject:
    counted = {name: value for name, value in record.items() if name in FIELDS}
    if isinstance(functions := counted.get("function_calls"), (list, tuple)):
        counted["function_calls"] = [one for one in functions if not _is_of_conversation(one)]
    if isinstance(metadata := counted.get("metadata"), dict):
        counted["metadata"] = {name: value for name, value in metadata.items() if not _is_reason(name, value)}
    return counted


def _is_reason(name: str, value: object) -> bool:
    """Whether it is what the service writes into the metadata, which must not make a call too big to be written."""
    return name in _REASONS and isinstance(value, str) and len(value) <= MAX_REASON


def check_history(value: object) -> list[JsonObject]:
    """The items of a conversation, each a JSON-ready dict."""
    return _rows("conversation_history", value)


def split_fields(
    conversation_id: str, fields: JsonObject
) -> tuple[JsonObject, list[JsonObject] | None, list[bytes] | None]:
    """The fields of the record, the history and the sound, each checked; ids may only be repeated."""
    given = dict(fields)
    other = given.pop("conversation_id", conversation_id)
    if other != conversation_id:
        raise ConfigurationError.out_of_range("conversation_id", other, "the id of a call cannot be changed")
    given.pop("session_id", None)  # it is the session's whose conversation the call is
    history, audio = given.pop("conversation_history", None), given.pop("audio_buffer", None)
    functions = given.get("function_calls")
    if isinstance(functions, (list, tuple)):
        given["function_calls"] = [one for one in functions if not _is_of_conversation(one)]
    return (
        check_fields(given),
        None if history is None else check_history(history),
        None if audio is None else check_audio(audio),
    )


def _is_of_conversation(function: object) -> bool:
    """Whether the function lies in the conversation itself, and is only shown among those of the call."""
    return isinstance(function, dict) and function.get("source") == "conversation"


def _rows(option: str, value: object) -> list[JsonObject]:
    if not isinstance(value, (list, tuple)):
        raise ConfigurationError.out_of_range(option, type(value).__name__, "a list of dicts is needed")
    rows = []
    for place, row in enumerate(value):
        if not isinstance(row, Mapping):
            raise ConfigurationError.out_of_range(
                f"{option}[{place}]", type(row).__name__, "a dict is needed"
            )
        rows.append(check_json(f"{option}[{place}]", dict(row)))
    return rows


def _unknown(name: object) -> ConfigurationError:
    import difflib  # only for the hint

    known = [*FIELDS, "conversation_history", "audio_buffer", "session_id"]
    near = difflib.get_close_matches(str(name), known, 1)
    hint = f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(known) + "."
    return ConfigurationError(f"A call has no field {str(name)[:80]!r}. {hint}", option=str(name)[:80])
