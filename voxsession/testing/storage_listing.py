"""The claims about listing, expiry and clean-up; part of `StorageConformance`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from voxsession.core.envelope import Record, stamp
from voxsession.errors import ConfigurationError
from voxsession.storage.base import SessionStorage
from voxsession.testing.records import BEGINNING, a_batch, a_document

__all__ = ["ListingClaims"]

LONG_PAST, LONG_TO_COME = "2001-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"


def at(seconds: int) -> str:
    """A moment after the beginning, as headers hold it."""
    return stamp(BEGINNING + timedelta(seconds=seconds))


class ListingClaims:
    """What holds for lists of headers and for what has expired."""

    async def test_lists_are_newest_first(self, storage: SessionStorage) -> None:
        """Sessions are listed by their last write, ties by id, with the whole header and no body."""
        must_list(storage)
        for name, seconds in (("a", 5), ("c", 9), ("b", 9), ("d", 1)):
            await storage.save(a_document(name, updated_at=at(seconds)))
        headers = await storage.list_sessions()

        assert [header["session_id"] for header in headers] == ["b", "c", "a", "d"]
        expected = a_document("b", updated_at=at(9))
        del expected["sealed"]
        assert headers[0] == expected

    async def test_lists_show_the_newest_batch(self, storage: SessionStorage) -> None:
        """A batch's header is the session's from then on, also in its place in the list."""
        must_list(storage)
        await storage.save(a_document("a", updated_at=at(1)))
        await storage.save(a_document("b", updated_at=at(2)))
        if not storage.can_append:
            pytest.skip("it saves whole documents only (can_append)")
        await storage.append("a", a_batch("a", body="x" * 20_000, updated_at=at(3), expires_at=LONG_TO_COME))
        first = (await storage.list_sessions())[0]

        assert (first["session_id"], first["seq"], first["base_seq"]) == ("a", 2, 1)
        assert (first["updated_at"], first["expires_at"]) == (at(3), LONG_TO_COME)
        assert first["key_id"] == "k1"

    async def test_pages_of_a_list_have_no_gaps(self, storage: SessionStorage) -> None:
        """Reading a list in pieces of any size gives each session once, in the order of the whole."""
        must_list(storage)
        for number in range(25):
            await storage.save(a_document(f"s{number:02d}", updated_at=at(number // 4)))
        whole = await storage.list_sessions()
        assert len(whole) == 25

        for limit in (1, 4, 7, 25, 100):
            pieces: list[Record] = []
            after: Record | None = None
            while piece := await storage.list_sessions(after=after, limit=limit):
                assert len(piece) <= limit
                pieces += piece
                after = piece[-1]
            assert pieces == whole

    async def test_lists_choose(self, storage: SessionStorage) -> None:
        """A list holds one kind of one tenant, of one owner and without the ended ones where that is asked."""
        must_list(storage)
        await storage.save(a_document("mine", owner="o1"))
        await storage.save(a_document("mine_ended", owner="o1", status="ended"))
        await storage.save(a_document("other", owner="o2"))
        await storage.save(a_document("nobodys"))
        await storage.save(a_document("tenants", owner="o1", tenant="acme"))
        await storage.save(a_document("main", kind="keyring"))

        assert await ids(storage) == {"mine", "mine_ended", "other", "nobodys"}
        assert await ids(storage, owner="o1") == {"mine", "mine_ended"}
        assert await ids(storage, owner="o1", active_only=True) == {"mine"}
        assert await ids(storage, active_only=True) == {"mine", "other", "nobodys"}
        assert await ids(storage, owner="o3") == set()
        assert await ids(storage, owner="") == {"nobodys"}
        assert (
            await ids(storage, tenant="acme") == await ids(storage, tenant="acme", owner="o1") == {"tenants"}
        )
        assert await ids(storage, kind="keyring") == {"main"}
        assert await ids(storage, kind="marker") == await ids(storage, tenant="other") == set()

    async def test_a_list_follows_the_owner(self, storage: SessionStorage) -> None:
        """A session is listed with the owner that its newest record names, until it is deleted."""
        must_list(storage)
        await storage.save(a_document(owner="o1"))
        await storage.save(a_document(seq=2, owner="o2"))
        assert await ids(storage, owner="o1") == set()
        assert await ids(storage, owner="o2") == {"sess_1"}

        await storage.delete("sess_1")
        assert await ids(storage, owner="o2") == set()

    async def test_what_has_expired_is_told(self, storage: SessionStorage) -> None:
        """Sessions whose time has passed are told, by their newest header; nothing is removed by that."""
        must_list(storage)
        await storage.save(a_document("past", expires_at=at(10)))
        await storage.save(a_document("to_come", expires_at=at(30)))
        await storage.save(a_document("never"))
        await storage.save(a_document("elsewhere", expires_at=at(10), tenant="acme"))
        await storage.save(a_document("prolonged", expires_at=at(10)))
        await storage.save(a_document("prolonged", 2, expires_at=at(30)))
        now = BEGINNING + timedelta(seconds=20)

        assert [header["session_id"] for header in await storage.expired_sessions(now)] == ["past"]
        tenants = await storage.expired_sessions(now, tenant="acme")
        assert [header["session_id"] for header in tenants] == ["elsewhere"]
        assert len(await storage.expired_sessions(now + timedelta(days=1), limit=2)) == 2
        assert await storage.load("past") is not None

    async def test_cleaning_up_removes_what_has_expired(self, storage: SessionStorage) -> None:
        """Clean-up removes expired sessions and counts them; with an age also those not written since."""
        must_list(storage)
        await storage.save(a_document("expired", expires_at=LONG_PAST, updated_at=LONG_TO_COME))
        await storage.save(a_document("old", updated_at=LONG_PAST))
        await storage.save(a_document("live", expires_at=LONG_TO_COME, updated_at=LONG_TO_COME))

        assert await storage.cleanup_expired_sessions() == 1
        assert await ids(storage) == {"old", "live"}
        assert await storage.cleanup_expired_sessions(max_age_seconds=86_400) == 1
        assert await ids(storage) == {"live"}

    async def test_lists_are_refused_where_they_are_lacking(self, storage: SessionStorage) -> None:
        """A storage that cannot list says so by its error, too."""
        if storage.can_list:
            pytest.skip("it can list")
        with pytest.raises(ConfigurationError, match="list_sessions"):
            await storage.list_sessions()


async def ids(storage: SessionStorage, **options: Any) -> set[str]:
    """The ids in a list."""
    return {header["session_id"] for header in await storage.list_sessions(**options)}


def must_list(storage: SessionStorage) -> None:
    """Skips the test where nothing can be listed."""
    if not storage.can_list:
        pytest.skip("it cannot list (can_list)")
