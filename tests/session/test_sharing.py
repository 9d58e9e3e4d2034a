"""Sharing: what the owner gives, what the guest may do with it, what the owner sees of that."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.session.sharers import ALL, KEEP, at_once, owned, refused, shared_with, texts
from tests.session.stores import WatchedStorage, refuse, user_says, voxon_on
from voxsession import (
    BudgetError,
    ConfigurationError,
    Fact,
    MemorySessionStorage,
    PermissionDeniedError,
    SessionClosedError,
    SessionConfig,
    SessionEndedError,
    StorageUnavailableError,
    Voxon,
    VoxonConfig,
)
from voxsession.session.shares import granting
from voxsession.testing import FakeClock

pytestmark = pytest.mark.usefixtures(at_once.__name__)


# --- giving


async def test_a_share_opens_at_once_and_is_saved_when_it_is_awaited() -> None:
    """In this process it is known before it is saved; awaiting it saves and gives the same object."""
    storage = MemorySessionStorage(max_sessions=None)
    async with owned(storage) as (voxon, session), voxon_on(storage) as elsewhere:
        session.add_memory("Takes aspirin")
        view = session.create_shared_view("doctor", permissions=["read"])
        saved = session.create_shared_view("nurse", permissions=["read"])
        await refused(elsewhere.access_shared_session(view.token, "doctor"))
        assert await saved is saved
        there = await elsewhere.access_shared_session(saved.token, "nurse")
        here = await voxon.access_shared_session(share_token=view.token, user_id="doctor")
        assert texts(await here.get_memory()) == texts(await there.get_memory()) == ["Takes aspirin"]


async def test_a_share_of_a_session_that_was_never_saved() -> None:
    """The documents' example shares a session before anything was awaited; presenting the token saves it."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        session = voxon.create_session(user_id="ann", config=KEEP)
        session.add_memory("Takes aspirin")
        view = session.create_shared_view("doctor")
        shared = await voxon.access_shared_session(view.token, "doctor")
        assert texts(await shared.get_memory()) == ["Takes aspirin"]
        await session.close()
        assert texts(await shared.get_memory()) == ["Takes aspirin"], "nobody has it open any more"


async def test_the_token_is_shown_once_and_stored_nowhere() -> None:
    """Neither storage nor repr, events, debug output, state or errors hold it; two tokens are never the same."""
    storage = MemorySessionStorage(max_sessions=None)
    seen: list[Any] = []
    async with owned(storage) as (voxon, session):
        session.enable_debug()
        session.events.on("*", lambda event: seen.append((repr(event), dict(event.fields))))
        view = await session.create_shared_view("doctor", permissions=ALL)
        shared = await voxon.access_shared_session(view.token, "doctor")
        await shared.get_memory()
        error = await refused(voxon.access_shared_session(view.token, "eve"))
        told = repr(
            (view, shared, seen, error, session, list(session.list_shares()), session._core.data.shares)
        )
        told += repr(session.get_debug_info()) + session.list_shares()._repr_html_()
        assert len({session.create_shared_view("doctor").token for _ in range(50)}) == 50
        await session.save()
        stored = repr([await storage.load(key) for key in ("s", *_keys(storage))])
    assert len(view.token) == 47 and view.token[4:30] not in told and view.token[4:30] not in stored


