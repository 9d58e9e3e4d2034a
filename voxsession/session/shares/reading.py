"""Reading what a share reaches, from pages as needed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from voxsession.core.message import Message
from voxsession.core.share_grant import ShareGrant
from voxsession.core.types import as_utc, check_text
from voxsession.errors import ConfigurationError
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.reading import filed_talks, find_conversation, page_refs, read_history
from voxsession.session.shares.reach import Reach

__all__ = ["reach_of", "read_guests", "read_shared"]


async def reach_of(core: LiveCore, host: SessionHost, grant: ShareGrant) -> Reach:
    """The reach of a grant, with all that is known of the session's conversations."""
    talks = await filed_talks(core, host) if core.data.index_pages else None
    return Reach(core.data, grant, talks)


async def read_guests(core: LiveCore, host: SessionHost, conversation_id: str, limit: int) -> list[Message]:
    """The latest messages of a shared conversation, oldest first; nothing where it is gone.

    Only what was said through a share is given, whatever else should ever have got there.
    """
    entry = await find_conversation(core, host, conversation_id)
    if entry is None or entry.status == "deleted":
        return []
    said = await read_history(core, host, conversation_id, limit)
    return [message for message in said if message.origin == "shared"]


async def read_shared(
    core: LiveCore, host: SessionHost, grant: ShareGrant, limit: int, before: str | datetime | None
) -> list[Message]:
    """The latest messages that a grant reaches, oldest first.

    Args:
        limit: at most this many.
        before: only those before this message id or moment.

    Raises:
        ConfigurationError: it reaches no message of this id.
    """
    moment = as_utc("before", before) if isinstance(before, datetime) else None
    if before is not None and moment is None:
        check_text("before", before)
    reach = await reach_of(core, host, grant)
    if not reach.has_messages:
        return []
    if grant.is_snapshot:
        return _latest(reach.frozen_messages(), limit, before, moment)
    data = core.data
    given, first_index = list(data.messages), data.message_offset
    is_all = first_index == 0
    refs = await page_refs(core, host) if not is_all else []
    while True:
        shown = reach.messages(given, first_index=first_index)
        is_found = not isinstance(before, str) or any(message.id == before for message in shown)
        if is_all or (is_found and len(_cut(shown, before, moment)) >= limit):
            return _latest(shown, limit, before, moment)
        recorder = await host.ready()
        ref = refs.pop()
        given = await recorder.load_messages(core, ref) + given
        first_index, is_all = ref.first_index, not refs


def _latest(
    shown: Sequence[Message], limit: int, before: str | datetime | None, moment: datetime | None
) -> list[Message]:
    if isinstance(before, str) and all(message.id != before for message in shown):
        raise ConfigurationError.out_of_range(
            "before", before, "give the id of a message that history() gave"
        )
    found = _cut(shown, before, moment)
    return found[len(found) - min(limit, len(found)) :]


def _cut(shown: Sequence[Message], before: str | datetime | None, moment: datetime | None) -> list[Message]:
    if moment is not None:
        return [message for message in shown if message.at < moment]
    place = next((place for place, message in enumerate(shown) if message.id == before), len(shown))
    return list(shown[:place])
