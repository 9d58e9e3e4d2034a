"""Past conversations out of the `conversations.json` of a ChatGPT export."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Literal

from voxsession.core.struct import Struct
from voxsession.core.types import JsonObject, check_id, check_text, encode_canonical
from voxsession.errors import ConfigurationError
from voxsession.memory.readers.moments import moment_of

__all__ = ["PastMessage", "PastTalk", "talk_of"]

_KINDS = ("text", "multimodal_text")
MAX_TITLE = 500


class PastMessage(Struct, frozen=True):
    """One text that was said; `at` is None where the export does not know."""

    role: Literal["user", "assistant"]
    content: str
    at: datetime | None


class PastTalk(Struct, frozen=True):
    """One conversation: the branch that was current when it was exported."""

    id: str
    title: str
    started_at: datetime | None
    messages: list[PastMessage]


def talk_of(row: Any) -> PastTalk:
    """The conversation that an element of the file describes.

    What the person and the assistant said to each other is kept, on the branch that leads to
    `current_node`. Hidden messages, system texts, calls of tools and their results are left out.

    Raises:
        ConfigurationError: it has no `mapping`, its tree runs in a circle, or a field has the wrong type.
    """
    if not isinstance(row, dict) or not isinstance(row.get("mapping"), dict):
        raise ConfigurationError.out_of_range(
            "conversation", type(row).__name__, "an object with a mapping of messages is needed"
        )
    found = [_message(node.get("message")) for node in _branch(row)]
    messages = [message for message in found if message is not None]
    title = check_text("title", row.get("title") or "")[:MAX_TITLE]
    given = row.get("conversation_id") or row.get("id")
    return PastTalk(
        id=check_id("conversation_id", given) if given is not None else _id_from(title, messages),
        title=title,
        started_at=moment_of("create_time", row.get("create_time")),
        messages=messages,
    )


def _branch(row: JsonObject) -> list[JsonObject]:
    """The nodes from the root to the current one."""
    mapping, branch, seen = row["mapping"], list[JsonObject](), set[str]()
    at = row.get("current_node") or _newest_leaf(mapping)
    while at is not None:
        node = mapping.get(at) if isinstance(at, str) else None
        if not isinstance(node, dict) or at in seen:
            wrong = "runs in a circle" if at in seen else "names a node that is not there"
            raise ConfigurationError(f"the tree of the conversation {wrong}.", option="mapping")
        seen.add(at)
        branch.append(node)
        at = node.get("parent")
    return branch[::-1]


def _newest_leaf(mapping: JsonObject) -> str | None:
    """The last node without children, in the order of the file."""
    leaves = [key for key, node in mapping.items() if isinstance(node, dict) and not node.get("children")]
    return leaves[-1] if leaves else None


def _message(given: Any) -> PastMessage | None:
    if not isinstance(given, dict):
        return None  # the root has none
    author, content, about = (_object(given.get(name)) for name in ("author", "content", "metadata"))
    role = author.get("role")
    is_said = role in ("user", "assistant") and given.get("recipient") in (None, "all")
    if not is_said or about.get("is_visually_hidden_from_conversation"):
        return None
    text = _text(content)
    if not text.strip():
        return None
    at = moment_of("create_time", given.get("create_time"))
    return PastMessage("user" if role == "user" else "assistant", check_text("content", text), at)


def _text(content: JsonObject) -> str:
    """The texts of a message; pictures and files are not in the export, transcribed speech is."""
    if content.get("content_type", "text") not in _KINDS or not isinstance(content.get("parts"), list):
        return ""
    texts = (part.get("text") if isinstance(part, dict) else part for part in content["parts"])
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _id_from(title: str, messages: list[PastMessage]) -> str:
    """The same for the same content, so that importing twice finds it again."""
    said = [title, [[message.role, message.content] for message in messages]]
    return "chatgpt_" + hashlib.sha256(encode_canonical(said)).hexdigest()[:32]
