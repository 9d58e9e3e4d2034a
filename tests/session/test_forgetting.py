"""Forgetting: no trace of a text in anything stored, and nothing else is lost."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.stores import (
    TwoMethodStorage,
    WatchedStorage,
    contents,
    kept_texts,
    only,
    refuse,
    user_says,
    voxon_on,
)
from tests.storages import LOCAL, made
from voxsession import (
    ConfigurationError,
    ConflictError,
    Fact,
    FileSessionStorage,
    IntegrityError,
    MemorySessionStorage,
    Session,
    SessionClosedError,
    SessionConfig,
    StorageUnavailableError,
    Voxon,
    VoxonConfig,
)
from voxsession.core.changes import (
    MemoryAdded,
    MemoryCompressed,
    MemoryRemoved,
    MemorySuperseded,
    MessageInterrupted,
)
from voxsession.core.memory_entry import MemoryEntry
from voxsession.session import filing
from voxsession.testing import FakeClock

QUIET = SessionConfig(enable_learning=False, enable_analytics=False)
SECRET = "Zyrqueston"
PAST = datetime(2024, 5, 1, tzinfo=UTC)
OPEN = {"session_encryption_key": None, "session_encryption_method": "none"}


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of 6 messages behind a head of 4, so that a short session has pages and index pages."""
    make_small(monkeypatch)


def make_small(patch: pytest.MonkeyPatch) -> None:
    """The same for a test that runs many times."""
    for name, value in {"PAGE_MESSAGES": 6, "HEAD_MESSAGES": 4, "HEAD_PAGES": 2}.items():
        patch.setattr(filing, name, value)


def traces_in(folder: Path, text: str = SECRET) -> list[str]:
    """The files below a folder that hold a text in any case."""
    wanted = text.lower().encode()
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if wanted in path.read_bytes().lower()]


def says(*texts: str, role: str = "assistant") -> list[dict[str, Any]]:
    """Messages that nothing is learned from."""
    return [{"role": role, "content": text} for text in texts]


def numbered(count: int, first: int = 0) -> list[str]:
    """So many texts that say nothing."""
    return [f"filler {number}" for number in range(first, first + count)]


async def write_whole(session: Session) -> None:
    """Makes the next save write the whole document, and saves."""
    session.clear_memory(ids=[session.add_memory("x").id])
    await session.save()


async def replace_name(session: Session, *names: str) -> None:
    """Learns one name after another, so that all but the last become history."""
    conversation = await session.start_conversation("names")
    for name in names:
        await conversation.add_messages(user_says(f"My name is {name}."))


def kinds_kept(receipt: Any) -> list[str]:
    """What a receipt says that was not reached."""
    return [row["kind"] for row in receipt.details if row["became"] == "kept"]


# --- what goes


async def test_no_file_holds_it_afterwards(tmp_path: Path, small_pages: None) -> None:
    """Head, tail, message pages, index pages, archive pages: searched byte by byte, before and after closing."""
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage, **OPEN) as voxon:
        session = await voxon.create_session(session_id="s", user_id="ada")
        conversation = await session.start_conversation("c")
        await conversation.add_messages(user_says(f"My name is {SECRET}.", "I like tea."))
        await conversation.add_messages(says(*numbered(40)))
        await write_whole(session)
        await conversation.add_messages(user_says("My name is Bob."))
        await write_whole(session)
        await conversation.add_messages(says("filler", f"hello {SECRET.upper()}!"))
        session.add_memory(f"Grew up in {SECRET}")
        session.update_memory(session.add_memory(f"Once in {SECRET}").id, content="Moved")
        await session.save()
        assert session._core.data.index_pages and session._core.data.archive_pages
        assert len(traces_in(tmp_path)) >= 3
        before = contents(await conversation.history())
        assert len(await session.recall(SECRET)) >= 4

        receipt = await session.forget(SECRET.lower())

        assert traces_in(tmp_path) == []
        after = await conversation.history()
        assert contents(after) == ["" if SECRET.lower() in text.lower() else text for text in before]
        assert [message.redacted for message in after] == [text == "" for text in contents(after)]
        assert receipt.counts["messages"] == 2 and receipt.counts["entries"] == 2
        assert receipt.counts["archived"] == 1 and receipt.counts["pages"] == 2
        left = {entry.content for entry in session.get_memory().entries}
        assert {"User's name is Bob", "Moved"} <= left
        assert not await session.recall(SECRET)
        await session.close()

    assert traces_in(tmp_path) == []
    assert await kept_texts(storage, "s", **OPEN) == contents(after)


@pytest.mark.parametrize("kind", LOCAL)
async def test_on_every_storage(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, small_pages: None
) -> None:
    """What a fresh process loads, pages and all, no longer has it."""
    async with made(kind, request, tmp_path) as storage:
        await _forget_on(storage)
        pages = [await storage.load_page("s", name) for name, _ in await storage.list_pages("s")]
        assert pages and SECRET not in str(pages) + str(await storage.load("s"))


async def test_on_a_storage_with_two_methods(small_pages: None) -> None:
    """Where pages lie inside the document they are cleansed there."""
    storage = TwoMethodStorage()
    await _forget_on(storage)
    assert SECRET not in str(storage.kept)


