"""The calls with which the owner of a session shares it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from voxsession.session.base import SessionBase

if TYPE_CHECKING:
    from voxsession.session.shares.views import SharedView, ShareList

__all__ = ["Sharing"]


class Sharing(SessionBase):
    """Letting others see a part of a session, and taking that back."""

    def create_shared_view(
        self,
        shared_with_user_id: str,
        permissions: Sequence[str] = ("read", "add_notes"),
        expire_after_hours: float | None = 24,
        *,
        categories: Sequence[str] | None = None,
        max_uses: int | None = None,
        include_sensitive: bool | Sequence[str] = False,
        snapshot: bool = False,
    ) -> SharedView:
        """Lets one other person use a part of this session, at once; awaiting it saves as well.

        Args:
            shared_with_user_id: the only person who can use it.
            permissions: of `read` (memory, history and search), `search`, `add_notes`, `export`, `converse`.
            expire_after_hours: hours until it ends; None = not before it is revoked.
            categories: the only categories of memory that it reaches, and then no messages; None = all.
            max_uses: how often the token can be presented to `access_shared_session`; None = any number of times.
            include_sensitive: True reaches sensitive entries as well, a list of entry ids only these.
            snapshot: it shows what there is now, and nothing that comes later.

        Returns:
            What was made: `token` (only here, and never again), `grant_id`, `expires_at`.

        Raises:
            ConfigurationError: an argument is wrong; there are as many open shares, or frozen content, as a session
                can have.
            SessionEndedError: the session has ended.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="ann")
            >>> view = session.create_shared_view("doctor_456", permissions=["read"], expire_after_hours=24)
            >>> view.token.startswith("vxs_"), session.list_shares()[0].status
            (True, 'open')
        """
        from voxsession.session.shares.granting import grant_share
        from voxsession.session.shares.views import SharedView

        core = self._writable()
        view = grant_share(
            core,
            shared_with_user_id=shared_with_user_id,
            permissions=permissions,
            expire_after_hours=expire_after_hours,
            categories=categories,
            max_uses=max_uses,
            include_sensitive=include_sensitive,
            snapshot=snapshot,
        )
        return SharedView(view, lambda: self._host.save(core))

    def list_shares(self) -> ShareList:
        """All shares of this session that are kept, the oldest first, each with its uses and its audit list.

        Awaiting it first takes in what other processes stored, uses by others among it.
        """
        from voxsession.session.shares.views import ShareInfo, ShareList

        core = self._core

        def listed() -> list[ShareInfo]:
            now = core.now()
            found = [ShareInfo.of(grant_id, stored, now) for grant_id, stored in core.view.shares.items()]
            known = [info for info in found if info is not None]
            return sorted(known, key=lambda info: (info.created_at, info.grant_id))

        async def anew() -> list[ShareInfo]:
            recorder = await self._host.ready()
            if core.exists and not core.in_batch:
                await recorder.reload(core, keep_pending=True)
            return listed()

        return ShareList(listed(), anew)

    async def revoke_share(self, grant_id: str) -> bool:
        """Takes a share back and saves: from then on no process answers it any more.

        Args:
            grant_id: as `create_shared_view` and `list_shares` give it.

        Returns:
            Whether it was still to be revoked.

        Raises:
            ConfigurationError: the session has no such share.
            ConflictError: something else that is pending here cannot be saved; nothing was revoked.
            SessionClosedError: this handle is closed.
        """
        from voxsession.session.shares.granting import revoke

        return await revoke(self._core, self._host, grant_id, is_closed=self._is_closed)
