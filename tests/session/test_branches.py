"""Branches: what they see, what stays on them, how they are shown, merged and deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.session.stores import WatchedStorage, user_says, voxon_on
from voxsession import (
    ConfigurationError,
    ConflictError,
    Conversation,
    FileSessionStorage,
    Session,
    SessionConfig,
    SessionEndedError,
    Voxon,
)
from voxsession.session.filing import HEAD_CONVERSATIONS
from voxsession.session.summarizing import note_summary
from voxsession.storage.inmemory import MemorySessionStorage
from voxsession.testing import ScriptedModel

KEEP = SessionConfig(memory_mode="persistent", enable_analytics=False)


async def said(conversation: Conversation, *texts: str) -> list[str]:
    """Says these things; the ids of the messages."""
    return [message.id for message in await conversation.add_messages(user_says(*texts))]


async def contents(conversation: Conversation) -> list[str]:
    """All that a conversation sees."""
    return [message.content or "" for message in await conversation.history()]


def sent(context: Any) -> str:
    """All that would reach the model."""
    return "\n".join(str(message["content"]) for message in context.messages)


@pytest.fixture
async def session() -> Any:
    """A session with nothing in it."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("ann", config=KEEP) as opened:
        yield opened


# --- what a branch sees


async def test_a_branch_sees_its_ancestors_up_to_where_it_left(session: Session) -> None:
    """Neither side sees what the other says afterwards; a branch of a branch sees both stretches."""
    main = await session.start_conversation("main")
    await said(main, "one", "two")
    branch = await session.start_conversation("branch", parent_id="main")
    await said(main, "three")
    await said(branch, "deep")
    twig = await session.start_conversation("twig", parent_id="branch")
    await said(branch, "deeper")
    await said(twig, "leaf")

    assert await contents(main) == ["one", "two", "three"]
    assert await contents(branch) == ["one", "two", "deep", "deeper"]
    assert await contents(twig) == ["one", "two", "deep", "leaf"]


async def test_a_branch_may_leave_at_an_earlier_message(session: Session) -> None:
    """Also at a message of the parent's own parent."""
    main = await session.start_conversation("main")
    ids = await said(main, "one", "two", "three")
    branch = await session.start_conversation("b", parent_id="main", at_message=ids[1])
    assert await contents(branch) == ["one", "two"]
    await said(branch, "four")
    twig = await session.start_conversation("c", parent_id="b", at_message=ids[0])
    assert await contents(twig) == ["one"]


async def test_a_branch_may_leave_at_a_filed_message_and_copies_no_page() -> None:
    """The message is found in its page; branching writes one record and no page."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=KEEP)
        main = await session.start_conversation("main")
        ids = await said(main, *(f"number {count}" for count in range(400)))
        await session.close()
    async with voxon_on(storage) as voxon, await voxon.load_session("s") as session:
        assert session._core.data.message_offset > 10  # it was filed
        storage.calls.clear()
        storage.records.clear()
        branch = await session.start_conversation("b", parent_id="main", at_message=ids[10])
        await session.save()
        assert "save_page" not in storage.calls
        assert len(str(storage.records)) < 4_000
        assert await contents(branch) == [f"number {count}" for count in range(11)]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"conversation_id": "b", "at_message": "x"}, "Give parent_id as well"),
        ({"conversation_id": "b", "parent_id": "main", "at_message": "no such"}, "at_message"),
        ({"conversation_id": "b", "parent_id": "nobody"}, "no conversation 'nobody'"),
        ({"conversation_id": "b", "parent_id": "b"}, "no conversation 'b'"),
        ({"conversation_id": "other", "parent_id": "main"}, "hangs elsewhere"),
        ({"conversation_id": "b", "parent_id": ".main"}, "parent_id"),
        ({"conversation_id": "b", "parent_id": "main", "at_message": 3}, "at_message"),
    ],
)
async def test_a_wrong_place_is_refused(session: Session, arguments: dict[str, Any], named: str) -> None:
    """The message says what is wrong; nothing was started."""
    await said(await session.start_conversation("main"), "one")
    await session.start_conversation("other")
    with pytest.raises(ConfigurationError, match=named):
        await session.start_conversation(**arguments)
    assert "b" not in session.branches()


async def test_a_message_that_the_parent_does_not_see_is_no_place(session: Session) -> None:
    """One of a sibling, or one that the parent's parent said after the parent left."""
    main = await session.start_conversation("main")
    await said(main, "one")
    await session.start_conversation("b", parent_id="main")
    late = await said(main, "late")
    with pytest.raises(ConfigurationError, match="at_message"):
        await session.start_conversation("c", parent_id="b", at_message=late[0])