async def _forget_on(storage: Any) -> None:
    async with voxon_on(storage, **OPEN) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conversation = await session.start_conversation("c")
        await conversation.add_messages(says(f"in {SECRET}", *numbered(30)))
        session.add_memory(f"Lives in {SECRET}")
        await write_whole(session)
        assert await session.forget(SECRET)
    assert await kept_texts(storage, "s", **OPEN) == ["", *numbered(30)]


async def test_what_was_learned_from_it_goes_and_what_it_was_learned_from() -> None:
    """An entry takes its source along, a message all entries, topics and references that came of it."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(session_id="s") as session:
        conversation = await session.start_conversation("c")
        [said, other] = await conversation.add_messages(
            user_says("My name is Bob and I live in Rome.", "Gardens are beautiful in late summer.")
        )
        explained = session.explain_preference("verbosity")
        receipt = await session.forget("User lives in Rome")

        assert not [entry for entry in session.get_memory().entries if entry.message_id == said.id]
        assert receipt.counts["messages"] == 1 and receipt.counts["entries"] == 2
        data = session._core.data
        assert all(said.id not in evidence.message_ids for evidence in data.evidence.values())
        assert any(other.id in evidence.message_ids for evidence in data.evidence.values())
        assert session.explain_preference("verbosity")["value"] == explained["value"]
        assert not any("rome" in topic or "bob" in topic for topic in data.topics)
        assert any("garden" in topic for topic in data.topics)


async def test_a_topic_stays_that_others_are_about() -> None:
    """Only what nothing else speaks of is no longer a topic."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(session_id="s") as session:
        conversation = await session.start_conversation("c")
        await conversation.add_messages(
            user_says(f"Jazz festivals in {SECRET} and porcelain.", "The jazz festival was loud.")
        )
        await session.forget(SECRET)
        assert set(session._core.data.topics) == {"jazz festival", "loud"}


async def test_a_summary_made_of_it_goes_and_the_others_come_back(tmp_path: Path) -> None:
    """What a summary stood for is live again without it, out of the archive too."""
    async with voxon_on(FileSessionStorage(tmp_path), **OPEN) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        core = session._core
        facts = [session.add_memory(text, at=PAST) for text in (f"Went to {SECRET}", "Plays chess")]
        summary = MemoryEntry(id="sum", content="Travels and plays", timestamp=core.now(), token_count=3)
        replaced = {entry.id: summary.id for entry in facts}
        core.record(MemoryCompressed(at=core.now(), replaced=replaced, added=[summary]))
        await write_whole(session)
        assert core.data.archive_pages and [e.id for e in session.get_memory().entries] == ["sum"]

        receipt = await session.forget(SECRET)

        assert [entry.content for entry in session.get_memory().entries] == ["Plays chess"]
        assert receipt.counts["revived"] == 1 and receipt.counts["entries"] == 2
        assert {row["reason"] for row in receipt.details} == {
            "contains the text", f"made from {facts[0].id}", "its summary went",
        }  # fmt: skip
        assert traces_in(tmp_path) == []
        await session.close()
        loaded = await voxon.load_session("s")
        assert [entry.content for entry in loaded.get_memory().entries] == ["Plays chess"]


async def test_the_summary_of_a_conversation_goes_with_what_it_sums_up() -> None:
    """A summary ends at a message: what is redacted before it takes it along, what comes later does not."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(config=QUIET) as session:
        talk, other = await session.start_conversation("c"), await session.start_conversation("d")
        [_, end] = await talk.add_messages(says(f"in {SECRET}", "tea"))
        await talk.add_messages(says("coffee"))
        await other.add_messages(says("cocoa"))
        core = session._core
        for entry_id, name, last in (("one", "c", end), ("two", "d", core.data.messages[-1])):
            known = {"slot": f"summary.{name}", "conversation_id": name, "message_id": last.id}
            summary = MemoryEntry(id=entry_id, content="They met.", timestamp=core.now(), **known)
            core.record(MemoryAdded(at=core.now(), entry=summary))

        await session.forget("coffee")
        assert [entry.id for entry in session.get_memory().entries] == ["one", "two"]
        await session.forget(SECRET)
        assert [entry.id for entry in session.get_memory().entries] == ["two"]
        await session.forget("They met")
        assert contents(await talk.history()) == ["", "tea", ""]
        assert contents(await other.history()) == ["cocoa"]


async def test_a_newer_value_stays_when_the_older_is_forgotten() -> None:
    """A value that took another's place was not made of it; and what is outdated does not come back."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(session_id="s") as session:
        await replace_name(session, "Anna", "Berta", "Clara")
        await session.forget("Anna")
        assert [entry.content for entry in session.get_memory().entries] == ["User's name is Clara"]
        await session.forget("Clara")
        assert not session.get_memory().entries


