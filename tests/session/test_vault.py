"""Keys met with what a storage holds: opened, refused, handed on, and never a session lost or left in clear."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    IntegrityError,
    KeyNotFoundError,
    MemorySessionStorage,
    SessionStorage,
    UnsupportedFormatError,
    Voxon,
    VoxonConfig,
)
from voxsession.clock import SystemClock
from voxsession.codec.keys import KeyRing
from voxsession.core.envelope import Record, stamp, storage_key
from voxsession.core.types import encode_json
from voxsession.session.key_file import key_file_path
from voxsession.session.vault import Vault
from voxsession.testing import FakeClock

OLD, NEW = "hex:" + "0d" * 32, "hex:" + "4e" * 32
PHRASE = "pass:correct horse battery staple"
KEYRING = storage_key("keyring", "", "main")
MakeStorage = Callable[[], SessionStorage]


@pytest.fixture(params=["memory", "file"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """A storage without anything in it."""
    made: SessionStorage = (
        MemorySessionStorage(cleanup_interval=None)
        if request.param == "memory"
        else FileSessionStorage(tmp_path / "store")
    )
    yield made
    await made.close()


def ring(*keys: str) -> KeyRing | None:
    return KeyRing(*keys) if keys else None


async def vault_on(storage: SessionStorage, *keys: str, method: str = "AES256", tenant: str = "") -> Vault:
    """The opened vault of an installation with these keys."""
    vault = Vault(storage, SystemClock(), ring(*keys), method, tenant)
    await vault.open()
    return vault


def voxon_on(storage: Any, key: Any = None, method: str = "AES256", **config: Any) -> Voxon:
    """A facade on this storage."""
    return Voxon(
        VoxonConfig(
            session_storage=storage, session_encryption_key=key, session_encryption_method=method, **config
        )
    )


async def talk(storage: Any, key: Any = None, said: str = "My name is Alice", **options: Any) -> str:
    """What one process does: opens Alice's session, says something, ends. Gives the session's id."""
    voxon = voxon_on(storage, key, **options)
    try:
        async with voxon.session(user_id="alice") as session:
            async with session.conversation() as conversation:
                await conversation.send_message(said)
            return session.session_id
    finally:
        await voxon.close()


async def stored(storage: SessionStorage) -> list[Record | None]:
    """All that lies in the storage, so that two moments can be compared."""
    headers = await storage.list_sessions(limit=100)
    keys = [KEYRING, *(header["session_id"] for header in headers)]
    return [await storage.load(key) for key in keys]


async def refused(storage: SessionStorage, opening: Awaitable[Any], error: type[Exception]) -> Any:
    """The error of an opening that must fail and must leave everything as it is."""
    before = await stored(storage)
    with pytest.raises(error) as caught:
        await opening
    assert await stored(storage) == before
    return caught.value


# --- the first opening and the next


@pytest.mark.parametrize(
    "keys", [(OLD,), (PHRASE,), (PHRASE, OLD), ()], ids=["raw", "phrase", "both", "file"]
)
async def test_the_next_opening_finds_what_the_first_made(
    storage: SessionStorage, keys: tuple[str, ...]
) -> None:
    """The first opening makes the keyring record once; later ones give the same owners and open what was sealed."""
    first = await vault_on(storage, *keys)
    record = await storage.load(KEYRING)
    second = await vault_on(storage, *keys)

    assert first.encrypts and await storage.load(KEYRING) == record
    assert first.owner("alice") == second.owner("alice") != first.owner("bob")
    assert first.owner(None) == "" and len(first.owner("alice")) == 32
    small = first.seal_small(await _header(first, "p1"), {"a": "ä🦄"})
    assert second.open_small(small, "p1") == {"a": "ä🦄"}


async def _header(vault: Vault, record_id: str, kind: str = "pointer", tenant: str = "") -> Record:
    now = stamp(FakeClock().now())
    return {
        "format": 1,
        "kind": kind,
        "tenant": tenant,
        "session_id": record_id,
        "owner": vault.owner("alice"),
        "seq": 1,
        "base_seq": 0,
        "batch_id": "b1",
        "created_at": now,
        "updated_at": now,
        "expires_at": None,
        "status": "active",
    }


async def test_several_that_open_at_once_meet_in_one_keyring() -> None:
    """Of many first openings at once one makes the record; all hash owners alike."""

    class Slow(MemorySessionStorage):
        async def load(self, session_id: str) -> Record | None:
            found = await super().load(session_id)
            await asyncio.sleep(0.001)
            return found

    storage = Slow(cleanup_interval=None)
    vaults = await asyncio.gather(*(vault_on(storage) for _ in range(10)))
    assert len({vault.owner("alice") for vault in vaults}) == 1


async def test_a_session_that_another_process_made_meanwhile_is_no_alarm() -> None:
    """Keyring and first session may appear while an opening looks: then it meets them."""

    class Late(MemorySessionStorage):
        others: Any = None

        async def list_sessions(self, **query: Any) -> list[Record]:
            if self.others is not None:
                others, self.others = self.others, None
                await others()
            return await super().list_sessions(**query)

    storage = Late(cleanup_interval=None)

    async def others() -> None:
        await talk(storage, OLD)

    storage.others = others
    vault = await vault_on(storage, OLD)
    assert vault.owner("alice") == (await vault_on(storage, OLD)).owner("alice")


async def test_a_vault_that_was_not_opened_writes_nothing() -> None:
    """Encryption fails closed: before the keys are there no codec, owner or record is made, not even a plain one."""
    vault = Vault(MemorySessionStorage(cleanup_interval=None), SystemClock(), KeyRing(OLD), "AES256", "")
    for attempt in (
        lambda: vault.new_codec("s1"),
        lambda: vault.owner("alice"),
        lambda: vault.seal_small({"kind": "pointer", "session_id": "p"}, {}),
        lambda: vault.codec_for(
            {"format": 1, "session_id": "s1", "sealed": {}, "key_id": "k", "wrapped_key": "w"}
        ),
    ):
        with pytest.raises(AssertionError):
            attempt()


# --- wrong keys


@pytest.mark.parametrize("wrong", [NEW, "pass:another phrase", "x" * 32])
@pytest.mark.parametrize("right", [OLD, PHRASE])
async def test_a_wrong_key(storage: SessionStorage, right: str, wrong: str) -> None:
    """Another key, spelled in whichever way, is `KeyNotFoundError` that names the missing one and writes nothing."""
    session_id = await talk(storage, right)
    missing = (await storage.load(KEYRING))["keyring"]["index_keys"]  # type: ignore[index]

    error = await refused(storage, talk(storage, wrong), KeyNotFoundError)
    assert [error.key_id] == list(missing)
    error = await refused(storage, _load(storage, session_id, wrong), KeyNotFoundError)
    assert not any(secret.partition(":")[2][-12:] in str(error) for secret in (right, wrong) if ":" in secret)


async def _load(storage: Any, session_id: str, key: Any = None, method: str = "AES256") -> list[str | None]:
    """What a process finds that loads the session by its id."""
    voxon = voxon_on(storage, key, method)
    try:
        async with voxon.load_session(session_id) as session:
            return [message.content for message in session._core.data.messages]
    finally:
        await voxon.close()


async def test_a_session_of_another_installation(storage: SessionStorage) -> None:
    """A session sealed with a key of its own, brought into a storage with another, is `KeyNotFoundError`."""
    elsewhere = MemorySessionStorage(cleanup_interval=None)
    session_id = await talk(elsewhere, OLD)
    await talk(storage, NEW)
    record = await elsewhere.load(session_id)
    assert record is not None
    del record["tail"]
    await storage.save({**record, "base_seq": 0})

    error = await refused(storage, _load(storage, session_id, NEW), KeyNotFoundError)
    assert error.key_id == record["key_id"]


# --- several keys


async def test_old_sessions_open_while_new_ones_use_the_new_key(storage: SessionStorage) -> None:
    """With a new write key and the old one to read, everything opens, and step by step the old key is not needed."""
    old_id = await talk(storage, KeyRing(OLD))
    owner = (await vault_on(storage, OLD)).owner("alice")
    both = KeyRing(NEW, OLD)
    before = await storage.load(old_id)
    keyring = await storage.load(KEYRING)
    assert before is not None and keyring is not None

    vault = await vault_on(storage, NEW, OLD)
    assert vault.owner("alice") == owner, "the index key does not rotate, so owners stay findable"
    after = await storage.load(KEYRING)
    assert after is not None and set(after["keyring"]["index_keys"]) > set(keyring["keyring"]["index_keys"])
    assert after["keyring"]["index_keys"].items() >= keyring["keyring"]["index_keys"].items()

    voxon = voxon_on(storage, both)
    new = await voxon.create_session(user_id="bob")
    await new.close()
    await voxon.close()
    made = await storage.load(new.session_id)
    assert made is not None and made["key_id"] != before["key_id"]
    assert await talk(storage, both, "I live in Rome") == old_id
    rotated = await storage.load(old_id)
    assert rotated is not None and rotated["key_id"] == made["key_id"], (
        "the next save hands it on to the new key"
    )

    assert await talk(storage, KeyRing(NEW), "I like tea") == old_id
    contents = await _load(storage, old_id, KeyRing(NEW))
    assert [text for text in contents if text in ("My name is Alice", "I live in Rome", "I like tea")] == [
        "My name is Alice",
        "I live in Rome",
        "I like tea",
    ]


async def test_a_session_that_was_not_saved_since_still_needs_its_key(storage: SessionStorage) -> None:
    """Taking the old key away too early is `KeyNotFoundError` for what it still wraps, and for nothing else."""
    old_id = await talk(storage, OLD)
    await vault_on(storage, NEW, OLD)
    error = await refused(storage, _load(storage, old_id, NEW), KeyNotFoundError)
    assert error.key_id in (await vault_on(storage, OLD))._keys.ids
    assert await _load(storage, old_id, KeyRing(NEW, OLD))


# --- the key ring file


async def test_without_a_key_a_ring_is_made_once(
    storage: SessionStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """A first opening without any key makes the file and says so in one line; later ones read it."""
    with caplog.at_level(logging.INFO, "voxsession.session.key_file"):
        session_id = await talk(storage)
        content = key_file_path().read_bytes()
        assert await talk(storage, said="I live in Rome") == session_id
    assert key_file_path().read_bytes() == content
    lines = [line for line in caplog.records if line.name == "voxsession.session.key_file"]
    assert len(lines) == 1 and str(key_file_path()) in lines[0].getMessage()


async def test_a_key_that_was_given_makes_no_ring(storage: SessionStorage) -> None:
    """With a key there is no file; an empty one counts as not given."""
    await talk(storage, OLD)
    assert not key_file_path().exists()
    await talk(MemorySessionStorage(), "")
    assert key_file_path().exists()


async def test_the_environment_gives_the_key(
    storage: SessionStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`SESSION_KEY` counts where no key is given; a key that is given wins over it."""
    monkeypatch.setenv("SESSION_KEY", OLD)
    session_id = await talk(storage)
    assert await _load(storage, session_id, OLD) and not key_file_path().exists()
    await refused(storage, _load(storage, session_id, NEW), KeyNotFoundError)


