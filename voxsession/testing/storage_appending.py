"""The claims about batches; part of `StorageConformance`."""

from __future__ import annotations

import asyncio

import pytest

from voxsession.errors import ConfigurationError, ConflictError
from voxsession.storage.base import SessionStorage
from voxsession.testing.records import a_batch, a_document

__all__ = ["AppendClaims"]


class AppendClaims:
    """What holds for batches behind a document."""

    async def test_batches_load_in_order(self, storage: SessionStorage) -> None:
        """Appended batches are the tail of the record, oldest first, each as it was given."""
        must_append(storage)
        await storage.save(a_document())
        assert await storage.load("sess_1") == {**a_document(), "tail": []}
        batches = [a_batch(seq=seq, body="x" * seq * 1000, later={"a": 1}) for seq in range(2, 20)]
        for batch in batches:
            await storage.append("sess_1", batch)

        assert await storage.load("sess_1") == {**a_document(), "tail": batches}

    async def test_a_stale_append_conflicts(self, storage: SessionStorage) -> None:
        """A batch from an older or a later version is refused, and changes nothing."""
        must_append(storage)
        await storage.save(a_document())
        await storage.append("sess_1", a_batch())

        for seq in (2, 4):
            with pytest.raises(ConflictError) as caught:
                await storage.append("sess_1", a_batch(seq=seq, batch_id="another"))
            assert (caught.value.expected_seq, caught.value.found_seq) == (seq - 1, 2)
        assert await storage.load("sess_1") == {**a_document(), "tail": [a_batch()]}

    async def test_an_append_brings_nothing_back(self, storage: SessionStorage) -> None:
        """A batch for a record that is not there is refused, also where it claims to be the first."""
        must_append(storage)
        for seq in (1, 2):
            with pytest.raises(ConflictError) as caught:
                await storage.append("sess_1", a_batch(seq=seq))
            assert caught.value.found_seq is None
        assert await storage.load("sess_1") is None

    async def test_a_repeated_append_is_stored_once(self, storage: SessionStorage) -> None:
        """An append whose answer got lost can be made again, also by several at once."""
        must_append(storage)
        await storage.save(a_document())
        await storage.append("sess_1", a_batch())
        await asyncio.gather(*(storage.append("sess_1", a_batch()) for _ in range(5)))

        assert await storage.load("sess_1") == {**a_document(), "tail": [a_batch()]}

    async def test_a_new_document_hides_the_old_tail(self, storage: SessionStorage) -> None:
        """After a whole save only batches that were appended since are the tail."""
        must_append(storage)
        await storage.save(a_document())
        await storage.append("sess_1", a_batch(seq=2))
        await storage.append("sess_1", a_batch(seq=3))
        await storage.save(a_document(seq=4))
        assert await storage.load("sess_1") == {**a_document(seq=4), "tail": []}
        await storage.append("sess_1", a_batch(seq=5))

        assert await storage.load("sess_1") == {**a_document(seq=4), "tail": [a_batch(seq=5)]}

    async def test_load_since_gives_what_is_newer(self, storage: SessionStorage) -> None:
        """The batches after a version come in order; where they cannot tell, the answer is None."""
        must_append(storage)
        assert await storage.load_since("sess_1", 1) is None
        await storage.save(a_document(seq=1))
        for seq in (2, 3, 4):
            await storage.append("sess_1", a_batch(seq=seq))

        assert await storage.load_since("sess_1", 2) in ([a_batch(seq=3), a_batch(seq=4)], None)
        assert await storage.load_since("sess_1", 4) in ([], None)
        await storage.save(a_document(seq=5))
        assert await storage.load_since("sess_1", 3) is None

    async def test_what_is_lacking_is_refused(self, storage: SessionStorage) -> None:
        """A storage that cannot append says so by its error, too."""
        if storage.can_append:
            pytest.skip("it can append")
        await storage.save(a_document())
        with pytest.raises(ConfigurationError, match="append"):
            await storage.append("sess_1", a_batch())


def must_append(storage: SessionStorage) -> None:
    """Skips the test where every save is a whole document."""
    if not storage.can_append:
        pytest.skip("it saves whole documents only (can_append)")