async def test_speakers_metadata_and_calls_count() -> None:
    """A name of a speaker, the app's metadata and the arguments of a call are looked through, escapes and all."""
    storage = TwoMethodStorage()
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"in": "Z\\u00fcrzach"}'}}
    async with voxon_on(storage, **OPEN) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        conversation = await session.start_conversation("c")
        await conversation.add_messages(
            [
                {"role": "user", "content": "hi", "name": "Zurzach"},
                {"role": "user", "content": "hi", "metadata": {"places": [{"ZÜRZACH": 1}]}},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "user", "content": "kept", "name": "Ben"},
            ]
        )
        session.add_memory("Likes lakes", speaker="Zürzach")
        session.add_memory("Likes hills", metadata={"near": "zurzach"})
        receipt = await session.forget("zürzach")
        assert receipt.counts["messages"] == 3 and receipt.counts["entries"] == 2
        history = await conversation.history()
    assert "rzach" not in str(storage.kept).lower()
    assert [(message.content, message.name) for message in history] == [("", None)] * 3 + [("kept", "Ben")]


async def test_process_only_entries_are_forgotten_too() -> None:
    """What the memory mode keeps out of storage is no exception."""
    config = SessionConfig(memory_mode="ephemeral", enable_learning=False)
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(config=config) as session:
        session.add_memory(f"Lives in {SECRET}")
        session.add_memory("Likes tea")
        assert (await session.forget(SECRET)).counts["entries"] == 1
        assert [entry.content for entry in session.get_memory().entries] == ["Likes tea"]


# --- what is meant


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("ann", ["Ann sings"]),
        ("CAFÉ zurich", ["the cafe\n  Zürich is small"]),
        ("4111 1111", ["card 4111 1111, blue"]),
        ("a+b?", ["is a+b? right"]),
        ("東京", ["去東京了"]),
        ("🙂", ["well 🙂"]),
        ("card blue", ["card 4111 1111, blue"]),
        ("everything about the planning of Ann", []),
        ("what you know about planned songs", []),
        ("the sister's addresses", ["An address of my sisters"]),
        ("my job", []),
        ("all about Dana", ["dana was here"]),
        ("nothing of the kind " * 2_000, []),
        ('"AND NOT (" song', []),
    ],
)
async def test_which_text_is_meant(text: str, gone: list[str]) -> None:
    """Whole words in this order, whatever case and accents; else all the telling words, if they are telling."""
    texts = [
        "Ann sings", "It was planned", "the cafe\n  Zürich is small", "card 4111 1111, blue", "is a+b? right",
        "去東京了", "well 🙂", "An address of my sisters", "My sister moved", "jobs are jobs", "dana was here",
    ]  # fmt: skip
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(config=QUIET) as session:
        entries = {session.add_memory(one).id: one for one in texts}
        receipt = await session.forget(text)
        assert [entries[row["id"]] for row in receipt.details] == gone
        assert bool(receipt) == bool(gone)
        left = {entry.content for entry in session.get_memory().entries}
        assert left == set(texts) - set(gone)


async def test_an_id_means_that_one() -> None:
    """What a dry run lists can be forgotten one by one."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(config=QUIET) as session:
        conversation = await session.start_conversation("c")
        [one, _] = await conversation.add_messages(says("tea", "tea"))
        entry = session.add_memory("tea")
        for found in (one.id, entry.id):
            assert [row["id"] for row in (await session.forget(found)).details] == [found]
        assert contents(await conversation.history()) == ["", "tea"]


@pytest.mark.parametrize("text", ["", "  ", "the", "I am", "\ud800", None, 5])
async def test_what_tells_nothing_is_refused(text: Any) -> None:
    """What stands in every second sentence would take everything along."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session(config=QUIET) as session:
        session.add_memory("I am the one")
        with pytest.raises(ConfigurationError, match="text_or_query"):
            await session.forget(text)
        assert len(session.get_memory().entries) == 1


async def test_a_dry_run_tells_and_changes_nothing() -> None:
    """Each row has an id and a reason; what is sensitive, or was said with it, is not shown."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        conversation = await session.start_conversation("c")
        [said] = await conversation.add_messages(user_says(f"I live in {SECRET}."))
        entry = session.get_memory().entries[0]
        session.update_memory(entry.id, sensitive=True)
        session.add_memory(f"Knows {SECRET}")
        await session.save()
        storage.taken()

        receipt = await session.forget(SECRET, dry_run=True)

        assert receipt.counts == {
            "entries": 2, "archived": 0, "revived": 0, "messages": 1, "topics": 1, "pages": 0, "frozen": 0,
        }  # fmt: skip
        rows = {row.get("id"): row for row in receipt.details}
        assert "begins" not in rows[entry.id] and "begins" not in rows[said.id]
        assert [row["begins"] for row in receipt.details if "begins" in row] == [f"Knows {SECRET}"]
        assert all(row["reason"] for row in receipt.details)
        assert storage.taken() == ["load"] and not session._core.pending
        assert contents(conversation.messages) == [f"I live in {SECRET}."]
        assert SECRET not in str(await session.forget(SECRET))
        assert not await session.forget(SECRET, dry_run=True)


async def test_what_the_app_chose_is_told_and_kept() -> None:
    """State, settings and ids are the app's own: the receipt names them, so that nobody believes them gone."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET, user_id="zyr")
        await session.update_state(context={"town": SECRET})
        session.config.instructions = f"Greet from {SECRET}"
        session.track_metric(SECRET, 1)
        session.add_memory("Likes tea", category=SECRET)
        await session.start_conversation(SECRET)
        receipt = await session.forget(SECRET)
        assert kinds_kept(receipt) == ["config", "state", "metrics", "conversation", "memory"]
        assert not receipt


