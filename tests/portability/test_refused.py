"""Bundles that are refused, and what a refused or broken import leaves: nothing."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.portability.sessions import content_of, elsewhere, long_session, rich_session
from tests.session.stores import (
    TwoMethodStorage,
    WatchedStorage,
    contents,
    hang_afterwards,
    lose_answer,
    only,
    refuse,
)
from voxsession import (
    ConfigurationError,
    FormatError,
    IntegrityError,
    KeyNotFoundError,
    MemorySessionStorage,
    SessionExistsError,
    SessionNotFoundError,
    StorageError,
    StorageFullError,
    UnsupportedFormatError,
)
from voxsession.codec import bundle_seal
from voxsession.codec.bundle_seal import PIECE_BYTES, sealed_head
from voxsession.core.types import encode_canonical
from voxsession.session.bundles import reader, writer

PHRASE = "correct horse battery staple"
Alter = Callable[[dict[str, Any]], object]


@pytest.fixture(autouse=True)
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least work that is accepted: these tests try many bundles."""
    monkeypatch.setattr("voxsession.codec.keys.SCRYPT", {"n": 2**14, "r": 1, "p": 1})


async def small_bundle(**options: Any) -> dict[str, Any]:
    """A bundle of a few rows."""
    async with elsewhere() as here:
        session = await here.create_session(session_id="s", user_id="u")
        async with session.start_conversation("c") as conv:
            await conv.add_messages([{"role": "user", "content": "I like tea."}])
        session.add_memory("Zoë's note")
        return dict(await session.export_full(**options))  # type: ignore[arg-type]


def as_lines(bundle: dict[str, Any]) -> list[bytes]:
    """The same bundle as the lines of a file."""
    lists = {"conversation": "conversations", "memory": "memories", "message": "messages"}
    head = {name: bundle[name] for name in ("format", "kind", "exported_at", "left_out")}
    rows = [{kind: row} for kind, name in lists.items() for row in bundle[name]]
    end = {name: bundle[name] for name in ("omitted", "redacted", "counts", "sha256")}
    return [
        json.dumps(row).encode() + b"\n"
        for row in [head, *rows, {"session": bundle["session"]}, {"end": end}]
    ]


def signed(bundle: dict[str, Any]) -> dict[str, Any]:
    """The bundle with a checksum that fits, as somebody would make it who means harm."""
    head = {name: bundle[name] for name in ("format", "kind", "exported_at", "left_out")}
    tally = writer.BundleTally(head)
    for kind, name in reader.LISTS.items():
        for row in bundle[name]:
            tally.add(kind, row)
    tally.add("session", bundle["session"])
    return bundle | tally.end({name: bundle[name] for name in ("omitted", "redacted")})


async def refused(given: Any, error: type[Exception], match: str = ".", **options: Any) -> Exception:
    """The error of an import after which nothing is there."""
    storage = MemorySessionStorage(max_sessions=None)
    async with elsewhere(storage) as there:
        with pytest.raises(error, match=match) as caught:
            await there.import_session(given, **options)
        assert [info async for info in there.list_sessions()] == []
        assert not await storage.list_pages("s")
    return caught.value


# --- altered


@pytest.mark.parametrize("passphrase", [None, PHRASE])
async def test_every_bit_counts(passphrase: str | None, tmp_path: Path) -> None:
    """One flipped bit anywhere in a file is refused: as altered, or as the newer format that it then claims."""
    async with elsewhere() as here:
        session = await here.create_session(session_id="s")
        session.add_memory("Zoë's note")
        path = Path(str(await session.export_full(tmp_path / "b", passphrase=passphrase)))
    raw, altered = path.read_bytes(), tmp_path / "altered"
    async with elsewhere() as there:
        for place in range(0, len(raw), 5 if passphrase is None else 11):
            flipped = bytearray(raw)
            flipped[place] ^= 1 << (place % 7)
            altered.write_bytes(flipped)
            with pytest.raises((FormatError, ConfigurationError, KeyNotFoundError)) as caught:
                await there.import_session(altered, passphrase=passphrase)
            assert "Zoë" not in str(caught.value)
        assert [info async for info in there.list_sessions()] == []


