"""Calls through all else that is done with sessions: keys, backups, moves, sweeps, bundles, many conversations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.resume.services import clock_at, service_on, talk
from tests.session.stores import KEY, TwoMethodStorage, user_says, voxon_on
from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    IntegrityError,
    MemorySessionStorage,
    SessionStorage,
    migrate,
)
from voxsession.resume import SessionManagerService, SessionState

CALL = "+39-055-12345"
SOUND = [bytes([number % 256]) * 3000 for number in range(700)]  # 2 MB: several pages


def memory() -> MemorySessionStorage:
    """An empty storage in memory."""
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


async def filled(service: SessionManagerService) -> SessionState:
    """A call with everything."""
    return await service.create_session(
        CALL, user_id="ann", conversation_history=talk("a", "b"), audio_buffer=SOUND, metadata={"x": 1}
    )


async def check(service: SessionManagerService) -> SessionState:
    """The call, resumed with everything."""
    state = await service.resume_session(CALL, user_id="ann")
    assert state is not None and state.conversation_history == talk("a", "b")
    assert state.audio_buffer == SOUND and state.metadata == {"x": 1}
    return state


async def test_sound_lies_in_few_sealed_pages(storage: SessionStorage) -> None:
    """Full pages are not written again when sound is added; what is dropped goes; nothing is read in clear."""
    service = service_on(storage)
    session_id = str((await filled(service)).session_id)
    names = {name for name, _ in await storage.list_pages(session_id)}
    assert 4 <= len(names) <= 6
    page = await storage.load_page(session_id, next(iter(names)))
    assert page is not None and (page["page_kind"], "items" in page) == ("audio", False)

    await service.update_session(CALL, audio_buffer=[*SOUND, b"new" * 1000])
    more = {name for name, _ in await storage.list_pages(session_id)}
    assert len(names & more) >= len(names) - 1
    await service.update_session(CALL, audio_buffer=SOUND[:200])
    assert len(await storage.list_pages(session_id)) < len(names)
    await service.update_session(CALL, audio_buffer=[])
    assert await storage.list_pages(session_id) == []


async def test_sound_that_was_exchanged_is_refused() -> None:
    """The record names the hash of each page."""
    storage = memory()
    service = service_on(storage)
    session_id = str((await filled(service)).session_id)
    (one, _), (other, _) = (await storage.list_pages(session_id))[:2]
    page = await storage.load_page(session_id, other)
    assert page is not None
    await storage.save_page(session_id, {**page, "page_id": one})
    with pytest.raises(IntegrityError):
        await service.resume_session(CALL)
    await storage.delete_pages(session_id, [one])
    with pytest.raises(IntegrityError):
        await service.get_session(CALL)
    # What cannot be read was not counted as resumed.
    assert await service.update_session(CALL, audio_buffer=[])
    assert (await service.resume_session(CALL)).resumed_count == 1  # type: ignore[union-attr]


async def test_the_sweep_of_pages_leaves_sound(storage: SessionStorage) -> None:
    """Pages that nothing names are swept after a day; a call names its sound."""
    clock = clock_at()
    service = service_on(storage, clock=clock)
    await filled(service)
    later = voxon_on(storage, clock=clock_at(clock.now().replace(year=2099), "later"))
    await later.cleanup_expired_sessions()
    await check(service)


async def test_keys_are_rotated_under_calls() -> None:
    """Pointers are sealed with the new key as well, and the call goes on."""
    storage = memory()
    await filled(service_on(storage))
    voxon = voxon_on(storage, session_encryption_key="hex:" + "5b" * 32)
    assert (await service_on(storage).get_session(CALL)) is not None
    del voxon
    from voxsession import KeyRing

    ring = KeyRing("hex:" + "5b" * 32, KEY)
    both = voxon_on(storage, session_encryption_key=ring)
    receipt = await both.rotate_keys()
    assert receipt.counts["pointers"] == 2 and receipt.counts["sessions"] == 1
    await check(SessionManagerService(voxon_on(storage, session_encryption_key="hex:" + "5b" * 32)))


async def test_calls_are_backed_up_and_moved(tmp_path: Path) -> None:
    """A restored or migrated installation resumes them, sound included."""
    storage = memory()
    await filled(service_on(storage))
    file = tmp_path / "all.voxbackup"
    async with voxon_on(storage) as voxon:
        await voxon.backup(file)
    restored = memory()
    async with voxon_on(restored) as voxon:
        await voxon.restore(file)
    await check(service_on(restored))

    moved = FileSessionStorage(tmp_path / "moved")
    await migrate(storage, moved)
    await check(service_on(moved))


async def test_a_bundle_brings_no_call(tmp_path: Path) -> None:
    """Words and state move with the session; the call itself stays where its line is."""
    storage = memory()
    service = service_on(storage)
    state = await filled(service)
    async with await service.voxon.load_session(str(state.session_id)) as session:
        bundle: Any = await session.export_full(include_sensitive=True)
    assert "audio" not in json.dumps(bundle["conversations"])
    other = service_on(memory())
    await other.voxon.import_session(json.loads(json.dumps(bundle)))
    assert await other.get_session(CALL) is None


async def test_a_call_behind_many_conversations() -> None:
    """One whose conversation was filed away is resumed, changed, ended and cleaned up like any other."""
    storage, clock = memory(), clock_at()
    service = service_on(storage, clock=clock)
    session_id = str((await filled(service)).session_id)
    async with await service.voxon.load_session(session_id) as session:
        for number in range(90):
            clock.advance(seconds=1)
            async with session.conversation(f"other-{number}") as conversation:
                await conversation.add_messages(user_says(f"m{number}"))
        session.clear_memory(ids=[session.add_memory("x").id])  # a whole save files what is old
    await check(service)
    async with await service.voxon.load_session(session_id) as session:
        for number in range(90):
            async with session.conversation(f"again-{number}"):
                pass
        session.clear_memory(ids=[session.add_memory("x").id])
    assert await service.end_session(CALL)
    clock.advance(hours=30)
    assert await service.cleanup_expired_sessions(24) == 1
    # What was filed before may still name the sound: it is swept with the other pages in the end.
    assert await service.get_session(CALL) is None


async def test_without_encryption_it_is_the_same() -> None:
    """Where encryption was switched off by name, sound is base64 in its pages and comes back."""
    plain = {"session_encryption_method": "none", "session_encryption_key": None}
    storage = memory()
    service = SessionManagerService(voxon_on(storage, **plain))
    await filled(service)
    await check(SessionManagerService(voxon_on(storage, **plain)))


async def test_a_storage_of_two_methods() -> None:
    """Calls are made, changed, resumed and ended; what has to list them says that it cannot."""
    storage = TwoMethodStorage()
    service = service_on(storage)
    state = await service.create_session(CALL, conversation_history=talk("a"), audio_buffer=[b"s" * 2000])
    resumed = await service_on(storage).resume_session(CALL)
    assert resumed is not None and resumed.audio_buffer == [b"s" * 2000]
    assert resumed.conversation_history == talk("a")
    await service.end_session(CALL)
    assert await service_on(storage).validate_session_resume(CALL) == (False, "Session already ended")
    for listing in (service.get_session_stats, service.cleanup_expired_sessions):
        with pytest.raises(ConfigurationError):
            await listing()
    receipt = await service.voxon.delete_session(str(state.session_id))
    assert receipt.counts["calls"] == 1
    assert await service.get_session(CALL) is None
