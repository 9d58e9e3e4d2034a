"""Looking through a whole stored history for what no model takes as it stands."""

from __future__ import annotations

import asyncio
from collections import Counter

from voxsession.core.message import Message
from voxsession.errors import ConfigurationError, ConflictError
from voxsession.memory.repair import repairs_of
from voxsession.session.base import SessionBase
from voxsession.session.reading import page_refs
from voxsession.session.reports import Receipt

__all__ = ["Mending"]

MOST_ROUNDS = 5
_PAGES_AT_ONCE = 16


class Mending(SessionBase):
    """A history, put right."""

    async def repair_history(self, dry_run: bool = False) -> Receipt:
        """Repairs the whole stored history, filed pages too, and saves; it is harmless to repeat.

        Recent messages are repaired by themselves when a session is opened, reloaded or added to. This looks at all
        of them. No text is altered: a message that was recorded twice is set aside, of two that share an id one gets
        another, a call without a result is marked as unanswered, a result without its call is not sent to models.

        Args:
            dry_run: only tell what would be done.

        Returns:
            How often each was done; `details` has a row for each message: its id, its conversation, what was done.

        Raises:
            ConflictError: others write to the session all the time; what was repaired by then is saved.
            StorageError: it could not be saved; it is kept for the next save.
        """
        core = self._writable()
        if core.in_batch:
            raise ConfigurationError(
                "repair_history() writes pages anew, which no batch can hold. Leave the block first.",
                option="repair_history",
            )
        receipt = Receipt()
        for _ in range(MOST_ROUNDS):
            messages = await self._all_messages()
            change = await asyncio.to_thread(repairs_of, messages, core.now())
            if change is None:
                return receipt
            rows = change.event_fields()["repairs"]
            done = Counter(receipt.counts) + Counter(what for row in rows for what in row["what"])
            receipt = Receipt(counts=dict(done), details=receipt.details + rows)
            if dry_run:
                return receipt
            core.record(change)
            core.index.forget(repair.message_id for repair in change.repairs)
            core.repair_history()
            await self._host.save(core)
            core.index.filed_upto = 0  # doubles among what was taken in are not found any more
        raise ConflictError(
            core.data.session_id,
            expected_seq=core.data.seq,
            found_seq=None,
            what="the history, while it was repaired",
        )

    async def _all_messages(self) -> list[Message]:
        """Every message of the session, in session order."""
        core = self._core
        recorder = await self._host.ready()
        while True:
            found: list[Message] = []
            refs = await page_refs(core, self._host)
            for page in await recorder.load_all_messages(core, refs):
                found += page
            if len(found) == core.data.message_offset:  # else some were filed meanwhile
                return found + core.data.messages
