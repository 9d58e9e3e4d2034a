"""What an extractor is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from voxsession.core.struct import Closed, Struct
from voxsession.memory.facts import Fact

__all__ = ["Extraction", "ExtractionRequest", "TurnExtractor", "UserWords"]


class UserWords(Closed, frozen=True, kw_only=True):
    """What the user said in one message.

    Attributes:
        message_id: of the message.
        text: the user's own words, without what was only repeated or pasted.
        at: when it was said (aware, in the session's time zone).
        speaker: the name that facts use in place of "User", where it is known.
        previous: what the assistant said before it.
    """

    message_id: str
    text: str
    at: datetime
    speaker: str | None = None
    previous: str | None = None


class ExtractionRequest(Closed, frozen=True, kw_only=True):
    """Messages of one conversation, to be looked through for facts about the user.

    Attributes:
        said: the user's messages, oldest first; facts may come from these only.
        earlier: role and text of what was said before and between, to understand them by.
        remembered: contents of the memories that the model was shown meanwhile; they are no news.
        count_tokens: tokens of a text.
    """

    said: Sequence[UserWords]
    earlier: Sequence[tuple[str, str]] = ()
    remembered: Sequence[str] = ()
    count_tokens: Callable[[str], int] = len
    session_id: str = ""
    conversation_id: str = ""


class Extraction(Struct, frozen=True, kw_only=True):
    """What was found, and what went wrong on the way.

    Attributes:
        facts: each names its message in `message_id`, where several were looked through.
        problems: errors to be told as events; none holds the text of a message.
    """

    facts: Sequence[Fact] = ()
    problems: Sequence[Exception] = ()


@runtime_checkable
class TurnExtractor(Protocol):
    """An extractor that looks through whole turns, in the background, after they were saved.

    It may have `wait_seconds`: how long `session.save()` and `session.close()` wait for it (10).
    """

    async def extract_turn(self, request: ExtractionRequest) -> Extraction | Sequence[Any]:
        """Gives the facts that the user's messages state, in their order."""
        ...
