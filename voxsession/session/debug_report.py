"""What was logged of a session, as text that can be shown to anybody."""

from __future__ import annotations

import builtins
import sys
from collections import Counter
from typing import Any

from voxsession.core.types import encode_json
from voxsession.errors import __all__ as our_errors
from voxsession.session.debug import DebugLog
from voxsession.session.live import LiveCore

__all__ = ["debug_report"]

# Settings whose values say nothing about a person.
_SETTINGS = (
    "memory_mode", "max_memory_size", "context_tokens", "max_output_tokens", "temperature", "enable_functions",
    "enable_learning", "enable_analytics", "enable_adaptation",
)  # fmt: skip
_KINDS = {
    "session_id": "session", "conversation_id": "conversation", "parent_id": "conversation", "message_id": "message",
    "message_ids": "message", "entry_id": "memory", "entry_ids": "memory", "by": "memory", "function": "function",
    "handler": "handler",
}  # fmt: skip
# What of the library itself is told of as a handler.
_OWN_HANDLERS = frozenset({"extractor", "fold_profile", "embedder", "summarizer"})
_FOREIGN = "foreign error"


def debug_report(log: DebugLog, core: LiveCore) -> str:
    """Lines of JSON: what runs here, what there is in figures, then what happened.

    Ids and names of functions and handlers are replaced by numbers (``conversation-1``), the same throughout the
    report: an app may have made them from names or addresses. Of errors the class is told where it is Python's or ours.

    Args:
        log: What was logged.
        core: The session that it was logged of.

    Returns:
        The lines, joined.
    """
    info, alias = log.info(), _Aliases()
    rows: list[dict[str, Any]] = [{"about": _about(info, core)}]
    rows += [{"transition": row} for row in info["state_transitions"]]
    rows += [{"memory": row} for row in info["memory_snapshots"]]
    rows += [{"event": row} for row in info["events"]]
    return "\n".join(encode_json(alias.of(row)).decode() for row in rows)


def _about(info: dict[str, Any], core: LiveCore) -> dict[str, Any]:
    data, totals = core.data, core.data.totals
    return {
        "voxsession": _version(),
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "enabled_at": info["enabled_at"],
        "session_id": data.session_id,
        "status": data.status,
        "has_user": data.user_id is not None,
        "seq": data.seq,
        "pending_changes": dict(Counter(info["pending_changes"])),
        "token_counter_is_exact": core.counter.exact,
        "settings": {
            name: value
            for name in _SETTINGS
            if isinstance(value := data.config.get(name), bool | int | float)
            or value in ("ephemeral", "persistent", "hybrid")
        },
        "counts": {
            "conversations": totals.conversation_count,
            "messages": totals.message_count,
            "memories": len(data.memories),
            "pages": len(data.pages),
            "preferences": len(data.evidence),
            "metrics": len(data.metrics),
        },
        "error_count": info["error_count"],
        "errors": _by_class(info["errors"]),
        "events_left_out": info["events_left_out"],
    }


def _by_class(counts: dict[str, int]) -> dict[str, int]:
    known: Counter[str] = Counter()
    for name, count in counts.items():
        known[_error_class(name)] += count
    return dict(known)


def _error_class(name: str) -> str:
    """The name of an error's class, unless the app or a library made it up."""
    found = getattr(builtins, name, None)
    is_python = isinstance(found, type) and issubclass(found, BaseException)
    return name if is_python or name in our_errors else _FOREIGN


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("voxsession")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"


class _Aliases:
    """Numbers in place of ids, the same for the same id."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._count: Counter[str] = Counter()

    def of(self, value: Any, name: str = "") -> Any:
        """The value with every id in it replaced."""
        if isinstance(value, dict):
            return {key: self.of(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner, name) for inner in value]
        if name == "error" and isinstance(value, str):
            return _error_class(value)
        if name in _KINDS and isinstance(value, str) and not (name == "handler" and value in _OWN_HANDLERS):
            kind = _KINDS[name]
            if (kind, value) not in self._known:
                self._count[kind] += 1
                self._known[kind, value] = f"{kind}-{self._count[kind]}"
            return self._known[kind, value]
        return value
