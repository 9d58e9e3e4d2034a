"""The profile that lies beside a person's sessions: folded once, sealed, erased, moved, handed on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import KEY, TwoMethodStorage, WatchedStorage, refuse, user_says, voxon_on
from tests.storages import KINDS, made
from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    IntegrityError,
    KeyNotFoundError,
    KeyRing,
    MemorySessionStorage,
    SessionConfig,
    SessionProfile,
    SessionStorage,
    UnsupportedFormatError,
    Voxon,
    VoxonConfig,
    migrate,
)
from voxsession.core.envelope import storage_key
from voxsession.core.types import encode_json
from voxsession.learning.profile_bounds import MAX_OWN_NAMES
from voxsession.testing import FakeClock

FORMAL = ["Would you kindly explain quantum physics?"] * 6
CASUAL = ["yo dude lol gimme the quantum physics gist"] * 6


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of each kind."""
    async with made(request.param, request, tmp_path) as empty:
        yield empty


async def said(voxon: Voxon, session_id: str, texts: list[str], person: str = "ann") -> None:
    """One session of a person, closed at its end."""
    async with voxon.session(person, session_id=session_id) as session, session.conversation() as conv:
        await conv.add_messages(user_says(*texts))


async def records(storage: SessionStorage) -> list[dict[str, Any]]:
    """The person records that are stored."""
    found = await storage.list_sessions(kind="person", limit=100)
    loaded = [await storage.load(storage_key("person", "", header["session_id"])) for header in found]
    return [record for record in loaded if record is not None]


async def test_sessions_teach_and_new_ones_know(storage: SessionStorage) -> None:
    """What one session learned, a later one begins with; the record is written once for each change."""
    async with voxon_on(storage, person_profiles=True) as voxon:
        await said(voxon, "a", FORMAL)
        async with voxon.session("ann", session_id="b") as session:
            assert session.get_learned_preferences()["formality_score"] > 0.7
            assert await session.fold_profile() is False, "it has learned nothing itself"
        await said(voxon, "a", [])
        (record,) = await records(storage)
        assert record["seq"] == 1, "a session that learned nothing more is no new version"
        async with voxon.session("bob", session_id="c") as session:
            assert session.get_learned_preferences()["topics"] == []
        profile = await voxon.load_profile("ann")
        assert profile.evidence["message_length"].count == 6
        assert not await voxon.load_profile("bob")