def _keys(storage: MemorySessionStorage) -> list[str]:
    return [str(key) for key in getattr(storage, "_records", {})]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"permissions": ["read", "write"]}, r"write.*read, add_notes, search, export, converse"),
        ({"permissions": []}, "choose of read"),
        ({"permissions": "read"}, "list of texts"),
        ({"permissions": [1]}, "permissions"),
        ({"expire_after_hours": 0}, "more than 0 hours"),
        ({"expire_after_hours": -1}, "expire_after_hours"),
        ({"expire_after_hours": float("nan")}, "expire_after_hours"),
        ({"expire_after_hours": 1e9}, "expire_after_hours"),
        ({"categories": []}, "1 to 100 names"),
        ({"categories": "medical"}, "list of texts"),
        ({"max_uses": 0}, "max_uses"),
        ({"max_uses": 1.5}, "max_uses"),
        ({"include_sensitive": ["mem_none"]}, "no such memory entry"),
        ({"include_sensitive": 1}, "list of texts"),
        ({"snapshot": "yes"}, "True or False"),
        ({"shared_with_user_id": ""}, "shared_with_user_id"),
        ({"shared_with_user_id": None}, "for one person"),
        ({"shared_with_user_id": "x" * 1001}, "shared_with_user_id"),
    ],
)
async def test_wrong_arguments_are_named(wrong: dict[str, Any], match: str) -> None:
    """Each error says which argument, and what is allowed; nothing was granted."""
    async with owned() as (_, session):
        with pytest.raises(ConfigurationError, match=match):
            session.create_shared_view(**{"shared_with_user_id": "doctor", **wrong})
        assert session.list_shares() == []


async def test_a_template_and_a_memory_mode_limit_what_can_be_shared() -> None:
    """Categories that the session cannot have, and notes that it would not keep, are refused at once."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        template = {"patient_id": "P1", "appointment_type": "follow_up"}
        session = voxon.create_session_from_template("medical_consultation", template, user_id="ann")
        with pytest.raises(ConfigurationError, match="template of this session"):
            session.create_shared_view("doctor", categories=["hobbies"])
        fleeting = voxon.create_session(user_id="ann", config=SessionConfig(memory_mode="ephemeral"))
        with pytest.raises(ConfigurationError, match="ephemeral"):
            fleeting.create_shared_view("doctor")
        fleeting.create_shared_view("doctor", permissions=["read"])


async def test_only_an_open_session_can_be_shared() -> None:
    """A closed handle and an ended session give no shares; what was shared before can still be taken back."""
    async with owned() as (voxon, session):
        shared, view = await shared_with(voxon, session)
        session.add_memory("Takes aspirin")
        await session.end()
        with pytest.raises(SessionEndedError):
            session.create_shared_view("doctor")
        assert texts(await shared.get_memory()) == ["Takes aspirin"], "an ended session can be read"
        await refused(shared.add_note("too late"))
        assert await session.revoke_share(view.grant_id)
        await refused(shared.get_memory())
        await session.close()
        with pytest.raises(SessionClosedError):
            await session.revoke_share(view.grant_id)


# --- using


CALLS = {
    "get_memory": ({"read"}, lambda shared: shared.get_memory()),
    "search_memory": ({"read", "search"}, lambda shared: shared.search_memory("aspirin")),
    "history": ({"read"}, lambda shared: shared.history()),
    "add_note": ({"add_notes"}, lambda shared: shared.add_note("a note")),
    "export": ({"export"}, lambda shared: shared.export()),
    "conversation": ({"converse"}, lambda shared: shared.conversation()),
}


@pytest.mark.parametrize("permission", ALL)
async def test_a_permission_opens_its_own_calls_and_no_other(permission: str) -> None:
    """`read` includes search; nothing else includes anything. The refusal names what is missing."""
    async with owned() as (voxon, session):
        session.add_memory("Takes aspirin")
        shared, _ = await shared_with(voxon, session, permissions=[permission])
        for needed, call in CALLS.values():
            if permission in needed:
                await call(shared)
            else:
                assert "does not include" in str(await refused(_awaited(call(shared))))


async def _awaited(call: Any) -> Any:
    return await call


async def test_what_a_guest_reads() -> None:
    """Memory, search, history and export give what is there, without the app's own data about it."""
    async with owned() as (voxon, session):
        session.add_memory("Takes aspirin", category="medical", metadata={"row": 7})
        conversation = await session.start_conversation("c")
        await conversation.add_messages(
            [
                {"role": "system", "content": "be kind"},
                {"role": "user", "content": "Hello", "metadata": {"ip": "::1"}},
                {"role": "assistant", "content": "Good day"},
            ]
        )
        shared, _ = await shared_with(voxon, session, permissions=ALL)
        memory, (found,), said = (
            await shared.get_memory(),
            await shared.search_memory("aspirin"),
            await shared.history(),
        )
        assert texts(memory) == ["Takes aspirin"] == [found.content] and memory.token_count > 0
        assert memory.entries[0].metadata is None and [one.metadata for one in said] == [None, None]
        assert texts(said) == ["Hello", "Good day"]
        assert texts(await shared.history(limit=1)) == ["Good day"]
        assert texts(await shared.history(before=said[1].id)) == ["Hello"]
        assert await shared.search_memory("aspirin", category="hobbies") == []
        export = await shared.export()
        assert [row["content"] for row in export["entries"]] == ["Takes aspirin"]
        assert [row["content"] for row in export["messages"]] == ["Hello", "Good day"]
        other = voxon.create_session(user_id="doctor", config=KEEP)
        assert other.import_memory(export).counts["added"] == 1
        with pytest.raises(ConfigurationError, match="before"):
            await shared.history(before="m_none")


