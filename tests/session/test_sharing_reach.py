"""What a share reaches: categories, secrets and what they came from, frozen content; by law and by example."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.sharers import ALL, KEEP, at_once, owned, refused, shared_with, texts
from tests.session.stores import user_says, voxon_on
from voxsession import (
    ConfigurationError,
    MemoryEntry,
    MemorySessionStorage,
    PermissionDeniedError,
    SessionConfig,
)
from voxsession.core.changes import MemoryAdded, MemoryEvicted
from voxsession.core.struct import evolve
from voxsession.session.shares import admission
from voxsession.testing import FakeClock, ScriptedModel

pytestmark = pytest.mark.usefixtures(at_once.__name__)


async def everything(shared: Any, model: ScriptedModel | None = None) -> str:
    """All that a guest can get at, in one text."""
    found = [
        *texts(await shared.get_memory()),
        *texts(await shared.search_memory("secret pin code hobby aspirin", limit=50)),
        *texts(await shared.history(limit=1000)),
        repr(await shared.export()),
    ]
    if model is not None:
        conversation = await shared.conversation()
        await conversation.send_message("Tell me about the secret pin code, hobby and aspirin")
        found += [repr(request.messages) + repr(request.config) for request in model.requests]
        found += texts(await conversation.history())
    return "\n".join(found)


def learned_from(message_id: str, content: str, **fields: Any) -> MemoryEntry:
    """An entry that an extractor made of a message."""
    from datetime import UTC, datetime

    return MemoryEntry(
        id=f"mem_of_{message_id}",
        content=content,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        message_id=message_id,
        conversation_id="c",
        token_count=5,
        **fields,
    )


# --- categories


async def test_a_category_limit_holds_for_every_call() -> None:
    """Other categories are in no answer; of messages, which have no category, there are none."""
    model = ScriptedModel(["Fine."])
    async with owned(model=model) as (voxon, session):
        session.add_memory("Takes aspirin", category="medical")
        session.add_memory("Has a hobby: chess", category="hobbies")
        session.add_memory("Is called Ann", category="identity", pinned=True)
        await (await session.start_conversation()).add_messages(user_says("I told you of my hobby chess"))
        session.update_state(context={"patient": "P77"})
        shared, _ = await shared_with(voxon, session, permissions=ALL, categories=["medical"])
        seen = await everything(shared, model)
        assert "aspirin" in seen and not any(word in seen for word in ("chess", "Ann", "P77", "told you"))


# --- secrets


async def test_sensitive_entries_need_to_be_named() -> None:
    """Without a word about them none is reached; True reaches all, ids reach these only."""
    model = ScriptedModel(["Fine."] * 3)
    async with owned(model=model) as (voxon, session):
        first = session.add_memory("The secret is a garden", sensitive=True)
        session.add_memory("The pin is 4711", sensitive=True)
        session.add_memory("Takes aspirin")
        expected = {False: (), True: ("garden", "4711"), (first.id,): ("garden",)}
        for named, words in expected.items():
            given = list(named) if isinstance(named, tuple) else named
            shared, _ = await shared_with(voxon, session, permissions=ALL, include_sensitive=given)
            model.requests.clear()
            seen = await everything(shared, model)
            assert {word for word in ("garden", "4711") if word in seen} == set(words)
            assert "omitted': 0" in seen, "how much is left out is not told either"


async def test_messages_that_secrets_came_from_are_withheld_with_the_replies() -> None:
    """Also once the entry is gone from sight: superseded, expired, evicted, filed away."""
    clock, model = FakeClock(), ScriptedModel(["Fine."])
    async with owned(clock=clock, model=model) as (voxon, session):
        conversation = await session.start_conversation("c")
        said = await conversation.add_messages(
            [
                {"role": "user", "content": "Keep it to yourself: I was ill"},
                {"role": "assistant", "content": "I am sorry that you were not well"},
                {"role": "user", "content": "Thanks. Takes aspirin"},
                {"role": "assistant", "content": "Good"},
            ]
        )
        entry = learned_from(said[0].id, "Was ill", expires_at=clock.now() + timedelta(hours=1))
        session._core.record(MemoryAdded(at=clock.now(), entry=entry))
        shared, _ = await shared_with(voxon, session, permissions=ALL)
        assert len(await shared.history()) == 4
        session.update_memory(entry.id, sensitive=True)
        assert texts(await shared.history()) == ["Thanks. Takes aspirin", "Good"]
        clock.advance(hours=2)
        session.clear_memory(ids=[session.add_memory("x").id])
        await session.save()
        assert not session._core.data.memories
        seen = await everything(shared, model)
        assert "ill" not in seen.replace("will", "") and "not well" not in seen
        named, _ = await shared_with(voxon, session, include_sensitive=True)
        assert len(await named.history()) >= 4


async def test_what_is_sensitive_no_longer_is_shown_again() -> None:
    """The owner may take a mark back; while another secret came from the message, it stays withheld."""
    async with owned() as (voxon, session):
        conversation = await session.start_conversation("c")
        (said,) = await conversation.add_messages(user_says("I moved to Bern"))
        for number in (1, 2):
            entry = learned_from(said.id, f"Fact {number}", sensitive=True)
            session._core.record(MemoryAdded(at=said.at, entry=_named(entry, f"e{number}")))
        shared, _ = await shared_with(voxon, session)
        assert await shared.history() == []
        session.update_memory("e1", sensitive=False)
        assert await shared.history() == []
        session.update_memory("e2", sensitive=False)
        assert texts(await shared.history()) == ["I moved to Bern"]


def _named(entry: MemoryEntry, entry_id: str) -> MemoryEntry:

    return evolve(entry, id=entry_id)


async def test_messages_that_repeat_a_secret_are_withheld() -> None:
    """Word for word in another case, or only its number: neither reaches a guest."""
    async with owned() as (voxon, session):
        session.add_memory("Lost 250.000 at Roulette.", sensitive=True)
        conversation = await session.start_conversation()
        await conversation.add_messages(
            user_says("I LOST 250.000 at roulette", "all 250.000 of it", "a nice day")
        )
        shared, _ = await shared_with(voxon, session)
        assert texts(await shared.history()) == ["a nice day"]


async def test_summaries_of_what_secrets_came_from_are_withheld() -> None:
    """A summary holds what was said; one of a conversation with a secret is a secret."""

    async def model(request: Any) -> str:
        return "They spoke of an illness."

    async with owned(model=model) as (voxon, session):
        conversation = await session.start_conversation("c")
        (said,) = await conversation.add_messages(user_says("I was ill"))
        other = await session.start_conversation("d")
        await other.add_messages(user_says("Fine weather"))
        await conversation.summarize()
        await other.summarize()
        shared, _ = await shared_with(voxon, session)
        assert len((await shared.get_memory()).entries) == 2
        session._core.record(MemoryAdded(at=said.at, entry=learned_from(said.id, "Was ill", sensitive=True)))
        assert [entry.category for entry in (await shared.get_memory()).entries] == ["summary"]


async def test_deleted_conversations_tool_results_and_other_guests_are_not_shown() -> None:
    """Neither what the owner deleted nor what tools or other guests said is the owner's history."""
    async with owned() as (voxon, session):
        main = await session.start_conversation("main")
        await main.add_messages(
            [
                {"role": "user", "content": "look it up"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "t", "function": {"name": "f"}}],
                },
                {"role": "tool", "content": "row 17 of the file", "tool_call_id": "t"},
                {"role": "assistant", "content": "done"},
            ]
        )
        async with session.conversation("gone") as gone:
            await gone.add_messages(user_says("deleted later"))
            branch = await session.start_conversation("branch", parent_id="gone")
            await branch.add_messages(user_says("on the branch"))
        await session.delete_conversation("gone")
        nurse, _ = await shared_with(voxon, session, "nurse", permissions=["converse"])
        await (await nurse.conversation()).send_message("I am the nurse")
        doctor, _ = await shared_with(voxon, session, "doctor", permissions=ALL)
        assert texts(await doctor.history()) == ["look it up", "done", "on the branch"]


