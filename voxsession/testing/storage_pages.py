"""The claims about pages and about deleting; part of `StorageConformance`."""

from __future__ import annotations

import pytest

from voxsession.core.envelope import storage_key
from voxsession.errors import ConfigurationError, ConflictError
from voxsession.storage.base import SessionStorage
from voxsession.storage.lift import LiftedStorage
from voxsession.testing.records import a_batch, a_document, a_page

__all__ = ["PageClaims"]


class PageClaims:
    """What holds for pages, and what is left when a record is deleted."""

    # --- pages

    async def test_a_saved_page_loads_equal(self, storage: SessionStorage) -> None:
        """A page comes back as it was given; a name that was not saved gives None."""
        must_page(storage)
        page = a_page(body="x" * 1_000_000, later=[1])
        await storage.save_page("sess_1", page)

        assert await storage.load_page("sess_1", "page_1") == page == a_page(body="x" * 1_000_000, later=[1])
        assert await storage.load_page("sess_1", "page_2") is None
        assert await storage.load_page("sess_2", "page_1") is None

    async def test_several_pages_load_in_the_order_asked_for(self, storage: SessionStorage) -> None:
        """Each as it was given, None where there is none, the same one twice where it is asked for twice."""
        must_page(storage)
        for page_id in ("page_1", "page_2"):
            await storage.save_page("sess_1", a_page(page_id=page_id, body=page_id))

        names = ["page_2", "page_3", "page_1", "page_2"]
        found = await storage.load_pages("sess_1", names)
        assert found == [await storage.load_page("sess_1", name) for name in names]
        assert [page and page["page_id"] for page in found] == ["page_2", None, "page_1", "page_2"]
        assert await storage.load_pages("sess_2", ["page_1"]) == [None]
        assert await storage.load_pages("sess_1", []) == []

    async def test_a_page_may_come_before_its_document(self, storage: SessionStorage) -> None:
        """Pages are stored before the document that names them; a load of the session shows neither."""
        must_page(storage)
        await storage.save_page("sess_1", a_page())
        assert await storage.load("sess_1") is None
        await storage.save(a_document())

        assert await storage.load_page("sess_1", "page_1") == a_page()

    async def test_pages_are_listed_and_removed(self, storage: SessionStorage) -> None:
        """All pages of a session are listed with the time they were written; those named are removed, once."""
        must_page(storage)
        for page_id in ("page_c", "page_a", "page_b"):
            await storage.save_page("sess_1", a_page(page_id=page_id))
        await storage.save_page("sess_2", a_page("sess_2", "page_a"))
        listed = await storage.list_pages("sess_1")

        assert sorted(name for name, _ in listed) == ["page_a", "page_b", "page_c"]
        assert all(written_at.tzinfo is not None for _, written_at in listed)
        assert await storage.delete_pages("sess_1", ["page_a", "page_c", "page_x"]) == 2
        assert await storage.delete_pages("sess_1", ["page_a"]) == 0
        assert [name for name, _ in await storage.list_pages("sess_1")] == ["page_b"]
        assert await storage.load_page("sess_2", "page_a") == a_page("sess_2", "page_a")
        assert await storage.list_pages("sess_3") == []

    async def test_pages_of_tenants_are_apart(self, storage: SessionStorage) -> None:
        """One session id of two tenants has two sets of pages."""
        must_page(storage)
        for tenant in ("", "acme"):
            key = storage_key("session", tenant, "sess_1")
            await storage.save_page(key, a_page(tenant=tenant, body=f"of {tenant}"))

        page = await storage.load_page(storage_key("session", "acme", "sess_1"), "page_1")
        assert page == a_page(tenant="acme", body="of acme")

    async def test_pages_are_refused_where_they_are_lacking(self, storage: SessionStorage) -> None:
        """A storage without pages says so by its error, too."""
        if storage.can_page:
            pytest.skip("it has pages")
        with pytest.raises(ConfigurationError, match="save_page"):
            await storage.save_page("sess_1", a_page())

    # --- deleting

    async def test_delete_removes_everything(self, storage: SessionStorage) -> None:
        """What was deleted is gone with its tail and its pages; deleting again tells that nothing was there."""
        must_delete(storage)
        assert await storage.delete("sess_1") is False
        await storage.save(a_document())
        if storage.can_append:
            await storage.append("sess_1", a_batch())
        if storage.can_page:
            await storage.save_page("sess_1", a_page())

        assert await storage.delete("sess_1") is True
        assert await storage.load("sess_1") is None
        assert await storage.delete("sess_1") is False
        if storage.can_page:
            assert await storage.list_pages("sess_1") == []
            assert await storage.load_page("sess_1", "page_1") is None
        if storage.can_list:
            assert await storage.list_sessions() == []

    async def test_what_was_deleted_stays_away(self, storage: SessionStorage) -> None:
        """No write from before the deletion brings a record back; a new first one begins anew."""
        must_delete(storage)
        await storage.save(a_document())
        await storage.delete("sess_1")

        with pytest.raises(ConflictError):
            await storage.save(a_document(seq=2))
        if storage.can_append:
            with pytest.raises(ConflictError):
                await storage.append("sess_1", a_batch(seq=2))
        assert await storage.load("sess_1") is None
        await storage.save(a_document(batch_id="anew", body="anew"))
        record = await storage.load("sess_1")
        assert record is not None
        assert (record["sealed"]["core"], record.get("tail", [])) == ("anew", [])

    async def test_delete_compares(self, storage: SessionStorage) -> None:
        """A deletion that names a version removes that version only."""
        must_delete(storage)
        await storage.save(a_document())
        await storage.save(a_document(seq=2))

        with pytest.raises(ConflictError) as caught:
            await storage.delete("sess_1", expected_seq=1)
        assert (caught.value.expected_seq, caught.value.found_seq) == (1, 2)
        assert await storage.load("sess_1") is not None
        assert await storage.delete("sess_1", expected_seq=2) is True


def must_page(storage: SessionStorage) -> None:
    """Skips the test where pages lie inside the document."""
    if not storage.can_page:
        pytest.skip("it has no pages (can_page)")


def must_delete(storage: SessionStorage) -> None:
    """Skips the test where nothing can be deleted."""
    if not storage.can_list and not isinstance(storage, LiftedStorage):
        pytest.skip("it cannot delete (can_list)")