async def test_a_deleted_ring_is_not_made_anew(storage: SessionStorage) -> None:
    """When the key ring file is gone, opening is `KeyNotFoundError` with where it lay; restored, all is there."""
    session_id = await talk(storage)
    content = key_file_path().read_bytes()
    key_file_path().unlink()

    for opening in (talk(storage), _load(storage, session_id)):
        error = await refused(storage, opening, KeyNotFoundError)
        assert error.key_id is not None and str(key_file_path()) in str(error)
    assert not key_file_path().exists()
    key_file_path().write_bytes(content)
    assert "My name is Alice" in await _load(storage, session_id)


async def test_a_damaged_ring_is_no_new_start(storage: SessionStorage) -> None:
    """A key ring file that cannot be read is `ConfigurationError`, before and after there are sessions."""
    session_id = await talk(storage)
    content = key_file_path().read_bytes()
    key_file_path().write_bytes(content[:20])
    await refused(storage, _load(storage, session_id), ConfigurationError)
    await refused(storage, vault_on(MemorySessionStorage()), ConfigurationError)
    assert key_file_path().read_bytes() == content[:20]


async def test_another_ring_is_a_wrong_key(storage: SessionStorage) -> None:
    """A ring of another machine does not open the sessions and is not added to them."""
    session_id = await talk(storage)
    key_file_path().unlink()
    await talk(MemorySessionStorage())
    await refused(storage, _load(storage, session_id), KeyNotFoundError)