async def test_starting_a_branch_again_goes_on_with_it(session: Session) -> None:
    """The same parent and place are no mistake."""
    ids = await said(await session.start_conversation("main"), "one", "two")
    branch = await session.start_conversation("b", parent_id="main", at_message=ids[0])
    await said(branch, "deep")
    again = await session.start_conversation("b", parent_id="main", at_message=ids[0])
    assert await contents(again) == ["one", "deep"]
    with pytest.raises(ConfigurationError, match="hangs elsewhere"):
        await session.start_conversation("b", parent_id="main", at_message=ids[1])


# --- available but scoped


async def test_what_a_branch_said_stays_there_and_what_it_remembered_is_found(session: Session) -> None:
    """The parent's context names the branch that an entry came from; the branch's messages are not in it."""
    main = await session.start_conversation("main")
    await said(main, "Let us talk about physics.")
    branch = await session.start_conversation("physics_deep_dive", parent_id="main")
    await said(branch, "My cat is called Schroedinger.", "The muon puzzle of quarks is strange.")
    other = await session.start_conversation("other")
    await said(other, "In another talk the muon puzzle came up too.")

    context = await main.build_context("What is the muon puzzle, and what is my cat called?")
    text = sent(context)
    assert "from the branch physics_deep_dive" in text and "Schroedinger" in text
    assert "is strange" not in text and "came up too" in text
    own = sent(await branch.build_context("What is the muon puzzle?"))
    assert "is strange" in own and "from the branch" not in own

    found = session.search_memory("cat")
    assert "remembered on the branch physics_deep_dive" in found[0].reasons


async def test_branches_do_not_hide_what_may_be_seen(session: Session) -> None:
    """Many hits on a branch leave the first places to what the conversation may be shown."""
    other = await session.start_conversation("other")
    await said(other, "The zeppelin hangar is in Friedrichshafen, I think.")
    main = await session.start_conversation("main")
    branch = await session.start_conversation("b", parent_id="main")
    await said(branch, *(f"zeppelin hangar question {count}" for count in range(60)))
    assert "Friedrichshafen" in sent(await main.build_context("Where is the zeppelin hangar?"))


async def test_filed_branches_are_still_branches() -> None:
    """Where the entries of old conversations left the head, their messages still stay on their branch."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        session = await voxon.create_session(session_id="s", config=KEEP)
        main = await session.start_conversation("main")
        await said(main, "Hello")
        async with session.start_conversation("b", parent_id="main") as branch:
            await said(branch, "The muon puzzle is strange.")
        for count in range(3 * HEAD_CONVERSATIONS):
            async with session.start_conversation(f"c{count}") as talk:
                await said(talk, f"filler {count}", f"more {count}", f"again {count}")
        session.clear_memory(ids=[session.add_memory("x").id])  # a whole document, which files
        await session.close()
        # Nothing is left in the process that could know.
        session = await voxon.load_session("s")
        assert "b" not in session._core.data.conversations
        main = await session.resume_conversation("main")
        assert "is strange" not in sent(await main.build_context("What is the muon puzzle?"))
        tree = session.branches()
        assert len(await tree) == 2 + 3 * HEAD_CONVERSATIONS
        assert (await tree)["main"].branches[0].conversation_id == "b"


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8), st.booleans()), min_size=1, max_size=14))
async def test_sight_agrees_with_a_simple_model(steps: list[tuple[int, int, bool]]) -> None:
    """Any tree: a branch sees what its parent saw when it left, and its own."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("ann", config=KEEP) as session:
        talks = [await session.start_conversation("c0")]
        model: list[list[str]] = [[]]
        for number, (which, at, branches) in enumerate(steps):
            place = which % len(talks)
            if branches:
                seen = await talks[place].history()
                cut = at % (len(seen) + 1)
                at_message = seen[cut - 1].id if 0 < cut < len(seen) else None
                kept = model[place][:cut] if at_message else list(model[place])
                name = f"c{len(talks)}"
                talks.append(await session.start_conversation(name, talks[place].conversation_id, at_message))
                model.append(kept)
            else:
                await said(talks[place], f"m{number}")
                model[place].append(f"m{number}")
        assert [await contents(talk) for talk in talks] == model


