"""What the tests of moving and of backups share: stored sessions, all that lies in a storage, broken-off writes."""

from __future__ import annotations

from typing import Any

from tests.session.stores import WRITES, Call, WatchedStorage, voxon_on
from voxsession import SessionConfig, SessionStorage
from voxsession.core.envelope import RECORD_KINDS, Record, record_key

QUIET = SessionConfig(enable_learning=False, enable_analytics=False)


def said(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Numbered messages that nothing is learned from."""
    return [{"role": "assistant", "content": f"m{number}"} for number in range(first, first + count)]


async def live(storage: Any, session_id: str, count: int, *, whole: bool = False, **options: Any) -> None:
    """Opens a session, or makes it, and adds messages; `whole` ends with a new document."""
    async with (
        voxon_on(storage, **options) as voxon,
        voxon.session(f"user of {session_id}", session_id, config=QUIET) as session,
    ):
        conv = await session.start_conversation("c")
        await conv.add_messages(said(count))
        if whole:
            session.clear_memory(ids=[session.add_memory("x").id])
            await session.save()


async def filled(storage: Any, **options: Any) -> None:
    """Three sessions: a tail, a rewritten document, pages with a tail; and a pointer."""
    await live(storage, "short", 3, **options)
    await live(storage, "short", 2, **options)
    await live(storage, "whole", 5, whole=True, **options)
    await live(storage, "long", 320, whole=True, **options)
    await live(storage, "long", 2, **options)
    async with voxon_on(storage, **options) as voxon:
        await voxon.session("by pointer", config=QUIET)


async def everything(storage: SessionStorage, tenant: str = "") -> dict[str, Record]:
    """All that lies in a storage for a tenant, by key; pages by key and name."""
    found: dict[str, Record] = {}
    for kind in RECORD_KINDS:
        if kind == "page":
            continue
        for header in await storage.list_sessions(kind=kind, tenant=tenant, limit=10_000):
            key = record_key(header)
            record = await storage.load(key)
            assert record is not None
            found[key] = record
            for name, _ in await storage.list_pages(key) if kind == "session" else ():
                page = await storage.load_page(key, name)
                assert page is not None
                found[f"{key}/{name}"] = page
    return found


async def history(storage: Any, session_id: str, **options: Any) -> list[str]:
    """What a fresh process reads of a session; to resume the conversation would change it."""
    async with voxon_on(storage, **options) as voxon:
        bundle: Any = await (await voxon.load_session(session_id)).export_full()
        return [message["content"] for message in bundle["messages"]]


class PowerCut(BaseException):
    """What ends a run in the middle, as nothing else would."""


class CutStorage(WatchedStorage):
    """The power goes after so many writes: before the next one, or after it was made but not told."""

    def __init__(self, inner: SessionStorage, writes: int, *, after: bool = False) -> None:
        super().__init__(inner)
        self.left = writes
        self.after = after
        self.mishap = self._cut

    async def _cut(self, name: str, call: Call) -> Any:
        if name not in (*WRITES, "delete", "delete_pages"):
            return await call()
        if self.left > 0:
            self.left -= 1
            return await call()
        if self.after:
            await call()
        raise PowerCut
