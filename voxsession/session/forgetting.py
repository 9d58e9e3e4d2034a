"""The call of a session that forgets something for good."""

from __future__ import annotations

from voxsession.errors import SessionClosedError
from voxsession.session.base import SessionBase
from voxsession.session.reports import Receipt

__all__ = ["Forgetting"]


class Forgetting(SessionBase):
    """What somebody wants forgotten."""

    async def forget(self, text_or_query: str, dry_run: bool = False) -> Receipt:
        """Erases what mentions a text, with its sources and all that was made of it; it is saved when this returns.

        What holds the text word for word goes, whatever its case and accents; where nothing does, what holds all
        the telling words of it. With an entry goes the message that it was learned from (its content; its place
        stays), with a message all that was learned from it, with both what summaries made of them. Afterwards the
        text is in no document, tail or page of the session, nor in its part of the person's profile. What others
        have written is taken in first.

        Args:
            text_or_query: a name, a number, a phrase, or words that tell what is meant; or the id of one entry or
                message.
            dry_run: only tell what would go: a row for each with its id, the reason and, where it is not
                sensitive, how it begins.

        Returns:
            How many `entries` (of them `archived` ones), `messages`, `topics` and set-aside pieces (`set_aside`)
            went, how many `pages` were written anew for that, how many entries are `revived` because the summary
            that stood for them is gone. A row that is `kept` tells what forgetting does not reach.

        Raises:
            ConfigurationError: the text has no word that tells what is meant, or a batch is open here.
            ConflictError: something else that is pending here cannot be saved; nothing was forgotten.
            StorageError: not everything could be erased: call it again when the storage is back.
            SessionClosedError: this handle is closed.
        """
        if self._is_closed:
            raise SessionClosedError(self._core.data.session_id)
        # Its words and patterns take 20 ms to make, which a program that forgets nothing is spared.
        from voxsession.session.erasure import Erasure

        core = self._core
        receipt = await Erasure(core, self._host).carry_out(text_or_query, dry_run)
        if not dry_run and core.data.user_id is not None and core.exists:
            await self._host.fold(core, True)  # its part of the person's profile may name what went
        return receipt