async def test_what_lives_with_the_process_is_not_shared() -> None:
    """Entries that the memory mode keeps out of storage are no guest's either."""
    async with owned(config=SessionConfig(memory_mode="ephemeral")) as (voxon, session):
        session.add_memory("Fleeting")
        shared, _ = await shared_with(voxon, session, permissions=["read", "export"])
        assert (await shared.get_memory()).entries == () and (await shared.export())["entries"] == []


async def test_search_tells_nothing_of_what_it_may_not_find() -> None:
    """Scores and reasons are those of a memory that holds nothing but what the share reaches."""
    async with owned() as (voxon, session), owned() as (_, bare):
        for one in (session, bare):
            one.add_memory("Takes aspirin for the heart", category="medical")
        for number in range(30):
            session.add_memory(f"aspirin aspirin heart {number}", sensitive=True)
            session.add_memory(f"heart of glass {number}", category="music")
        shared, _ = await shared_with(voxon, session, permissions=["search"], categories=["medical"])
        found, wanted = await shared.search_memory("aspirin heart"), bare.search_memory("aspirin heart")
        assert [(one.score, one.reasons) for one in found] == [(one.score, one.reasons) for one in wanted]


# --- frozen


async def test_a_frozen_share_shows_its_day() -> None:
    """What comes later, changes later or is evicted later makes no difference; a live share follows."""
    async with owned() as (voxon, session):
        entry = session.add_memory("Lives in Oslo")
        conversation = await session.start_conversation()
        await conversation.add_messages(user_says("first"))
        frozen, _ = await shared_with(voxon, session, permissions=ALL, snapshot=True)
        live, _ = await shared_with(voxon, session, permissions=ALL)
        session.update_memory(entry.id, content="Lives in Bergen")
        session.add_memory("Has a dog")
        await conversation.add_messages(user_says("second"))
        assert frozen.is_snapshot and texts(await frozen.get_memory()) == ["Lives in Oslo"]
        assert texts(await frozen.history()) == ["first"]
        assert texts(await frozen.search_memory("dog lives")) == ["Lives in Oslo"]
        assert "Bergen" not in repr(await frozen.export()) and "second" not in repr(await frozen.export())
        assert texts(await live.get_memory()) == ["Lives in Bergen", "Has a dog"]
        assert texts(await live.history()) == ["first", "second"]