async def test_it_is_kept_only_where_it_is_asked_for() -> None:
    """By default nothing lies beside the sessions; a fold by hand is asking."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        await said(voxon, "a", FORMAL)
        async with voxon.session("ann", session_id="b") as session:
            assert session.get_learned_preferences()["formality_score"] == 0.5
        assert await records(storage) == []
        async with await voxon.load_session("a") as session:
            assert await session.fold_profile() and not await session.fold_profile()
        assert len(await records(storage)) == 1


async def test_many_at_once_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    """Six processes fold six sessions, each three times, all at once: as if one had done it in order."""
    async with voxon_on(FileSessionStorage(tmp_path / "a")) as voxon:
        for number in range(6):
            await said(voxon, f"s{number}", FORMAL if number % 2 else CASUAL)
    processes = [voxon_on(FileSessionStorage(tmp_path / "a")) for _ in range(6)]

    async def fold(voxon: Voxon, session_id: str) -> bool:
        async with await voxon.load_session(session_id) as session:
            return await session.fold_profile()

    changed = await asyncio.gather(
        *(fold(voxon, f"s{number}") for number in range(6) for voxon in processes[number % 3 :: 2])
    )
    assert sum(changed) == 6, "of all the folds of a session one counts"
    profile = await processes[0].load_profile("ann")
    assert profile.evidence["message_length"].count == 36
    (record,) = await records(FileSessionStorage(tmp_path / "a"))
    assert record["seq"] == 6
    for voxon in processes:
        await voxon.close()


async def test_a_storage_of_two_methods_keeps_it_too() -> None:
    """Folds of one process wait for each other, which is all there is where nothing compares."""
    storage = TwoMethodStorage()
    async with voxon_on(storage, person_profiles=True) as voxon:
        await asyncio.gather(*(said(voxon, f"s{number}", FORMAL) for number in range(4)))
        assert (await voxon.load_profile("ann")).evidence["message_length"].count == 24
        await voxon.delete_session("s0")
        assert (await voxon.load_profile("ann")).evidence["message_length"].count == 18
        assert (await voxon.delete_profile("ann")).counts == {"profiles": 1}
        assert not await voxon.load_profile("ann") and not await voxon.delete_profile("ann")


async def test_folding_needs_a_person_and_an_open_handle() -> None:
    """A session of nobody has no profile to fold into, and a batch cannot be saved from inside."""
    async with voxon_on(MemorySessionStorage(), person_profiles=True) as voxon:
        async with voxon.session() as session:
            with pytest.raises(ConfigurationError, match="user_id"):
                await session.fold_profile()
        async with voxon.session("ann") as session:
            with session.batch_update():
                with pytest.raises(ConfigurationError, match="batch_update"):
                    await session.fold_profile()
        with pytest.raises(ConfigurationError, match="user_id"):
            await voxon.load_profile(None)  # type: ignore[arg-type]


# --- erasing


async def test_what_an_erased_session_taught_goes_with_it(storage: SessionStorage) -> None:
    """Its part leaves the profile; with the last part, or with the person, the record goes."""
    async with voxon_on(storage, person_profiles=True) as voxon:
        for name in ("a", "b", "c"):
            await said(voxon, name, FORMAL)
        receipt = await voxon.delete_session("a")
        assert receipt.counts["profile_parts"] == 1
        assert (await voxon.load_profile("ann")).evidence["message_length"].count == 12
        await voxon.delete_session("b")
        await voxon.delete_session("c")
        assert await records(storage) == []
        await said(voxon, "d", FORMAL)
        await said(voxon, "e", FORMAL, "bob")
        await voxon.delete_user("ann")
        assert not await voxon.load_profile("ann") and await voxon.load_profile("bob")


async def test_a_profile_goes_also_where_its_sessions_expired_before() -> None:
    """Expiry takes a session and leaves what it taught; erasing the person takes that as well."""
    storage, clock = MemorySessionStorage(cleanup_interval=None), FakeClock()
    async with voxon_on(storage, clock=clock, person_profiles=True, session_ttl_seconds=60) as voxon:
        await said(voxon, "a", FORMAL)
        clock.advance(3600)
        assert await voxon.cleanup_expired_sessions() == 1
        assert await voxon.load_profile("ann")
        assert (await voxon.delete_user("ann")).counts["profiles"] == 1
    assert await records(storage) == []


async def test_a_session_that_is_erased_while_it_is_folded_leaves_nothing() -> None:
    """The fold was on its way when the person was erased: it takes itself back."""
    storage = WatchedStorage(MemorySessionStorage(cleanup_interval=None))
    async with voxon_on(storage) as here, voxon_on(storage.inner) as there:
        await said(here, "a", FORMAL)
        session = await here.load_session("a")

        async def erase_first(operation: str, call: Any) -> Any:
            if operation == "save":
                storage.mishap = None
                await there.delete_user("ann")
            return await call()

        storage.mishap = erase_first
        assert await session.fold_profile()
        assert await records(storage.inner) == []


async def test_forgetting_reaches_the_profile() -> None:
    """A topic that is forgotten in its session is in no profile any more, nor in what a session began with."""
    storage = MemorySessionStorage()
    async with voxon_on(storage, person_profiles=True, session_encryption_method="none") as voxon:
        await said(voxon, "a", ["I love melanoma research", "More about melanoma research, if I may"])
        assert "melanoma research" in (await voxon.load_profile("ann")).topics
        async with voxon.session("ann", session_id="b") as heir:
            assert "melanoma" in encode_json(heir.export_preference_profile().to_dict()).decode()
            await heir.forget("melanoma")
            assert "melanoma" not in encode_json(heir._core.data.extra).decode()
        async with await voxon.load_session("a") as session:
            await session.forget("melanoma")
            assert "melanoma" not in encode_json(await records(storage)).decode(), (
                "at once, not when it is closed"
            )
        for name in ("a", "b"):
            assert "melanoma" not in encode_json(await storage.load(name)).decode()


# --- sealed


async def test_nothing_of_it_lies_in_clear() -> None:
    """No user id, session id, topic or value can be read without the key."""
    storage = MemorySessionStorage()
    async with voxon_on(storage, person_profiles=True) as voxon:
        await said(voxon, "the-session", ["I love sailing boats", "sailing boats again"], "ann@example.org")
        (record,) = await records(storage)
        assert set(record) >= {"key_id", "wrapped_key", "sealed"} and record["kind"] == "person"
        text = encode_json(record).decode()
        assert not any(private in text for private in ("ann@", "the-session", "sailing", "formality"))


@pytest.mark.parametrize(
    "field", ["updated_at", "owner", "sealed", "wrapped_key", "seq", "status", "plain", "exchanged"]
)
async def test_what_was_altered_is_refused_and_never_overwritten(field: str) -> None:
    """An altered, exchanged or plain record is `IntegrityError`, at every call, and stays for whoever looks into it."""
    storage = MemorySessionStorage()
    async with voxon_on(storage, person_profiles=True) as voxon:
        await said(voxon, "a", FORMAL)
        await said(voxon, "b", CASUAL, "bob")
        by_owner = {record["owner"]: record for record in await records(storage)}
        owner = voxon._home.vault.owner("ann")
        record = by_owner.pop(owner)
        (other,) = by_owner.values()
        changes: dict[str, dict[str, Any]] = {
            "plain": {"body": {"version": 1, "parts": {}}, "sealed": None},
            "exchanged": {name: other[name] for name in ("sealed", "wrapped_key", "owner")},
            "seq": {},
            "sealed": {"sealed": record["sealed"][:-8] + "AAAAAAA="},
            "wrapped_key": {"wrapped_key": other["wrapped_key"]},
            "owner": {"owner": other["owner"]},
            "updated_at": {"updated_at": "2030-01-01T00:00:00.000000Z"},
            "status": {"status": "ended"},
        }
        altered = {**record, **changes[field], "seq": 2, "base_seq": 1, "batch_id": "b-other"}
        await storage.save({name: value for name, value in altered.items() if value is not None})
        before = await storage.load(storage_key("person", "", owner))
        with pytest.raises(IntegrityError):
            await voxon.load_profile("ann")
        with pytest.raises(IntegrityError):
            await voxon.session("ann", session_id="new")
        async with await voxon.load_session("a") as session:
            with pytest.raises(IntegrityError):
                await session.fold_profile()
        assert await storage.load(storage_key("person", "", owner)) == before
        assert await voxon.load_profile("bob")
        assert await voxon.delete_profile("ann")
        async with await voxon.load_session("a") as session:
            assert await session.fold_profile()


async def test_a_newer_versions_profile_is_left_alone() -> None:
    """What a later version wrote asks for an upgrade, and no fold writes over it."""
    storage = MemorySessionStorage()
    async with voxon_on(storage, session_encryption_method="none") as voxon:
        await said(voxon, "a", FORMAL)
        async with await voxon.load_session("a") as session:
            await session.fold_profile()
            (record,) = await records(storage)
            newer = {
                **record,
                "body": {"version": 2, "learned": []},
                "seq": 2,
                "base_seq": 1,
                "batch_id": "b2",
            }
            await storage.save(newer)
            for call in (session.fold_profile, lambda: voxon.load_profile("ann")):
                with pytest.raises((UnsupportedFormatError, IntegrityError)):
                    session.add_memory("x")
                    session.set_preference("verbosity", "brief")
                    await call()
        assert await records(storage) == [newer]


async def test_a_failing_fold_does_not_stop_a_session_from_closing(caplog: pytest.LogCaptureFixture) -> None:
    """The session is saved; the profile is behind, which is told, and the next close makes it good."""
    storage = WatchedStorage(MemorySessionStorage(cleanup_interval=None))
    async with voxon_on(storage, person_profiles=True) as voxon:
        session = await voxon.session("ann", session_id="a")
        conv = await session.start_conversation()
        await conv.add_messages(user_says(*FORMAL))
        await session.save()
        told: list[Any] = []
        voxon.events.on("handler.failed", told.append)

        async def no_person(operation: str, call: Any) -> Any:
            if operation == "save" and storage.records[-1]["kind"] == "person":
                return await refuse(operation, call)
            return await call()

        storage.mishap = no_person
        with caplog.at_level(logging.WARNING, logger="voxsession"):
            await session.close()
        storage.mishap = None
        assert [event.handler for event in told] == ["fold_profile"]
        assert "StorageUnavailableError" in caplog.text and "ann" not in caplog.text
        assert not await voxon.load_profile("ann")
        async with await voxon.load_session("a"):
            pass
        assert (await voxon.load_profile("ann")).evidence["message_length"].count == 6


# --- moved, backed up, handed on


async def test_it_moves_is_backed_up_and_handed_on(tmp_path: Path) -> None:
    """Migration, backup and restore carry it; a rotation wraps it anew; afterwards the old key opens nothing."""
    source, target, third = (FileSessionStorage(tmp_path / name) for name in "abc")
    async with voxon_on(source, person_profiles=True) as voxon:
        await said(voxon, "a", FORMAL)
        wanted = await voxon.load_profile("ann")
        await voxon.backup(tmp_path / "backup")
    assert (await migrate(source, target)).counts["copied"] == 2
    new = "hex:" + "4e" * 32
    async with voxon_on(target) as voxon:
        assert await voxon.load_profile("ann") == wanted
    async with voxon_on(third) as voxon:
        await voxon.restore(tmp_path / "backup")
        assert await voxon.load_profile("ann") == wanted
    async with Voxon(VoxonConfig(session_storage=target, session_encryption_key=KeyRing(new, KEY))) as voxon:
        receipt = await voxon.rotate_keys()
        assert receipt.counts["person"] == 1
    async with Voxon(VoxonConfig(session_storage=target, session_encryption_key=new)) as voxon:
        assert await voxon.load_profile("ann") == wanted
    with pytest.raises(KeyNotFoundError):
        async with voxon_on(target) as voxon:
            await voxon.load_profile("ann")


# --- what a session gives


async def test_an_exported_profile_begins_another_session(tmp_path: Path) -> None:
    """By object, by dict, by file; and what is no profile is refused in a sentence."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        await said(voxon, "a", FORMAL)
        async with await voxon.load_session("a") as session:
            profile = session.export_preference_profile()
            assert session.export_preference_profile(include_topics=False).topics == {}
            learned = session.get_learned_preferences()
        loaded = SessionProfile.load(profile.save(tmp_path / "ann.json"))
        for given in (profile, profile.to_dict(), loaded):
            begun = voxon.create_session(user_id="user_789", preference_profile=given)
            assert begun.get_learned_preferences() == learned
        for wrong in (
            3,
            ["formality"],
            {"formality": 1},
            {"preferences": {"formality": 7}},
            "no such profile",
        ):
            with pytest.raises(ConfigurationError):
                voxon.create_session(preference_profile=wrong)  # type: ignore[arg-type]


