"""Shares on every kind of storage, in several processes, moved, backed up, rotated and erased."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.session.sharers import KEEP, at_once, owned, refused, shared_with, texts
from tests.session.stores import KEY, TwoMethodStorage, WatchedStorage, user_says, voxon_on
from tests.storages import KINDS, made
from voxsession import (
    ConflictError,
    FileSessionStorage,
    KeyRing,
    MemorySessionStorage,
    PermissionDeniedError,
    SessionStorage,
    StorageUnavailableError,
    migrate,
)

pytestmark = pytest.mark.usefixtures(at_once.__name__)


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of each kind."""
    async with made(request.param, request, tmp_path) as storage:
        yield storage


async def pointers(storage: SessionStorage) -> int:
    """How many records lead from a token, or from a person, to a session."""
    return len(await storage.list_sessions(kind="pointer", limit=100))


async def test_a_share_works_in_every_process_and_ends_in_all(storage: SessionStorage) -> None:
    """Another process finds the session by the token, writes notes into it, and is refused once it was revoked."""
    async with owned(storage) as (voxon, session), voxon_on(storage) as elsewhere:
        session.add_memory("Takes aspirin")
        view = await session.create_shared_view("doctor", max_uses=3)
        there = await elsewhere.access_shared_session(view.token, "doctor")
        here = await voxon.access_shared_session(view.token, "doctor")
        await there.add_note("Stop it")
        assert texts(await here.get_memory()) == ["Takes aspirin", "Stop it"], "one sees what the other wrote"
        (share,) = await session.list_shares()
        assert (share.uses, share.counts["add_note"]) == (2, 1)
        await session.revoke_share(view.grant_id)
        for shared in (there, here):
            await refused(shared.get_memory())
            await refused(shared.add_note("late"))
        await asyncio.gather(*elsewhere._home.background)
        (share,) = await session.list_shares()
        assert share.counts["refused: revoked"] == 2
        assert "late" not in texts(session.get_memory())


async def test_erasing_takes_what_leads_to_the_session(storage: SessionStorage) -> None:
    """With the session, and with the person, the tokens of its shares lead nowhere; others stay."""
    async with owned(storage) as (voxon, session):
        other = await voxon.create_session(user_id="bob", config=KEEP)
        kept, _ = await shared_with(voxon, other)
        shared, _ = await shared_with(voxon, session)
        await session.create_shared_view("nurse")
        nobody = await voxon.create_session(session_id="nobody", config=KEEP)
        await shared_with(voxon, nobody)
        await session.close()
        before = await pointers(storage)
        assert (await voxon.delete_session("s")).counts["shares"] == 2
        assert (await voxon.delete_session("nobody")).counts["shares"] == 1
        assert await pointers(storage) == before - 3
        await refused(shared.get_memory())
        assert (await kept.get_memory()).entries == ()
        assert (await voxon.delete_user("bob")).counts["shares"] == 1
        await refused(kept.get_memory())


async def test_a_storage_of_two_methods_shares_too() -> None:
    """The smallest adapter finds sessions by their shares, and forgets them with the session."""
    storage = TwoMethodStorage()
    async with owned(storage) as (voxon, session), voxon_on(storage) as elsewhere:
        session.add_memory("Takes aspirin")
        view = await session.create_shared_view("doctor", snapshot=False)
        shared = await elsewhere.access_shared_session(view.token, "doctor")
        assert texts(await shared.get_memory()) == ["Takes aspirin"]
        await shared.add_note("a note")
        await session.reload()
        assert texts(session.get_memory()) == ["Takes aspirin", "a note"]
        await session.revoke_share(view.grant_id)
        await refused(shared.get_memory())
        again = await session.create_shared_view("doctor")
        await session.close()
        assert (await voxon.delete_session("s")).counts["shares"] == 2
        await refused(elsewhere.access_shared_session(again.token, "doctor"))


async def test_shares_are_moved_backed_up_and_rotated(tmp_path: Path) -> None:
    """The token opens the session where it was moved, restored from a backup, and under another master key."""
    source, target = FileSessionStorage(tmp_path / "a"), FileSessionStorage(tmp_path / "b")
    restored = FileSessionStorage(tmp_path / "c")
    async with owned(source) as (voxon, session):
        session.add_memory("Takes aspirin")
        view = await session.create_shared_view("doctor")
        await session.save()
        await voxon.backup(tmp_path / "backup")
    await migrate(source, target)
    async with voxon_on(restored) as voxon:
        await voxon.restore(tmp_path / "backup")
    ring = KeyRing("hex:" + "22" * 32, KEY)
    async with voxon_on(target, session_encryption_key=ring) as voxon:
        await voxon.rotate_keys()
    for storage, key in ((restored, KEY), (target, "hex:" + "22" * 32)):
        async with voxon_on(storage, session_encryption_key=key) as voxon:
            shared = await voxon.access_shared_session(view.token, "doctor")
            assert texts(await shared.get_memory()) == ["Takes aspirin"]


