"""Wrote data/v1: markers and leases of format 1. Records that are there are never written again."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voxsession import MemorySessionStorage, Voxon, VoxonConfig
from voxsession.core.envelope import RECORD_KINDS, record_key
from voxsession.locks import SessionLockService
from voxsession.testing import FakeClock

FOLDER = Path(__file__).parent / "data" / "v1"
START = datetime(2026, 5, 1, 12, tzinfo=UTC)
INSTALLATIONS: dict[str, dict[str, Any]] = {
    "sealed": {"session_encryption_key": "hex:" + "6b" * 32, "tenant": "clinic"},
    "plain": {"session_encryption_method": "none"},
}


async def records(name: str) -> dict[str, Any]:
    """All that lies in a storage with a marker, one in clear, one under a lease, a lease, and the kept number."""
    storage, clock = MemorySessionStorage(max_sessions=None, cleanup_interval=None), FakeClock(START)
    async with Voxon(VoxonConfig(session_storage=storage, **INSTALLATIONS[name]), clock=clock) as voxon:
        locks = SessionLockService(voxon)
        await locks.set_session_lock("device-1", "scheduling", 3600, user_id="ada")
        await SessionLockService(voxon, clear_columns=True).set_session_lock("device-2", "billing", 1.5)
        lease = await locks.acquire_lease("device-3", "worker-a", 60)
        assert lease is not None and await locks.set_session_lock("device-3", "triage", 3600, lease=lease)
        gone = await locks.take_over("device-4", "worker-b", 60)
        assert await locks.release_lease(gone)
        await locks.cleanup_expired_sessions()
    kept = {}
    tenant = INSTALLATIONS[name].get("tenant", "")
    for kind in RECORD_KINDS:
        for header in await storage.list_sessions(kind=kind, tenant=tenant) if kind != "page" else ():
            key = record_key(header)
            kept[key] = {
                field: value for field, value in (await storage.load(key) or {}).items() if field != "tail"
            }
    return {"records": kept, "lease": lease.to_dict(), "released_fence": gone.fence}


def write() -> None:
    """Writes the files that are not there yet."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in INSTALLATIONS:
        path = FOLDER / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(asyncio.run(records(name)), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
