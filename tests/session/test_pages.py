"""What is finished is filed: law 3, seen from outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.patience import LONG_SECONDS, until
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
from voxsession import (
    Conversation,
    FileSessionStorage,
    IntegrityError,
    MemorySessionStorage,
    Session,
    SessionConfig,
    SessionNotFoundError,
    SessionStorage,
    StorageUnavailableError,
)
from voxsession.codec.message_columns import decode_columns
from voxsession.memory.context import Context, ContextParts
from voxsession.session import assembling, loader
from voxsession.testing import ScriptedModel

QUIET = SessionConfig(enable_learning=False)


def replies(first: int, count: int, length: int = 0) -> list[dict[str, Any]]:
    """Numbered messages that nothing is learned from."""
    return [{"role": "assistant", "content": f"m{n}".ljust(length, ".")} for n in range(first, first + count)]


def names(count: int, first: int = 0) -> list[str]:
    """The contents of `replies`."""
    return [f"m{n}" for n in range(first, first + count)]


async def write_whole(session: Session) -> None:
    """Makes the next save write the whole document, and saves."""
    session.clear_memory(ids=[session.add_memory("x").id])
    await session.save()


async def pages_of(storage: SessionStorage, session_id: str = "s") -> list[str]:
    """The names of the stored pages."""
    return [name for name, _ in await storage.list_pages(session_id)]


UNFILED = 170  # so many messages are kept in the head


async def filled(storage: Any, count: int, *, whole: bool = True, length: int = 0) -> None:
    """A stored session "s" with so many messages in its conversation "c"; not `whole`, the last ones in its tail."""
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        conv = await session.start_conversation("c")
        for start in range(0, count, UNFILED):
            await conv.add_messages(replies(start, min(UNFILED, count - start), length))
            if whole or start + UNFILED < count:
                await write_whole(session)


# --- messages


@pytest.mark.parametrize(("count", "pages"), [(50, 0), (177, 0), (178, 1), (305, 1), (306, 2), (1000, 7)])
async def test_runs_of_128_messages_are_filed_while_50_stay(count: int, pages: int) -> None:
    """At 178 messages a whole write files the oldest 128; the newest 50 or more stay in the head."""
    storage = MemorySessionStorage()
    await filled(storage, count)

    assert len(await pages_of(storage)) == pages
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s")
        conv = await session.resume_conversation("c")
        assert contents(conv.messages) == names(count - 128 * pages, 128 * pages)
        assert contents(await conv.history()) == names(count)


async def test_an_appended_batch_files_nothing() -> None:
    """Filing is part of a whole write only."""
    storage = MemorySessionStorage()
    await filled(storage, 250, whole=False)

    assert await pages_of(storage) == []
    assert await kept_texts(storage, "s") == names(250)


async def test_a_head_of_long_texts_is_filed_earlier() -> None:
    """More than 256 KiB of recent text is filed too, as far as 50 messages stay."""
    storage = MemorySessionStorage()
    await filled(storage, 90, length=4_000)

    assert len(await pages_of(storage)) == 1
    async with voxon_on(storage) as voxon:
        conv = await (await voxon.load_session("s")).resume_conversation("c")
        assert len(conv.messages) == 50
        assert len(await conv.history()) == 90


@given(sizes=st.lists(st.tuples(st.integers(1, 260), st.booleans()), min_size=1, max_size=8))
@settings(max_examples=25)
async def test_history_is_whole_however_it_was_written(sizes: list[tuple[int, bool]]) -> None:
    """Any mix of batches and whole writes keeps all messages in order, 50 or more of them at hand."""
    storage, total = MemorySessionStorage(), 0
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        for count, whole in sizes:
            await conv.add_messages(replies(total, count))
            total += count
            if whole:
                await write_whole(session)
            assert len(conv.messages) >= min(total, 50)
            assert contents(await conv.history()) == names(total)

    assert await kept_texts(storage, "s") == names(total)


async def test_history_stops_where_it_is_asked_to() -> None:
    """`limit` and `before` work across pages, by message id and by moment, in order."""
    storage = MemorySessionStorage()
    await filled(storage, 700)
    async with voxon_on(storage) as voxon:
        conv = await (await voxon.load_session("s")).resume_conversation("c")
        whole = await conv.history()
        for place in (0, 1, 127, 128, 129, 400, 639, 640, 699):
            assert contents(await conv.history(before=whole[place].id)) == names(place)
            assert contents(await conv.history(limit=20, before=whole[place].id)) == names(place)[-20:]
        for limit in (0, 1, 49, 60, 200, 699, 700, 5000):
            assert contents(await conv.history(limit=limit)) == names(700)[700 - min(limit, 700) :]
        moment = whole[300].at
        assert contents(await conv.history(before=moment)) == [
            message.content for message in whole if message.at < moment
        ]


async def test_history_reads_only_the_pages_it_needs() -> None:
    """The latest messages cost no page, older ones the pages that hold them."""
    storage = WatchedStorage()
    await filled(storage, 1000)
    async with voxon_on(storage) as voxon:
        conv = await (await voxon.load_session("s")).resume_conversation("c")
        storage.taken()
        await conv.history(limit=50)
        assert storage.taken() == []
        await conv.history(limit=200)
        assert storage.taken() == ["load_page"]
        await conv.history()
        assert storage.taken() == ["load_page"] * 7


async def test_conversations_in_the_same_pages_are_kept_apart() -> None:
    """Pages hold the session's messages as they came; each conversation sees its own."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        a, b = await session.start_conversation("a"), await session.start_conversation("b")
        for n in range(200):
            await (a if n % 3 else b).add_messages(replies(n, 1))
        await write_whole(session)

    assert len(await pages_of(storage)) == 1
    assert await kept_texts(storage, "s", "a") == [f"m{n}" for n in range(200) if n % 3]
    assert await kept_texts(storage, "s", "b") == [f"m{n}" for n in range(200) if not n % 3]