async def test_where_it_cannot_be_called() -> None:
    """Not in a batch, not on a closed handle; an ended session can still forget."""
    storage = TwoMethodStorage()
    async with voxon_on(storage, **OPEN) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        session.add_memory(SECRET)
        with session.batch_update():
            with pytest.raises(ConfigurationError, match="batch_update"):
                await session.forget(SECRET)
        await session.end()
        assert await session.forget(SECRET)
        await session.close()
        with pytest.raises(SessionClosedError):
            await session.forget(SECRET)
    assert SECRET not in str(storage.kept)


async def test_what_is_being_learned_is_waited_for() -> None:
    """An extractor that is still at work cannot bring the text back."""

    async def slow(text: str, **known: Any) -> list[Fact]:
        await asyncio.sleep(0.02)
        return [Fact(content=f"Said {text}", category="general", importance=0.9)]

    config = VoxonConfig(session_storage="memory", session_encryption_method="none")
    async with Voxon(config, extractor=slow) as voxon, voxon.session() as session:
        conversation = await session.start_conversation("c")
        await conversation.add_messages(user_says(SECRET))
        assert (await session.forget(SECRET)).counts["entries"] == 1
        assert not session.get_memory().entries


# --- crashes, failures, others


async def test_pages_of_saves_that_were_given_up_go_too(tmp_path: Path, small_pages: None) -> None:
    """A process that died between page and document leaves the text in a page that nothing names."""
    storage = WatchedStorage(FileSessionStorage(tmp_path))
    async with voxon_on(storage, **OPEN) as voxon:
        first = await voxon.create_session(session_id="s", config=QUIET)
        conversation = await first.start_conversation("c")
        await conversation.add_messages(says(f"in {SECRET}", *numbered(30)))
        await first.close()
    dying = await voxon_on(storage, **OPEN).load_session("s")  # it is never closed: its process ends here
    storage.mishap = only("save", refuse)
    with pytest.raises(StorageUnavailableError):
        await write_whole(dying)
    storage.mishap = None
    async with voxon_on(storage, **OPEN) as voxon, voxon.session(session_id="s") as session:
        assert await session.forget(SECRET)
        assert traces_in(tmp_path) == []


@pytest.mark.parametrize("failing", ["save_page", "save", "list_pages", "load_page", "delete_pages"])
async def test_a_failure_is_told_and_can_be_repeated(tmp_path: Path, small_pages: None, failing: str) -> None:
    """Wherever the storage fails, forget raises, and the next call leaves nothing."""
    storage = WatchedStorage(FileSessionStorage(tmp_path))
    async with voxon_on(storage, **OPEN) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conversation = await session.start_conversation("c")
        await conversation.add_messages(says(f"in {SECRET}", *numbered(30), f"to {SECRET}"))
        await write_whole(session)
        assert SECRET in (await session.recall(SECRET))[0].content
        storage.mishap = only(failing, refuse, times=1)
        with pytest.raises(StorageUnavailableError):
            await session.forget(SECRET)
        await session.forget(SECRET)
        assert traces_in(tmp_path) == []
        assert not [match for match in await session.recall(SECRET) if SECRET in match.content]
        assert contents(await conversation.history()) == ["", *numbered(30), ""]