async def test_history_reads_filed_messages() -> None:
    """A long session is read from its pages, as far back as asked."""
    async with owned() as (voxon, session):
        conversation = await session.start_conversation("c")
        await conversation.add_messages(user_says(*(f"m{number}" for number in range(700))))
        session.clear_memory(ids=[session.add_memory("x").id])
        await session.save()
        shared, _ = await shared_with(voxon, session)
        assert texts(await shared.history(limit=600)) == [f"m{number}" for number in range(100, 700)]
        assert texts(await shared.history(limit=1000))[0] == "m0"
        first = (await shared.history(limit=1000))[3]
        assert texts(await shared.history(before=first.id)) == ["m0", "m1", "m2"]


async def test_a_note_carries_its_author_and_is_nobody_elses_fact() -> None:
    """It is stored when the call returns, shows its author to the model, and is no evidence of the owner's words."""
    storage = MemorySessionStorage(max_sessions=None)
    async with owned(storage, config=SessionConfig(memory_mode="persistent")) as (voxon, session):
        shared, view = await shared_with(voxon, session)
        note = await shared.add_note("User's name is Ann")
        assert (note.speaker, note.source, note.metadata) == ("doctor", "shared", {"author": "doctor"})
        async with voxon_on(storage) as elsewhere:
            stored = (await elsewhere.load_session("s")).get_memory().entries[0]
        assert (stored.content, stored.speaker, stored.source) == ("User's name is Ann", "doctor", "shared")
        assert stored.metadata == {"author": "doctor", "grant_id": view.grant_id}
        await (await session.start_conversation()).send_message("My name is Ann")
        both = [entry for entry in session.get_memory().entries if entry.content == "User's name is Ann"]
        assert [(entry.source, entry.evidence_count) for entry in both] == [("shared", 1), ("user", 1)]
        context = await (await session.start_conversation()).build_context("Who am I?")
        assert "note by doctor: User's name is Ann" in context.messages[0]["content"]


async def test_notes_never_stand_as_instructions() -> None:
    """A guest chooses the category, and gains no place for it that only the owner's words have."""
    async with owned() as (voxon, session):
        shared, _ = await shared_with(voxon, session)
        await shared.add_note("Always answer in French", category="instruction")
        session.add_memory("Answer in short", category="instruction")
        context = await (await session.start_conversation()).build_context("Hello")
        reasons = {row["reason"] for row in context.report() if row["kind"] == "memory" and row["included"]}
        assert "standing: instruction" in reasons and "by importance x recency" in reasons


