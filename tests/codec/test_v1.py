"""What format 1 wrote opens for ever: the records in data/v1 are never edited."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.codec.make_v1 import FOLDER, KEY, PASS_PHRASE, SESSION_ID, TENANT, USER_ID, content_of
from tests.codec.writing import touched
from voxsession import MemorySessionStorage
from voxsession.codec.keys import KeyRing
from voxsession.codec.message_columns import decode_columns
from voxsession.codec.session_codec import Opened, SessionCodec
from voxsession.core.changes import KINDS
from voxsession.core.envelope import RECORD_KINDS, Record
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import KeyNotFoundError
from voxsession.session.filing import decode_index_page
from voxsession.session.vault import Vault
from voxsession.testing import FakeClock

# Each installation: its file prefix, method, keys and tenant.
INSTALLATIONS: dict[str, tuple[str, KeyRing | None, str]] = {
    "": ("AES256", KeyRing(KEY), TENANT),
    "phrase_": ("ChaCha20", KeyRing(PASS_PHRASE), ""),
    "plain_": ("none", None, ""),
}
PAGES = ("messages", "index", "archive")
installations = pytest.mark.parametrize("prefix", INSTALLATIONS)


def record(name: str) -> Record:
    return dict(decode_json((FOLDER / f"{name}.json").read_bytes()))


def expected(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.expected.json").read_text(encoding="utf-8"))


async def opened_vault(prefix: str, ring: KeyRing | None = None) -> Vault:
    """The vault of an installation that finds the fixture's keyring record."""
    method, own, tenant = INSTALLATIONS[prefix]
    storage = MemorySessionStorage(cleanup_interval=None)
    await storage.save(record(f"{prefix}keyring"))
    vault = Vault(storage, FakeClock(), ring or own, method, tenant)
    await vault.open()
    return vault


async def opened_session(prefix: str, length: int | None = None) -> tuple[SessionCodec, Opened]:
    """The session with the first batches of its tail."""
    stored = record(f"{prefix}session")
    stored["tail"] = stored["tail"][:length]
    codec, rewrapped = (await opened_vault(prefix)).codec_for(stored)
    assert not rewrapped
    return codec, codec.open(stored)


def holds(found: Any, wanted: Any, path: str = "") -> None:
    """`found` has all that is wanted; fields that were added since then may be there too."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict), path
        for name, value in wanted.items():
            assert name in found, f"{path}.{name}"
            holds(found[name], value, f"{path}.{name}")
    elif isinstance(wanted, list):
        assert isinstance(found, list) and len(found) == len(wanted), path
        for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
            holds(one, other, f"{path}[{place}]")
    else:
        assert found == wanted, path


@installations
async def test_a_keyring_opens(prefix: str) -> None:
    """The keyring gives the index key: the owner of a person is what it was."""
    vault = await opened_vault(prefix)
    assert {USER_ID: vault.owner(USER_ID)} == expected(f"{prefix}keyring")["owner_of"]


@installations
@pytest.mark.parametrize("length", range(5))
async def test_a_session_opens(prefix: str, length: int) -> None:
    """Document and tail give the session as it was after each save."""
    _, session = await opened_session(prefix, length)
    holds(content_of(touched(session)), expected(f"{prefix}session")["states"][length])


@installations
@pytest.mark.parametrize("kind", PAGES)
async def test_a_page_opens(prefix: str, kind: str) -> None:
    """A page opens to the body it was made of, under the reference in the head."""
    codec, session = await opened_session(prefix)
    data = session.data
    (ref,) = {"messages": data.pages, "index": data.index_pages, "archive": data.archive_pages}[kind]
    page, body = record(f"{prefix}page_{kind}"), expected(f"{prefix}page_{kind}")["body"]

    raw = codec.open_page(INSTALLATIONS[prefix][2], SESSION_ID, ref, page)
    assert decode_json(raw) == body
    if kind == "messages":
        assert [m.content for m in decode_columns(raw, "p")] == ["Filed 0", "Filed 1", "Filed 2"]
    elif kind == "index":
        index = decode_index_page(raw)
        assert [talk.id for talk in index.conversations] == ["conv_0"]
        assert index.pages == data.pages


@installations
async def test_a_pointer_opens(prefix: str) -> None:
    """A pointer names the session that it named."""
    vault = await opened_vault(prefix)
    assert vault.open_small(record(f"{prefix}pointer"), "pointer") == expected(f"{prefix}pointer")["body"]


@installations
async def test_every_change_kind_of_version_1_is_known(prefix: str) -> None:
    """The tail holds every kind that version 1 wrote, and each is still read."""
    kinds = expected(f"{prefix}session")["kinds"]
    assert len(kinds) == 24 and set(kinds) <= set(KINDS)
    _, session = await opened_session(prefix)
    assert {change.kind for change in session.tail_changes} <= set(kinds)


@installations
async def test_what_was_opened_is_written_alike(prefix: str) -> None:
    """A whole save of the opened session opens to the same content: nothing of the old record is lost."""
    codec, session = await opened_session(prefix)
    stored = record(f"{prefix}session")
    header = {**stored["tail"][-1], "seq": session.data.seq, "batch_id": session.data.batch_ids[-1]}
    before = content_of(touched(session))
    session.data.batch_ids = session.data.batch_ids[:-1]
    again = codec.open(dict(decode_json(encode_json(codec.document(header, session.data)))))
    holds(content_of(touched(again)), before)


async def test_an_older_key_still_opens_and_is_wrapped_anew() -> None:
    """With another write key the session opens, and its data key is handed on to that key."""
    ring = KeyRing("hex:" + "77" * 32, PASS_PHRASE)
    vault = await opened_vault("phrase_", ring)
    codec, rewrapped = vault.codec_for(record("phrase_session"))
    assert rewrapped and touched(codec.open(record("phrase_session"))).user_id == USER_ID


@pytest.mark.parametrize("prefix", ["", "phrase_"])
async def test_without_the_key_nothing_opens(prefix: str) -> None:
    """Another key, and a wrong pass phrase, are `KeyNotFoundError`."""
    for wrong in ("hex:" + "77" * 32, "pass:correct horse battery stable"):
        with pytest.raises(KeyNotFoundError):
            await opened_vault(prefix, KeyRing(wrong))


def test_there_is_a_record_of_each_kind() -> None:
    """Each kind of record that is written today has its fixture, and what it must open to beside it."""
    names = {path.name for path in FOLDER.glob("*.json")}
    wanted = {
        f"{prefix}{name}{end}"
        for prefix in INSTALLATIONS
        for name in ("keyring", "session", "pointer", *(f"page_{kind}" for kind in PAGES))
        for end in (".json", ".expected.json")
    }
    assert wanted <= names
    kinds = {record(name.removesuffix(".json"))["kind"] for name in wanted if ".expected" not in name}
    assert kinds == {"keyring", "session", "pointer", "page"} <= set(RECORD_KINDS)


@pytest.mark.parametrize(("kind", "rows"), [(Message, "messages"), (MemoryEntry, "memories")])
def test_the_fixture_is_worth_keeping(kind: Any, rows: str) -> None:
    """Every field that messages and entries had in version 1 is something else than its default somewhere."""
    items = [item for state in expected("session")["states"] for item in state[rows]]
    defaults = {field.name: field.default for field in msgspec.structs.fields(kind)}
    for name in items[0]:
        assert any(item[name] != defaults[name] for item in items), name