# --- the tree


async def test_the_tree_prints_and_shows_itself(session: Session) -> None:
    """Readable in a terminal, escaped in a notebook."""
    ids = await said(await session.start_conversation("main"), "one", "two")
    await said(await session.start_conversation("physics", parent_id="main"), "deep")
    await session.start_conversation("quarks", parent_id="physics")
    await session.start_conversation("music", parent_id="main", at_message=ids[0])
    await session.start_conversation("alone")
    assert repr(session.branches()).splitlines() == [
        "main (2 messages, active)",
        "├─ physics (1 message, active)",
        "│  └─ quarks (0 messages, active)",
        "└─ music (0 messages, active)",
        "alone (0 messages, active)",
    ]
    assert [branch.conversation_id for branch in session.branches()] == [
        "main", "physics", "quarks", "music", "alone"
    ]  # fmt: skip
    assert session.branches().complete and "physics" in session.branches()
    page = session.branches()._repr_html_()
    assert "├─ physics" in page and "<script" not in page


async def test_a_very_long_line_of_branches_is_shown(session: Session) -> None:
    """Deeper than Python's stack."""
    parent = None
    for count in range(1_200):
        async with session.start_conversation(f"c{count}", parent_id=parent):
            parent = f"c{count}"
    assert len(await session.branches()) == 1_200
    assert len(repr(await session.branches()).splitlines()) == 1_200


async def test_two_branches_are_compared(session: Session) -> None:
    """What both see, and what each has for itself."""
    main = await session.start_conversation("main")
    await said(main, "one", "two")
    await said(await session.start_conversation("a", parent_id="main"), "My name is Ann.")
    await said(await session.start_conversation("b", parent_id="main"), "I live in Rome.", "It rains.")
    found = await session.compare_branches("a", "b")
    assert (found.shared_messages, found.own_messages) == (2, (1, 2))
    assert "Ann" in found.own_memories[0][0] and "Rome" in found.own_memories[1][0]
    assert "both see 2 messages" in repr(found) and "<td" in found._repr_html_()
    with pytest.raises(ConfigurationError, match="'nobody'"):
        await session.compare_branches("a", "nobody")


# --- merging


async def test_a_summary_is_brought_back() -> None:
    """It is in the parent's contexts from then on, also after a restart; merged again, it is brought up to date."""
    storage = MemorySessionStorage()
    model = ScriptedModel(["The person solved the muon puzzle.", "They published it as well."])
    async with voxon_on(storage, model=model) as voxon, voxon.session(session_id="s", config=KEEP) as session:
        main = await session.start_conversation("main")
        await said(main, "Hello")
        branch = await session.start_conversation("b", parent_id="main")
        assert await main.merge_summary(branch) is None  # nothing was said there yet
        await said(branch, "I solved it.")
        entry = await main.merge_summary("b")
        assert entry is not None and entry.content == "The person solved the muon puzzle."
        context = await main.build_context("And now?")
        assert "solved the muon puzzle" in sent(context) and "I solved it" not in sent(context)
        assert any("brought back from a branch" in item.reason for item in context.items)
        assert session.branches()["main"].merged_ids == ("b",)
        assert "merged" in repr(session.branches())
    async with voxon_on(storage, model=model) as voxon, await voxon.load_session("s") as session:
        main = await session.resume_conversation("main")
        assert "solved the muon puzzle" in sent(await main.build_context("And now?"))
        branch = await session.resume_conversation("b")
        await said(branch, "I published it.")
        await main.merge_summary(branch)
        text = sent(await main.build_context("And now?"))
        assert "published" in text and "solved the muon" not in text


async def test_an_app_may_write_the_summary_itself(session: Session) -> None:
    """Then no model is asked; without either it is refused by name."""
    main = await session.start_conversation("main")
    branch = await session.start_conversation("b", parent_id="main")
    twig = await session.start_conversation("c", parent_id="b")
    await said(twig, "Something.")
    with pytest.raises(ConfigurationError, match="needs somebody who writes"):
        await main.merge_summary(twig)
    entry = await main.merge_summary(twig, text="They agreed on Tuesday.")
    assert entry is not None
    assert "agreed on Tuesday" in sent(await main.build_context("Hi"))
    assert "c (1 message, active, merged)" in repr(session.branches())  # also as a branch of a branch
    for wrong in ("main", "nobody", ".x", 3):
        with pytest.raises(ConfigurationError):
            await main.merge_summary(wrong, text="x")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="no branch 'main'"):
        await branch.merge_summary(main, text="x")