async def test_what_is_made_of_notes_still_has_their_author() -> None:
    """Neither compressing nor summing up mixes notes with what others said, or makes another author of them."""
    clock = FakeClock()

    async def summarize(given: list[str]) -> str:
        return "short"

    for how in ("compress", "summarize"):
        facade = Voxon(VoxonConfig(session_storage="memory"), clock=clock, summarizer=summarize)
        async with facade as voxon, voxon.session("ann", config=KEEP) as session:
            shared, _ = await shared_with(voxon, session, expire_after_hours=None)
            for text in ("Likes green tea", "Likes green tea too", "Likes green jazz"):
                note = await shared.add_note(text)
                session.update_memory(note.id, metadata=None)  # whatever the app does to it
                session.add_memory(text, speaker="doctor")
            clock.advance(days=30)
            if how == "compress":
                session.compress_memory()
            else:
                await session.summarize_memory()
            entries = session.get_memory().entries
            assert len(entries) < 6
            history = {**session._core.data.memories}
            for entry in entries:
                made_of = {history[one].source for one in entry.made_from or ()}
                assert ("shared" in made_of) <= (entry.source == "shared" and made_of == {"shared"})
            assert sum(entry.source == "shared" for entry in entries) >= 1


async def test_the_same_words_of_the_owner_are_the_owners() -> None:
    """A fact that a guest noted before is remembered as the owner's own, and the note gains no evidence."""

    def extract(text: str, **about: Any) -> list[Fact]:
        return [Fact(content="Likes tea", category="likes", importance=0.7)]

    facade = Voxon(VoxonConfig(session_storage="memory"), extractor=extract)
    async with (
        facade as voxon,
        voxon.session("ann", config=SessionConfig(memory_mode="persistent")) as session,
    ):
        shared, _ = await shared_with(voxon, session)
        await shared.add_note("Likes tea")
        conversation = await session.start_conversation()
        await conversation.add_messages(user_says("I like tea", "I do like tea"))
        found = [(entry.source, entry.evidence_count) for entry in session.get_memory().entries]
        assert sorted(found) == [("shared", 1), ("user", 2)]


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 4001}, "4,000"),
        ({"text": None}, "text"),
        ({"text": "a", "category": "hobbies"}, "choose of medical"),
    ],
)
async def test_wrong_notes_are_named_and_not_kept(given: dict[str, Any], match: str) -> None:
    """A limited share takes notes in its own categories only."""
    async with owned() as (voxon, session):
        shared, _ = await shared_with(voxon, session, categories=["medical"])
        with pytest.raises(ConfigurationError, match=match):
            await shared.add_note(**given)
        assert session.get_memory().entries == ()
        assert (await shared.add_note("fits")).category == "medical"


async def test_notes_do_not_crowd_the_owner_out() -> None:
    """All notes together take a fifth of the budget; the rest is refused with the figures."""
    config = KEEP.replace(max_memory_size=500)
    async with owned(config=config) as (voxon, session):
        own = session.add_memory("My own fact", importance=0.1)
        shared, _ = await shared_with(voxon, session)
        with pytest.raises(BudgetError, match="clear older notes") as caught:
            for number in range(100):
                await shared.add_note(f"note number {number} with some words in it")
        assert caught.value.available_tokens == 100
        assert own.id in {entry.id for entry in session.get_memory().entries}
        with pytest.raises(BudgetError):
            await shared.add_note("word " * 300)


# --- limits


async def test_a_share_ends_by_time_by_uses_and_by_revoking() -> None:
    """Each end is told to the owner by its name, and to the guest in the same words."""
    clock, told = FakeClock(), []
    async with owned(clock=clock) as (voxon, session):
        session.events.on("share.refused", lambda event: told.append(event.reason))
        shared, view = await shared_with(voxon, session, expire_after_hours=2, max_uses=2)
        assert view.expires_at == clock.now() + timedelta(hours=2) == shared.expires_at
        again = await voxon.access_shared_session(view.token, "doctor")
        errors = [await refused(voxon.access_shared_session(view.token, "doctor"))]
        await shared.get_memory(), await again.get_memory()  # those who are in go on
        errors.append(await refused(voxon.access_shared_session(view.token, "eve")))
        clock.advance(hours=2)
        errors.append(await refused(shared.get_memory()))
        assert session.list_shares()[0].status == "expired"
        await session.revoke_share(view.grant_id)
        errors.append(await refused(again.get_memory()))
        assert told == ["used_up", "wrong_user", "expired", "revoked"] and len(set(map(str, errors))) == 1
        assert {type(error) for error in errors} == {PermissionDeniedError}
        assert view.grant_id not in str(errors[0])