async def test_a_profile_has_no_text_of_the_session() -> None:
    """Nothing of any message, memory, state, instruction or id is in it, but for topics that came up twice."""
    texts = [
        "My name is Zorvath Quillon and I live in Trondheim.",
        "Melanoma",
        "I am interested in ice climbing",
        "My e-mail is zq@example.org, please keep it short!",
        "Tell me more about ice climbing",
    ]
    async with voxon_on(
        MemorySessionStorage(), person_profiles=True, session_encryption_method="none"
    ) as voxon:
        async with voxon.session("the-user", session_id="the-session") as session:
            async with session.conversation("the-conversation") as conv:
                for text in texts:
                    await conv.send_message(text)
            session.add_memory("Owes money to Blandford", sensitive=True)
            await session.update_state(secret="state-secret")
            profile = session.export_preference_profile()
            messages = [message.content for message in conv.messages]
        shown = [
            profile.to_json(),
            repr(profile),
            profile._repr_html_(),
            (await voxon.load_profile("the-user")).to_json(),
        ]
    words = (
        "Zorvath Quillon Trondheim Melanoma zq@example Blandford state-secret the-user the-session the-conv"
    )
    for text in shown:
        assert not [word for word in words.split() if word.casefold() in text.casefold()]
        assert not [one for one in messages if one.casefold() in text.casefold()]
    assert "ice climbing" in profile.topics and "mem_" not in shown[0] and "msg_" not in shown[0]
    assert "ice" not in repr(profile)