# --- deleting


async def test_deleting_a_parent_never_breaks_a_child(tmp_path: Path) -> None:
    """The child sees what it saw; the rest leaves the disk; the last branch takes the rest along."""
    storage = FileSessionStorage(tmp_path)
    async with Voxon(_plain(storage)) as voxon:
        session = await voxon.create_session(session_id="s", config=KEEP)
        main = await session.start_conversation("main")
        ids = await said(main, "shared secret", "hidden secret")
        branch = await session.start_conversation("b", parent_id="main", at_message=ids[0])
        await said(branch, "of my own")
        with pytest.raises(ConfigurationError, match="is open here"):
            await session.delete_conversation("main")
        await main.end()
        receipt = await session.delete_conversation("main")
        assert receipt.counts == {"messages": 1, "kept_for_branches": 1, "entries": 0}
        assert await contents(branch) == ["shared secret", "of my own"]
        assert "hidden secret" not in _bytes(tmp_path) and "shared secret" in _bytes(tmp_path)
        assert "main (2 messages, deleted)" in repr(session.branches())
        await session.close()
    async with Voxon(_plain(storage)) as voxon, await voxon.load_session("s") as session:
        for call in (session.resume_conversation("main"), session.start_conversation("main")):
            with pytest.raises(ConfigurationError):
                await call
        with pytest.raises(ConfigurationError):
            await session.start_conversation("c", parent_id="main")
        with pytest.raises(ConfigurationError, match="no conversation 'main'"):
            await session.delete_conversation("main")
        branch = await session.resume_conversation("b")
        assert await contents(branch) == ["shared secret", "of my own"]
        assert "shared secret" in sent(await branch.build_context("What was said?"))
        await branch.end()
        receipt = await session.delete_conversation("b")
        assert receipt.counts["messages"] == 2  # what was kept for it goes as well
        assert len(session.branches()) == 0
    assert "secret" not in _bytes(tmp_path) and "of my own" not in _bytes(tmp_path)


async def test_what_was_learned_goes_where_that_was_asked(session: Session) -> None:
    """The summary always does, unless it was brought back."""
    main = await session.start_conversation("main")
    for name in ("a", "b"):
        async with session.start_conversation(name, parent_id="main") as branch:
            await said(branch, f"My name is Ann{name}.")
            await main.merge_summary(branch, text=f"About {name}.") if name == "b" else None
    await session.delete_conversation("a")
    assert any("Anna" in entry.content for entry in session.get_memory().entries) or session.search_memory(
        "Annb"
    )
    await session.delete_conversation("b", with_memories=True)
    left = [entry.content for entry in session.get_memory().entries]
    assert not any("Annb" in text for text in left) and "About b." in left


FILLING = [f"number {count} " + "word " * 40 for count in range(20)]


async def summarized(session: Session, talk: Conversation, text: str) -> None:
    """Gives a conversation a summary, as if a model had written it; contexts show it where not all fits."""
    await note_summary(session._core, session._host, talk.conversation_id, text)


async def test_a_branch_learns_nothing_later_from_its_parents_summary(session: Session) -> None:
    """A parent's summary counts where it ends before the branch left, and is no remembered entry elsewhere either."""
    session.config.context_tokens = 600
    main = await session.start_conversation("main")
    await said(main, *FILLING)
    await summarized(session, main, "SUM-EARLY walrus")
    branch = await session.start_conversation("b", parent_id="main")
    twig = await session.start_conversation("t", parent_id="b")
    for question in ("hi", "What about the walrus?"):
        for talk in (main, branch, twig):
            assert "SUM-EARLY" in sent(await talk.build_context(question))
    await said(main, "walrus xylophone", *FILLING)
    await summarized(session, main, "SUM-LATE walrus")
    for question in ("hi", "What about the walrus?"):
        assert "SUM-LATE" in sent(await main.build_context(question))
        for talk in (branch, twig):
            assert "SUM-LATE" not in sent(await talk.build_context(question))
    await said(branch, *FILLING)
    assert "SUM-LATE" not in sent(await branch.build_context("walrus?"))
    later = await session.start_conversation("later", parent_id="main")
    assert "SUM-LATE" in sent(await later.build_context("walrus?"))


