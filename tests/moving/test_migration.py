"""Moving everything from one storage to another."""

from __future__ import annotations

import asyncio
import copy
import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.moving.stored import CutStorage, PowerCut, everything, filled, history, live, said
from tests.patience import LONG_SECONDS
from tests.session.stores import KEY, Mishap, TwoMethodStorage, WatchedStorage, hang, only, refuse, voxon_on
from tests.storages import KINDS, made
from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    MemorySessionStorage,
    SessionStorage,
    StorageUnavailableError,
    migrate,
)
from voxsession.core.envelope import record_key, storage_key
from voxsession.testing.records import a_batch, a_document, a_page

TROUBLE = ("conflict", "unreadable", "moving", "gone", "expired")


def memory() -> MemorySessionStorage:
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


def went_well(receipt: Any) -> bool:
    return not receipt.details and not any(receipt.counts[name] for name in TROUBLE)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_move_there_and_back_changes_no_byte(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What comes back from any storage is what went there, and opens with all it had; a repetition copies nothing."""
    source, back = FileSessionStorage(tmp_path / "source"), FileSessionStorage(tmp_path / "back")
    await filled(source)
    async with made(kind, request, tmp_path) as middle:
        first = await migrate(source, middle)
        assert went_well(first) and first.counts["copied"] == 5 and first.counts["pages"] == 2
        assert await everything(middle) == await everything(source)
        again = await migrate(source, middle)
        assert went_well(again) and again.counts["same"] == 5 and again.counts["copied"] == 0
        assert await history(middle, "long") == [one["content"] for one in [*said(320), *said(2)]]
        await migrate(middle, back, delete_source=True)
        assert list(await everything(middle)) == [storage_key("keyring", "", "main")]

    assert await everything(back) == await everything(source)
    await source.close()
    await back.close()


@pytest.mark.server
async def test_a_chain_over_servers_ends_where_it_began(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """file -> PostgreSQL -> Redis -> file."""
    first, last = FileSessionStorage(tmp_path / "first"), FileSessionStorage(tmp_path / "last")
    await filled(first)
    async with made("postgres", request, tmp_path) as second, made("redis", request, tmp_path) as third:
        for source, target in itertools.pairwise([first, second, third, last]):
            assert went_well(await migrate(source, target))
    assert await everything(last) == await everything(first)
    await first.close()
    await last.close()


# --- what is there already


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("kind", ["memory", "file", "sqlite"])
async def test_a_target_that_is_behind_is_brought_up_to_date(
    kind: str, whole: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Also where the source has a new document since, which names no version that the target has."""
    source = memory()
    await filled(source)
    async with made(kind, request, tmp_path) as target:
        await migrate(source, target)
        await live(source, "short", 4, whole=whole)
        await live(source, "long", 200, whole=whole)
        await live(source, "long", 1, whole=whole)
        receipt = await migrate(source, target)

        assert went_well(receipt) and receipt.counts["updated"] == 2
        assert await everything(target) == await everything(source)


async def test_a_target_that_went_on_is_left_alone() -> None:
    """A later version, another branch of the same history, another session: each is listed, none is touched."""
    source, target = memory(), memory()
    for name in ("ahead", "rewritten", "branched", "fine"):
        await live(source, name, 2)
    await migrate(source, target)
    await live(target, "ahead", 1)
    await live(target, "rewritten", 1, whole=True)
    await live(target, "branched", 1)
    await live(source, "branched", 2, whole=True)
    await live(source, "fine", 1)
    await live(source, "other", 1)
    await live(target, "other", 1)
    before = await everything(target)
    receipt = await migrate(source, target, delete_source=True)
    after = await everything(target)

    assert {row["session_id"]: row["outcome"] for row in receipt.details} == dict.fromkeys(
        ("ahead", "rewritten", "branched", "other"), "conflict"
    )
    assert receipt.counts["conflict"] == 4 and receipt.counts["updated"] == 1
    assert receipt.counts["deleted"] == 0
    assert {key: after[key] for key in before if key != "fine"} == {
        key: before[key] for key in before if key != "fine"
    }


async def test_a_move_back_finds_what_it_left() -> None:
    """What was moved away, and went on there, comes back over the state that stayed behind."""
    here, there = memory(), memory()
    await filled(here)
    await migrate(here, there)
    await live(there, "short", 4, whole=True)
    receipt = await migrate(there, here)
    assert went_well(receipt) and receipt.counts["updated"] == 1
    assert await everything(here) == await everything(there)


async def test_other_kinds_move_too_and_other_tenants_do_not() -> None:
    """Leases, markers, persons; each tenant by a call of its own."""
    source, target = memory(), memory()
    await live(source, "s", 1)
    await live(source, "s", 1, tenant="acme")
    for kind in ("lease", "marker", "person"):
        await source.save(a_document("device_1", kind=kind, seq=1, body="held"))
        await source.save(a_document("device_1", kind=kind, seq=2, body="freed"))
    assert went_well(await migrate(source, target))
    assert await everything(target) == await everything(source)
    assert await everything(target, "acme") == {}

    assert went_well(await migrate(source, target, tenant="acme"))
    assert await everything(target, "acme") == await everything(source, "acme") != {}


# --- broken off


async def writes_of(source: SessionStorage) -> int:
    """How many writes a whole move takes."""
    watched = WatchedStorage(memory())
    await migrate(source, watched)
    return sum(name in ("save", "append", "save_page", "delete_pages") for name in watched.calls)


@pytest.mark.parametrize("after", [False, True])
async def test_a_run_broken_off_at_any_write_is_taken_up_again(after: bool) -> None:
    """Before or after each write; the next run ends with nothing missing and nothing doubled."""
    source = memory()
    await filled(source)
    wanted, count = await everything(source), await writes_of(source)
    assert count > 12
    for cut in range(count):
        target = memory()
        with pytest.raises(PowerCut):
            await migrate(source, CutStorage(target, cut, after=after))
        assert went_well(await migrate(source, target)), f"cut at write {cut}"
        assert await everything(target) == wanted


async def test_a_run_broken_off_goes_on_though_the_source_was_rewritten() -> None:
    """What half arrived is known to be the source's, even where no version of it is named there any more."""
    for cut in range(20):
        source, target = memory(), memory()
        await live(source, "s", 2, whole=True)
        await live(source, "s", 2)
        try:
            await migrate(source, CutStorage(target, cut))
        except PowerCut:
            await live(source, "s", 2, whole=True)
        assert went_well(await migrate(source, target)), f"cut at write {cut}"
        assert await everything(target) == await everything(source)


async def test_a_record_is_never_seen_before_its_pages() -> None:
    """Whatever is in the target at any moment, a session that opens has all its messages."""
    source, inner = memory(), memory()
    await filled(source)
    seen = [0]

    async def look(name: str, call: Any) -> Any:
        result = await call()
        if name in ("save", "append", "save_page"):
            record = await inner.load("long")
            if record is not None and "sealed" in record:
                copied = copy.deepcopy(await everything(inner))
                assert sum(key.startswith("long/") for key in copied) == 2
                seen[0] += 1
        return result

    target = WatchedStorage(inner)
    target.mishap = look
    assert went_well(await migrate(source, target))
    assert seen[0] >= 2


@pytest.mark.parametrize("others", [[], [a_page("s", "p2")]])
async def test_a_version_whose_pages_went_meanwhile_is_not_written(others: list[Any]) -> None:
    """Between the look at a session and the look at its pages it was written anew, with other pages or none."""
    source, target = memory(), memory()
    await live(source, "real", 1)
    await source.save_page("s", a_page("s", "p1"))
    await source.save(a_document("s", 5, base_seq=0, body="names p1"))
    watched, watched_target = WatchedStorage(source), WatchedStorage(target)

    async def redact(name: str, call: Any) -> Any:
        if name == "list_pages" and await source.load_page("s", "p1"):
            for page in others:
                await source.save_page("s", page)
            await source.save(a_document("s", 6, body="names others"))
            await source.delete_pages("s", ["p1"])
        return await call()

    watched.mishap = redact
    assert went_well(await migrate(watched, watched_target))
    assert await everything(target) == await everything(source)
    assert "names p1" not in str(watched_target.records)


# --- live sources


async def test_sessions_that_are_written_meanwhile_arrive_in_their_newest_version() -> None:
    """A writer goes on during the copy; what it wrote after its last copy the next run brings."""
    source, target = memory(), memory()
    for number in range(12):
        await live(source, f"s{number}", 2)
    watched, busy = WatchedStorage(source), [True]

    async def slow(name: str, call: Any) -> Any:
        await asyncio.sleep(0)
        return await call()

    watched.mishap = slow

    async def write() -> None:
        async with voxon_on(source) as voxon:
            for number in itertools.cycle(range(12)):
                if not busy[0]:
                    return
                async with voxon.load_session(f"s{number}") as session:
                    conv = await session.resume_conversation("c")
                    await conv.add_messages(said(1))
                await asyncio.sleep(0.001)

    writer = asyncio.create_task(write())
    first = await migrate(watched, target)
    busy[0] = False
    await writer
    assert first.counts["conflict"] == first.counts["unreadable"] == 0
    assert all(row["outcome"] == "moving" for row in first.details)
    for number in range(12):
        assert await history(target, f"s{number}")  # each opens, as of one of its versions
    assert went_well(await migrate(source, target))
    assert await everything(target) == await everything(source)


async def test_what_is_erased_in_the_source_meanwhile_is_told() -> None:
    """It is not erased in the target by itself: two runs that remove what they moved could meet."""
    source, target = memory(), memory()
    await live(source, "gone", 1)
    await live(source, "stays", 1)
    watched, erased = WatchedStorage(source), [False]

    async def erase(name: str, call: Any) -> Any:
        if await target.load("gone") is not None and not erased[0]:
            erased[0] = await source.delete("gone")
        return await call()

    watched.mishap = erase
    receipt = await migrate(watched, target)
    assert [(row["session_id"], row["outcome"]) for row in receipt.details] == [("gone", "gone")]


# --- deleting the source


async def test_what_has_gone_or_expired_keeps_nothing_else_in_the_source() -> None:
    """They are told, and do not hold back the others; what has expired stays where it is."""
    source, target = memory(), memory()
    for name in ("gone", "stays"):
        await live(source, name, 1)
    await source.save(a_document("old", base_seq=0, expires_at="2020-01-01T00:00:00.000000Z"))
    watched, watched_target = WatchedStorage(source), WatchedStorage(target)

    async def erase(name: str, call: Any) -> Any:
        if name == "list_sessions" and await target.load("gone") is not None:
            await source.delete("gone")
        return await call()

    async def drop_expired(name: str, call: Any) -> Any:
        result = await call()
        return None if name == "load" and result is not None and result["session_id"] == "old" else result

    watched.mishap, watched_target.mishap = erase, drop_expired
    receipt = await migrate(watched, watched_target, delete_source=True)
    assert {row["session_id"]: row["outcome"] for row in receipt.details} == {
        "gone": "gone",
        "old": "expired",
    }
    assert receipt.counts["deleted"] == 1 and await source.load("stays") is None
    assert await source.load("old") is not None


@pytest.mark.parametrize("kind", ["memory", "file", "sqlite"])
async def test_two_runs_at_once_lose_nothing(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Even where both remove what has arrived."""
    source = memory()
    await filled(source)
    wanted = await everything(source)
    watched = [WatchedStorage(source), WatchedStorage(source)]
    chance = random.Random(7)

    async def slow(name: str, call: Any) -> Any:
        await asyncio.sleep(chance.random() / 200)
        return await call()

    for one in watched:
        one.mishap = slow
    async with made(kind, request, tmp_path) as target:
        receipts = await asyncio.gather(*(migrate(one, target, delete_source=True) for one in watched))
        assert await everything(target) == wanted
        assert all(row["outcome"] in ("gone", "moving") for one in receipts for row in one.details)
        assert went_well(await migrate(source, target, delete_source=True))
        assert await everything(target) == wanted


async def test_the_source_is_emptied_only_when_all_has_arrived(tmp_path: Path) -> None:
    """One record that cannot be read keeps everything where it is."""
    source, target = FileSessionStorage(tmp_path / "source"), memory()
    await filled(source)
    path = tmp_path / "source" / "whole.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"session_id":"whole"', b'"session_id":"other"', 1))
    before = {file: file.read_bytes() for file in (tmp_path / "source").rglob("*.json")}
    receipt = await migrate(source, target, delete_source=True)
    assert [(row["session_id"], row["outcome"]) for row in receipt.details] == [("whole", "unreadable")]
    assert receipt.counts["deleted"] == 0
    assert {file: file.read_bytes() for file in (tmp_path / "source").rglob("*.json")} == before

    path.write_bytes(whole)
    wanted = await everything(source)
    receipt = await migrate(source, target, delete_source=True)
    assert went_well(receipt) and receipt.counts["deleted"] == 5
    assert list(await everything(source)) == [storage_key("keyring", "", "main")]
    assert await everything(target) == wanted
    await source.close()


async def test_a_session_written_at_the_last_moment_stays_in_the_source() -> None:
    """It is removed only as the version that was copied."""
    source, target = memory(), memory()
    await live(source, "s", 1)
    watched = WatchedStorage(source)

    async def write(name: str, call: Any) -> Any:
        if name == "delete":
            await live(source, "s", 1)
        return await call()

    watched.mishap = write
    receipt = await migrate(watched, target, delete_source=True)
    assert receipt.counts["deleted"] == 0 and receipt.counts["moving"] == 1
    assert await history(source, "s") == ["m0", "m0"]
    receipt = await migrate(source, target, delete_source=True)
    assert went_well(receipt) and receipt.counts["updated"] == receipt.counts["deleted"] == 1
    assert await history(target, "s") == ["m0", "m0"]


async def test_a_page_that_differs_in_the_target_is_told_before_anything_is_removed() -> None:
    """With `delete_source` the pages that are there already are compared, too."""
    source, target = memory(), memory()
    await filled(source)
    await migrate(source, target)
    name, _ = (await target.list_pages("long"))[0]
    page = await target.load_page("long", name)
    assert page is not None
    await target.save_page("long", {**page, "sealed": "AAAA"})
    receipt = await migrate(source, target, delete_source=True)
    assert receipt.counts["deleted"] == 0
    assert [row["session_id"] for row in receipt.details] == ["long"]


# --- trouble


@pytest.mark.parametrize("damage", ["header", "middle", "page", "gap"])
async def test_what_cannot_be_read_is_listed(damage: str, tmp_path: Path) -> None:
    """A header that no listing shows, a line in the middle, a page, a missing batch; all else is moved."""
    source, target = FileSessionStorage(tmp_path / "source"), memory()
    await filled(source)
    path = tmp_path / "source" / ("short.json" if damage == "gap" else "long.json")
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "header":
        path.write_bytes(b"x" + b"".join(lines))
    elif damage == "middle":
        path.write_bytes(lines[0][:-20] + b"\t\n" + b"".join(lines[1:]))
    elif damage == "gap":
        assert len(lines) > 2
        path.write_bytes(b"".join([lines[0], *lines[2:]]))
    else:
        page = next((tmp_path / "source" / "long.pages").iterdir())
        page.write_bytes(page.read_bytes()[:-9])
    receipt = await migrate(source, target)
    assert [(row["session_id"], row["outcome"]) for row in receipt.details] == [(path.stem, "unreadable")]
    assert receipt.counts["copied"] == 4
    assert path.stem not in await everything(target)
    await source.close()


async def test_a_torn_tail_moves_without_its_torn_bytes(tmp_path: Path) -> None:
    """It is told, and the source is kept for whoever wants to look at them."""
    source, target = FileSessionStorage(tmp_path / "source"), memory()
    await live(source, "s", 1)
    path = tmp_path / "source" / "s.json"
    path.write_bytes(path.read_bytes() + b'{"format":1,"kin')
    receipt = await migrate(source, target, delete_source=True)
    assert [row["outcome"] for row in receipt.details] == ["torn"]
    assert receipt.counts["copied"] == 1 and receipt.counts["deleted"] == 0
    assert await history(target, "s") == ["m0"]
    async with voxon_on(source) as voxon, voxon.load_session("s") as session:
        await session.save()  # it is whole again
    receipt = await migrate(source, target, delete_source=True)
    assert went_well(receipt) and receipt.counts["deleted"] == 1
    await source.close()


async def test_a_newer_format_is_left_where_it_is() -> None:
    """Nobody knows what else belongs to such a record."""
    source, target = memory(), memory()
    await live(source, "s", 1)
    await source.save(a_document("new", base_seq=0, format=2))
    receipt = await migrate(source, target)
    assert [(row["session_id"], row["outcome"]) for row in receipt.details] == [("new", "unreadable")]
    assert "format 2" in receipt.details[0]["reason"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_has_expired_moves_or_is_told(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A storage with an expiry of its own may drop it at once; then it stays in the source."""
    source = memory()
    await live(source, "real", 1)
    await source.save(a_document("old", base_seq=0, expires_at="2020-01-01T00:00:00.000000Z"))
    async with made(kind, request, tmp_path) as target:
        receipt = await migrate(source, target, delete_source=True)
        assert receipt.counts["conflict"] == receipt.counts["unreadable"] == 0
        assert receipt.counts["copied"] + receipt.counts["expired"] == 2
        assert [row["outcome"] for row in receipt.details] == ["expired"] * receipt.counts["expired"]
        assert (await source.load("old") is None) == ("old" in await everything(target))


# --- refusals


async def test_a_dry_run_tells_and_writes_nothing() -> None:
    """The counts are those of the run that follows."""
    source, inner = memory(), memory()
    await filled(source)
    target = WatchedStorage(inner)
    told = await migrate(source, target, dry_run=True, delete_source=True)
    assert not {"save", "append", "save_page", "delete", "delete_pages"} & set(target.calls)
    assert await everything(inner) == {}
    done = await migrate(source, target)
    assert told.counts == done.counts


async def test_one_place_under_two_names_is_refused(tmp_path: Path) -> None:
    """The same object, the same folder, and what only a look shows: nothing is removed by mistake."""
    storage = memory()
    await live(storage, "s", 1)
    folder = FileSessionStorage(tmp_path / "store")
    await live(folder, "s", 1)
    (tmp_path / "link").symlink_to(tmp_path / "store")
    pairs: list[tuple[Any, Any]] = [
        (storage, storage),
        (WatchedStorage(storage), WatchedStorage(storage)),
        (folder, f"file://{tmp_path}/link"),
    ]
    for source, target in pairs:
        with pytest.raises(ConfigurationError, match="same"):
            await migrate(source, target, delete_source=True)
    assert await history(storage, "s") == await history(folder, "s") == ["m0"]
    await folder.close()


async def test_another_installation_is_refused_before_anything_is_written() -> None:
    """Its owners are hashed with another index key."""
    source, target = memory(), memory()
    await live(source, "s", 1)
    await live(target, "t", 1)
    before = await everything(target)
    watched = WatchedStorage(target)
    for dry_run in (True, False):
        with pytest.raises(ConfigurationError, match="another installation"):
            await migrate(source, watched, dry_run=dry_run)
    assert not {"save", "append", "save_page", "delete", "delete_pages"} & set(watched.calls)
    assert await everything(target) == before


async def test_a_target_that_was_only_opened_takes_the_sources_keys() -> None:
    """Nothing depends on a keyring under which nothing was stored."""
    source, target = memory(), memory()
    await filled(source)
    async with voxon_on(target) as voxon:
        await voxon.get_stats()
    assert went_well(await migrate(source, target))
    assert await everything(target) == await everything(source)


async def test_a_key_added_in_the_source_reaches_the_target() -> None:
    """The keyring is brought up to date; one that has more in the target stays."""
    from voxsession import KeyRing

    source, target = memory(), memory()
    await live(source, "s", 1)
    await migrate(source, target)
    newer = KeyRing("hex:" + "11" * 32, KEY)
    await live(source, "s", 1, whole=True, session_encryption_key=newer)
    assert went_well(await migrate(source, target))
    assert await everything(target) == await everything(source)
    await live(target, "s", 1, session_encryption_key=KeyRing("hex:" + "22" * 32, "hex:" + "11" * 32))
    before = await target.load(storage_key("keyring", "", "main"))
    await migrate(source, target)
    assert await target.load(storage_key("keyring", "", "main")) == before


async def test_storages_that_cannot_do_it_are_named() -> None:
    """A two-method storage cannot be listed, nor hold pages."""
    with pytest.raises(ConfigurationError, match="cannot list") as refused:
        await migrate(TwoMethodStorage(), memory())
    assert refused.value.option == "source"
    with pytest.raises(ConfigurationError, match="no append, no pages") as refused:
        await migrate(memory(), TwoMethodStorage())
    assert refused.value.option == "target"
    with pytest.raises(ConfigurationError):
        await migrate(memory(), "nosuch://place")
    with pytest.raises(ConfigurationError, match="tenant"):
        await migrate(memory(), memory(), tenant="a.b")


async def test_progress_is_told_plainly_or_awaited() -> None:
    """The number done grows to the number of all."""
    source, steps = memory(), []
    await filled(source)

    async def told(done: int, total: int) -> None:
        steps.append((done, total))

    await migrate(source, memory(), progress=told)
    assert (
        steps[0] == (0, 5)
        and steps[-1] == (5, 5)
        and steps == sorted(steps)
        and {total for _, total in steps} == {5}
    )


async def test_names_and_urls_are_opened_and_closed(tmp_path: Path) -> None:
    """As `open_storage` takes them."""
    source = FileSessionStorage(tmp_path / "source")
    await live(source, "s", 1)
    await source.close()
    receipt = await migrate(f"file://{tmp_path}/source", f"file://{tmp_path}/target")
    assert went_well(receipt)
    target = FileSessionStorage(tmp_path / "target")
    assert await history(target, "s") == ["m0"]
    await target.close()


# --- a storage that is away


CALLS = {
    "source": (
        "open",
        "list_sessions",
        "load",
        "load_since",
        "list_pages",
        "load_page",
        "unreadable_records",
        "delete",
    ),
    "target": ("open", "load", "save", "append", "save_page", "load_page", "list_pages", "delete_pages"),
}


class AwayStorage(WatchedStorage):
    """One that can hang when it is opened, too."""

    async def open(self) -> None:
        await self._through("open")

    async def unreadable_records(self, **options: Any) -> Any:
        return await self._through("unreadable_records", **options)


@pytest.mark.parametrize("mishap", [hang, refuse])
@pytest.mark.parametrize(("side", "name"), [(side, name) for side, names in CALLS.items() for name in names])
async def test_a_storage_that_is_away_is_named_in_time(side: str, name: str, mishap: Mishap) -> None:
    """Whatever is asked of it, opening among it; the next run ends with all of it."""
    source, target = memory(), memory()
    await filled(source)
    wanted = await everything(source)
    pair = {"source": AwayStorage(source), "target": AwayStorage(target)}
    pair[side].mishap = only(name, mishap)
    async with asyncio.timeout(LONG_SECONDS):
        with pytest.raises(StorageUnavailableError, match=f"^The {side}") as told:
            await migrate(pair["source"], pair["target"], timeout_seconds=0.25, delete_source=True)
    assert told.value.operation == name and told.value.storage == "watched"
    if mishap is hang:
        assert "timeout_seconds" in str(told.value) and f"{name}()" in str(told.value)
    await migrate(source, target, delete_source=True)
    assert await everything(target) == wanted


async def test_a_storage_that_hangs_when_it_is_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that was opened by name here; an earlier error is the one that is told."""

    async def never(_: FileSessionStorage) -> None:
        await asyncio.Event().wait()

    def stop(done: int, total: int) -> None:
        raise InterruptedError("enough")

    with monkeypatch.context() as patched:
        patched.setattr(FileSessionStorage, "close", never)
        async with asyncio.timeout(LONG_SECONDS):
            with pytest.raises(StorageUnavailableError, match=r"^The target .*close\(\)"):
                await migrate(memory(), f"file://{tmp_path}/store", timeout_seconds=1)
            with pytest.raises(InterruptedError):
                await migrate(memory(), f"file://{tmp_path}/store", timeout_seconds=1, progress=stop)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "1", True, None])
async def test_a_time_that_is_none_is_refused(seconds: Any) -> None:
    """Before anything is opened."""
    with pytest.raises(ConfigurationError, match="timeout_seconds"):
        await migrate("nosuch://place", memory(), timeout_seconds=seconds)


# --- the law


@st.composite
def sessions(draw: st.DrawFn) -> list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Records of any versions with any tails and pages, and fields that nobody knows."""
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    found = []
    for name in draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=4)):
        first = draw(st.integers(2, 2**31))
        base = draw(st.sampled_from([0, first - 1]))
        extra = draw(st.dictionaries(st.sampled_from(["later", "Z", "é"]), texts | st.integers() | st.none()))
        parts = [a_document(name, first, base_seq=base, body=draw(texts), **extra)]
        for number in range(draw(st.integers(0, 3))):
            parts.append(a_batch(name, first + 1 + number, body=draw(texts), **extra))
        pages = [a_page(name, f"p{number}", body=draw(texts)) for number in range(draw(st.integers(0, 2)))]
        found.append((parts, pages))
    return found


@settings(max_examples=60)
@given(sessions())
async def test_moving_is_identity(given_sessions: list[Any]) -> None:
    """Whatever the records are, the target holds the same, byte for byte."""
    source, target = memory(), memory()
    await live(source, "real", 1)
    for parts, pages in given_sessions:
        document = parts[0]
        if document["base_seq"]:  # somebody wrote the version that it was made from
            await source.save({**document, "seq": document["base_seq"], "base_seq": 0, "batch_id": "before"})
        for page in pages:
            await source.save_page(record_key(document), page)
        await source.save(document)
        for batch in parts[1:]:
            await source.append(record_key(document), batch)
    assert went_well(await migrate(source, target))
    assert await everything(target) == await everything(source)
    assert went_well(await migrate(source, target, delete_source=True))
