"""The changes that record messages, each with what the analytics count of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from functools import cache, lru_cache
from itertools import chain, islice
from typing import NamedTuple

from voxsession.core.changes import MessageAdded
from voxsession.core.message import Message
from voxsession.session.live import LiveCore

__all__ = ["additions", "local_day", "moment_in"]

_EARLIER = 3  # messages of the person that a question may repeat
_LOOKED_AT = 40  # messages that these are looked for in


class Moment(NamedTuple):
    """When something counts, in the session's zone.

    All is None where analytics is off; `day` also where it is that of UTC. `counted_at` is the present where the
    moment lies in the future.
    """

    hour: int | None
    day: str | None
    counted_at: datetime | None


_UNCOUNTED = Moment(None, None, None)


def moment_in(core: LiveCore, moment: datetime) -> Moment:
    """Where a moment stands on the clocks of the session's zone, as it is set now."""
    return _placed(core, moment, core.now()) if core.view.counts else _UNCOUNTED


def _placed(core: LiveCore, moment: datetime, now: datetime) -> Moment:
    counted_at = None
    if moment > now:
        moment = counted_at = now
    name = str(core.view.config.get("timezone", "UTC"))
    if name == "UTC":
        return Moment(moment.hour, None, counted_at)
    local = moment.astimezone(_zone(name))
    day = local.date()
    return Moment(local.hour, day.isoformat() if day != moment.date() else None, counted_at)


def local_day(core: LiveCore, moment: datetime) -> str | None:
    """The date in the session's zone; None where it is that of UTC."""
    return _placed(core, moment, core.now()).day


def additions(core: LiveCore, messages: Sequence[Message], *, by_hour: bool = True) -> list[MessageAdded]:
    """The changes that record messages in their order.

    Args:
        core: The session.
        messages: Of one conversation.
        by_hour: They count for the hour of the day; what no person says or hears does not.
    """
    changes: list[MessageAdded] = []
    counts, now = core.view.counts, core.now()
    for message in messages:
        hour, day, counted_at = _placed(core, message.at, now) if counts else _UNCOUNTED
        is_said = message.role == "user" and message.content and message.origin == "said"
        changes.append(
            MessageAdded(
                at=message.at,
                message=message,
                local_hour=hour if by_hour else None,
                local_day=day,
                counted_at=counted_at,
                signals=_signals(core, message, changes) if counts and is_said else None,
            )
        )
    return changes


def _signals(core: LiveCore, message: Message, before: Sequence[MessageAdded]) -> list[str] | None:
    return _reader()(message.content or "", _said_before(core, message, before)) or None


@cache
def _reader() -> Callable[[str, Iterable[str]], list[str]]:
    # Its patterns take a millisecond that an import need not; asked for once, as the statement takes two microseconds.
    from voxsession.learning.signals import signals_of

    return signals_of


def _said_before(core: LiveCore, message: Message, before: Sequence[MessageAdded]) -> Iterator[str]:
    """What the person said last in this conversation, the latest first; a look at a bounded number of messages."""
    found, talk = 0, message.conversation_id
    recent = chain((change.message for change in reversed(before)), reversed(core.view.messages_at_hand))
    for one in islice(recent, _LOOKED_AT):
        if one.role == "user" and one.content and one.conversation_id == talk:
            yield one.content
            found += 1
            if found == _EARLIER:
                return


@lru_cache(64)
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # few sessions have a zone

    return ZoneInfo(name)
