"""What of a session is worked out anew where its bundle is taken in, whoever made it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.patience import LONG_SECONDS
from tests.portability.sessions import elsewhere, long_session, rich_session
from tests.portability.test_refused import signed, small_bundle
from tests.session.stores import KEY, contents
from voxsession import (
    ConfigurationError,
    IntegrityError,
    MemorySessionStorage,
    SessionConfig,
    SessionNotFoundError,
    Voxon,
    VoxonConfig,
)
from voxsession.codec.bundle_rows import LISTS
from voxsession.core.message import Message
from voxsession.memory.tokens import EstimatedCounter
from voxsession.session.bundles import check as check_module
from voxsession.session.bundles import settling

PHRASE = "correct horse battery staple"


# --- sizes


def estimating() -> Voxon:
    """An installation that has no exact counter."""
    config = VoxonConfig(session_storage="memory", session_encryption_key=KEY)
    return Voxon(config, token_counter=EstimatedCounter())


async def forged_sizes(size: int) -> dict[str, Any]:
    """A bundle of long texts that say they have this size."""
    async with elsewhere() as here:
        config = SessionConfig(memory_mode="persistent", context_tokens=1000, max_memory_size=500)
        session = await here.create_session(session_id="s", user_id="u", config=config)
        async with session.start_conversation("c") as conv:
            await conv.add_messages([{"role": "user", "content": "tea"} for _ in range(4)])
        for number in range(3):
            session.add_memory(f"tea fact {number}")
        bundle: dict[str, Any] = dict(await session.export_full())  # type: ignore[arg-type]
    for row in (*bundle["messages"], *bundle["memories"]):
        row.update(content=row["content"] + " tea word" * 2000, token_count=size)
    return signed(bundle)


@pytest.mark.parametrize("is_exact", [True, False])
@pytest.mark.parametrize("size", [0, 10**12])
async def test_sizes_are_counted_and_not_believed(size: int, is_exact: bool) -> None:
    """A bundle that calls long texts short must not get them past the budgets, nor push all else out."""
    bundle = await forged_sizes(size)
    async with elsewhere() if is_exact else estimating() as there:
        session = await there.import_session(bundle)
        assert session.get_memory().entries == (), "no entry of 4,000 tokens fits into 500"
        conv = await session.resume_conversation("c")
        for message in conv.messages:
            assert 3000 < message.token_count < 6000
        context = await conv.build_context("tea?")
        count = session._core.counter.count
        really = sum(count(str(message["content"])) for message in context.messages)
        assert really <= 1000 and session.memory_usage <= 1
        await session.close()
        session = await there.load_session("s", lazy_load=True)
        assert session.memory_usage == 0
        await session.close()


async def test_an_estimate_that_is_near_is_kept() -> None:
    """Where only estimates are at hand an exact number is better, so what fits is left alone."""
    bundle = await small_bundle()
    row = bundle["messages"][0]
    row["token_count"] += 1
    async with estimating() as there:
        session = await there.import_session(signed(bundle))
        conv = await session.resume_conversation("c")
        assert conv.messages[0].token_count == row["token_count"] and not conv.messages[0].estimated


# --- slots


async def test_two_persons_that_become_one_have_one_name() -> None:
    """Mapping two onto one leaves one live value in each slot; what gave way is history."""
    async with elsewhere() as here, elsewhere() as there:
        session = await here.create_session(session_id="s", user_id="a")
        async with session.start_conversation("c") as conv:
            await conv.add_messages(
                [
                    {"role": "user", "name": "x", "content": "My name is Xara. I live in Rome."},
                    {"role": "user", "name": "y", "content": "My name is Yara. I live in Oslo."},
                ]
            )
        bundle = await session.export_full()
        moved = await there.import_session(bundle, user_id_mapping={"x": "y"})
        live = {entry.slot: entry.content for entry in moved.get_memory().entries}
        assert live == {"y.name": "y's name is Yara", "y.residence": "y lives in Oslo"}
        assert len(moved.get_memory().entries) == 2
        rows = (await moved.export_full())["memories"]
        assert {row["content"] for row in rows if row.get("superseded_by")} == {
            "x's name is Xara",
            "x lives in Rome",
        }


# --- all or nothing


async def test_what_does_not_open_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a check of rows have a gap, the session is still opened once before it is there."""
    monkeypatch.setattr(check_module, "check_message_fields", lambda _: None)
    bundle = await small_bundle()
    bundle["messages"][0]["repair"] = {"unanswered": 5}
    storage = MemorySessionStorage(max_sessions=None)
    async with elsewhere(storage) as there:
        with pytest.raises(IntegrityError, match="Nothing was written"):
            await there.import_session(signed(bundle))
        assert [info async for info in there.list_sessions()] == []
        with pytest.raises(SessionNotFoundError):
            await there.load_session("s")