async def test_a_summary_of_a_branch_stays_on_it_until_it_is_merged(session: Session) -> None:
    """Parents, siblings and others are not reminded of it; its own branches are, and so is who it is merged into."""
    session.config.context_tokens = 600
    main = await session.start_conversation("main")
    await said(main, "hello")
    early = await session.start_conversation("early", parent_id="main")
    branch = await session.start_conversation("b", parent_id="main")
    await said(branch, "walrus plan", *FILLING)
    await summarized(session, branch, "SUM-B walrus")
    twig = await session.start_conversation("t", parent_id="b")
    other = await session.start_conversation("other")
    await said(other, "something else")
    question = "What is the walrus plan?"

    async def reminded() -> list[str]:
        talks = (main, early, branch, twig, other)
        return [talk.conversation_id for talk in talks if "SUM-B" in sent(await talk.build_context(question))]

    assert await reminded() == ["b", "t"]
    await main.merge_summary("b", text="SUM-B walrus")
    assert await reminded() == ["main", "b", "t", "other"]


async def test_a_deleted_filed_conversation_leaves_its_pages() -> None:
    """Filed messages are redacted in their pages; neighbours stay."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=KEEP) as session:
        async with session.start_conversation("old") as old:
            await said(old, *(f"old {count}" for count in range(100)))
        async with session.start_conversation("new") as new:
            await said(new, *(f"new {count}" for count in range(300)))
        assert session._core.data.message_offset > 100
        receipt = await session.delete_conversation("old")
        assert receipt.counts["messages"] == 100
        again = await session.resume_conversation("new")
        assert len(await contents(again)) == 300
        assert not [match for match in await session.recall("old 7", limit=50) if "old" in match.content]


async def test_nobody_goes_on_in_a_conversation_that_was_deleted_elsewhere() -> None:
    """What another process says into it is not stored, and it is told why; then the handle says so at once."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as first, voxon_on(storage) as second:
        mine = await first.create_session(session_id="s", config=KEEP)
        async with mine.start_conversation("main") as main:
            await said(main, "hello")
        theirs = await second.load_session("s")
        open_there = await theirs.resume_conversation("main")
        await mine.delete_conversation("main")
        with pytest.raises(ConflictError, match=r"message\.added: its conversation was deleted"):
            await said(open_there, "still here")
        await theirs.reload(keep_pending=False)
        assert open_there.status == "deleted"
        with pytest.raises(SessionEndedError, match=r"was deleted\. Start one with another id"):
            await said(open_there, "and again")
        await open_there.end()
        await mine.reload()
        assert len(mine.branches()) == 0 and "still here" not in str(await mine.export_full())


async def test_a_branch_is_not_started_from_what_was_deleted_elsewhere() -> None:
    """It would see empty messages; a branch that was saved before keeps what it saw."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as first, voxon_on(storage) as second:
        mine = await first.create_session(session_id="s", config=KEEP)
        async with mine.start_conversation("main") as main:
            await said(main, "hello")
        theirs = await second.load_session("s")
        await theirs.start_conversation("saved", parent_id="main")
        await theirs.save()
        late = await theirs.start_conversation("late", parent_id="main")
        await mine.delete_conversation("main")
        with pytest.raises(ConflictError, match=r"conversation\.started: its conversation was deleted"):
            await said(late, "what did I say?")
        await theirs.reload(keep_pending=False)
        assert await contents(await theirs.resume_conversation("saved")) == ["hello"]
        assert "late" not in theirs.branches()


def _plain(storage: Any) -> Any:
    from voxsession import VoxonConfig

    return VoxonConfig(session_storage=storage, session_encryption_method="none")


def _bytes(folder: Path) -> str:
    import base64
    import re
    import zlib

    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            found.append(raw.decode("utf-8", "replace"))
            for text in re.findall(rb'"([A-Za-z0-9+/=_-]{24,})"', raw):
                for decode in (base64.b64decode, base64.urlsafe_b64decode):
                    try:
                        body = decode(text + b"=" * (-len(text) % 4))
                        found.append(body.decode("utf-8", "replace"))
                        found.append(zlib.decompress(body).decode("utf-8", "replace"))
                    except (ValueError, zlib.error):
                        continue
    return "\n".join(found)