@pytest.mark.parametrize("passphrase", [None, PHRASE])
async def test_a_bundle_that_is_cut_off_is_refused(
    passphrase: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every line, in the middle of lines, and between sealed pieces."""
    monkeypatch.setattr(bundle_seal, "PIECE_BYTES", 700)
    async with elsewhere() as here:
        session = await rich_session(here)
        path = Path(str(await session.export_full(tmp_path / "b", passphrase=passphrase)))
    raw = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(raw) if byte == 10]
    assert len(ends) > 8
    for length in [0, 1, *ends[:-1], len(raw) // 2, len(raw) - 1, len(raw) - 2]:
        path.write_bytes(raw[:length])
        await refused(path, IntegrityError, "cut off|end|no bundle|readable|piece", passphrase=passphrase)
    path.write_bytes(raw + raw[: ends[0]])
    await refused(path, IntegrityError, passphrase=passphrase)


ALTERED: dict[str, Alter] = {
    "an entry that was edited": lambda b: b["memories"][0].update(content="other"),
    "an entry that was added": lambda b: b["memories"].append(b["memories"][0] | {"id": "x"}),
    "a message that is gone": lambda b: b["messages"].pop(),
    "another owner": lambda b: b["session"].update(user_id="mallory"),
    "another count": lambda b: b["counts"].update(messages=2),
    "a lost checksum": lambda b: b.pop("sha256"),
    "another checksum": lambda b: b.update(sha256=hashlib.sha256(b"").hexdigest()),
    "no session": lambda b: b.pop("session"),
    "no list": lambda b: b.update(messages="none"),
    "no row": lambda b: b["messages"].append(5),
    "another kind": lambda b: b.update(kind="voxsession.memories"),
    "a hidden omission": lambda b: b.update(omitted=3),
}


@pytest.mark.parametrize("what", ALTERED)
async def test_an_altered_dict_is_refused(what: str) -> None:
    """Whatever was changed in it."""
    bundle = await small_bundle()
    ALTERED[what](bundle)
    await refused(bundle, IntegrityError, "cannot be trusted")


WRONG_REPAIRS: dict[str, Any] = {
    "a number": {"unanswered": 5},
    "a list of lists": {"unanswered": [[1]]},
    "nothing": {"unanswered": [None]},
    "a list": {"set_aside": ["doubled"]},
}
WRONG_ROWS: dict[str, tuple[str, Any]] = {
    "a short function": ("functions", {"f": [1]}),
    "a short model": ("models", {"m": [1]}),
    "a long model": ("models", {"m": [1, 2, 3, 4]}),
    "an empty day": ("days", {"2026-11-21": []}),
    "no day": ("days", {"2026-99-99": [1]}),
    "a week": ("days", {"2026-W01-1": [1]}),
    "days that overflow": ("days", {"2026-11-21": [1e308], "2026-11": [1e308]}),
    "hours that overflow": ("hours", [2**63] * 24),
}
WRONG_EXTRAS: list[tuple[str, Any]] = [
    *(("profile", wrong) for wrong in (5, [1], {"topics": 5}, {"topics": []}, {"topics": {"a": "b"}})),
    *(("profile", wrong) for wrong in ({"wishes": 3}, {"wishes": [1]}, {"set_at": []}, {"set_at": {"a": 1}})),
    *(("private_words", wrong) for wrong in (5, "abc", [{}], {"a": 1}, None)),
    ("private_words_made_under", 5),
    ("withheld", []),
    ("withheld", {"m": 5}),
    ("withheld_slots", [1]),
    ("withheld_marks", {"s": 5}),
]


def _set(where: str, **values: Any) -> Alter:
    """Puts values into the session's part of this name, or into the first row of a list."""

    def alter(bundle: dict[str, Any]) -> None:
        (bundle[where][0] if where in bundle else bundle["session"][where]).update(values)

    return alter


FORGED: dict[str, Alter] = {
    "two entries with one id": lambda b: b["memories"].append(b["memories"][0]),
    "two messages with one id": lambda b: b["messages"].append(b["messages"][0]),
    "two conversations with one id": lambda b: b["conversations"].append(b["conversations"][0]),
    "a message of no conversation": lambda b: b["messages"][0].update(conversation_id="x"),
    "a role that is none": lambda b: b["messages"][0].update(role="root"),
    "an importance of 7": lambda b: b["memories"][0].update(importance=7),
    "a negative size": lambda b: b["memories"][0].update(token_count=-1),
    "no content": lambda b: b["memories"][0].pop("content"),
    "a time without a zone": lambda b: b["messages"][0].update(at="2026-01-01T00:00:00"),
    "a time before the calendar": lambda b: b["messages"][0].update(at="0001-01-01T00:00:00+14:00"),
    "an id that is too long": lambda b: b["memories"][0].update(id="x" * 201),
    "a lone surrogate": lambda b: b["memories"][0].update(content="\ud800"),
    "a session id that is none": lambda b: b["session"].update(session_id="../../etc/passwd"),
    "a setting out of range": lambda b: b["session"]["config"].update(temperature=99),
    "a preference that is none": lambda b: b["session"]["preferences"].update(formality=[1]),
    "too few hours": lambda b: b["session"]["analytics"].update(hours=[1]),
    "more messages than there are": lambda b: b["session"]["analytics"].update(message_count=9),
    "a place behind the end": lambda b: b["conversations"][0].update(last_index=40),
    "a branch of nothing": lambda b: b["conversations"][0].update(parent_id="x"),
    "a branch of itself": lambda b: b["conversations"][0].update(parent_id="c"),
    "categories that are none": lambda b: b["session"].update(template={"memory_categories": 5}),
    "an unknown status": lambda b: b["session"].update(status="deleted"),
    **{f"{what} of repair": _set("messages", repair=note) for what, note in WRONG_REPAIRS.items()},
    **{
        f"{what} in analytics": _set("analytics", **{name: rows}) for what, (name, rows) in WRONG_ROWS.items()
    },
    **{f"{name} = {value!r}": _set("extra", **{name: value}) for name, value in WRONG_EXTRAS},
    "more parts than messages": _set("evidence", verbosity={"weight": 1.0, "parts": [[1.0, 1.0]]}),
    "evidence that overflows": _set("evidence", verbosity={"weight": 1e300}),
    "a span that overflows": _set("conversations", running_seconds=1.7e308),
    "a day that is none": _set("conversations", counted_day="2026-13-01"),
}


@pytest.mark.parametrize("what", FORGED)
@pytest.mark.parametrize("is_file", [False, True])
async def test_a_forged_bundle_is_refused(what: str, is_file: bool, tmp_path: Path) -> None:
    """A checksum proves nothing: every row has to be one that a session could hold."""
    bundle = await small_bundle()
    FORGED[what](bundle)
    if "surrogate" not in what:  # which no checksum can be made of
        bundle = signed(bundle)
    if is_file:
        (tmp_path / "b").write_bytes(b"".join(as_lines(bundle)))
        await refused(tmp_path / "b", IntegrityError, "cannot be trusted")
    else:
        await refused(bundle, IntegrityError, "cannot be trusted")


async def test_lines_out_of_order_are_refused(tmp_path: Path) -> None:
    """Rows stand in one order, and the session once, at the end."""
    bundle = await small_bundle()
    lines = as_lines(bundle)
    (tmp_path / "b").write_bytes(b"".join(lines))
    async with elsewhere() as there:
        assert (await there.import_session(tmp_path / "b")).session_id == "s"
    for order in (
        [0, 3, 1, 2, 4, 5],
        [0, 1, 2, 3, 4, 4, 5],
        [0, 1, 2, 3, 5],
        [1, 2, 3, 4, 5],
        [0, 1, 2, 3, 4, 5, 1],
    ):
        (tmp_path / "b").write_bytes(b"".join(lines[place] for place in order))
        await refused(tmp_path / "b", IntegrityError)


@pytest.mark.parametrize("passphrase", [None, PHRASE])
async def test_a_newer_version_is_told(passphrase: str | None, tmp_path: Path) -> None:
    """With both numbers, and before anything else is looked at."""
    bundle = await small_bundle(passphrase=passphrase)
    error = await refused(bundle | {"format": 2}, UnsupportedFormatError, "Upgrade", passphrase=passphrase)
    assert isinstance(error, UnsupportedFormatError) and (error.found, error.newest) == (2, 1)
    for wrong in (0, "1", None, True, 1.0):
        await refused(bundle | {"format": wrong}, IntegrityError, passphrase=passphrase)


async def test_other_files_are_told_apart(tmp_path: Path) -> None:
    """An export of memories and a backup are named; a packed file, a folder and a picture are refused."""
    async with elsewhere() as here:
        session = await rich_session(here)
        await session.export_memory_to(tmp_path / "memories")
        await here.backup(tmp_path / "backup")
        await session.export_full(tmp_path / "bundle")
    await refused(tmp_path / "memories", IntegrityError, "import_memory")
    await refused(tmp_path / "backup", IntegrityError, "restore")
    (tmp_path / "packed").write_bytes(gzip.compress((tmp_path / "bundle").read_bytes()))
    await refused(tmp_path / "packed", ConfigurationError, "Unpack it")
    (tmp_path / "utf16").write_bytes((tmp_path / "bundle").read_text().encode("utf-16"))
    await refused(tmp_path / "utf16", ConfigurationError, "UTF-8")
    for wrong in (
        b"",
        b"\n",
        b"[]",
        b"{}",
        b"{",
        b"\x00" * 100,
        b"\x89PNG\r\n\x1a\n",
        b'{"kind": "voxsession.session"}',
    ):
        (tmp_path / "wrong").write_bytes(wrong)
        await refused(tmp_path / "wrong", IntegrityError)
    for nowhere in (tmp_path, tmp_path / "nowhere", "", "\0"):
        await refused(nowhere, ConfigurationError)
    for nothing in (None, 5, b"bytes", [1]):
        await refused(nothing, ConfigurationError, "export_data_or_path")


# --- sealed


async def test_the_pass_phrase_decides(tmp_path: Path) -> None:
    """Missing, another, or given for what is not sealed: never an empty session, never a plain one by mistake."""
    for sealed, plain in (
        (await small_bundle(passphrase=PHRASE), await small_bundle()),
        (tmp_path / "sealed", tmp_path / "plain"),
    ):
        if isinstance(sealed, Path):
            async with elsewhere() as here:
                session = await rich_session(here)
                await session.export_full(sealed, passphrase=PHRASE)
                await session.export_full(plain)
        await refused(sealed, KeyNotFoundError, "passphrase")
        error = await refused(sealed, KeyNotFoundError, "another", passphrase="wrong")
        assert PHRASE not in str(error) and "wrong" not in str(error)
        await refused(plain, IntegrityError, "not sealed", passphrase=PHRASE)
    for wrong in ("", "  ", 5, b"bytes"):
        await refused(plain, ConfigurationError, "passphrase", passphrase=wrong)
        async with elsewhere() as here:
            with pytest.raises(ConfigurationError, match="passphrase"):
                await here.create_session().export_full(passphrase=wrong)  # type: ignore[arg-type]
    assert (
        b"Alice" not in (tmp_path / "sealed").read_bytes() and b"Alice" in (tmp_path / "plain").read_bytes()
    )


async def test_pieces_keep_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """None can be left out, doubled, exchanged, or taken from another bundle of the same pass phrase."""
    monkeypatch.setattr(bundle_seal, "PIECE_BYTES", 500)
    bundle, other = await small_bundle(passphrase=PHRASE), await small_bundle(passphrase=PHRASE)
    pieces = bundle["pieces"]
    assert len(pieces) > 3
    for altered in (
        pieces[:-1],
        pieces[1:],
        [],
        [pieces[1], pieces[0], *pieces[2:]],
        [*pieces, pieces[-1]],
        [*pieces[:1], *pieces],
        [other["pieces"][0], *pieces[1:]],
        [None, *pieces[1:]],
    ):
        await refused(bundle | {"pieces": altered}, IntegrityError, "piece", passphrase=PHRASE)


@pytest.mark.parametrize(
    "kdf",
    [
        {"n": 2**30},
        {"n": 2**17, "r": 16},
        {"n": 1},
        {"r": 10**6},
        {"p": 10**6},
        {"n": "1"},
        {"salt": 5},
        {"name": "md5"},
    ],
)
async def test_work_without_end_is_refused(kdf: dict[str, Any]) -> None:
    """Parameters that would take all memory, or make the key weak, are refused before any work is done."""
    bundle = await small_bundle(passphrase=PHRASE)
    await refused(bundle | {"kdf": bundle["kdf"] | kdf}, IntegrityError, "altered", passphrase=PHRASE)
    head = {name: value for name, value in bundle.items() if name not in ("sha256", "pieces")}
    head["kdf"] = bundle["kdf"] | kdf
    head["sha256"] = hashlib.sha256(encode_canonical(head)).hexdigest()
    await refused(head | {"pieces": bundle["pieces"]}, IntegrityError, "pass phrase", passphrase=PHRASE)


# --- too large


async def test_a_piece_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    """What holds the pass phrase could still pack zeros without end: no piece unpacks to more than a piece."""
    for size in (64 * PIECE_BYTES, PIECE_BYTES + 1):
        head, sealer = sealed_head(b"0" * 16, PHRASE)
        place = bundle_seal._place(str(head["sha256"]), 0, True, b"\1")
        bomb = sealer._cipher.seal(zlib.compress(b"\n" * size, 9), place)
        given = {**head, "pieces": [base64.b64encode(b"\1" + bomb).decode()]}
        await refused(given, IntegrityError, "unpack", passphrase=PHRASE)


async def test_a_bundle_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """By the size of the file before it is read; by what was unpacked as soon as it is too much."""
    async with elsewhere() as here:
        session = await here.create_session(session_id="s")
        for number in range(300):
            session.add_memory(f"{number} " + "tea " * 100, importance=0.9)
        session.config.max_memory_size = 1_000_000
        for number in range(900):
            session.add_memory(f"{number} " + "tea " * 100)
        await session.export_full(tmp_path / "plain")
        await session.export_full(tmp_path / "sealed", passphrase=PHRASE)
    size, packed = ((tmp_path / name).stat().st_size for name in ("plain", "sealed"))
    assert packed < 100_000 < size
    await refused(tmp_path / "plain", ConfigurationError, "max_bytes", max_bytes=size - 1)
    await refused(tmp_path / "sealed", ConfigurationError, "max_bytes", passphrase=PHRASE, max_bytes=100_000)
    async with elsewhere() as there:
        await there.import_session(tmp_path / "plain", max_bytes=size)

    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.write(as_lines(await small_bundle())[0])
        file.truncate(2 * 1024**3)
    await refused(huge, ConfigurationError, "max_bytes")
    for wrong in (0, -1, 1.5, "1"):
        await refused(huge, ConfigurationError, "max_bytes", max_bytes=wrong)


async def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is all in memory."""
    monkeypatch.setattr(reader, "MAX_ROW_BYTES", 3 * 1024**2)
    lines = as_lines(await small_bundle())
    (tmp_path / "b").write_bytes(lines[0] + b'{"message": "' + b"x" * 6 * 1024**2)
    await refused(tmp_path / "b", IntegrityError, "a line of it has more")
    monkeypatch.setattr(reader, "MAX_DOCUMENT_BYTES", 1024)
    (tmp_path / "b").write_text(json.dumps(await small_bundle(), indent=1))
    await refused(tmp_path / "b", IntegrityError, "export_full")


async def test_a_row_too_large_to_be_taken_in_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody shall keep a bundle that no import takes."""
    monkeypatch.setattr(writer, "MAX_ROW_BYTES", 10_000)
    async with elsewhere() as here:
        session = await here.create_session(session_id="s")
        session.update_state(text="x" * 20_000)
        with pytest.raises(ConfigurationError, match="session takes"):
            await session.export_full(tmp_path / "b")
        assert list(tmp_path.iterdir()) == []


# --- what is there already


async def test_a_session_that_exists(tmp_path: Path) -> None:
    """It is left alone, or the new one gets another id, or it gives way: wholly, with its pages."""
    storage = MemorySessionStorage(max_sessions=None)
    async with elsewhere() as here, elsewhere(storage) as there:
        path = await (await long_session(here)).export_full(tmp_path / "b")
        async with await there.create_session(session_id="long", user_id="somebody") as other:
            other.add_memory("what was there")
        with pytest.raises(SessionExistsError, match="on_conflict"):
            await there.import_session(path)
        with pytest.raises(SessionExistsError):
            await there.import_session(path, dry_run=True)
        with pytest.raises(ConfigurationError, match="on_conflict"):
            await there.import_session(path, on_conflict="merge")

        renamed = await there.import_session(path, on_conflict="rename")
        assert renamed.session_id != "long" and renamed.user_id == "old_123"
        async with await there.load_session("long") as kept:
            assert contents(kept.get_memory().entries) == ["what was there"]
            with pytest.raises(ConfigurationError, match="open here"):
                await there.import_session(path, on_conflict="replace")
            assert contents(kept.get_memory().entries) == ["what was there"]
        report = await there.import_session(path, on_conflict="replace", dry_run=True)
        assert report.details[0]["became"] == "replaced"
        async with await there.import_session(path, on_conflict="replace") as replaced:
            assert replaced.user_id == "old_123" and len(replaced.get_memory().entries) > 50
        first, before = await replaced.export_full(), set(dict(await storage.list_pages("long")))
        async with await there.import_session(path, on_conflict="replace") as once_more:
            assert content_of(await once_more.export_full()) == content_of(first)
        after = set(dict(await storage.list_pages("long")))
        assert len(after) == len(before) and not after & before


async def test_two_imports_at_once() -> None:
    """One of them takes the id."""
    storage = MemorySessionStorage(max_sessions=None)
    bundle = await small_bundle()
    async with elsewhere(storage) as one, elsewhere(storage) as two:
        works = [one.import_session(bundle), two.import_session(bundle)]
        outcomes = await asyncio.gather(*works, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Session", "SessionExistsError"]
        works = [
            one.import_session(bundle, on_conflict="rename"),
            two.import_session(bundle, on_conflict="rename"),
        ]
        assert len({session.session_id for session in await asyncio.gather(*works)}) == 2


async def test_a_dry_run_writes_nothing() -> None:
    """It tells what would become of it, under which id, for whom."""
    storage = WatchedStorage()
    bundle = await small_bundle()
    async with elsewhere(storage) as there:
        await there.health_check()
        storage.taken()
        report = await there.import_session(bundle, user_id_mapping={"u": "v"}, dry_run=True)
        assert not {"save", "append", "save_page"} & set(storage.taken())
    assert report.counts == {
        "sessions": 1,
        "conversations": 1,
        "memories": 2,
        "messages": 1,
        "omitted": 0,
        "redacted": 0,
    }
    assert report.details == [{"session_id": "s", "became": "added", "user_id": "v", "status": "active"}]


# --- broken off


@pytest.mark.parametrize("failing", range(6))
async def test_a_storage_that_fails_leaves_no_half_session(failing: int, tmp_path: Path) -> None:
    """At whichever write it fails: no session, no pages, and the next try works."""
    storage = WatchedStorage()
    async with elsewhere() as here, elsewhere(storage) as there:
        path = await (await long_session(here)).export_full(tmp_path / "b")
        await there.health_check()
        left = [failing]

        async def fails(name: str, call: Any) -> Any:
            if name in ("save", "save_page"):
                left[0] -= 1
                if left[0] < 0:
                    storage.mishap = None
                    raise StorageFullError("no room", storage="watched", operation=name)
            return await call()

        storage.mishap = fails
        with pytest.raises(StorageError):
            await there.import_session(path)
        assert storage.mishap is None, "so many writes there are not"
        with pytest.raises(SessionNotFoundError):
            await there.load_session("long")
        assert not await storage.inner.list_pages("long")
        moved = await there.import_session(path)
        assert len((await moved.export_full())["messages"]) > 400


@pytest.mark.parametrize("mishap", [lose_answer, hang_afterwards])
async def test_an_answer_that_gets_lost(mishap: Any, tmp_path: Path) -> None:
    """The document was written: the session is there, with all its pages."""
    storage = WatchedStorage()
    async with elsewhere() as here, elsewhere(storage, storage_timeout_seconds=0.2) as there:
        path = await (await long_session(here)).export_full(tmp_path / "b")
        await there.health_check()
        storage.mishap = only("save", mishap, times=1)
        moved = await there.import_session(path)
        assert len((await moved.export_full())["messages"]) > 400


async def test_a_replacement_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """The session that was to give way is whole."""
    storage = WatchedStorage()
    async with elsewhere() as here, elsewhere(storage) as there:
        path = await (await long_session(here)).export_full(tmp_path / "b")
        await (await there.import_session(path)).close()
        pages = await storage.inner.list_pages("long")
        storage.mishap = only("save", refuse)
        with pytest.raises(StorageError):
            await there.import_session(path, on_conflict="replace")
        storage.mishap = None
        async with await there.load_session("long") as kept:
            assert len((await kept.export_full())["messages"]) > 400
        assert set(pages) <= set(await storage.inner.list_pages("long"))


async def test_a_stored_session_that_cannot_be_read_is_not_replaced() -> None:
    """What cannot be opened is never overwritten."""
    storage = MemorySessionStorage(max_sessions=None)
    bundle = await small_bundle()
    async with elsewhere(storage, session_encryption_key="pass:first") as one:
        await (await one.import_session(bundle)).close()
        record = await storage.load("s")
    assert record is not None
    other = MemorySessionStorage(max_sessions=None)
    async with elsewhere(other) as there:
        await there.health_check()
        await other.save(record | {"base_seq": 0})
        for how in ("reject", "rename", "replace"):
            with pytest.raises((IntegrityError, KeyNotFoundError)):
                await there.import_session(bundle, on_conflict=how)
        assert await other.load("s") == {**record, "base_seq": 0, "tail": []}


@pytest.mark.parametrize("when", [1, 150, 500, 900])
async def test_progress_that_raises_ends_it(when: int, tmp_path: Path) -> None:
    """No file, no session, no pages; the error comes out."""
    storage = MemorySessionStorage(max_sessions=None)

    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done >= when:
            raise StopError

    async with elsewhere() as here, elsewhere(storage) as there:
        session = await long_session(here)
        with pytest.raises(StopError):
            await session.export_full(
                tmp_path / "broken", progress=stop if when < 600 else lambda *_: stop(999, 0)
            )
        assert list(tmp_path.iterdir()) == []
        bundle = await session.export_full()
        with pytest.raises(StopError):
            await there.import_session(bundle, progress=stop)
        assert not [info async for info in there.list_sessions()] and not await storage.list_pages("long")
        for wrong in (5, "progress"):
            with pytest.raises(ConfigurationError, match="progress"):
                await there.import_session(bundle, progress=wrong)
            with pytest.raises(ConfigurationError, match="progress"):
                await session.export_full(progress=wrong)  # type: ignore[arg-type]


async def test_a_cancelled_import_leaves_nothing(tmp_path: Path) -> None:
    """Cancelled while pages are written: they go; the next try works."""
    storage = WatchedStorage()
    async with elsewhere() as here, elsewhere(storage) as there:
        path = await (await long_session(here)).export_full(tmp_path / "b")
        await there.health_check()
        reached = asyncio.Event()

        async def stop_at_page(name: str, call: Any) -> Any:
            result = await call()
            if name == "save_page" and not reached.is_set():
                reached.set()
                await asyncio.sleep(60)
            return result

        storage.mishap = stop_at_page
        task = asyncio.create_task(there.import_session(path))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await storage.inner.load("long") is None
        assert await there.import_session(path)


async def test_an_export_that_fails_keeps_the_earlier_file(tmp_path: Path) -> None:
    """A page that is lost is told, and the file of last week stays."""
    storage = MemorySessionStorage(max_sessions=None)
    async with elsewhere(storage) as here:
        session = await long_session(here)
        path = Path(str(await session.export_full(tmp_path / "b")))
        earlier = path.read_bytes()
        pages = [name for name, _ in await storage.list_pages("long")]
        await storage.delete_pages("long", pages[:1])
        with pytest.raises(IntegrityError, match="missing"):
            await session.export_full(path)
        assert path.read_bytes() == earlier and len(list(tmp_path.iterdir())) == 1
        with pytest.raises(ConfigurationError, match="cannot be written"):
            await session.export_full(tmp_path / "nowhere" / "b")
    assert path.stat().st_mode & 0o077 == 0


async def test_a_bundle_of_two_methods_can_be_replaced() -> None:
    """Also where the storage has no versions of its own."""
    bundle = await small_bundle()
    async with elsewhere(TwoMethodStorage()) as there:
        await (await there.import_session(bundle)).close()
        with pytest.raises(SessionExistsError):
            await there.import_session(bundle)
        async with await there.import_session(
            bundle, on_conflict="replace", user_id_mapping={"u": "v"}
        ) as moved:
            assert moved.user_id == "v"
        async with there.session(user_id="v") as found:
            assert found.session_id == "s"
