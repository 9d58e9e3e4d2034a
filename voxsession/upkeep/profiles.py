"""The calls of the facade that are about people's profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voxsession.core.types import check_user_id
from voxsession.errors import ConfigurationError
from voxsession.installation import Installation
from voxsession.session.reports import Receipt

if TYPE_CHECKING:
    from voxsession.learning.profiles import SessionProfile

__all__ = ["ProfileUpkeep"]


class ProfileUpkeep:
    """What `Voxon` does with what is kept for a person beside the sessions."""

    _home: Installation

    async def load_profile(self, user_id: str) -> SessionProfile:
        """The profile that is kept for a person: what all their folded sessions have taught.

        Returns:
            The profile; an empty one, which is false, where nothing was folded.

        Raises:
            IntegrityError: it was altered or exchanged; `delete_profile` begins anew.
            KeyNotFoundError: its key is not known here.
            UnsupportedFormatError: a newer version wrote it.

        Example:
            >>> import asyncio
            >>> from voxsession import Voxon, VoxonConfig
            >>> async def main():
            ...     async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
            ...         async with voxon.session(user_id="alice") as session:
            ...             session.set_preference("verbosity", "brief")
            ...             await session.fold_profile()
            ...         return (await voxon.load_profile("alice")).preferences
            >>> asyncio.run(main())
            {'verbosity': 'brief'}
        """
        from voxsession.learning.person import profile_from

        owner = await self._person(user_id)
        return profile_from(await self._home.profiles.body(owner))

    async def delete_profile(self, user_id: str) -> Receipt:
        """Removes the profile that is kept for a person; sessions stay, and count again when they are folded.

        Returns:
            A receipt, false where there was none.

        Example:
            >>> import asyncio
            >>> from voxsession import Voxon, VoxonConfig
            >>> async def main():
            ...     async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
            ...         return bool(await voxon.delete_profile("alice"))
            >>> asyncio.run(main())
            False
        """
        owner = await self._person(user_id)
        return Receipt(counts={"profiles": int(await self._home.profiles.delete(owner))})

    async def _person(self, user_id: str) -> str:
        person = check_user_id(user_id)
        if person is None:
            raise ConfigurationError.out_of_range("user_id", None, "name the person whose profile it is")
        await self._home.ready()
        return self._home.vault.owner(person)
