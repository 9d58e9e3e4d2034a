"""What recall is measured on: long conversations with questions whose answers' messages are known."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import ROOT

#: Where the harness lies, if not beside the repository.
HARNESS_VARIABLE = "VOXSESSION_QUALITY_DIR"
CHATS = Path(__file__).parent / "data" / "user_assistant.jsonl"
PARTS = ("development", "held back")
KINDS = ("user fact", "recommended", "change", "multi-hop", "temporal", "preference")


@dataclass(frozen=True)
class Said:
    """One message: who said what in which talk, and when."""

    id: str
    talk: str
    at: datetime
    role: str
    speaker: str | None
    text: str

    @property
    def line(self) -> str:
        """As it would stand in a prompt; its tokens are counted."""
        return f"[{self.at.day} {self.at:%B %Y}] {self.speaker or self.role}: {self.text}"


@dataclass(frozen=True)
class Asked:
    """One question: its kind, the ids of the messages that answer it, when it is asked (None: now)."""

    text: str
    kind: str
    gold: tuple[str, ...]
    at: datetime | None = None
    part: str = ""
    shares_words: bool = True


@dataclass(frozen=True)
class Corpus:
    """What one session holds, and what is asked of it."""

    name: str
    said: tuple[Said, ...]
    asked: tuple[Asked, ...]

    def talks(self) -> Iterator[tuple[str, list[Said]]]:
        """The messages by talk, in their order."""
        for talk, messages in groupby(self.said, key=lambda said: said.talk):
            yield talk, list(messages)


class HarnessAbsent(Exception):
    """There is no folder with the three conversations; the text says where they were looked for."""


def harness_folder() -> Path:
    """The folder of the harness.

    Raises:
        HarnessAbsent: it is not there.
    """
    named = os.environ.get(HARNESS_VARIABLE)
    folder = Path(named) if named else ROOT.parent / "shared" / "quality"
    if not (folder / "locomo.py").is_file():
        raise HarnessAbsent(
            f"The harness is not at {folder}: there is no locomo.py. Put the folder `shared/quality` beside the "
            f"repository, or name it by {HARNESS_VARIABLE}. Without it only the chats with an assistant are measured."
        )
    return folder


def long_conversations() -> list[Corpus]:
    """The harness's conversations between two people; categories 1 to 5, as it names them.

    Raises:
        HarnessAbsent: there is no harness.
    """
    sys.path.insert(0, str(harness_folder()))
    try:
        locomo: Any = importlib.import_module("locomo")
    finally:
        sys.path.pop(0)
    return [_of_harness(conversation, locomo.CATEGORIES) for conversation in locomo.load()]


def _of_harness(conversation: Any, categories: dict[int, str]) -> Corpus:
    said = tuple(
        Said(t.id, f"talk-{t.session}", t.date.replace(tzinfo=UTC), "user", t.speaker, t.body)
        for t in conversation.turns
    )
    asked = tuple(
        Asked(q.text, categories[q.category], tuple(q.evidence)) for q in conversation.questions if q.evidence
    )
    return Corpus(str(conversation.id), said, asked)


class InvalidChats(ValueError):
    """The file of chats contradicts itself; the text names the line."""


def user_assistant_chats(path: Path = CHATS) -> list[Corpus]:
    """The chats with an assistant of our own making, one corpus for each user.

    Args:
        path: JSON Lines; `kind` is `message` or `question`, see the page on retrieval.

    Raises:
        InvalidChats: an id is there twice or missing, a text is there twice, a kind or part is unknown, messages
            of a chat are not together or not in the order of time, a question is older than its answer.
    """
    said: dict[str, dict[str, Said]] = {}
    asked: dict[str, list[Asked]] = {}
    texts: set[str] = set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            if row["text"] in texts:
                raise ValueError("the same text is there before")
            texts.add(row["text"])
            if row["kind"] == "message":
                _take_message(row, said)
            else:
                _take_question(row, said[row["user"]], asked.setdefault(row["user"], []))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidChats(f"{path.name}, line {number}: {error!r}") from error
    return [
        Corpus(user, tuple(messages.values()), tuple(asked.get(user, ()))) for user, messages in said.items()
    ]


def _take_message(row: dict[str, Any], said: dict[str, dict[str, Said]]) -> None:
    known = said.setdefault(row["user"], {})
    if any(row["id"] in messages for messages in said.values()):
        raise ValueError(f"message {row['id']} is there before")
    if row["role"] not in ("user", "assistant") or not row["text"].strip():
        raise ValueError(f"message {row['id']} has no role or no text")
    new = Said(row["id"], row["chat"], datetime.fromisoformat(row["at"]), row["role"], None, row["text"])
    last = next(reversed(known.values()), None)
    if last is not None and last.talk == new.talk and last.at >= new.at:
        raise ValueError(f"message {new.id} is not later than the one before")
    if last is not None and last.talk != new.talk and any(one.talk == new.talk for one in known.values()):
        raise ValueError(f"the messages of chat {new.talk} are not together")
    known[new.id] = new


def _take_question(row: dict[str, Any], said: dict[str, Said], asked: list[Asked]) -> None:
    if row["kind"] not in KINDS or row["part"] not in PARTS or not row["gold"]:
        raise ValueError("a question needs a known kind, a known part and gold messages")
    at = datetime.fromisoformat(row["at"])
    for gold in row["gold"]:
        if said[gold].at >= at:
            raise ValueError(f"it is asked before {gold} is said")
    if len(set(row["gold"])) < len(row["gold"]):
        raise ValueError("a gold message is named twice")
    shares = bool(row["shares_words"])
    asked.append(Asked(row["text"], row["kind"], tuple(row["gold"]), at, row["part"], shares))