@pytest.mark.parametrize("gone", ["restart", "clear", "expiry", "eviction"])
async def test_names_stay_out_when_the_memory_of_them_is_gone(gone: str, tmp_path: Path) -> None:
    """Whatever became of the memories, neither what is exported nor the person's profile names anybody."""
    texts = ["My name is Zorvath Quillon.", "Zorvath Quillon here again", "ask Zorvath Quillon"]
    texts += ["I have diabetes", "my diabetes is bad", "diabetes again", *["I like ice climbing"] * 3]
    mode = "ephemeral" if gone == "restart" else "persistent"
    config = SessionConfig(memory_mode=mode, max_memory_size=40 if gone == "eviction" else 10_000)
    clock, path = FakeClock(), str(tmp_path)
    async with (
        voxon_on(FileSessionStorage(path), person_profiles=True, clock=clock) as voxon,
        voxon.session("ann", session_id="a", config=config) as session,
        session.conversation() as conv,
    ):
        await conv.add_messages(user_says(*texts))
        if gone == "clear":
            session.clear_memory()
        elif gone == "expiry":
            for entry in session.get_memory().entries:
                session.update_memory(entry.id, expires_at=clock.now() + timedelta(seconds=1))
            clock.advance(days=1)
            session.add_memory("Something else")
        elif gone == "eviction":
            for number in range(20):
                session.add_memory(f"Something else, number {number}", importance=1.0, pinned=True)
    async with (
        voxon_on(FileSessionStorage(path), person_profiles=True, clock=clock) as voxon,
        voxon.session("ann", session_id="a") as session,
    ):
        assert not [e for e in session.get_memory().entries if "Zorvath" in e.content]
        await said(voxon, "a", ["Hello again"])
        for profile in (session.export_preference_profile(), await voxon.load_profile("ann")):
            assert "ice climbing" in profile.topics
            assert not [t for t in profile.topics if any(w in t for w in ("zorvath", "quillon", "diabete"))]