async def test_a_page_that_could_not_be_removed_goes_with_the_next_save() -> None:
    """After clear_memory too: what failed is tried again, by closing as well."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        async with voxon.session(session_id="s") as session:
            await replace_name(session, "Anna", "Berta")
            await write_whole(session)
        async with voxon.session(session_id="s") as session:
            storage.mishap = only("delete_pages", refuse, times=1)
            session.clear_memory()
            with pytest.raises(StorageUnavailableError):
                await session.save()
            assert len(await storage.inner.list_pages("s")) == 1 and not session._core.pending
        assert await storage.inner.list_pages("s") == []


async def test_pages_of_a_write_that_may_still_arrive_stay(small_pages: None) -> None:
    """A save whose answer never came is given up by `reload`, and lands after all: its pages are there."""
    storage, late = WatchedStorage(), list[Callable[[], Any]]()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        conversation = await session.start_conversation("c")
        await conversation.add_messages(says(*numbered(8)))

        async def hold(operation: str, call: Callable[[], Any]) -> Any:
            late.append(call)
            return await refuse(operation, call)

        storage.mishap = only("save", hold)
        with pytest.raises(StorageUnavailableError):
            await write_whole_with(session, conversation)
        storage.mishap = None
        await session.reload(keep_pending=False)
        await session.save()
        await late[0]()
    assert await kept_texts(storage, "s") == numbered(12)


async def write_whole_with(session: Session, conversation: Any) -> None:
    """Files messages, with one call of `save`."""
    session.clear_memory(ids=[session.add_memory("x").id])
    await conversation.add_messages(says(*numbered(4, 8)))


async def test_a_crash_before_the_old_pages_went(tmp_path: Path, small_pages: None) -> None:
    """Another process that is asked to forget the same finds nothing, and clears up all the same."""
    storage = WatchedStorage(FileSessionStorage(tmp_path))
    dying = await voxon_on(storage, **OPEN).create_session(session_id="s", config=QUIET)
    conversation = await dying.start_conversation("c")
    await conversation.add_messages(says(f"in {SECRET}", *numbered(30)))
    await write_whole(dying)
    storage.mishap = only("delete_pages", refuse)
    with pytest.raises(StorageUnavailableError):
        await dying.forget(SECRET)
    storage.mishap = None
    assert traces_in(tmp_path)
    async with voxon_on(storage, **OPEN) as voxon, voxon.session(session_id="s") as session:
        assert not await session.forget(SECRET)
        assert traces_in(tmp_path) == []


async def test_torn_bytes_that_were_set_aside_go(tmp_path: Path) -> None:
    """A torn line may hold anything: all that is kept aside of the session goes, and half a new version."""
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage, **OPEN) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        session.add_memory(f"Lives in {SECRET}")
    with (tmp_path / "s.json").open("a") as file:
        file.write(f'{{"torn": "{SECRET}')
    (tmp_path / "other.torn-1").write_text("of somebody else")
    async with voxon_on(storage, **OPEN) as voxon, voxon.session(session_id="s") as session:
        await session.save()
        (tmp_path / "s.pages").mkdir()
        (tmp_path / "s.pages" / ".tmp").write_text(SECRET)
        receipt = await session.forget(SECRET)
        assert receipt.counts["set_aside"] == 2
        assert traces_in(tmp_path) == [] and (tmp_path / "other.torn-1").exists()


async def test_what_others_wrote_meanwhile_is_looked_through(tmp_path: Path, small_pages: None) -> None:
    """A conflict is met by looking again: what another process saved in between goes as well."""
    storage = WatchedStorage(FileSessionStorage(tmp_path))
    async with voxon_on(storage, **OPEN) as mine, voxon_on(storage, **OPEN) as theirs:
        session = await mine.create_session(session_id="s", config=QUIET)
        conversation = await session.start_conversation("c")
        await conversation.add_messages(says(f"in {SECRET}", *numbered(4)))
        other = await theirs.load_session("s")
        talk = await other.start_conversation("d")

        async def meanwhile(operation: str, call: Callable[[], Any]) -> Any:
            storage.mishap = None
            await talk.add_messages(says(f"back from {SECRET}", *numbered(20)))
            await write_whole(other)
            assert len(await other.recall(SECRET)) >= 2
            return await call()

        storage.mishap = only("save", meanwhile)
        receipt = await session.forget(SECRET)
        assert receipt.counts["messages"] == 2
        assert traces_in(tmp_path) == []
        # The other one still has it in mind; it cannot write it back, and after its next save it has forgotten.
        await talk.add_messages(says("more"))
        await write_whole(other)
        assert traces_in(tmp_path) == []
        assert not [match for match in await other.recall(SECRET) if SECRET in match.content]


async def test_a_writer_that_lost_removes_its_pages(tmp_path: Path, small_pages: None) -> None:
    """A page that was written for a save which came too late does not stay behind with the text."""
    storage = WatchedStorage(FileSessionStorage(tmp_path))
    async with voxon_on(storage, **OPEN) as mine, voxon_on(storage, **OPEN) as theirs:
        session = await mine.create_session(session_id="s", config=QUIET)
        conversation = await session.start_conversation("c")
        await conversation.add_messages(says(f"in {SECRET}", *numbered(30)))
        other = await theirs.load_session("s")

        async def meanwhile(operation: str, call: Callable[[], Any]) -> Any:
            storage.mishap = None
            await session.forget(SECRET)
            return await call()  # with pages that hold what was just forgotten

        storage.mishap = only("save_page", meanwhile)
        await write_whole(other)
        assert traces_in(tmp_path) == []
    assert await kept_texts(storage, "s", **OPEN) == ["", *numbered(30)]


async def test_another_process_reads_on(tmp_path: Path, small_pages: None) -> None:
    """Whoever opened the session before finds the amended pages in place of those that went, index pages too."""
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage) as mine, voxon_on(storage) as theirs:
        session = await mine.create_session(session_id="s", config=QUIET)
        conversation = await session.start_conversation("c")
        texts = [f"in {SECRET}", *numbered(13), f"to {SECRET}", *numbered(15)]
        await conversation.add_messages(says(*texts))
        await write_whole(session)
        await write_whole(session)
        reading = await (await theirs.load_session("s")).resume_conversation("c")
        known = reading._core.data
        assert known.index_pages and [ref.first_index for ref in known.pages] == [12, 18]
        await conversation.add_messages(says(*numbered(20)))
        await write_whole(session)
        await write_whole(session)
        await session.forget(SECRET)

        assert contents(await reading.history()) == ["", *numbered(13), "", *numbered(15)]
        await reading.add_messages(says("more"))
        assert contents(await reading.history())[-22:] == [*numbered(1, 14), *numbered(20), "more"]
        page = reading._core.data.pages[-1]
        await storage.delete_pages("s", [page.id])
        with pytest.raises(IntegrityError):  # what is really missing is not passed over
            await reading.history()


async def test_another_process_reads_a_page_that_was_replaced(tmp_path: Path, small_pages: None) -> None:
    """Without an index page as well, and into the search index."""
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage) as mine, voxon_on(storage) as theirs:
        session = await mine.create_session(session_id="s", config=QUIET)
        conversation = await session.start_conversation("c")
        await conversation.add_messages(says(f"in {SECRET}", *numbered(15)))
        await write_whole(session)
        other = await theirs.load_session("s")
        await session.forget(SECRET)
        assert not await other.recall(SECRET)
        reading = await other.resume_conversation("c")
        assert contents(await reading.history()) == ["", *numbered(15)]


async def test_another_process_erases_on(tmp_path: Path) -> None:
    """A save that needs a page which others have replaced takes in what they wrote, and goes on."""
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage, **OPEN) as mine, voxon_on(storage, **OPEN) as theirs:
        session = await mine.create_session(session_id="s")
        await replace_name(session, "Anna", "Berta", SECRET)
        await write_whole(session)
        other = await theirs.load_session("s")
        await session.forget("Anna")
        other.clear_memory()
        await other.save()
        assert not other._core.data.archive_pages and not other.get_memory().entries
        page = (await storage.list_pages("s"))[:1]
        assert page == []


async def test_what_is_filed_while_it_looks_is_met(tmp_path: Path, small_pages: None) -> None:
    """A message that moves from the head to a page in the meantime is neither missed nor told twice."""
    storage = WatchedStorage(FileSessionStorage(tmp_path))
    async with voxon_on(storage, **OPEN) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conversation = await session.start_conversation("c")
        await conversation.add_messages(says(*numbered(10), f"in {SECRET}"))
        await write_whole(session)

        async def meanwhile(operation: str, call: Callable[[], Any]) -> Any:
            storage.mishap = None
            await conversation.add_messages(says(*numbered(12)))
            await write_whole(session)
            return await call()

        storage.mishap = only("load_page", meanwhile)
        assert (await session.forget(SECRET)).counts["messages"] == 1
        assert traces_in(tmp_path) == []


async def test_a_redaction_reaches_what_another_process_filed(small_pages: None) -> None:
    """What lay in the head when it was erased, or cut off, and is in a page by now."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as mine, voxon_on(storage) as theirs:
        session = await mine.create_session(session_id="s", config=QUIET)
        conversation = await session.start_conversation("c")
        await conversation.add_messages(says(f"in {SECRET}", "a long reply", "another"))
        other = await theirs.load_session("s")
        talk = await other.resume_conversation("c")
        await talk.add_messages(says(*numbered(20)))
        await write_whole(other)
        assert other._core.data.pages

        core = session._core
        said = core.data.messages[1]
        core.record(
            MessageInterrupted(at=core.now(), message_id=said.id, conversation_id="c", content="a long")
        )
        await session.save()
        assert not core.loose_pages and len(await storage.list_pages("s")) == len(core.data.pages)
        await session.forget(SECRET)
    assert await kept_texts(storage, "s") == ["", "a long", "another", *numbered(20)]