async def test_the_model_is_reminded_of_filed_messages() -> None:
    """A question about something that lies in a page finds it in the context."""
    storage, model = MemorySessionStorage(), ScriptedModel(["I do"])
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        conv = await session.start_conversation("old")
        await conv.add_messages([{"role": "assistant", "content": "The xylophone lesson is on Thursday."}])
        await conv.add_messages(replies(0, 300))
        await write_whole(session)
    assert len(await pages_of(storage)) == 1

    async with voxon_on(storage, model=model) as voxon, voxon.session(session_id="s") as session:
        async with session.conversation("new") as conv:
            await conv.send_message("When was the xylophone lesson?")

    assert "xylophone lesson is on Thursday" in str(model.requests[0].messages)


# --- the order of writes


async def test_a_page_is_written_before_the_document_that_names_it() -> None:
    """The calls of a filing save: its pages, then the document."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        conv = await session.start_conversation("c")
        storage.taken()

        await conv.add_messages(replies(0, 500))

        assert storage.taken() == ["save_page"] * 3 + ["save"]


async def test_a_death_between_page_and_document_loses_nothing() -> None:
    """Pages that no document names are harmless, and the next whole save files anew."""
    storage = WatchedStorage()
    await filled(storage, 250, whole=False)
    storage.mishap = only("save", refuse)
    dying = voxon_on(storage)  # it is never closed: its process ends here
    session = await dying.load_session("s")
    with pytest.raises(StorageUnavailableError):
        await write_whole(session)
    storage.mishap = None
    orphans = await pages_of(storage)
    assert len(orphans) == 1

    assert await kept_texts(storage, "s") == names(250)
    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        await write_whole(session)
    assert len(await pages_of(storage)) == 2
    assert await kept_texts(storage, "s") == names(250)
    await storage.inner.delete_pages("s", orphans)
    assert await kept_texts(storage, "s") == names(250)


async def test_a_save_that_meets_a_deleted_session_leaves_no_pages() -> None:
    """Pages written for a document that comes too late are removed: no listing would ever lead to them."""
    storage = MemorySessionStorage()
    await filled(storage, 250, whole=False)
    async with voxon_on(storage) as late, voxon_on(storage) as other:
        session = await late.load_session("s")
        await other.delete_session("s")
        with pytest.raises(SessionNotFoundError):
            await write_whole(session)

    assert await pages_of(storage) == []


async def test_a_page_that_cannot_be_written_stops_the_save() -> None:
    """No document ever names a page that is not there; the session goes on once pages can be written."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        await conv.add_messages(replies(0, UNFILED))
        storage.mishap = only("save_page", refuse, times=1)
        storage.taken()
        with pytest.raises(StorageUnavailableError):
            await conv.add_messages(replies(UNFILED, 500 - UNFILED))
        assert storage.taken() == ["save_page"]

        await conv.add_messages(replies(500, 1))
        assert storage.taken() == ["save_page"] * 3 + ["save"]
        assert contents(await conv.history()) == names(501)

    assert await kept_texts(storage, "s") == names(501)