async def test_a_revocation_that_comes_between_wins() -> None:
    """Revoked after a guest's call has read the grant and before it stores its use: nothing is given or kept."""
    storage = WatchedStorage()
    async with owned(storage.inner) as (_, session), voxon_on(storage) as elsewhere:
        session.add_memory("Takes aspirin")
        view = await session.create_shared_view("doctor")
        shared = await elsewhere.access_shared_session(view.token, "doctor")
        for call in (lambda: shared.add_note("late"), shared.get_memory):

            async def revoke_first(operation: str, go_on: Any) -> Any:
                if operation == "append":
                    storage.mishap = None
                    await session.revoke_share(view.grant_id)
                return await go_on()

            storage.mishap = revoke_first
            await refused(call())
        await session.reload()
        assert texts(session.get_memory()) == ["Takes aspirin"]
        assert session.list_shares()[0].counts.get("add_note") is None


async def test_what_the_owner_cannot_save_does_not_stop_a_guest() -> None:
    """A conflict that waits for the owner's decision leaves the share usable, and is not decided by it."""
    storage = MemorySessionStorage(max_sessions=None)
    async with owned(storage) as (voxon, session), voxon_on(storage) as elsewhere:
        session.add_memory("Takes aspirin")
        shared, _ = await shared_with(voxon, session)
        async with elsewhere.session("ann", "s") as other:
            other.config.temperature = 0.1
        session.config.temperature = 0.9
        assert texts(await shared.get_memory()) == ["Takes aspirin"]
        with pytest.raises(ConflictError):
            await session.save()
        assert texts(await shared.get_memory()) == ["Takes aspirin"]
        await session.reload(keep_pending=False)
        assert session.config.temperature == 0.1 and session.list_shares()[0].counts["get_memory"] == 2


async def test_guests_and_owner_write_at_once() -> None:
    """Notes of several guests in several processes and messages of the owner all arrive, once each."""
    storage = MemorySessionStorage(max_sessions=None)
    async with owned(storage) as (_, session):
        views = [await session.create_shared_view(f"guest {number}") for number in range(4)]
        conversation = await session.start_conversation("c")
        others = [voxon_on(storage) for _ in views]

        async def guest(number: int) -> None:
            shared = await others[number].access_shared_session(views[number].token, f"guest {number}")
            for count in range(5):
                await shared.add_note(f"note {number}.{count}")

        async def owner() -> None:
            for count in range(10):
                await conversation.add_messages(user_says(f"m{count}"))

        await asyncio.gather(owner(), *(guest(number) for number in range(4)))
        for other in others:
            await other.close()
        await session.reload()
        notes = [entry for entry in session.get_memory().entries if entry.source == "shared"]
        assert {note.content for note in notes} == {f"note {a}.{b}" for a in range(4) for b in range(5)}
        assert len(notes) == 20 and len(await conversation.history()) == 10
        assert all(note.speaker == f"guest {note.content[5]}" for note in notes)
        assert sum(share.counts["add_note"] for share in session.list_shares()) == 20


async def test_a_crash_before_the_session_is_written_gives_a_token_that_opens_nothing() -> None:
    """What leads to the session is written first; the owner's next save makes the share whole."""
    storage = WatchedStorage()
    async with owned(storage) as (_, session), voxon_on(storage.inner) as elsewhere:
        await session.save()
        view = session.create_shared_view("doctor")

        async def fail(operation: str, go_on: Any) -> Any:
            if operation == "append":
                raise OSError("gone")
            return await go_on()

        storage.mishap = fail
        with pytest.raises(StorageUnavailableError):
            await view
        await refused(elsewhere.access_shared_session(view.token, "doctor"))
        storage.mishap = None
        await view
        assert await elsewhere.access_shared_session(view.token, "doctor")


async def test_calls_cost_one_load_and_one_append() -> None:
    """What the guide says a call costs is what it costs."""
    storage = WatchedStorage()
    async with owned(storage) as (voxon, session):
        session.add_memory("Takes aspirin")
        view = await session.create_shared_view("doctor")
        storage.taken()
        shared = await voxon.access_shared_session(view.token, "doctor")
        assert storage.taken() == ["load", "load", "append"]
        await shared.get_memory()
        assert storage.taken() == ["load", "append"]
        await session.close()
        storage.taken()
        await shared.add_note("a note")
        assert storage.taken() == ["load", "append"]
        with pytest.raises(PermissionDeniedError):
            await shared.export()