async def test_what_is_taken_back_by_hand_is_taken_back_for_the_person() -> None:
    """A value that one session unset begins no later session; one that was set again does."""
    clock = FakeClock(step_seconds=60)
    async with voxon_on(MemorySessionStorage(), person_profiles=True, clock=clock) as voxon:
        for session_id, value, expected in (("a", "formal", "formal"), ("b", None, 0.5), ("c", None, 0.5)):
            async with voxon.session("ann", session_id=session_id) as session:
                if value is not None:
                    session.set_preference("formality", value)
                elif session_id == "b":
                    assert session.get_learned_preferences()["formality_score"] == "formal"
                    session.unset_preference("formality")
                assert session.get_learned_preferences()["formality_score"] == expected
        async with voxon.session("ann", session_id="d") as session:
            session.set_preference("formality", "casual")
        async with voxon.session("ann", session_id="e") as session:
            assert session.get_learned_preferences()["formality_score"] == "casual"


async def test_very_many_names_lock_nobody_out() -> None:
    """A session refuses the name that is one too many; a person's sessions together keep the newest."""
    async with voxon_on(MemorySessionStorage(), person_profiles=True) as voxon:
        async with voxon.session("ann", session_id="a") as session:
            for number in range(MAX_OWN_NAMES):
                session.set_preference(f"a{number}", number)
            with pytest.raises(ConfigurationError, match="unset_preference"):
                session.set_preference("one more", 1)
            session.set_preference("formality", "formal")
            session.set_preference("a7", "still settable")
            session.unset_preference("a8")
            session.set_preference("one more", 1)
            with pytest.raises(ConfigurationError, match="bytes"):
                session.set_preference("a9", ["x" * 1000] * 1000)
            exported = session.export_preference_profile()
            assert SessionProfile.from_json(exported.to_json()) == exported
        async with voxon.session("ann", session_id="b") as session:
            for name in list(exported.preferences)[:300]:
                session.unset_preference(name)
            for number in range(300):
                session.set_preference(f"b{number}", number)
        async with voxon.session("ann", session_id="c") as session:
            known = session.get_learned_preferences()
            assert "b299" in known and known["formality_score"] == "formal"


async def test_a_message_of_a_million_words_is_exported_in_range() -> None:
    """What is learned of it can be read again."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("ann") as session:
        async with session.conversation() as conv:
            await conv.add_messages(user_says("word " * 1_100_000))
        profile = session.export_preference_profile()
        assert SessionProfile.from_json(profile.to_json()) == profile
