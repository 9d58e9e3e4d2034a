"""Contenders for one device, and those who clean up, in a process of their own."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.locks.pairs import KEY
from voxsession import Voxon, VoxonConfig
from voxsession.locks import SessionLockService

__all__ = ["clean", "contend"]


def clean(storage: dict[str, Any]) -> int:
    """How many expired locks this process removed."""
    return asyncio.run(_clean(storage))


async def _clean(storage: dict[str, Any]) -> int:
    async with Voxon(VoxonConfig(session_encryption_key=KEY, **storage)) as voxon:
        return await SessionLockService(voxon).cleanup_expired_sessions()


def contend(
    storage: dict[str, Any], name: str, count: int, devices: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """So many tasks try to take each device; the leases that they got."""
    return asyncio.run(_contend(storage, name, count, devices))


async def _contend(
    storage: dict[str, Any], name: str, count: int, devices: list[str]
) -> dict[str, list[dict[str, Any]]]:
    got: dict[str, list[dict[str, Any]]] = {}
    async with Voxon(VoxonConfig(session_encryption_key=KEY, **storage)) as voxon:
        locks = SessionLockService(voxon)
        for device in devices:
            tries = [locks.acquire_lease(device, f"{name}-{number}") for number in range(count)]
            got[device] = [lease.to_dict() for lease in await asyncio.gather(*tries) if lease is not None]
    return got