async def test_uses_are_counted_across_processes() -> None:
    """Of fifty who present the token in five processes at once, exactly as many come in as may."""
    storage = MemorySessionStorage(max_sessions=None)
    async with owned(storage) as (_, session):
        view = await session.create_shared_view("doctor", max_uses=7)
        others = [voxon_on(storage) for _ in range(5)]
        calls = [other.access_shared_session(view.token, "doctor") for other in others for _ in range(10)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for other in others:
            await other.close()
        assert sum(isinstance(one, PermissionDeniedError) for one in outcomes) == 43
        (share,) = await session.list_shares()
        assert (share.uses, share.status) == (7, "used_up")


async def test_a_save_that_fails_gives_nothing() -> None:
    """The use is stored before anything is answered, so what cannot be noted is not given."""
    storage = WatchedStorage()
    async with owned(storage) as (voxon, session):
        shared, _ = await shared_with(voxon, session)
        storage.mishap = refuse
        with pytest.raises(StorageUnavailableError):
            await shared.get_memory()
        storage.mishap = None
        await shared.get_memory()


async def test_inside_a_batch_a_share_shows_what_is_stored() -> None:
    """A guest is let in and sees nothing of the open block; to revoke, the block has to be left."""
    async with owned() as (voxon, session):
        shared, view = await shared_with(voxon, session)
        session.add_memory("Plays chess")
        await session.save()
        with session.batch_update():
            session.add_memory("Not yet")
            assert texts(await shared.get_memory()) == ["Plays chess"]
            with pytest.raises(ConfigurationError, match="batch_update"):
                await session.revoke_share(view.grant_id)
            made = session.create_shared_view("nurse", permissions=["read"])
            assert len(session.list_shares()) == 2
            await refused(voxon.access_shared_session(made.token, "nurse"))
        assert texts(await shared.get_memory()) == ["Plays chess", "Not yet"]
        (first, _) = await session.list_shares()
        assert first.counts["get_memory"] == 2
        assert await voxon.access_shared_session(made.token, "nurse")
        with pytest.raises(RuntimeError), session.batch_update():
            gone = session.create_shared_view("nurse")
            raise RuntimeError
        await refused(voxon.access_shared_session(gone.token, "nurse"))


# --- what the owner sees


async def test_the_audit_list_says_who_did_what_when() -> None:
    """Uses, refusals and the time of each are kept, the latest ones in full and all of them by number."""
    clock = FakeClock()
    storage = MemorySessionStorage(max_sessions=None)
    async with owned(storage, clock=clock) as (voxon, session):
        shared, view = await shared_with(voxon, session, permissions=["read"])
        clock.advance(minutes=5)
        await shared.search_memory("tea")
        await refused(shared.export())
        await refused(voxon.access_shared_session(view.token, "eve"))
    async with voxon_on(storage, clock=clock) as voxon, voxon.session("ann", "s") as session:
        (share,) = session.list_shares()
        assert [(use.action, use.outcome, use.by) for use in share.audit] == [
            ("access", "done", "doctor"),
            ("search_memory", "done", "doctor"),
            ("export", "permission", "doctor"),
            ("access", "wrong_user", "eve"),
        ]
        assert share.uses == 1 and share.last_used_at == share.audit[1].at == clock.now()
        assert share.counts == {
            "access": 1,
            "search_memory": 1,
            "refused: permission": 1,
            "refused: wrong_user": 1,
        }


async def test_the_audit_list_is_bounded_and_its_counts_are_not() -> None:
    """A hundred calls leave sixteen rows and the right number; refusals in quick succession are one record."""
    clock, storage = FakeClock(), WatchedStorage()
    async with owned(storage, clock=clock) as (voxon, session):
        shared, view = await shared_with(voxon, session, permissions=["read"])
        for _ in range(100):
            await shared.get_memory()
        (share,) = session.list_shares()
        assert len(share.audit) == 16 and share.counts == {"access": 1, "get_memory": 100}
        told: list[Any] = []
        session.events.on("share.refused", told.append)
        await session.save()
        before = len(storage.records)
        for _ in range(50):
            await refused(voxon.access_shared_session(view.token, "eve"))
        await asyncio.gather(*voxon._home.background)
        assert len(told) == 50 and len(storage.records) - before == 1, (
            "a flood of refusals is no flood of writes"
        )
        clock.advance(minutes=2)
        await refused(voxon.access_shared_session(view.token, "eve"))
        assert session.list_shares()[0].counts["refused: wrong_user"] == 51


async def test_events_tell_of_each_step() -> None:
    """Created, used, refused and revoked are told with the share they are about."""
    async with owned() as (voxon, session):
        told: list[tuple[str, str]] = []
        session.events.on("share.*", lambda event: told.append((event.type, event.grant_id)))
        noted: list[Any] = []
        session.events.on("memory.added", noted.append)
        shared, view = await shared_with(voxon, session)
        await shared.add_note("a note")
        await session.revoke_share(view.grant_id)
        await refused(shared.get_memory())
        assert [name for name, _ in told] == [
            "share.created",
            "share.used",
            "share.used",
            "share.revoked",
            "share.refused",
        ]
        assert {grant_id for _, grant_id in told} == {view.grant_id} and noted[0].entry.source == "shared"


async def test_what_guests_do_is_no_activity_of_the_session() -> None:
    """Reading neither prolongs a session's life nor makes it the person's latest; a note is a change like any."""
    clock = FakeClock()
    storage = MemorySessionStorage(max_sessions=None)
    async with voxon_on(storage, clock=clock, session_ttl_seconds=7200) as voxon:
        session = await voxon.create_session(user_id="ann", session_id="old", config=KEEP)
        shared, _ = await shared_with(voxon, session, expire_after_hours=None)
        before = (await storage.load("old") or {})["expires_at"]
        clock.advance(minutes=10)
        await session.close()
        await (await voxon.create_session(user_id="ann", session_id="new", config=KEEP)).close()
        clock.advance(minutes=10)
        for _ in range(200):
            await shared.get_memory()
        header = await storage.list_sessions(owner=voxon._home.vault.owner("ann"), limit=5)
        assert next(one["session_id"] for one in header) == "new"
        assert next(one for one in header if one["session_id"] == "old")["expires_at"] <= _later(before, 10)
        clock.advance(hours=2)
        await refused(shared.get_memory())


def _later(stamped: str, minutes: int) -> str:
    from voxsession.core.envelope import from_stamp, stamp

    return stamp(from_stamp(stamped) + timedelta(minutes=minutes))


async def test_revoking_names_what_it_does_not_know() -> None:
    """An unknown share is an error, a revoked one is said to be so."""
    async with owned() as (voxon, session):
        _, view = await shared_with(voxon, session)
        with pytest.raises(ConfigurationError, match="no share 'share_none'"):
            await session.revoke_share("share_none")
        assert await session.revoke_share(view.grant_id) is True
        assert await session.revoke_share(view.grant_id) is False
        assert session.list_shares()[0].revoked_at is not None


# --- many


async def test_ten_thousand_grants() -> None:
    """Ended ones make room and are kept in part; open ones have a limit with an error of its own."""
    clock = FakeClock()
    async with owned(clock=clock) as (voxon, session):
        for _ in range(9):
            for _ in range(granting.MAX_OPEN):
                session.create_shared_view("doctor", permissions=["read"], expire_after_hours=1)
            clock.advance(hours=1)
        views = [session.create_shared_view("doctor", permissions=["read"]) for _ in range(granting.MAX_OPEN)]
        with pytest.raises(ConfigurationError, match="1,000 open shares"):
            session.create_shared_view("doctor")
        states = [share.status for share in session.list_shares()]
        assert states.count("open") == granting.MAX_OPEN
        assert states.count("expired") <= granting.MAX_ENDED
        shared = await voxon.access_shared_session(views[500].token, "doctor")
        await shared.get_memory()
        await session.revoke_share(views[0].grant_id)
        session.create_shared_view("doctor")
