"""Tenants: name spaces of their own in one storage; nothing of another is seen, touched or counted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import TwoMethodStorage, voxon_on
from tests.storages import KINDS, made
from voxsession import (
    ConfigurationError,
    IntegrityError,
    SessionExistsError,
    SessionNotFoundError,
    SessionStorage,
    Voxon,
    VoxonConfig,
)
from voxsession.core.envelope import Record, storage_key

TENANTS = (None, "acme", "acme2", "ACME", "a=c+m:e@_-")


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of each kind."""
    async with made(request.param, request, tmp_path) as empty:
        yield empty


async def fill(storage: Any, tenants: Any = TENANTS) -> None:
    """In each tenant the same person with the same session id, and one session found by a pointer."""
    for tenant in tenants:
        async with voxon_on(storage, tenant=tenant) as voxon:
            async with voxon.session("ann", session_id="same") as session:
                session.add_memory(f"belongs to {tenant}")
            async with voxon.session("bob"):
                pass


async def belongings(storage: Any, tenant: str | None) -> tuple[list[str], list[str]]:
    """What a tenant has: its session ids, and the memories of the session that has its id in every tenant."""
    async with voxon_on(storage, tenant=tenant) as voxon:
        ids = [info.session_id async for info in voxon.list_sessions()]
        async with voxon.session("ann") as session:
            return sorted(ids), [entry.content for entry in session.get_memory().entries]


async def everything(storage: SessionStorage, tenant: str | None) -> list[Record | None]:
    """All records of a tenant as they are stored."""
    found: list[Record | None] = [await storage.load(storage_key("keyring", tenant or "", "main"))]
    for kind in ("session", "pointer"):
        listed = await storage.list_sessions(kind=kind, tenant=tenant or "")
        names = sorted(header["session_id"] for header in listed)
        found += [await storage.load(storage_key(kind, tenant or "", name)) for name in names]
    return found


async def test_one_id_in_every_tenant(storage: SessionStorage) -> None:
    """The same session id and the same person exist in each, apart; each sees its own alone."""
    await fill(storage)
    for tenant in TENANTS:
        ids, contents = await belongings(storage, tenant)
        assert len(ids) == 2 and "same" in ids and contents == [f"belongs to {tenant}"]
        async with voxon_on(storage, tenant=tenant) as voxon:
            stats = await voxon.get_stats()
            assert stats["sessions"] == {"active": 2} and stats["total_sessions"] == 2
            with pytest.raises(SessionExistsError):
                await voxon.create_session(session_id="same")


async def test_figures_of_others_are_not_told(storage: SessionStorage) -> None:
    """Whatever the others store, what `get_stats` tells a tenant stays the same."""
    await fill(storage, ["acme"])
    async with voxon_on(storage, tenant="acme") as voxon:
        before = await voxon.get_stats()
        await fill(storage, [None, "other", "third"])
        assert await voxon.get_stats() == before


async def test_the_same_person_is_another_owner_in_each(storage: SessionStorage) -> None:
    """Each tenant has an index key of its own, so that nobody can tell that two of them know the same person."""
    await fill(storage)
    owners, keys = set(), set()
    for tenant in TENANTS:
        headers = await storage.list_sessions(tenant=tenant or "")
        owners |= {header["owner"] for header in headers}
        keyring = await storage.load(storage_key("keyring", tenant or "", "main"))
        assert keyring is not None
        keys |= {keyring["keyring"]["kdf"]["salt"], *keyring["keyring"]["index_keys"].values()}
    assert len(owners) == 2 * len(TENANTS), "ann and bob, in each"
    assert len(keys) == 2 * len(TENANTS), "a salt and a wrapped index key, in each"


@pytest.mark.parametrize("tenant", [None, "acme"])
async def test_what_one_does_to_all_it_has_touches_no_other(
    storage: SessionStorage, tenant: str | None
) -> None:
    """Erasing a session, a person, everything old, rotating and looking for a person: no byte of another changes."""
    await fill(storage)
    others = [other for other in TENANTS if other != tenant]
    before = [await everything(storage, other) for other in others]
    async with voxon_on(storage, tenant=tenant) as voxon:
        await voxon.rotate_keys()
        assert (await voxon.delete_session("same")).counts["sessions"] == 1
        assert not await voxon.delete_session("same")
        assert (await voxon.delete_user("bob")).counts["sessions"] == 1
        await voxon.cleanup_expired_sessions(max_age_seconds=0)
        with pytest.raises(SessionNotFoundError):
            await voxon.load_session("same")
        assert [info async for info in voxon.list_sessions()] == []
        assert (await voxon.get_stats())["total_sessions"] == 0
    assert [await everything(storage, other) for other in others] == before


async def test_a_record_does_not_open_in_another_tenant(storage: SessionStorage) -> None:
    """Copied into another tenant's place, under its old header or a forged one, a session is refused."""
    await fill(storage, [None, "acme"])
    record = await storage.load("same")
    assert record is not None
    stolen = {**record, "tenant": "acme", "session_id": "stolen", "base_seq": 0}
    renamed = {**stolen, "session_id": "same2"}
    for copy in (stolen, renamed):
        copy.pop("tail", None)
        await storage.save(copy)
    async with voxon_on(storage, tenant="acme") as voxon:
        for session_id in ("stolen", "same2"):
            with pytest.raises(IntegrityError):
                await voxon.load_session(session_id)


async def test_on_two_methods() -> None:
    """A storage that cannot list keeps tenants apart too: by keys, pointers and tombstones."""
    storage = TwoMethodStorage()
    for tenant in (None, "acme"):
        async with voxon_on(storage, tenant=tenant) as voxon, voxon.session("ann") as session:
            session.add_memory(f"belongs to {tenant}")
            first = session.session_id
    before = json.dumps({key: row for key, row in storage.kept.items() if ".acme." in key})
    async with voxon_on(storage) as voxon:
        with pytest.raises(SessionNotFoundError):
            await voxon.load_session(first)
        assert not await voxon.delete_session(first)
        async with voxon.session("ann") as session:
            assert [entry.content for entry in session.get_memory().entries] == ["belongs to None"]
        assert await voxon.delete_session(session.session_id)
    assert json.dumps({key: row for key, row in storage.kept.items() if ".acme." in key}) == before


@pytest.mark.parametrize("name", ["", ".", "a.b", "a/b", "..", "é", "a b", "x" * 101, "a\x00b", 7])
def test_names_that_could_lead_elsewhere_are_refused(name: Any) -> None:
    """A tenant's name stands in storage keys: what could be read as another key is refused."""
    with pytest.raises(ConfigurationError, match="tenant"):
        Voxon(VoxonConfig(tenant=name))