async def test_what_was_learned_elsewhere_from_an_erased_message_is_not_stored(tmp_path: Path) -> None:
    """A fact that another process took from a message, and had not saved when that message was erased."""
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage, **OPEN) as mine, voxon_on(storage, **OPEN) as theirs:
        session = await mine.create_session(session_id="s", config=QUIET)
        conversation = await session.start_conversation("c")
        [said] = await conversation.add_messages(user_says(f"in {SECRET}"))
        other = await theirs.load_session("s")
        now = other._core.now()
        learned = MemoryEntry(id="late", content=f"Was in {SECRET}", timestamp=now, message_id=said.id)
        other._core.record(MemoryAdded(at=now, entry=learned))
        await session.forget(SECRET)
        await other.save()
        assert not other.get_memory().entries
        assert traces_in(tmp_path) == []


async def test_what_is_erased_while_pages_are_cleansed_is_cleansed_too(small_pages: None) -> None:
    """An erasure that comes while an archive page is on its way reaches it with the same save."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        await replace_name(session, "Anna", "Berta", "Clara")
        await write_whole(session)
        pages = session._core.data.archive_pages
        [ref] = pages
        recorder = await session._host.ready()
        anna, berta = (entry.id for entry in await recorder.load_archive(session._core, ref))

        async def meanwhile(operation: str, call: Callable[[], Any]) -> Any:
            storage.mishap = None
            session._core.record(_removed(session, berta))
            return await call()

        storage.mishap = only("save_page", meanwhile)
        session._core.record(_removed(session, anna))
        await session.save()
        assert not session._core.data.archive_pages and not session._core.pending
        assert await storage.inner.list_pages("s") == []


def _removed(session: Session, entry_id: str) -> Any:
    return MemoryRemoved(at=session._core.now(), entry_ids=[entry_id])


async def test_a_recall_at_the_same_time_does_not_bring_it_back(small_pages: None) -> None:
    """Pages that are being read into the index while they are replaced are read again."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        conversation = await session.start_conversation("c")
        await conversation.add_messages(says(f"in {SECRET}", *numbered(30)))
        await write_whole(session)

        async def slowly(operation: str, call: Callable[[], Any]) -> Any:
            page = await call()
            await asyncio.sleep(0.05)
            return page

        storage.mishap = only("load_page", slowly, times=1)
        recalling = asyncio.create_task(session.recall("filler"))
        await asyncio.sleep(0.01)
        await session.forget(SECRET)
        await recalling
        assert not [match for match in await session.recall(SECRET) if SECRET in match.content]


