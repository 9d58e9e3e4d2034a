"""Two processes on one folder do whatever hypothesis thinks of; a model says what must hold afterwards."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Awaitable
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.session.stores import WatchedStorage, contents, lose_answer, only, refuse, voxon_on
from voxsession import (
    ConflictError,
    FileSessionStorage,
    Session,
    SessionConfig,
    StorageUnavailableError,
    Voxon,
)
from voxsession.codec.document import document_sections

BUDGET = 40
TALKS = ("a", "b", "c")
NAMES = ("Ada", "Grace", "Mary")
writers = st.integers(0, 1)


@attrs.define
class Item:
    """Something that was recorded; `unsure` once a write that held it went unanswered.

    A change of the state also has what it was `based_on`.
    """

    kind: str
    name: str
    value: Any = None
    based_on: Any = None
    unsure: bool = False


@attrs.define
class Writer:
    """One process: its facade, its handle, and what it has recorded and not saved."""

    storage: WatchedStorage
    voxon: Voxon
    session: Session
    pending: list[Item] = attrs.field(factory=list)


class TwoWriters(RuleBasedStateMachine):
    """The model: what is certainly stored, what certainly is not, what may be."""

    @initialize()
    def begin(self) -> None:
        """One session, opened by both."""
        self.runner = asyncio.Runner()
        self.writers: list[Writer] = []
        self.folder = tempfile.mkdtemp(prefix="voxsession-test-")
        self.count = 0
        self.stored: list[Item] = []
        self.absent: list[Item] = []
        self.unsure: list[Item] = []
        self.state: dict[str, set[Any]] = defaultdict(lambda: {None})
        config = SessionConfig(max_memory_size=BUDGET, memory_mode="persistent")

        async def create() -> None:
            async with voxon_on(FileSessionStorage(self.folder)) as voxon:
                await voxon.create_session(session_id="s", config=config)

        self.run(create())
        self.writers = [self.run(self.opened()) for _ in range(2)]

    def run(self, work: Awaitable[Any]) -> Any:
        """Runs to its end in the machine's event loop."""

        async def awaited() -> Any:
            return await work

        return self.runner.run(awaited())

    async def opened(self) -> Writer:
        """A process that has just opened the session."""
        storage = WatchedStorage(FileSessionStorage(self.folder))
        voxon = voxon_on(storage)
        return Writer(storage, voxon, await voxon.load_session("s"))

    def new(self, kind: str, value: Any = None) -> Item:
        """An item with a name of its own."""
        self.count += 1
        return Item(kind, f"{kind}{self.count}", value)

    # --- what happened to what was pending

    def succeeded(self, writer: Writer) -> None:
        """All that was pending is stored."""
        for item in writer.pending:
            self.stored.append(item)
            if item.kind == "state":
                key, value = item.value
                assert item.based_on in self.state[key] or item.unsure, "another's change was overwritten"
                self.state[key] = {value}
        writer.pending = []

    def dropped(self, writer: Writer) -> None:
        """What was pending is given up; what was in an unanswered write may be stored all the same."""
        for item in writer.pending:
            (self.unsure if item.unsure else self.absent).append(item)
            if item.unsure and item.kind == "state":
                self.state[item.value[0]].add(item.value[1])
        writer.pending = []

    def saving(self, writer: Writer, work: Awaitable[Any], items: list[Item] | None = None) -> None:
        """Runs something that saves, and notes in the model how it ended."""
        writer.pending += items or []
        try:
            self.run(work)
        except StorageUnavailableError:
            for item in writer.pending:
                item.unsure = True
        except ConflictError:
            self.run(writer.session.reload(keep_pending=False))
            self.dropped(writer)
        else:
            self.succeeded(writer)

    # --- what a process does

    @rule(
        who=writers,
        talk=st.sampled_from(TALKS),
        count=st.integers(1, 3),
        many=st.booleans(),
        ends=st.booleans(),
    )
    def say(self, who: int, talk: str, count: int, many: bool = False, ends: bool = False) -> None:
        """Records messages made elsewhere, sometimes enough to fill a page, and leaves the conversation or not."""
        writer = self.writers[who]
        items = [self.new("message", (who, talk)) for _ in range(count + 60 * many)]

        async def work() -> None:
            conversation = await writer.session.start_conversation(talk)
            await conversation.add_messages([{"role": "assistant", "content": i.name} for i in items])
            if ends:
                await conversation.end()

        self.saving(writer, work(), items)

    @rule(who=writers, talk=st.sampled_from(TALKS), arrives=st.booleans(), between=st.booleans())
    def say_unanswered(self, who: int, talk: str, arrives: bool, between: bool) -> None:
        """Says something without an answer of the storage, then more; the other may write in between."""
        self.lose_the_next_answer(who, arrives)
        self.say(who, talk, 2)
        if between:
            self.say(1 - who, talk, 1)
        self.say(who, talk, 1)

    @rule(who=writers, name=st.sampled_from(NAMES))
    def introduce(self, who: int, name: str) -> None:
        """The person says a name, which supersedes the one before."""
        writer, item = self.writers[who], self.new("message", (who, "names"))
        item.name = f"My name is {name}. And my number is {item.name}"

        async def work() -> None:
            conversation = await writer.session.start_conversation("names")
            await conversation.add_messages([{"role": "user", "content": item.name}])

        self.saving(writer, work(), [item])

    @rule(who=writers, count=st.sampled_from((1, 2, 66)))
    def talk_shortly(self, who: int, count: int) -> None:
        """Several conversations of one message each, and a whole write, so that older ones are filed."""
        writer = self.writers[who]
        self.erase(who)
        for _ in range(count if not writer.pending else 1):
            item = self.new("message")
            item.value = (who, f"short-{item.name}")

            async def work(item: Item = item) -> None:
                async with writer.session.conversation(item.value[1]) as conversation:
                    await conversation.add_messages([{"role": "assistant", "content": item.name}])

            self.saving(writer, work(), [item])

    @rule(who=writers)
    def measure(self, who: int) -> None:
        """Tracks a metric of its own; it waits for a save."""
        item = self.new("metric")
        self.writers[who].session.track_metric(item.name, 1)
        self.writers[who].pending.append(item)

    @rule(who=writers, importance=st.floats(0, 1), words=st.integers(1, 12))
    def remember(self, who: int, importance: float, words: int) -> None:
        """Adds a memory; the budget may push out others, or this one."""
        self.writers[who].session.add_memory("word " * words + str(self.count), importance=importance)

    @rule(who=writers)
    def erase(self, who: int) -> None:
        """Clears the oldest memory, so that the next save writes the whole document."""
        entries = self.writers[who].session.get_memory().entries
        self.writers[who].session.clear_memory(ids=[entry.id for entry in entries[:1]])

    @rule(who=writers, key=st.sampled_from("xy"))
    def put(self, who: int, key: str) -> None:
        """Sets a key of the app's state, which conflicts with another writer of it."""
        item = self.new("state")
        item.value, item.based_on = (key, item.name), self.writers[who].session.state.get(key)
        self.writers[who].session.update_state(**{key: item.name})
        self.writers[who].pending.append(item)

    @rule(who=writers)
    def save(self, who: int) -> None:
        """Saves what is pending."""
        self.saving(self.writers[who], self.writers[who].session.save())

    @rule(who=writers)
    def batch(self, who: int) -> None:
        """Several changes as one batch, saved at its end."""
        writer = self.writers[who]
        items = [self.new("metric") for _ in range(3)]

        async def work() -> None:
            async with writer.session.batch_update():
                for item in items:
                    writer.session.track_metric(item.name, 1)

        self.saving(writer, work(), items)

    @rule(who=writers)
    def discard(self, who: int) -> None:
        """A batch that fails leaves nothing."""
        item = self.new("metric")
        with pytest.raises(ZeroDivisionError), self.writers[who].session.batch_update():
            self.writers[who].session.track_metric(item.name, 1)
            self.writers[who].session.add_memory("never")
            raise ZeroDivisionError
        self.absent.append(item)

    @rule(who=writers, keep=st.booleans())
    def reload(self, who: int, keep: bool) -> None:
        """Takes in what the other wrote."""
        writer = self.writers[who]
        try:
            self.run(writer.session.reload(keep_pending=keep))
        except ConflictError:
            self.run(writer.session.reload(keep_pending=False))
            keep = False
        if not keep:
            self.dropped(writer)

    @rule(who=writers, arrives=st.booleans())
    def lose_the_next_answer(self, who: int, arrives: bool) -> None:
        """The next write of a process goes unanswered; whether it arrived only the storage knows."""
        mishap = lose_answer if arrives else refuse
        self.writers[who].storage.mishap = only(("save", "append"), mishap, times=1)

    @rule(who=writers)
    def reopen(self, who: int) -> None:
        """Closes, as a process that ends well, and opens again."""
        writer = self.writers[who]
        writer.storage.mishap = None
        self.saving(writer, writer.session.save())
        self.run(writer.session.close())
        self.run(writer.storage.inner.close())
        self.writers[who] = self.run(self.opened())

    @rule(who=writers)
    def die(self, who: int) -> None:
        """The process is gone with all that it had not saved; another one opens."""
        writer = self.writers[who]
        self.dropped(writer)
        self.run(writer.storage.inner.close())
        self.writers[who] = self.run(self.opened())

    # --- what must hold

    @invariant()
    def the_budget_holds(self) -> None:
        """No process ever remembers more than the budget allows, nor two names at once."""
        for writer in getattr(self, "writers", ()):
            self.check_memory(writer.session)

    def check_memory(self, session: Session) -> None:
        memory = session.get_memory()
        assert memory.token_count <= BUDGET
        assert session.memory_usage == memory.token_count / BUDGET
        names = [entry.content for entry in memory.entries if entry.category == "identity"]
        assert len(names) <= 1, names

    @rule(who=writers)
    def look(self, who: int) -> None:
        """After a save and a reload a new process finds exactly what this one has."""
        writer = self.writers[who]
        writer.storage.mishap = None
        self.saving(writer, writer.session.save())
        self.run(writer.session.reload())
        self.saving(writer, writer.session.save())
        self.run(self.compare(writer))

    async def compare(self, writer: Writer) -> None:
        async with voxon_on(FileSessionStorage(self.folder)) as voxon:
            session = await voxon.load_session("s")
            assert as_stored(session) == as_stored(writer.session)

    def teardown(self) -> None:
        """A new process finds all that was acknowledged, once and in order, and nothing that was given up."""
        if not hasattr(self, "runner"):
            return
        try:
            for writer in self.writers:
                self.dropped(writer)
            self.run(self.check_everything())
        finally:
            for writer in self.writers:
                self.run(writer.storage.inner.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    async def check_everything(self) -> None:
        async with voxon_on(FileSessionStorage(self.folder)) as voxon:
            session = await voxon.load_session("s")
            self.check_memory(session)
            self.check_metrics(session)
            for key, possible in self.state.items():
                assert session.state.get(key) in possible
            await self.check_messages(session)

    def check_metrics(self, session: Session) -> None:
        found = session.get_custom_metrics()
        assert all(metric["count"] == 1 for metric in found.values())
        self.check_names("metric", list(found))

    def check_names(self, kind: str, found: list[str]) -> None:
        stored, absent, unsure = (
            {item.name for item in items if item.kind == kind}
            for items in (self.stored, self.absent, self.unsure)
        )
        assert len(set(found)) == len(found), "something is there twice"
        assert stored <= set(found), "something acknowledged is lost"
        assert not absent & set(found), "something given up is there"
        assert set(found) <= stored | unsure

    async def check_messages(self, session: Session) -> None:
        everything = [*self.stored, *self.unsure]
        talks = {item.value[1] for item in everything if item.kind == "message"}
        names: list[str] = []
        for talk in sorted(talks):
            conversation = await session.start_conversation(talk)
            found = contents(await conversation.history())
            names += found
            entry = session._core.data.conversations[talk]
            assert entry.message_count == len(found), "an entry counts its messages once"
            for who in range(2):
                mine = [
                    item.name for item in everything if item.kind == "message" and item.value == (who, talk)
                ]
                theirs = [name for name in found if name in set(mine)]
                assert theirs == sorted(theirs, key=number_of), "the order of one writer"
        self.check_names("message", names)
        assert session.get_analytics()["message_count"] == len(names)


def number_of(name: str) -> int:
    """The number at the end of an item's name."""
    return int("".join(c for c in name.rsplit("message", 1)[-1] if c.isdigit()))


def as_stored(session: Session) -> dict[str, Any]:
    """All that a document of the session would hold."""
    return {name: json.loads(section) for name, section in document_sections(session._core.data).items()}


TestTwoWriters = pytest.mark.timeout(600)(pytest.mark.slow(TwoWriters.TestCase))
TwoWriters.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