async def test_no_ring_where_sealed_sessions_lie(storage: SessionStorage) -> None:
    """Sessions whose keyring record is gone: a missing or other key is told, and nothing is made or written."""
    session_id = await talk(storage, OLD)
    await storage.delete(KEYRING)
    sealed_with = (await storage.load(session_id))["key_id"]  # type: ignore[index]

    error = await refused(storage, vault_on(storage), KeyNotFoundError)
    assert error.key_id == sealed_with and not key_file_path().exists()
    for keys in ((NEW,), ()):
        if not keys:
            await talk(MemorySessionStorage())
        assert (await refused(storage, vault_on(storage, *keys), KeyNotFoundError)).key_id == sealed_with
    assert (await refused(storage, vault_on(storage, method="none"), KeyNotFoundError)).key_id == sealed_with
    for keys in ((OLD,), (NEW, OLD), (PHRASE,)):
        await refused(storage, vault_on(storage, *keys), IntegrityError)


async def test_plain_sessions_without_their_keyring(storage: SessionStorage) -> None:
    """Plain sessions whose keyring record is gone are told as damage, with and without encryption."""
    await talk(storage, method="none")
    await storage.delete(KEYRING)
    for method in ("none", "AES256"):
        await refused(storage, vault_on(storage, OLD, method=method), IntegrityError)


