"""What was moved to a storage before, told from what was written there since."""

from __future__ import annotations

from collections.abc import Iterable

from voxsession.clock import Clock
from voxsession.core.envelope import FORMAT, Record, storage_key
from voxsession.errors import ConfigurationError
from voxsession.moving.transfer import versions
from voxsession.storage.base import SessionStorage

__all__ = ["Ledger"]

_PREFIX = "moved_"


class Ledger:
    """Remembers the batch ids of all that was moved, in the target itself.

    A target that is behind may be brought up to date only if nobody wrote to it since. The source cannot
    tell once its tail was merged into a new document; the ledger can: a batch id that stands in it came
    from the source. It lies in pages of the tenant's keyring record, which no listing shows, and holds
    nothing that the clear headers do not.
    """

    def __init__(self, source: SessionStorage, target: SessionStorage, tenant: str, clock: Clock) -> None:
        self._source = source
        self._target = target
        self._tenant = tenant
        self._clock = clock
        self._key = storage_key("keyring", tenant, "main")
        self._known: set[str] | None = None

    async def knows(self, batch_id: str) -> bool:
        """Whether this write once was moved here from the source, or from here to the source."""
        if self._known is None:
            self._known = {*await self._noted(self._target), *await self._noted(self._source)}
        return batch_id in self._known

    async def note(self, records: Iterable[Record]) -> str:
        """Remembers all writes of these records, before they are made; gives the page's name."""
        batch_ids = [batch_id for record in records for _, batch_id in versions(record)]
        if self._known is not None:
            self._known.update(batch_ids)
        name = self._clock.new_id(_PREFIX.rstrip("_"))
        page: Record = {"format": FORMAT, "kind": "page", "tenant": self._tenant, "session_id": "main"}
        page.update(seq=0, page_id=name, page_kind="moved", items=batch_ids)
        await self._target.save_page(self._key, page)
        return name

    async def refuse_same_place(self) -> None:
        """Puts a page into the target and looks for it in the source: two addresses may lead to one place.

        Raises:
            ConfigurationError: they do.
        """
        name = await self.note([])
        try:
            is_there = self._source.can_page and await self._source.load_page(self._key, name) is not None
        finally:
            await self._target.delete_pages(self._key, [name])
        if is_there:
            raise ConfigurationError(
                "Source and target are the same place: what is written to the one appears in the other. Name "
                "two different storages.",
                option="target",
            )

    async def clear(self) -> None:
        """Forgets everything: there is nothing left in the source that could be ahead."""
        await self._target.delete_pages(self._key, await self._names(self._target))

    async def _names(self, storage: SessionStorage) -> list[str]:
        if not storage.can_page:
            return []
        return [name for name, _ in await storage.list_pages(self._key) if name.startswith(_PREFIX)]

    async def _noted(self, storage: SessionStorage) -> set[str]:
        found: set[str] = set()
        for name in await self._names(storage):
            page = await storage.load_page(self._key, name)
            items = page.get("items") if page is not None else None
            found.update(items if isinstance(items, list) else ())
        return found