async def test_what_is_erased_leaves_frozen_shares_too() -> None:
    """Forgetting, clearing, redacting and revoking take the frozen copies along, bytes and all."""
    storage = MemorySessionStorage(max_sessions=None)
    async with owned(storage, session_encryption_method="none", session_encryption_key=None) as (
        voxon,
        session,
    ):
        city = session.add_memory("Lives in Oslo")
        pet = session.add_memory("Has a dog")
        session.add_memory("Likes tea")
        await (await session.start_conversation()).add_messages(user_says("I live in Oslo", "I like rain"))
        frozen, view = await shared_with(voxon, session, snapshot=True)
        session.update_memory(city.id, content="Lives in Bergen")
        receipt = await session.forget("Oslo")
        assert receipt.counts["frozen"] == 2
        session.clear_memory(ids=[pet.id])
        await session.save()
        assert texts(await frozen.get_memory()) == ["Likes tea"]
        assert texts(await frozen.history()) == ["I like rain"]
        stored = repr(await storage.load("s"))
        assert "Likes tea" in stored and not any(word in stored for word in ("Oslo", "Has a dog"))
        tea = next(entry for entry in session.get_memory().entries if entry.content == "Likes tea")
        session.update_memory(tea.id, content="Likes coffee")
        assert texts(await frozen.get_memory()) == ["Likes tea"]
        await session.revoke_share(view.grant_id)
        assert "Likes tea" not in repr(await storage.load("s"))