async def test_messages_that_arrive_while_pages_are_written_are_kept() -> None:
    """What is said during a filing save is in the history, once, at its place."""
    storage, late = WatchedStorage(), iter([400, 401])
    async with (
        voxon_on(storage, autosave=False) as voxon,
        voxon.session(session_id="s", config=QUIET) as session,
    ):
        conv = await session.start_conversation("c")
        await conv.add_messages(replies(0, 400))

        async def add_one_more(operation: str, call: Any) -> Any:
            if operation == "save_page":
                await conv.add_messages(replies(next(late), 1))
            return await call()

        storage.mishap = add_one_more
        await write_whole(session)
        assert contents(await conv.history()) == names(402)

    assert storage.calls.count("save_page") == 2
    assert await kept_texts(storage, "s") == names(402)


# --- what a page must be


async def test_a_page_that_was_altered_exchanged_or_lost_is_refused(tmp_path: Path) -> None:
    """History raises IntegrityError for each, and the recent messages stay readable."""
    await filled(FileSessionStorage(tmp_path), 400)
    pages = sorted((tmp_path / "s.pages").iterdir())
    assert len(pages) == 2
    first, second = (page.read_bytes() for page in pages)
    altered = json.loads(first)
    altered["sealed"] = altered["sealed"][:-8] + "AAAAAAA="

    for damage in (json.dumps(altered).encode() + b"\n", first[: len(first) // 2], second, None):
        if damage is None:
            pages[0].unlink()
        else:
            pages[0].write_bytes(damage)
        async with voxon_on(FileSessionStorage(tmp_path)) as voxon:
            conv = await (await voxon.load_session("s")).resume_conversation("c")
            assert len(conv.messages) >= 50
            with pytest.raises(IntegrityError):
                await conv.history()
    pages[0].write_bytes(first)
    assert await kept_texts(FileSessionStorage(tmp_path), "s") == names(400)


async def test_a_page_of_another_session_is_refused(tmp_path: Path) -> None:
    """A page belongs to its session: another one's, put in its place, does not open."""
    storage = FileSessionStorage(tmp_path)
    await filled(storage, 200)
    async with voxon_on(storage) as voxon, voxon.session(session_id="t", config=QUIET) as session:
        async with session.conversation("c") as conv:
            await conv.add_messages(replies(0, 200))
        await write_whole(session)
    (mine,), (theirs,) = (list((tmp_path / f"{name}.pages").iterdir()) for name in ("s", "t"))
    record = json.loads(theirs.read_bytes())
    record["session_id"], record["page_id"] = "s", json.loads(mine.read_bytes())["page_id"]
    mine.write_text(json.dumps(record) + "\n")

    async with voxon_on(FileSessionStorage(tmp_path)) as voxon:
        conv = await (await voxon.load_session("s")).resume_conversation("c")
        with pytest.raises(IntegrityError):
            await conv.history()


async def test_pages_hold_nothing_in_clear(tmp_path: Path) -> None:
    """A page's text is sealed like everything else."""
    storage = FileSessionStorage(tmp_path)
    async with (
        voxon_on(storage) as voxon,
        voxon.session("ada.lovelace", session_id="s", config=QUIET) as session,
    ):
        conv = await session.start_conversation("c")
        await conv.add_messages([{"role": "assistant", "content": f"xylophone {n}"} for n in range(200)])
        await write_whole(session)

    (page,) = (tmp_path / "s.pages").iterdir()
    assert b"xylophone" not in page.read_bytes() and b"lovelace" not in page.read_bytes()


# --- opening


async def test_opening_ten_thousand_messages_reads_one_record_and_no_page() -> None:
    """What is filed costs an opening nothing."""
    storage = WatchedStorage()
    await filled(storage, 10_000)
    async with voxon_on(storage) as voxon:
        await voxon.health_check()
        storage.taken()

        session = await voxon.load_session("s")
        conv = await session.resume_conversation("c")

        assert storage.taken() == ["load"]
        assert session.get_analytics()["message_count"] == 10_000
        assert 50 <= len(conv.messages) < 178
        assert contents(await conv.history()) == names(10_000)


async def test_the_head_does_not_grow_with_the_session() -> None:
    """The document after 10,000 messages is about as large as after 1,000."""
    small, large = WatchedStorage(), WatchedStorage()
    await filled(small, 1_000)
    await filled(large, 10_000)

    wholes = [[r for r in one.records if isinstance(r.get("sealed"), dict)][-1] for one in (small, large)]
    sizes = [sum(map(len, record["sealed"].values())) for record in wholes]
    assert sizes[1] < 3 * sizes[0]


async def test_thousands_of_page_references_are_filed_too() -> None:
    """Page references beyond the latest 64 move to index pages, and history finds them all."""
    storage = MemorySessionStorage()
    await filled(storage, 128 * 135)
    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        conv = await session.resume_conversation("c")
        await conv.add_messages(replies(128 * 135, 10))
        await write_whole(session)

    assert await kept_texts(storage, "s") == names(128 * 135 + 10)
    async with voxon_on(storage) as voxon:
        found = await (await voxon.load_session("s")).recall("m77", sources=("messages",), limit=1)
    assert contents(match.message for match in found) == ["m77"]


# --- conversations


async def talk_often(storage: Any, count: int) -> None:
    """A stored session "s" with so many ended conversations of one message each."""
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        for number in range(count):
            async with session.conversation(f"c{number}") as conv:
                await conv.add_messages(replies(number, 1))
        await write_whole(session)


async def test_older_conversations_are_filed_and_can_be_resumed_by_id() -> None:
    """Beyond 64 conversations the entries move to an index page; each one goes on where it stopped."""
    storage = WatchedStorage()
    await talk_often(storage, 100)

    kinds = [record["page_kind"] for record in await all_pages(storage)]
    assert "index" in kinds
    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        assert session.get_analytics()["conversation_count"] == 100
        for number in (0, 1, 50, 99):
            conv = await session.resume_conversation(f"c{number}")
            assert contents(await conv.history()) == [f"m{number}"]
            await conv.add_messages(user_says("and on"))
            assert conv.get_analytics()["turn_count"] == 1
        await write_whole(session)
        assert session.get_analytics()["conversation_count"] == 100

    for number in (0, 1, 50, 99):
        assert await kept_texts(storage, "s", f"c{number}") == [f"m{number}", "and on"]


async def all_pages(storage: WatchedStorage) -> list[dict[str, Any]]:
    """The stored pages of session "s"."""
    return [await storage.inner.load_page("s", name) or {} for name in await pages_of(storage.inner)]


async def test_starting_a_conversation_that_was_filed_continues_it() -> None:
    """An id that exists is not started twice, also where its entry lies in a page."""
    storage = MemorySessionStorage()
    await talk_often(storage, 80)
    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        async with session.start_conversation("c3") as conv:
            assert contents(await conv.history()) == ["m3"]
        assert session.get_analytics()["conversation_count"] == 80


async def test_an_open_conversation_is_not_filed() -> None:
    """However many came after it, the one that goes on keeps its entry in the head."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        first = await session.start_conversation("first")
        await first.add_messages(replies(0, 1))
        for number in range(100):
            async with session.conversation() as conv:
                await conv.add_messages(replies(number, 1))
        await write_whole(session)
        storage_calls = WatchedStorage(storage)

        await first.add_messages(replies(1, 1))
        assert first.get_analytics()["turn_count"] == 0 and first.status == "active"
        assert contents(await first.history()) == ["m0", "m1"]

    async with voxon_on(storage_calls) as voxon:
        session = await voxon.load_session("s")
        storage_calls.taken()
        await session.resume_conversation("first")
        assert "load_page" not in storage_calls.taken()


async def branched(storage: Any) -> Conversation:
    """Session "s": a grandparent, a parent and a child, then 100 other conversations."""
    voxon = voxon_on(storage)
    session = await voxon.create_session(session_id="s", config=QUIET)
    for name, parent in (("old", None), ("mid", "old"), ("new", "mid")):
        async with session.start_conversation(name, parent) as conv:
            await conv.add_messages([{"role": "assistant", "content": f"said in {name}"}])
    for number in range(100):
        async with session.conversation() as conv:
            await conv.add_messages(replies(number, 2))
    await write_whole(session)
    await session.close()
    return conv


async def test_a_branch_that_was_filed_still_sees_its_ancestors() -> None:
    """Resuming a filed branch brings back all that it hangs on; so does branching from a filed one."""
    storage = MemorySessionStorage()
    await branched(storage)
    line = ["said in old", "said in mid", "said in new"]
    assert await kept_texts(storage, "s", "new") == line

    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        async with session.start_conversation("newest", "new") as conv:
            assert contents(await conv.history()) == line
        await write_whole(session)
        async with session.resume_conversation("newest") as conv:
            assert contents(await conv.history()) == line
    assert await kept_texts(storage, "s", "newest") == line


async def test_ancestors_stay_with_a_branch_that_goes_on() -> None:
    """Filing never parts a conversation in the head from those it branched from."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        async with session.start_conversation("old") as conv:
            await conv.add_messages([{"role": "assistant", "content": "said in old"}])
        child = await session.start_conversation("new", "old")
        for number in range(100):
            async with session.conversation() as conv:
                await conv.add_messages(replies(number, 2))
        await write_whole(session)
        await child.add_messages([{"role": "assistant", "content": "said in new"}])

        assert contents(await child.history()) == ["said in old", "said in new"]


# --- memories


async def test_superseded_memories_are_filed() -> None:
    """History of facts moves to archive pages; what counts now stays."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        async with session.conversation() as conv:
            await conv.add_messages(user_says("My name is Ada.", "My name is Grace.", "My name is Mary."))
        await write_whole(session)
        live = contents(session.get_memory().entries)

    assert [record["page_kind"] for record in await all_pages(storage)] == ["archive"]
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s")
        assert contents(session.get_memory().entries) == live
        assert any("Mary" in text for text in live) and not any("Ada" in text for text in live)


# --- storages without pages


async def test_without_pages_everything_stays_in_the_document() -> None:
    """A storage that cannot page gets all messages and conversations inline, and they are all found."""
    plain, watched = TwoMethodStorage(), WatchedStorage(can_page=False)
    for storage in (plain, watched):
        await filled(storage, 400)
        await talk_often(storage, 80)
        assert await kept_texts(storage, "s") == names(400)
        assert await kept_texts(storage, "s", "c0") == ["m0"]
    assert "save_page" not in watched.calls


# --- contexts


async def test_a_context_that_takes_filed_messages_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second on: that the loaded ones do not fill it is known. One that they fill takes no page."""
    built: list[Context] = []
    build = assembling.build_context

    def note(parts: ContextParts, counter: Any) -> Context:
        built.append(build(parts, counter))
        return built[-1]

    monkeypatch.setattr(assembling, "build_context", note)
    storage = WatchedStorage()
    model = ScriptedModel(["Fine."] * 9)
    async with voxon_on(storage, model=model) as voxon, voxon.session("ann", config=QUIET) as session:
        conv = await session.conversation()
        for start in range(0, 300, 2):
            await conv.add_messages([*user_says(f"m{start}"), *replies(start + 1, 1)])

        async def turn() -> tuple[int, bool]:
            """How many contexts were built, whether the last one goes back to the beginning."""
            built.clear()
            storage.calls.clear()
            await conv.send_message("and now?")
            return len(built), "m0" in contents_of(built[-1])

        def contents_of(context: Context) -> list[Any]:
            return [message["content"] for message in context.messages]

        assert await turn() == (2, True)
        assert await turn() == (1, True)
        session.config.context_tokens = 200
        assert await turn() == (1, False) and "load_page" not in storage.calls
        session.config.context_tokens = 8000
        assert await turn() == (2, True)


class _PagesTogether(WatchedStorage):
    """Gives pages together, as files do; the second run of them waits for a word."""

    def __init__(self) -> None:
        super().__init__(MemorySessionStorage())
        self.asked = self.running = 0
        self.second_is_asked, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def load_pages(self, session_id: str, page_ids: Sequence[str]) -> list[Any]:
        self.asked += 1
        self.running += 1
        try:
            if self.asked == 2:
                self.second_is_asked.set()
                await asyncio.wait_for(self.may_go_on.wait(), LONG_SECONDS)
            found: list[Any] = await self.inner.load_pages(session_id, page_ids)
            return found
        finally:
            self.running -= 1


async def test_the_next_pages_are_on_their_way_while_some_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is opened while the next is asked for; all of it comes in order."""
    storage, opened = _PagesTogether(), list[str]()

    def noted(body: bytes, record: str) -> Any:
        opened.append(record)
        return decode_columns(body, record)

    monkeypatch.setattr(loader, "decode_columns", noted)
    await filled(storage, 2500)
    async with voxon_on(storage) as voxon, voxon.load_session("s") as session:
        reading = asyncio.ensure_future((await session.conversation("c")).history())
        await asyncio.wait_for(storage.second_is_asked.wait(), LONG_SECONDS)
        await until(lambda: len(opened) == 16)
        assert not reading.done()
        storage.may_go_on.set()
        assert contents(await reading) == names(2500)
        assert storage.asked == 2 and len(opened) == len(session._core.data.pages)


async def test_a_reader_who_goes_away_leaves_no_call_behind() -> None:
    """Cancelled while the next pages are on their way, they are not waited for by anybody."""
    storage = _PagesTogether()
    await filled(storage, 2500)
    async with voxon_on(storage) as voxon, voxon.load_session("s") as session:
        conv = await session.conversation("c")
        reading = asyncio.ensure_future(conv.history())
        await asyncio.wait_for(storage.second_is_asked.wait(), LONG_SECONDS)
        assert storage.running == 1
        reading.cancel()
        await asyncio.wait((reading,))
        await until(lambda: not storage.running)
        assert reading.cancelled() and contents(await conv.history()) == names(2500)


class _PagesCounted(WatchedStorage):
    """Notes how many pages are asked for together."""

    def __init__(self) -> None:
        super().__init__(MemorySessionStorage())
        self.together: list[int] = []

    async def load_pages(self, session_id: str, page_ids: Sequence[str]) -> list[Any]:
        self.together.append(len(page_ids))
        found: list[Any] = await self.inner.load_pages(session_id, page_ids)
        return found


@pytest.mark.parametrize(("quick_seconds", "together"), [(60.0, [3, 9, 4]), (0.0, [3, 3, 3, 3, 3, 1])])
async def test_a_storage_that_is_quick_is_asked_for_more_pages(
    monkeypatch: pytest.MonkeyPatch, quick_seconds: float, together: list[int]
) -> None:
    """Where reading takes time, it is done while pages are opened; the history is the same."""
    monkeypatch.setattr(loader, "_PAGES_AT_ONCE", 3)
    monkeypatch.setattr(loader, "_PAGES_IF_QUICK", 9)
    monkeypatch.setattr(loader, "_QUICK_SECONDS", quick_seconds)
    storage = _PagesCounted()
    await filled(storage, 2200)
    async with voxon_on(storage) as voxon, voxon.load_session("s") as session:
        assert contents(await (await session.conversation("c")).history()) == names(2200)
        assert storage.together == together and sum(together) == len(session._core.data.pages)


async def test_no_more_calls_run_at_once_than_a_pool_may_have_connections() -> None:
    """A storage that reads pages one by one is not asked for all of them at the same time."""
    running, most = 0, 0

    class OneByOne(MemorySessionStorage):
        async def load_page(self, session_id: str, page_id: str) -> Any:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return {"page_id": page_id}

    found = await OneByOne().load_pages("s", [f"p{number}" for number in range(50)])
    assert [page and page["page_id"] for page in found] == [f"p{number}" for number in range(50)]
    assert most == 16


@pytest.mark.parametrize("storage_of", [FileSessionStorage, lambda path: MemorySessionStorage()])
async def test_one_page_that_is_lost_is_named_among_many(tmp_path: Path, storage_of: Any) -> None:
    """Whether pages are read together or one by one, the error tells which."""
    storage = storage_of(tmp_path)
    await filled(storage, 1000)
    lost = (await pages_of(storage))[3]
    await storage.delete_pages("s", [lost])
    async with voxon_on(storage) as voxon, voxon.load_session("s") as session:
        with pytest.raises(IntegrityError, match=lost):
            await (await session.conversation("c")).history()