async def test_a_ring_never_lies_inside_the_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring that would lie beside what it seals is refused before anything is made, also through a link."""
    store = tmp_path / "store"
    store.mkdir()
    (tmp_path / "link").symlink_to(store)
    for home in (store, store / "keys" / "deep", tmp_path / "link" / "keys"):
        monkeypatch.setenv("VOXSESSION_HOME", str(home))
        storage = FileSessionStorage(store)
        with pytest.raises(ConfigurationError, match="inside the storage") as caught:
            await vault_on(storage)
        await storage.close()
        assert caught.value.option == "VOXSESSION_HOME" and not list(store.rglob("keyring.json"))
    monkeypatch.setenv("VOXSESSION_HOME", str(tmp_path / "store2"))
    await vault_on(FileSessionStorage(store))


async def test_a_storage_of_several_machines_needs_a_key() -> None:
    """Where other machines read too, no file stands in for a key: not at first, not later, not if there is one."""

    class Remote(MemorySessionStorage):
        storage_type = "remote"
        is_local = False

    for made_before in (False, True):
        storage = Remote(cleanup_interval=None)
        if made_before:
            await vault_on(storage, OLD)
            await talk(MemorySessionStorage())
        with pytest.raises(ConfigurationError, match=r"remote storage.*SESSION_KEY") as caught:
            await vault_on(storage)
        assert caught.value.option == "session_encryption_key"
        assert key_file_path().exists() == made_before
    assert (await vault_on(storage, OLD)).encrypts
    assert not (await vault_on(Remote(cleanup_interval=None), method="none")).encrypts


# --- methods


async def test_encrypted_sessions_opened_without_encryption(storage: SessionStorage) -> None:
    """Method "none" on encrypted sessions is `KeyNotFoundError` that says which setting to change."""
    session_id = await talk(storage, OLD)
    error = await refused(storage, _load(storage, session_id, method="none"), KeyNotFoundError)
    assert "session_encryption_method='none'" in str(error) and error.key_id


async def test_plain_sessions_opened_with_encryption(storage: SessionStorage) -> None:
    """Plain sessions where encryption is expected are `IntegrityError`, with a key and with a key ring file."""
    session_id = await talk(storage, method="none")
    for key in (OLD, None):
        error = await refused(storage, _load(storage, session_id, key), IntegrityError)
        assert "in clear" in str(error)
    assert await _load(storage, session_id, method="none")


async def test_a_plain_session_slipped_in(storage: SessionStorage) -> None:
    """A plain record put among sealed ones is refused, never opened as it is."""
    plain = MemorySessionStorage(cleanup_interval=None)
    session_id = await talk(plain, method="none")
    record = await plain.load(session_id)
    assert record is not None
    await talk(storage, OLD)
    await storage.save({**{k: v for k, v in record.items() if k != "tail"}, "base_seq": 0})
    await refused(storage, _load(storage, session_id, OLD), IntegrityError)


async def test_either_method_reads_the_other(storage: SessionStorage) -> None:
    """Changing between the two ciphers changes nothing for what is stored."""
    session_id = await talk(storage, OLD, method="ChaCha20")
    assert await talk(storage, OLD, "I live in Rome", method="AES256") == session_id
    assert "My name is Alice" in await _load(storage, session_id, OLD, "ChaCha20")


async def test_nothing_is_in_clear(tmp_path: Path) -> None:
    """No user id, message or memory can be read in any file of an encrypting installation."""
    secret = "zqxjkv"
    storage = FileSessionStorage(tmp_path / "store")
    voxon = voxon_on(storage)
    async with voxon.session(user_id=f"{secret}@example.org") as session:
        session.add_memory(f"likes {secret}")
        session.update_state(**{secret: secret})
        async with session.conversation() as conversation:
            await conversation.send_message(f"My name is {secret}")
    await voxon.close()
    await storage.close()
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert files and not any(secret.encode() in path.read_bytes() or secret in path.name for path in files)


# --- tenants


async def test_tenants_have_index_keys_of_their_own(storage: SessionStorage) -> None:
    """One person has another owner hash in each tenant, and no tenant's keyring or session opens for another."""
    one, other = await vault_on(storage, OLD, tenant="one"), await vault_on(storage, OLD, tenant="other")
    assert one.owner("alice") != other.owner("alice")
    record = await storage.load(storage_key("keyring", "one", "main"))
    assert record is not None
    moved = MemorySessionStorage(cleanup_interval=None)
    await moved.save({**_without_tail(record), "tenant": "third", "base_seq": 0})
    with pytest.raises(IntegrityError, match="keyring"):
        await vault_on(moved, OLD, tenant="third")
    header = await _header(one, "p1", tenant="one")
    with pytest.raises(IntegrityError):
        other.open_small(one.seal_small(header, {}), "p1")