async def test_a_deleted_conversation_leaves_frozen_shares_too() -> None:
    """What it said is in no frozen copy any more."""
    async with owned() as (voxon, session):
        async with session.conversation("gone") as gone:
            await gone.add_messages(user_says("said there"))
        frozen, _ = await shared_with(voxon, session, snapshot=True)
        assert texts(await frozen.history()) == ["said there"]
        await session.delete_conversation("gone")
        assert await frozen.history() == []


async def test_what_becomes_sensitive_leaves_frozen_shares() -> None:
    """A secret is one from the moment it is marked, whatever was frozen before."""
    async with owned() as (voxon, session):
        entry = session.add_memory("Was ill")
        frozen, _ = await shared_with(voxon, session, snapshot=True)
        named, _ = await shared_with(voxon, session, snapshot=True, include_sensitive=[entry.id])
        session.update_memory(entry.id, sensitive=True)
        assert texts(await frozen.get_memory()) == [] and texts(await named.get_memory()) == ["Was ill"]
        session._core.record(MemoryEvicted(at=session.created_at, entry_ids=[entry.id]))
        await session.save()
        assert texts(await frozen.get_memory()) == [], "it is a secret still when the entry has gone"
        assert texts(await named.get_memory()) == ["Was ill"]


async def test_frozen_content_is_bounded() -> None:
    """One that is too large is refused with the figures; old messages give way before that."""
    async with owned(config=KEEP.replace(max_memory_size=1_000_000)) as (voxon, session):
        conversation = await session.start_conversation()
        await conversation.add_messages(user_says(*(f"{number} {'long ' * 4000}" for number in range(30))))
        frozen, _ = await shared_with(voxon, session, snapshot=True)
        kept = texts(await frozen.history())
        assert 1 <= len(kept) < 30 and kept[-1].startswith("29 ")
        for number in range(60):
            session.add_memory(f"{number} {'word ' * 1000}", category="large")
        with pytest.raises(ConfigurationError, match=r"262,144.*categories"):
            session.create_shared_view("doctor", snapshot=True)
        session.create_shared_view("doctor", snapshot=True, categories=["general"])


