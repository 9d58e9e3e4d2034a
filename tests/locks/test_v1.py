"""Locks of format 1 open for ever: the records in data/v1 are never edited."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.locks.make_v1 import FOLDER, INSTALLATIONS, START
from voxsession import MemorySessionStorage, Voxon, VoxonConfig
from voxsession.core.envelope import MARKER_FIELDS
from voxsession.locks import Lease, SessionLockService
from voxsession.moving.transfer import put
from voxsession.testing import FakeClock


def fixture(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", INSTALLATIONS)
async def test_locks_open(name: str) -> None:
    """Markers route, the lease is held and renewed, numbers go on above the kept one, a person's marker is theirs."""
    kept, storage = fixture(name), MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    for record in kept["records"].values():
        await put(storage, record, None)
    clock = FakeClock(START + timedelta(seconds=1), seed="later")
    async with Voxon(VoxonConfig(session_storage=storage, **INSTALLATIONS[name]), clock=clock) as voxon:
        locks = SessionLockService(voxon)
        agents = [await locks.get_session_lock(f"device-{number}") for number in range(1, 5)]
        assert agents == ["scheduling", "billing", "triage", None]
        lease = Lease.from_dict(kept["lease"])
        assert await locks.acquire_lease("device-3", "worker-b") is None
        renewed = await locks.renew_lease(lease)
        assert renewed is not None and await locks.set_session_lock("device-3", "x", lease=renewed)
        again = await locks.acquire_lease("device-4", "worker-a")
        assert again is not None and again.fence > kept["released_fence"]
        clock.advance(seconds=1)
        assert await locks.get_session_lock("device-2") is None
        assert (await voxon.delete_user("ada")).counts["markers"] == 1
        assert await locks.get_session_lock("device-1") is None


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_what_stands_where(name: str) -> None:
    """The kinds, the clear fields, and (where nothing is sealed) the bodies are those of the page on the format."""
    records = fixture(name)["records"]
    kinds = sorted(record["kind"] for record in records.values())
    assert kinds == ["keyring", "lease", "lease", "marker", "marker", "marker"]
    by_id = {(record["kind"], record["session_id"]): record for record in records.values()}
    assert [by_id["marker", "device-2"][field] for field in MARKER_FIELDS] == [
        "billing",
        "2026-05-01T12:00:00.000000Z",
        2,
    ]
    assert not {*MARKER_FIELDS} & {*by_id["marker", "device-1"]}
    assert by_id["marker", "device-1"]["expires_at"] == "2026-05-01T13:00:00.000000Z"
    assert by_id["marker", "device-3"]["expires_at"] is None
    assert by_id["lease", ".fences"]["expires_at"] is None
    if name == "plain":
        fence = fixture(name)["lease"]["fence"]
        assert by_id["marker", "device-3"]["body"] == {
            "agent": "triage",
            "locked_at": "2026-05-01T12:00:00Z",
            "expires_at": "2026-05-01T13:00:00Z",
            "ttl_seconds": 3600.0,
            "fence": fence,
        }
        assert by_id["lease", "device-3"]["body"] == {
            "holder": "worker-a",
            "acquired_at": "2026-05-01T12:00:00Z",
            "expires_at": "2026-05-01T12:01:00Z",
            "ttl_seconds": 60.0,
            "fence": fence,
        }