def _without_tail(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "tail"}


# --- damage


@pytest.mark.parametrize(
    ("alter", "error"),
    [
        (lambda r: r.pop("keyring"), IntegrityError),
        (lambda r: r.update(keyring=5), IntegrityError),
        (lambda r: r["keyring"].update(index_keys={}), IntegrityError),
        (lambda r: r["keyring"].update(index_keys=["x"]), IntegrityError),
        (
            lambda r: r["keyring"].update(index_keys=dict.fromkeys(r["keyring"]["index_keys"], "AAAA")),
            IntegrityError,
        ),
        (
            lambda r: r["keyring"].update(index_keys=dict.fromkeys(r["keyring"]["index_keys"], None)),
            IntegrityError,
        ),
        (lambda r: r["keyring"]["index_keys"].update(none="AAAA"), IntegrityError),
        (lambda r: r["keyring"].update(kdf=None), IntegrityError),
        (lambda r: r["keyring"]["kdf"].update(n=1), IntegrityError),
        (lambda r: r["keyring"].update(index_keys={"\x1b[31m" * 9: "AAAA"}), KeyNotFoundError),
        (lambda r: r["keyring"]["kdf"].update(salt="AAAAAAAAAAAAAAAAAAAAAA=="), KeyNotFoundError),
        (lambda r: r.update(format=2), UnsupportedFormatError),
        (lambda r: r.update(format=None), IntegrityError),
    ],
)
async def test_a_damaged_keyring_record(alter: Callable[[Record], Any], error: type[Exception]) -> None:
    """Each kind of damage gets its own answer, and the record is left as it is."""
    first = MemorySessionStorage(cleanup_interval=None)
    await vault_on(first, PHRASE)
    record = await first.load(KEYRING)
    assert record is not None
    altered = _without_tail(copy.deepcopy(record))
    alter(altered)
    storage = MemorySessionStorage(cleanup_interval=None)
    await storage.save(altered)
    caught = await refused(storage, vault_on(storage, PHRASE), error)
    assert "\x1b" not in str(caught)