async def test_a_clean_up_at_the_same_time_leaves_nothing_behind(tmp_path: Path) -> None:
    """A clean-up that was overtaken removes the archive page that it wrote for nothing."""
    storage, clock = WatchedStorage(FileSessionStorage(tmp_path)), FakeClock()
    async with (
        voxon_on(storage, clock=clock, **OPEN) as mine,
        voxon_on(storage, clock=clock, **OPEN) as theirs,
    ):
        async with mine.session(session_id="s", config=QUIET) as session:
            old = [
                session.add_memory(f"Was in {SECRET}"),
                session.add_memory("Was ill", expires_after_days=1),
            ]
            for entry in old:
                superseded = MemorySuperseded(at=clock.now(), entry_id=entry.id, by="new")
                session._core.record(superseded)
            await write_whole(session)
        clock.advance(seconds=2 * 86_400)

        async def meanwhile(operation: str, call: Callable[[], Any]) -> Any:
            storage.mishap = None
            async with theirs.session(session_id="s") as session:
                assert (await session.forget(SECRET)).counts["archived"] == 1
            return await call()

        storage.mishap = only("save_page", meanwhile)
        await mine.cleanup_expired_sessions()
        assert storage.mishap is None and traces_in(tmp_path) == []


async def test_other_pending_changes_that_conflict_stop_it(tmp_path: Path) -> None:
    """Nothing is forgotten, and that is said."""
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage, **OPEN) as mine, voxon_on(storage, **OPEN) as theirs:
        session = await mine.create_session(session_id="s", config=QUIET)
        session.add_memory(SECRET)
        await session.save()
        other = await theirs.load_session("s")
        other.config.temperature = 0.1
        await other.save()
        session.config.temperature = 0.9
        with pytest.raises(ConflictError):
            await session.forget(SECRET)
        assert traces_in(tmp_path) and len(session.get_memory().entries) == 1
        await session.reload(keep_pending=False)
        assert await session.forget(SECRET)
        assert traces_in(tmp_path) == []


# --- the law

TOKEN = "Qwixotle"
words = st.sampled_from(["tea", "gardens", "my name is Bob", "I live in Rome", "I love chess"])
steps = st.lists(
    st.tuples(
        st.sampled_from(["user", "assistant", "memory", "name", "home", "whole", "reopen"]),
        words,
        st.booleans(),
        st.sampled_from([TOKEN, TOKEN.lower(), TOKEN.upper()]),
    ),
    min_size=1,
    max_size=30,
)


@contextlib.contextmanager
def small() -> Iterator[None]:
    """Small pages for one example."""
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        yield


