"""What every storage has to hold, as tests that any adapter can run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from voxsession.core.envelope import Record, storage_key
from voxsession.errors import ConflictError
from voxsession.storage.base import SessionStorage
from voxsession.storage.lift import LiftedStorage, lift
from voxsession.testing.records import a_batch, a_document
from voxsession.testing.storage_appending import AppendClaims
from voxsession.testing.storage_listing import ListingClaims
from voxsession.testing.storage_pages import PageClaims

__all__ = ["StorageConformance"]

TEXTS = {
    "empty": "",
    "nul": "a\0b",
    "astral": "👩‍👩‍👧 𝒳 𐍈",
    "right-to-left": "שלום עולם مرحبا",
    "line ends": "one\ntwo\r\nthree\u2028four\u0085five",
    "quotes": '"\\ \\u0000 {"sealed":1},"sealed":',
    "one megabyte": "0123456789abcdef" * 65536,
}
IDS = [
    "a",
    "A",
    "-",
    "a.b",
    "a..b",
    "dot.",
    "a:b",
    "a+b=c@d",
    "con",
    "COM1.x",
    "x" * 200,
    "X" * 200,
    "a.json",
]


@pytest.mark.asyncio
class StorageConformance(AppendClaims, PageClaims, ListingClaims):
    """The claims; a subclass says what they are made about, and pytest runs them.

    What a storage does not promise by its flags is skipped, and the reason is told. An adapter with
    `save` and `load` alone is lifted first, as the facade does it. Needs pytest and pytest-asyncio.

    Example::

        class TestMine(StorageConformance):
            async def make_storage(self, tmp_path):
                return MyStorage(tmp_path / "sessions")
    """

    async def make_storage(self, tmp_path: Path) -> object:
        """An empty storage, not opened yet; called once for each test."""
        raise NotImplementedError("give make_storage(self, tmp_path) in the subclass")

    @pytest_asyncio.fixture
    async def storage(self, tmp_path: Path) -> AsyncIterator[SessionStorage]:
        """The storage of this test, open."""
        storage = lift(await self.make_storage(tmp_path))
        await storage.open()
        yield storage
        await storage.close()

    # --- saving and loading

    async def test_a_saved_record_loads_equal(self, storage: SessionStorage) -> None:
        """What was saved is loaded, field by field."""
        await storage.save(a_document())

        assert await loaded(storage, "sess_1") == a_document()

    async def test_an_unknown_id_gives_none(self, storage: SessionStorage) -> None:
        """Where nothing was saved, load gives None, before and after something else was saved."""
        assert await storage.load("sess_1") is None
        await storage.save(a_document("sess_2"))
        assert await storage.load("sess_1") is None

    async def test_a_second_save_replaces_the_first(self, storage: SessionStorage) -> None:
        """The newer of two saved records is loaded, and nothing of the older one."""
        await storage.save(a_document(extra="old"))
        await storage.save(a_document(seq=2, body="new"))

        assert await loaded(storage, "sess_1") == a_document(seq=2, body="new")

    async def test_unknown_fields_are_kept(self, storage: SessionStorage) -> None:
        """Fields that a later version may add come back as they were given."""
        later: dict[str, Any] = {"x_future": {"deep": [1, 2.5, None, True, {"": "é"}]}, "zzz": [], "a": 2**53}
        await storage.save(a_document(**later))

        assert await loaded(storage, "sess_1") == a_document(**later)

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    async def test_any_text_survives(self, storage: SessionStorage, text: str) -> None:
        """Empty, control, astral, right-to-left and very long texts are loaded as they were."""
        await storage.save(a_document(body=text, owner=text[:50]))
        if storage.can_append:
            await storage.append("sess_1", a_batch(body=text, owner=text[:50]))

        record = await storage.load("sess_1")
        assert record is not None
        assert record["sealed"]["core"] == text
        assert [batch["sealed"] for batch in record.get("tail", [])] == [text] * storage.can_append

    @pytest.mark.parametrize("session_id", IDS)
    async def test_any_id_can_be_used(self, storage: SessionStorage, session_id: str) -> None:
        """Each id that the API allows names a record of its own, which can be found, listed and deleted."""
        await storage.save(a_document("a_neighbour"))
        await storage.save(a_document(session_id))

        assert await loaded(storage, session_id) == a_document(session_id)
        if storage.can_list:
            assert session_id in [header["session_id"] for header in await storage.list_sessions()]
        if can_delete(storage):
            assert await storage.delete(session_id)
            assert await storage.load(session_id) is None
            assert await storage.load("a_neighbour") is not None

    async def test_ids_are_told_apart(self, storage: SessionStorage) -> None:
        """Ids that a file system might confuse name different records."""
        for number, session_id in enumerate(IDS):
            await storage.save(a_document(session_id, body=str(number)))

        bodies = [(await loaded(storage, session_id))["sealed"]["core"] for session_id in IDS]
        assert bodies == [str(number) for number in range(len(IDS))]

    async def test_two_sessions_do_not_touch(self, storage: SessionStorage) -> None:
        """Whatever is done to one session, the other one stays as it is."""
        await storage.save(a_document("one"))
        await storage.save(a_document("two"))
        await storage.save(a_document("one", 2, body="changed"))
        if storage.can_append:
            await storage.append("one", a_batch("one", 3))
        if can_delete(storage):
            await storage.delete("one")

        assert await loaded(storage, "two") == a_document("two")

    async def test_kinds_and_tenants_are_name_spaces(self, storage: SessionStorage) -> None:
        """One id names different records for each kind and each tenant."""
        places = [(kind, tenant) for kind in ("session", "keyring", "marker") for tenant in ("", "acme", "a")]
        for kind, tenant in places:
            await storage.save(a_document("main", kind=kind, tenant=tenant, body=f"{kind} {tenant}"))

        for kind, tenant in places:
            record = await loaded(storage, storage_key(kind, tenant, "main"))
            assert (record["kind"], record["tenant"], record["session_id"]) == (kind, tenant, "main")
            assert record["sealed"]["core"] == f"{kind} {tenant}"

    async def test_the_given_dict_is_not_altered(self, storage: SessionStorage) -> None:
        """No call changes the dict it was given, and a loaded one is the caller's own."""
        document, batch = a_document(), a_batch()
        await storage.save(document)
        if storage.can_append:
            await storage.append("sess_1", batch)
        record = await storage.load("sess_1")
        assert record is not None
        record["sealed"]["core"] = "altered"
        record.clear()

        assert (document, batch) == (a_document(), a_batch())
        again = await storage.load("sess_1")
        assert again is not None
        assert again["sealed"] == document["sealed"]

    # --- versions

    async def test_a_stale_save_conflicts(self, storage: SessionStorage) -> None:
        """A save from an older version is refused with both versions named, and changes nothing."""
        must_compare(storage)
        await storage.save(a_document())
        await storage.save(a_document(seq=2))

        with pytest.raises(ConflictError) as caught:
            await storage.save(a_document(seq=2, batch_id="another", body="lost"))
        assert (caught.value.session_id, caught.value.expected_seq, caught.value.found_seq) == (
            "sess_1",
            1,
            2,
        )
        assert await loaded(storage, "sess_1") == a_document(seq=2)

    async def test_a_second_first_save_conflicts(self, storage: SessionStorage) -> None:
        """A record that must be the first is refused where one is stored."""
        must_compare(storage)
        await storage.save(a_document())

        with pytest.raises(ConflictError) as caught:
            await storage.save(a_document(batch_id="another", body="lost"))
        assert caught.value.found_seq == 1
        assert await loaded(storage, "sess_1") == a_document()

    async def test_a_save_brings_nothing_back(self, storage: SessionStorage) -> None:
        """A later version of a record that is not there is refused."""
        must_compare(storage)
        with pytest.raises(ConflictError) as caught:
            await storage.save(a_document(seq=5))
        assert (caught.value.expected_seq, caught.value.found_seq) == (4, None)
        assert await storage.load("sess_1") is None

    async def test_a_repeated_save_succeeds(self, storage: SessionStorage) -> None:
        """A save whose answer got lost can be made again, as often as one likes."""
        must_compare(storage)
        for seq in (1, 2):
            for _ in range(3):
                await storage.save(a_document(seq=seq))

        assert await loaded(storage, "sess_1") == a_document(seq=2)

    async def test_of_many_writers_one_wins(self, storage: SessionStorage) -> None:
        """Of 100 writers at once exactly one makes each version, by saves and by appends."""
        must_compare(storage)
        await storage.save(a_document())
        for seq in range(2, 8):
            whole = seq % 2 or not storage.can_append
            make = a_document if whole else a_batch
            records = [make(seq=seq, batch_id=f"{seq}_{writer}") for writer in range(100)]
            results = await asyncio.gather(
                *(storage.save(r) if whole else storage.append("sess_1", r) for r in records),
                return_exceptions=True,
            )

            winners = [record for record, result in zip(records, results, strict=True) if result is None]
            assert len(winners) == 1
            assert sum(isinstance(result, ConflictError) for result in results) == 99
            assert await newest(storage, "sess_1") == winners[0]

    async def test_many_sessions_at_once(self, storage: SessionStorage) -> None:
        """200 sessions that are written at once all arrive, with all their versions in order."""

        async def live(session_id: str) -> None:
            await storage.save(a_document(session_id))
            for seq in range(2, 6):
                if storage.can_append:
                    await storage.append(session_id, a_batch(session_id, seq))
                else:
                    await storage.save(a_document(session_id, seq))

        names = [f"s{number}" for number in range(200)]
        await asyncio.gather(*map(live, names))

        for name in names:
            assert (await newest(storage, name))["seq"] == 5

    # --- cancelling, closing

    @pytest.mark.parametrize("steps", range(8))
    async def test_cancelling_leaves_old_or_new(self, storage: SessionStorage, steps: int) -> None:
        """A cancelled write is made or not made, never half, and can be repeated."""
        await storage.save(a_document(body="old" * 10_000))
        by_append = storage.can_append and steps % 2
        record = a_batch(body="new" * 10_000) if by_append else a_document(seq=2, body="new" * 10_000)

        def write() -> Awaitable[None]:
            return storage.append("sess_1", record) if by_append else storage.save(record)

        task = asyncio.ensure_future(write())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert await newest(storage, "sess_1") in (a_document(body="old" * 10_000), record)
        if storage.can_compare or isinstance(storage, LiftedStorage):
            await write()
            assert await newest(storage, "sess_1") == record

    async def test_a_closed_storage_opens_again(self, storage: SessionStorage) -> None:
        """After close the next call opens again and finds all; open and close may be called twice."""
        await storage.save(a_document())
        await storage.open()
        await storage.close()
        await storage.close()

        assert await loaded(storage, "sess_1") == a_document()
        await storage.open()
        await storage.save(a_document(seq=2))

    async def test_what_comes_along_is_what_loads(self, storage: SessionStorage) -> None:
        """What opening gives of some records is what `load` gives, also for one that is not there."""
        await storage.save(a_document())
        await storage.close()

        found = await storage.open_and_load(["sess_1", "sess_2"])
        assert found.keys() <= {"sess_1", "sess_2"}
        assert dict(found) == {key: await storage.load(key) for key in found}

    async def test_it_tells_of_itself(self, storage: SessionStorage) -> None:
        """Statistics name the type, and the health check of a working storage is healthy."""
        await storage.save(a_document())
        stats = await storage.get_stats()

        assert stats["storage_type"] == storage.storage_type
        assert (await storage.health_check())["status"] == "healthy"


def must_compare(storage: SessionStorage) -> None:
    """Skips the test where versions are not compared."""
    if not storage.can_compare and not isinstance(storage, LiftedStorage):
        pytest.skip("it compares no versions (can_compare)")


def can_delete(storage: SessionStorage) -> bool:
    """Whether records can be deleted, be it by a tombstone."""
    return storage.can_list or isinstance(storage, LiftedStorage)


async def loaded(storage: SessionStorage, key: str) -> Record:
    """The stored record, its empty tail aside."""
    record = await storage.load(key)
    assert record is not None
    tail: list[Any] = record.pop("tail", [])
    assert tail == []
    return record


async def newest(storage: SessionStorage, key: str) -> Record:
    """The newest batch of a record, or its document where there is none."""
    record = await storage.load(key)
    assert record is not None
    tail: list[Record] = record.pop("tail", [])
    return tail[-1] if tail else record
