"""What a session does with profiles: it gives its own, and adds to its person's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from voxsession.errors import ConfigurationError, SessionClosedError, VoxSessionError
from voxsession.session.base import SessionBase

if TYPE_CHECKING:
    from voxsession.learning.profiles import SessionProfile

__all__ = ["ProfileCalls"]

_log = logging.getLogger(__name__)


class ProfileCalls(SessionBase):
    """The profiles of a session and of its person."""

    def export_preference_profile(self, *, include_topics: bool = True) -> SessionProfile:
        """What was learned about the person, to begin another session with: numbers, wishes, settings, topics.

        It holds no text of messages or memories and no ids. Topics are key phrases of what the person said; only
        those that came up more than once are in it.

        Args:
            include_topics: whether topics are in it at all.

        Returns:
            The profile; `voxon.create_session(preference_profile=...)` takes it.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.set_preference("verbosity", "brief")
            >>> session.export_preference_profile().preferences
            {'verbosity': 'brief'}
        """
        from voxsession.learning.seeding import profile_of

        return profile_of(self._core.view, topics=include_topics)

    async def fold_profile(self) -> bool:
        """Saves, and puts what this session has taught so far into the profile that is kept for its person.

        Each session counts once, as it was when it was folded last, so it may be called at any time and
        repeatedly. What the session began with is not counted again.

        Returns:
            Whether the person's profile changed.

        Raises:
            ConfigurationError: it is nobody's session, or a batch is open here.
            ConflictError, StorageError: as `save`.
            IntegrityError, KeyNotFoundError: the profile cannot be opened; it is left as it is.
            SessionClosedError: this handle is closed.

        Example:
            >>> import asyncio
            >>> from voxsession import Voxon, VoxonConfig
            >>> async def main():
            ...     async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
            ...         async with voxon.session(user_id="alice") as session:
            ...             session.set_preference("verbosity", "brief")
            ...             return await session.fold_profile()
            >>> asyncio.run(main())
            True
        """
        core = self._core
        if self._is_closed:
            raise SessionClosedError(core.data.session_id)
        if core.data.user_id is None:
            raise ConfigurationError(
                f"Session {core.data.session_id!r} has no user, so there is no profile to fold it into. Give "
                "create_session() a user_id.",
                option="user_id",
            )
        if core.in_batch:
            raise ConfigurationError(
                "fold_profile() inside batch_update() could not save. Leave the block first.",
                option="fold_profile",
            )
        await self._host.settle(core)
        await self._host.save(core)
        return await self._host.fold(core, False)

    async def _fold_at_the_end(self) -> None:
        """What closing and ending do where `person_profiles` is on; the session is saved, so a failure only waits."""
        core = self._core
        if not (self._host.person_profiles and core.data.user_id is not None and core.exists) or core.is_gone:
            return
        try:
            await self._host.fold(core, False)
        except VoxSessionError as error:
            kind = type(error).__name__
            _log.warning("session %s: its person's profile is behind (%s)", core.data.session_id, kind)
            core.signal("handler.failed", handler="fold_profile", event="session.closed", error=error)