@given(steps=steps)
@settings(max_examples=25)
async def test_no_byte_of_it_is_left_and_all_else_stays(steps: list[tuple[str, str, bool, str]]) -> None:
    """For any session: forgetting a text leaves it in no stored byte; other messages and memories are as before."""
    with small(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        voxon = voxon_on(FileSessionStorage(folder), **OPEN)
        session = await voxon.create_session(session_id="s")
        for kind, text, has_it, token in steps:
            said = f"{text} {token}, you know" if has_it else text
            conversation = await session.start_conversation("c")
            match kind:
                case "user" | "assistant":
                    await conversation.add_messages(says(said, text, role=kind))
                case "memory":
                    session.add_memory(said)
                case "name":
                    await conversation.add_messages(
                        user_says(f"My name is {token.title() if has_it else 'Ida'}.")
                    )
                case "home":
                    await conversation.add_messages(
                        user_says(f"I live in {token.title() if has_it else 'Oslo'}.")
                    )
                case "whole":
                    await write_whole(session)
                case "reopen":
                    await session.close()
                    await voxon.close()
                    voxon = voxon_on(FileSessionStorage(folder), **OPEN)
                    session = await voxon.load_session("s")
        conversation = await session.start_conversation("c")
        said_before = await conversation.history()
        known = list(session.get_memory().entries)

        await session.forget(TOKEN)

        assert traces_in(folder, TOKEN) == []
        said_after = await conversation.history()
        gone = {message.id for message in said_before if TOKEN.lower() in (message.content or "").lower()}
        assert [message for message in said_after if message.id not in gone] == [
            message for message in said_before if message.id not in gone
        ]
        assert all(not message.content and message.redacted for message in said_after if message.id in gone)
        assert [message.id for message in said_after] == [message.id for message in said_before]
        assert list(session.get_memory().entries) == [
            entry
            for entry in known
            if entry.message_id not in gone and TOKEN.lower() not in entry.content.lower()
        ]
        await session.close()
        await voxon.close()
        assert traces_in(folder, TOKEN) == []
        assert contents(said_after) == await kept_texts(FileSessionStorage(folder), "s", **OPEN)


# --- beside others


async def test_an_edit_of_what_others_erased_is_dropped_and_the_rest_saved(tmp_path: Path) -> None:
    """Nothing is left to be edited: the edit is told as dropped, not written, and keeps nothing else back."""
    one, two = (voxon_on(FileSessionStorage(tmp_path), **OPEN) for _ in range(2))
    async with one, two:
        mine = await one.create_session(session_id="s", config=QUIET)
        entry = mine.add_memory(f"Grew up in {SECRET}")
        await mine.save()
        theirs = await two.load_session("s")
        dropped = list[Any]()
        theirs.events.on("memory.update_dropped", dropped.append)
        theirs.update_memory(entry.id, importance=0.9)
        theirs.update_memory(entry.id, content=f"Was born in {SECRET}")
        theirs.add_memory("Likes tea")
        assert await mine.forget(SECRET)

        await theirs.save()

        assert [event.entry_id for event in dropped] == [entry.id]
        assert "erased" in dropped[0].reason
        assert [one.content for one in theirs.get_memory().entries] == ["Likes tea"]
        assert traces_in(tmp_path) == []


async def test_forgetting_ends_beside_one_who_saves_before_each_of_its_saves() -> None:
    """What others write meanwhile is looked through, not written over again and again."""
    storage = WatchedStorage()
    async with voxon_on(storage, **OPEN) as voxon, voxon_on(storage.inner, **OPEN) as other:
        session = await voxon.create_session(session_id="s", config=QUIET)
        session.add_memory(f"Grew up in {SECRET}")
        await session.save()
        busy = await other.load_session("s")
        said = [f"Once in {SECRET}", *numbered(40)]

        async def interfere(operation: str, call: Callable[[], Any]) -> Any:
            if len(said) % 2:
                busy.add_memory(said[0])
                await busy.save()
            del said[0]
            return await call()

        storage.mishap = only(("save", "append"), interfere)
        receipt = await session.forget(SECRET)
        storage.mishap = None
        assert receipt.counts["entries"] == 2
        assert len(said) > 30
        assert SECRET not in str([one.content for one in session.get_memory().entries])
        await busy.reload(keep_pending=False)
        assert SECRET not in str([one.content for one in busy.get_memory().entries])


async def test_a_save_outlasts_a_busy_writer() -> None:
    """As long as a storage call may take, a save that others forestall is tried again."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon_on(storage.inner) as other:
        session = await voxon.create_session(session_id="s", config=QUIET)
        await session.save()
        busy, left = await other.load_session("s"), numbered(40)

        async def interfere(operation: str, call: Callable[[], Any]) -> Any:
            if left:
                busy.add_memory(left.pop())
                await busy.save()
            return await call()

        storage.mishap = only(("save", "append"), interfere)
        session.add_memory("mine")
        await session.save()
        assert not left and not session._core.pending
        assert len(session.get_memory().entries) == 41


async def test_who_never_gets_through_is_told_the_truth_and_loses_nothing() -> None:
    """The error says that what is pending is kept, and the next save brings it."""
    storage = WatchedStorage()
    async with voxon_on(storage, storage_timeout_seconds=1) as voxon, voxon_on(storage.inner) as other:
        session = await voxon.create_session(session_id="s", config=QUIET)
        session.add_memory(f"Grew up in {SECRET}")
        await session.save()
        busy = await other.load_session("s")

        async def interfere(operation: str, call: Callable[[], Any]) -> Any:
            busy.add_memory("theirs")
            await busy.save()
            return await call()

        storage.mishap = only(("save", "append"), interfere)
        session.add_memory("mine")
        with pytest.raises(ConflictError) as error:
            await session.save()
        storage.mishap = None
        told = str(error.value)
        assert "kept here" in told and "Save again" in told
        assert (
            "Nothing was written" not in told
            and "none found" not in told
            and "keep_pending=False" not in told
        )
        assert error.value.found_seq == error.value.expected_seq
        await session.save()
        await busy.reload(keep_pending=False)
        assert "mine" in [one.content for one in busy.get_memory().entries]


async def test_forgetting_that_cannot_end_says_what_is_done() -> None:
    """Somebody who goes on writing what is forgotten: what was found is erased, and that is told."""
    storage = WatchedStorage()
    async with (
        voxon_on(storage, storage_timeout_seconds=1, **OPEN) as voxon,
        voxon_on(storage.inner, **OPEN) as other,
    ):
        session = await voxon.create_session(session_id="s", config=QUIET)
        entry = session.add_memory(f"Grew up in {SECRET}")
        await session.save()
        busy, calls = await other.load_session("s"), list[str]()

        async def interfere(operation: str, call: Callable[[], Any]) -> Any:
            calls.append(operation)
            if len(calls) % 2:
                busy.add_memory(f"{SECRET} again")
                await busy.save()
            return await call()

        storage.mishap = only(("save", "append"), interfere)
        with pytest.raises(ConflictError, match=r"is erased and saved.*Call forget\(\) again"):
            await session.forget(SECRET)
        storage.mishap = None
        await busy.reload(keep_pending=False)
        assert entry.id not in [one.id for one in busy.get_memory().entries]
        assert await session.forget(SECRET)
        await busy.reload(keep_pending=False)
        assert not busy.get_memory().entries