@pytest.mark.parametrize("broken", ["", "AAA", "not base64", 5, None])
async def test_a_damaged_plain_keyring(broken: Any) -> None:
    """The index key of a plain installation that cannot be read is told as damage."""
    first = MemorySessionStorage(cleanup_interval=None)
    await vault_on(first, method="none")
    record = await first.load(KEYRING)
    assert record is not None
    altered = _without_tail(copy.deepcopy(record))
    altered["keyring"]["index_keys"]["none"] = broken
    storage = MemorySessionStorage(cleanup_interval=None)
    await storage.save(altered)
    await refused(storage, vault_on(storage, method="none"), IntegrityError)


async def test_a_storage_that_never_lets_the_keyring_be_made() -> None:
    """A storage that refuses every first write ends in an error, not in a loop."""

    class Refusing(MemorySessionStorage):
        async def load(self, session_id: str) -> Record | None:
            return None

    storage = Refusing(cleanup_interval=None)
    await vault_on(storage, OLD)
    with pytest.raises(ConfigurationError, match="refuses every first write"):
        await vault_on(storage, OLD)


# --- small records


async def test_small_records_open_in_their_place_only(storage: SessionStorage) -> None:
    """A pointer opens as what it was; altered, moved, plain or under another kind it is refused."""
    vault = await vault_on(storage, OLD)
    header = await _header(vault, "p1")
    record = vault.seal_small(header, {"session_id": "sess_zqxjkv"})
    other = vault.seal_small({**header, "session_id": "p2"}, {"session_id": "s2"})
    assert vault.open_small(record, "p1") == {"session_id": "sess_zqxjkv"}
    assert b"zqxjkv" not in encode_json({name: record[name] for name in ("sealed", "wrapped_key")})

    altered: list[Record] = [
        {**record, name: other[name]} for name in ("session_id", "sealed", "wrapped_key")
    ]
    altered += [{**record, name: "x"} for name in header if name != "format"]
    altered += [{**record, **{name: other[name] for name in ("sealed", "wrapped_key", "key_id")}}]
    altered += [{**header, "body": {"session_id": "s1"}}]
    for wrong in altered:
        with pytest.raises(IntegrityError):
            vault.open_small(wrong, "p1")
    with pytest.raises(UnsupportedFormatError):
        vault.open_small({**record, "format": 2}, "p1")
    with pytest.raises(KeyNotFoundError):
        vault.open_small({**record, "key_id": "k0123456789abcdef"}, "p1")


async def test_small_records_in_clear() -> None:
    """Without encryption a small record is readable; a sealed one there lacks a key."""
    plain = await vault_on(MemorySessionStorage(), method="none")
    sealed = await vault_on(MemorySessionStorage(), OLD)
    header = await _header(plain, "p1")
    record = plain.seal_small(header, {"session_id": "s1"})
    assert record["body"] == {"session_id": "s1"} and plain.open_small(record, "p1") == {"session_id": "s1"}
    with pytest.raises(KeyNotFoundError):
        plain.open_small(sealed.seal_small(header, {}), "p1")


# --- secrets


async def test_no_key_is_shown_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    """Neither text forms nor errors nor logs of an installation hold its key, raw or as it was spelled."""
    storage = MemorySessionStorage(cleanup_interval=None)
    voxon = voxon_on(storage, KeyRing(PHRASE, OLD))
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        async with voxon.session(user_id="alice") as session:
            things = [voxon, voxon.config, session, session._core, voxon._home.vault, voxon._home.vault._keys]
            things += [voxon._home.recorder, session._core.codec, session._core.codec._seal]  # type: ignore[union-attr]
            shown += [f"{thing!r} {thing!s}" for thing in things]
        for wrong in (NEW, "pass:somebody elses words", "hex:00", "base64:AAAA"):
            with pytest.raises((KeyNotFoundError, ConfigurationError)) as caught:
                await talk(storage, wrong)
            shown += [str(caught.value), repr(caught.value), repr(vars(caught.value))]
    await voxon.close()
    text = " ".join(shown) + caplog.text
    for secret in ("horse", "0d0d0d", "\\r\\r\\r", "4e4e4e", "NNNN", "somebody elses"):
        assert secret not in text
