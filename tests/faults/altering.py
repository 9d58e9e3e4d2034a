"""Two people's sessions in one storage, of which one is altered by hand in every way, and what a process then finds."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs
import pytest

from tests.session.stores import user_says, voxon_on
from voxsession import (
    IntegrityError,
    KeyNotFoundError,
    MemorySessionStorage,
    Session,
    SessionNotFoundError,
    SessionStorage,
    UnsupportedFormatError,
)
from voxsession.core.envelope import HEADER_FIELDS, Record
from voxsession.testing import FakeClock

__all__ = ["ANSWERS", "MINE", "OTHER", "SAMPLES", "Stage", "other_lines", "other_values"]

A = TypeVar("A")

SAMPLES = [150, pytest.param(None, marks=[pytest.mark.all_only, pytest.mark.timeout(600)], id="all")]
ANSWERS = (SessionNotFoundError, IntegrityError, UnsupportedFormatError, KeyNotFoundError)
MINE, OTHER = "sess_mine_000002", "sess_other_000001"
PEOPLE = {"mine": "ann", "other": "bob"}
MESSAGES = 180  # enough for a page
WHAT_IS_NO_RECORD = (b"", b"null", b"[]", b"{}", b"7", b'"x"', b'{"seq":1}', b"\xff\xfe")


# --- values


def other_values(value: Any, foreign: Any) -> list[Any]:
    """What a value can be made: shorter, another letter, empty, none, of another type, another session's."""
    if isinstance(value, str):
        found = ["", value[:-1], value[: len(value) // 2], *_flipped(value), 7, ["x"]]
    elif isinstance(value, int):
        found = [value + 1, value - 1, 0, -value, 10**30, str(value), value + 0.5, True]
    elif isinstance(value, dict):
        found = [{}, [], "x"]
    else:
        found = ["", "x", 0]
    return [one for one in (*found, None, foreign) if (type(one), one) != (type(value), value)]


def _flipped(text: str) -> list[str]:
    places = sorted({0, len(text) // 2, len(text) - 1}) if text else []
    return [text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :] for place in places]


def other_lines(line: bytes, foreign: bytes, in_clear: Record) -> Iterator[tuple[str, bytes]]:
    """What a stored line of JSON can be made, each with a word on how; the last ones are records in clear."""
    for other in WHAT_IS_NO_RECORD:
        yield f"the line is {other!r}", other
    yield "another session's line", foreign
    yield "the line is cut", line[: len(line) // 2]
    for place in range(0, len(line), max(1, len(line) // 12)):
        for mask in (1, 128):
            altered = line[:place] + bytes((line[place] ^ mask,)) + line[place + 1 :]
            yield f"bit {mask} of byte {place}", altered
    record, others = json.loads(line), json.loads(foreign)
    for path, value, other in _fields(record, others):
        yield f"{path} left out", _line(_with(record, path))
        for altered_value in other_values(value, other):
            yield f"{path} = {repr(altered_value)[:40]}", _line(_with(record, path, altered_value))
    for name, plain in _plain_records(record, in_clear):
        yield f"in clear, {name}", _line(plain)


def _fields(
    record: Mapping[str, Any], others: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    for name, value in record.items():
        other = others.get(name) if isinstance(others, dict) else None
        yield (*path, name), value, other
        if isinstance(value, dict):
            yield from _fields(value, other, (*path, name))


def _with(record: Record, path: tuple[str, ...], *value: Any) -> Record:
    """A copy with another value in this place, or with none."""
    copy = dict(record)
    if len(path) > 1:
        copy[path[0]] = _with(copy[path[0]], path[1:], *value)
    elif value:
        copy[path[0]] = value[0]
    else:
        del copy[path[0]]
    return copy


def _plain_records(record: Record, in_clear: Record) -> Iterator[tuple[str, Record]]:
    """The same content unsealed under the true header, with and without what names a key."""
    header = {name: record[name] for name in HEADER_FIELDS if name in record}
    body = {name: value for name, value in in_clear.items() if name not in (*HEADER_FIELDS, "tail")}
    keys = {name: record[name] for name in ("key_id", "wrapped_key") if name in record}
    yield "without a key", {**body, **header}
    yield "with its key", {**body, **header, **keys}
    yield "as its body", {**header, **keys, "sealed": body}
    yield "beside its body", {**record, **body, **header}


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()


# --- the stage


async def _make(storage: SessionStorage, **options: Any) -> None:
    """A session of each person with a document, a page and three batches; ids and versions are always the same."""
    for seed, person in PEOPLE.items():
        async with voxon_on(storage, clock=FakeClock(step_seconds=0.001, seed=seed), **options) as voxon:
            async with voxon.session(person) as session:
                session.update_state(mood=f"{person}'s")
                talk = await session.start_conversation("c")
                await talk.add_messages(user_says(*(f"{person} said {n}" for n in range(MESSAGES))))
                session.clear_memory(ids=[session.add_memory("x").id])
                await session.save()
                for number in range(3):
                    session.add_memory(f"{person} notes {number}")
                    await talk.add_messages(user_says(f"{person} adds {number}"))


async def _whole(session: Session) -> dict[str, Any]:
    """All that is in a session."""
    names = ("session_id", "user_id", "status", "created_at", "updated_at")
    found: dict[str, Any] = {name: getattr(session, name) for name in names}
    found |= {"state": dict(session.state), "voice": session.config.voice}
    found["memories"] = [(one.id, one.content, one.timestamp) for one in session.get_memory().entries]
    talk = await session.resume_conversation("c")
    found["messages"] = [(one.role, one.content, one.at) for one in await talk.history()]
    return found


@attrs.define
class Stage:
    """The two sessions in a storage, and what is found after each alteration of the first.

    Attributes:
        in_clear: what another installation, which does not encrypt, stores for the same two sessions.
        seen: how often each answer was given.
        wrong: what was neither the right data nor one of the four answers.
    """

    storage: SessionStorage
    in_clear: MemorySessionStorage
    _expected: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    seen: Counter[str] = attrs.field(factory=Counter)
    wrong: list[str] = attrs.field(factory=list)

    @classmethod
    async def set(cls, storage: SessionStorage) -> Stage:
        """Both sessions stored, unaltered."""
        stage = cls(storage, MemorySessionStorage(cleanup_interval=None))
        await _make(storage)
        await _make(stage.in_clear, session_encryption_method="none")
        async with voxon_on(storage) as voxon:
            for session_id in (MINE, OTHER):
                stage._expected[session_id] = await _whole(await voxon.load_session(session_id))
        mine = stage._expected[MINE]
        assert (
            mine["user_id"] == "ann" and len(mine["messages"]) == MESSAGES + 3 and len(mine["memories"]) == 3
        )
        return stage

    async def look(self, what: str, *, is_common: bool = False) -> None:
        """Notes what a new process finds; `is_common` where what was altered is not this session's alone."""
        try:
            self.seen[await self._found(is_common)] += 1
        except Exception as error:
            self.wrong.append(f"{what}: {type(error).__name__}: {str(error)[:150]}")

    async def _found(self, is_common: bool) -> str:
        async with voxon_on(self.storage) as voxon:
            try:
                listed = [info.session_id async for info in voxon.list_sessions()]
                listed += [info.session_id async for info in voxon.list_sessions(user_id="ann")]
                leafed = await self._leafed()
            except ANSWERS as error:
                assert is_common, f"a list fails: {error}"
                return type(error).__name__
            assert is_common or (OTHER in listed and OTHER in leafed), "the other session is not listed"
            assert {*listed, *leafed} <= {MINE, OTHER}, f"listed: {listed}, {leafed}"
            try:
                found = await _whole(await voxon.load_session(MINE))
            except ANSWERS as error:
                return type(error).__name__
            assert found == self._expected[MINE], "wrong data"
            with pytest.raises(SessionNotFoundError):
                await voxon.load_session(MINE, user_id="bob")
            hers = await voxon.session("ann")  # by an index, or by the pointer
            assert hers.session_id == MINE, "her session was not found"
        return "the right data"

    def chosen(self, alterations: Sequence[A], sample: int | None) -> Sequence[A]:
        """All of them, or so many by chance."""
        if sample is None:
            return alterations
        seed = random.randrange(1 << 30)
        print(f"seed {seed}")
        return random.Random(seed).sample(alterations, min(sample, len(alterations)))

    async def plain_lines(self, key: str) -> list[Record]:
        """The document and the batches of a record in clear."""
        record = await self.in_clear.load(key)
        assert record is not None
        return [record, *record.pop("tail")]

    async def _leafed(self) -> list[str]:
        """The ids of a list that is read one by one, which comes to its end."""
        found: list[Record] = []
        while page := await self.storage.list_sessions(after=found[-1] if found else None, limit=1):
            found += page
            assert len(found) < 5, "the list goes round in a circle"
        return [header["session_id"] for header in found]

    def report(self, kind: str) -> None:
        """Prints the counts; fails where anything was wrong."""
        print(f"{kind}: {sum(self.seen.values())} alterations: {dict(self.seen)}")
        assert not self.wrong, f"{len(self.wrong)} wrong:\n" + "\n".join(self.wrong[:60])