async def test_a_document_that_does_not_open_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that were written for it go again."""
    storage = MemorySessionStorage(max_sessions=None)

    def breaks(*_: object) -> None:
        raise TypeError("secret words")

    async with elsewhere() as here, elsewhere(storage) as there:
        bundle = await (await long_session(here)).export_full()
        monkeypatch.setattr(settling, "head_repair", breaks)
        with pytest.raises(IntegrityError, match="TypeError") as caught:
            await there.import_session(bundle)
        assert "secret" not in str(caught.value)
        assert await storage.load("long") is None and not await storage.list_pages("long")


# --- another session under the same id


async def test_who_has_the_replaced_session_open_is_told() -> None:
    """Also where the bundle is of this very session: what they say does not go into the one that took its place."""
    storage = MemorySessionStorage(max_sessions=None)
    async with elsewhere(storage) as one, elsewhere(storage) as two:
        session = await one.create_session(session_id="s", user_id="a")
        async with session.start_conversation("c") as conv:
            await conv.add_messages([{"role": "user", "content": "hi"}])
        bundle = await session.export_full()
        session.add_memory("after the bundle")
        await session.close()
        other = await two.load_session("s")
        talk = await other.resume_conversation("c")
        await (await one.import_session(bundle, on_conflict="replace")).close()
        with pytest.raises(SessionNotFoundError):
            await talk.add_messages([{"role": "user", "content": "into the old one"}])
            await other.save()
        async with await one.load_session("s") as kept:
            conv = await kept.resume_conversation("c")
            assert contents(conv.messages) == ["hi"] and kept.get_memory().entries == ()
            assert kept._core.data.extra["imported_as"]
            assert "imported_as" not in (await kept.export_full())["session"]["extra"]


# --- bounds


async def test_a_dict_has_a_size_too() -> None:
    """`max_bytes` holds for what was decoded by others as well, sealed or not."""
    bundle, sealed = await small_bundle(), await small_bundle(passphrase=PHRASE)
    async with elsewhere() as there:
        for given, options in ((bundle, {}), (sealed, {"passphrase": PHRASE})):
            with pytest.raises(ConfigurationError, match="max_bytes"):
                await there.import_session(given, max_bytes=300, **options)
        await (await there.import_session(bundle, max_bytes=100_000)).close()


@pytest.mark.parametrize("pieces", [5, None, "text", {"a": 1}])
async def test_pieces_that_are_no_list_are_refused(pieces: Any) -> None:
    """With the error of a broken bundle."""
    sealed = await small_bundle(passphrase=PHRASE)
    async with elsewhere() as there:
        with pytest.raises(IntegrityError, match="piece"):
            await there.import_session(sealed | {"pieces": pieces}, passphrase=PHRASE)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no device files here")
async def test_a_device_is_no_bundle() -> None:
    """It has no size, and reading it need not end."""
    async with elsewhere() as there:
        with pytest.raises(ConfigurationError, match="device"):
            await asyncio.wait_for(there.import_session("/dev/zero", max_bytes=1024), LONG_SECONDS)


async def test_little_is_kept_of_each_conversation() -> None:
    """Checking takes memory for ids, not for what stands beside them."""
    async with elsewhere() as here:
        bundle = await (await rich_session(here)).export_full()
    check = check_module.BundleCheck("b")
    for kind, name in LISTS.items():
        for number, row in enumerate(bundle[name]):
            check.row(kind, row, number)
    check.row("session", bundle["session"], 99)
    check.finish()
    assert check.talks == {"main": None, "branch": "main", "gone": None}
    assert Message not in {type(value) for value in vars(check).values()}