async def test_all_frozen_content_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended shares give their content back first."""
    from voxsession.session.shares import granting

    monkeypatch.setattr(granting, "MAX_FROZEN_BYTES", 1_500)
    clock = FakeClock()
    async with owned(clock=clock) as (_, session):
        session.add_memory("word " * 150)
        session.create_shared_view("doctor", snapshot=True, expire_after_hours=1)
        with pytest.raises(ConfigurationError, match="revoke other frozen shares"):
            session.create_shared_view("doctor", snapshot=True)
        clock.advance(hours=1)
        session.create_shared_view("doctor", snapshot=True)
        assert sum("snapshot" in stored for stored in session._core.data.shares.values()) == 1


# --- the law

CATEGORIES = ("medical", "hobbies", "general")
steps = st.one_of(
    st.tuples(st.just("remember"), st.sampled_from(CATEGORIES), st.booleans()),
    st.tuples(st.just("mark"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("move"), st.integers(0, 9), st.sampled_from(CATEGORIES)),
    st.tuples(st.just("erase"), st.integers(0, 9), st.none()),
    st.tuples(
        st.just("grant"),
        st.tuples(
            st.lists(st.sampled_from(ALL), min_size=1, max_size=5, unique=True),
            st.none() | st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=2, unique=True),
            st.booleans(),
        ),
        st.tuples(st.integers(1, 3), st.none() | st.integers(1, 3)),
    ),
    st.tuples(st.just("revoke"), st.integers(0, 5), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 2), st.none()),
    st.tuples(st.just("present"), st.integers(0, 5), st.sampled_from(["guest", "eve"])),
    st.tuples(st.just("read"), st.integers(0, 5), st.sampled_from(["get_memory", "search_memory", "export"])),
)


class Model:
    """The rule of sharing in its plainest form: who may see which entry now."""

    def __init__(self) -> None:
        self.hour = 0
        self.entries: dict[str, dict[str, Any]] = {}
        self.grants: list[dict[str, Any]] = []

    def may_present(self, grant: dict[str, Any], who: str) -> bool:
        left = grant["most"] is None or grant["uses"] < grant["most"]
        return who == "guest" and left and self.holds(grant)

    def holds(self, grant: dict[str, Any]) -> bool:
        return not grant["revoked"] and self.hour < grant["until"]

    def visible(self, grant: dict[str, Any]) -> set[str]:
        return {
            entry["text"]
            for entry in self.entries.values()
            if (grant["categories"] is None or entry["category"] in grant["categories"])
            and (grant["sensitive"] or not entry["sensitive"])
        }


NEEDS = {"get_memory": {"read"}, "search_memory": {"read", "search"}, "export": {"export"}}


@settings(max_examples=60)
@given(st.lists(steps, min_size=10, max_size=40))
def test_a_guest_sees_what_the_rule_allows_and_nothing_else(plan: list[Any]) -> None:
    """Whatever is granted, revoked, marked, erased and used in whatever order, in two processes."""
    asyncio.run(_play(plan))


async def _play(plan: list[Any]) -> None:
    admission.REFUSAL_SECONDS = 0
    clock, rule, storage = FakeClock(), Model(), MemorySessionStorage(max_sessions=None)
    async with owned(storage, clock=clock) as (voxon, session), voxon_on(storage, clock=clock) as elsewhere:
        tokens: list[Any] = []
        held: list[list[Any]] = []
        for number, (what, one, two) in enumerate(plan):
            ids = list(rule.entries)
            if what == "remember":
                entry = session.add_memory(f"common fact {number}", category=one, sensitive=two)
                rule.entries[entry.id] = {"text": entry.content, "category": one, "sensitive": two}
            elif what in ("mark", "move", "erase") and one < len(ids):
                if what == "erase":
                    session.clear_memory(ids=[ids[one]])
                    del rule.entries[ids[one]]
                else:
                    field = "sensitive" if what == "mark" else "category"
                    session.update_memory(ids[one], **{field: two})
                    rule.entries[ids[one]][field] = two
            elif what == "grant":
                (permissions, categories, sensitive), (hours, most) = one, two
                view = session.create_shared_view(
                    "guest",
                    permissions,
                    hours,
                    categories=categories,
                    include_sensitive=sensitive,
                    max_uses=most,
                )
                tokens.append(view)
                held.append([])
                rule.grants.append(
                    {
                        "permissions": set(permissions),
                        "categories": categories,
                        "sensitive": sensitive,
                        "until": rule.hour + hours,
                        "most": most,
                        "uses": 0,
                        "revoked": False,
                    }
                )
            elif what == "wait":
                clock.advance(hours=one)
                rule.hour += one
            elif what in ("revoke", "present", "read") and one < len(tokens):
                await session.save()
                await _use(
                    what, two, tokens[one], held[one], rule, rule.grants[one], (session, voxon, elsewhere)
                )


async def _use(
    what: str,
    two: Any,
    view: Any,
    held: list[Any],
    rule: Model,
    grant: dict[str, Any],
    where: tuple[Any, ...],
) -> None:
    session, voxon, elsewhere = where
    if what == "revoke":
        await session.revoke_share(view.grant_id)
        grant["revoked"] = True
    elif what == "present":
        door = (voxon, elsewhere)[len(held) % 2]
        if rule.may_present(grant, two):
            held.append(await door.access_shared_session(view.token, two))
            grant["uses"] += 1
        else:
            await refused(door.access_shared_session(view.token, two))
    for shared in held if what == "read" else ():
        try:
            found = await (
                shared.search_memory("common fact", 99) if "search" in two else getattr(shared, two)()
            )
        except PermissionDeniedError:
            assert not (rule.holds(grant) and grant["permissions"] & NEEDS[two])
            continue
        assert rule.holds(grant) and grant["permissions"] & NEEDS[two]
        rows = [row["content"] for row in found["entries"]] if two == "export" else texts(found)
        assert set(rows) == rule.visible(grant)
