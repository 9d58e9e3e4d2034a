"""Whether the rows of a bundle are those of a session: each by itself, all of them together."""

from __future__ import annotations

import hashlib
import re
from array import array
from typing import Any

from voxsession.codec.bundle_rows import SessionRow, typed_row
from voxsession.core.config import check_setting, known_settings
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.types import JsonObject, check_id, check_text, check_user_id
from voxsession.errors import ConfigurationError, IntegrityError
from voxsession.learning.names import check_preference
from voxsession.session.bundles.fields import (
    check_conversation_fields,
    check_memory_fields,
    check_message_fields,
    check_session_fields,
)
from voxsession.session.bundles.reader import broken_bundle

__all__ = ["BundleCheck"]

MAX_ID = 200
_BUCKETS = 256
_ENUM_VALUE = re.compile(r"Invalid enum value '.*'", re.DOTALL)


class BundleCheck:
    """Looks at each row of a bundle in order, then at what they are together; nothing is kept but ids.

    Args:
        name: what errors call the bundle.

    Attributes:
        session: the row of the session, once it was seen.
        talks: the conversations, each with the one that it branched from.
        counts: how many of each there are.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._seen = {"memory": _SeenIds(), "message": _SeenIds()}
        self.session: SessionRow | None = None
        self.talks: dict[str, str | None] = {}
        self._furthest = (-1, "")  # the last message that any of them points to
        self.counts = {"conversations": 0, "memories": 0, "messages": 0}

    def row(self, kind: str, row: object, number: int) -> Any:
        """The record that a row describes.

        Raises:
            IntegrityError: it is none; the row is named by its number.
        """
        try:
            record = typed_row(kind, row)
            getattr(self, f"_see_{kind}")(record)
        except ConfigurationError as error:
            raise broken_bundle(
                self._name, f"row {number} ({kind}): {_short(str(error.without_value()))}"
            ) from None
        except ValueError as error:
            raise broken_bundle(self._name, f"row {number} ({kind}): {_short(str(error))}") from None
        return record

    def finish(self) -> SessionRow:
        """The session, once all of it was seen.

        Raises:
            IntegrityError: an id is there twice, or rows do not fit together.
        """
        for kind, seen in self._seen.items():
            if seen.has_twice():
                raise self._broken(f"two rows of kind {kind} have the same id")
        session, count = self.session, self.counts["messages"]
        if session is None:
            raise self._broken("it holds no session")
        if session.analytics.message_count != count:
            raise self._broken(
                f"its session counts {session.analytics.message_count} messages, it holds {count}"
            )
        rooted: set[str] = set()
        if self._furthest[0] >= max(count, 1):
            raise self._broken(_no_place(self._furthest[1]))
        for talk_id in self.talks:
            self._check_line(talk_id, rooted)
        return session

    # --- one by one

    def _see_conversation(self, talk: ConversationEntry) -> None:
        check_id("id", talk.id)
        if talk.id in self.talks:
            raise ValueError(f"the conversation {talk.id!r} is there twice")
        check_conversation_fields(talk)
        if talk.status not in ("active", "ended", "deleted"):
            raise ValueError("its status is none of active, ended, deleted")
        for place in (talk.first_index, talk.last_index, (talk.branch_index or 1) - 1):
            if place is not None and place < 0:
                raise ValueError(_no_place(talk.id))
            self._furthest = max(self._furthest, (place or 0, talk.id))
        self.talks[talk.id] = talk.parent_id
        self.counts["conversations"] += 1

    def _see_memory(self, entry: MemoryEntry) -> None:
        _check_name("id", entry.id)
        _check_name("category", entry.category)
        check_text("content", entry.content)
        check_memory_fields(entry)
        self._seen["memory"].add(entry.id)
        self.counts["memories"] += 1

    def _see_message(self, message: Message) -> None:
        _check_name("id", message.id)
        check_message_fields(message)
        if message.conversation_id not in self.talks:
            raise ValueError("its conversation is not in the bundle")
        self._seen["message"].add(message.id)
        self.counts["messages"] += 1

    def _see_session(self, session: SessionRow) -> None:
        check_id("session_id", session.session_id)
        check_user_id(session.user_id)
        for name, value in known_settings(session.config).items():
            check_setting(name, value)
        for name, value in session.preferences.items():
            check_preference(name, value)
        check_session_fields(session)
        _check_template(session.template or {})
        self.session = session

    # --- together

    def _check_line(self, talk_id: str, rooted: set[str]) -> None:
        """Walks up to a conversation that is known to hang together."""
        line: dict[str, None] = {}
        current: str | None = talk_id
        while current is not None and current not in rooted:
            if current not in self.talks or current in line:
                raise self._broken(
                    f"conversation {talk_id!r} branched from one that is not there, or from itself"
                )
            line[current] = None
            current = self.talks[current]
        rooted.update(line)

    def _broken(self, reason: str) -> IntegrityError:
        return broken_bundle(self._name, reason)


class _SeenIds:
    """Tells whether an id came twice; it keeps 8 bytes of each, so that millions fit."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(_BUCKETS)]

    def add(self, name: str) -> None:
        digest = hashlib.blake2b(name.encode(), digest_size=9).digest()
        self._buckets[digest[8]].append(int.from_bytes(digest[:8], "big"))

    def has_twice(self) -> bool:
        return any(len(set(bucket)) < len(bucket) for bucket in self._buckets)


def _check_name(option: str, value: str) -> None:
    if not 1 <= len(check_text(option, value)) <= MAX_ID:
        raise ValueError(f"{option} has to have 1 to {MAX_ID} characters")


def _no_place(talk_id: str) -> str:
    return f"conversation {talk_id!r} points to messages that the bundle does not hold"


def _check_template(template: JsonObject) -> None:
    check_text("template.name", template.get("name", ""))
    categories = template.get("memory_categories") or []
    if not isinstance(categories, list):
        raise ValueError("template.memory_categories is no list")
    for category in categories:
        check_text("template.memory_categories", category)


def _short(text: str) -> str:
    text = _ENUM_VALUE.sub("Invalid enum value", text)  # it is whatever stood there
    return text if len(text) < 200 else text[:200] + "..."
