"""The facade: creating, finding, listing, erasing, cleaning up, and what it refuses."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    IntegrityError,
    KeyNotFoundError,
    MemorySessionStorage,
    SessionClosedError,
    SessionConfig,
    SessionExistsError,
    SessionNotFoundError,
    SessionPresets,
    SessionStorage,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
    UnsupportedFormatError,
    Voxon,
    VoxonConfig,
)
from voxsession.testing import FakeClock, ScriptedModel

KEY = "hex:" + "17" * 32
HOSTILE_IDS = [
    "",
    "../up",
    "a/b",
    "nul\x00",
    "x" * 300,
    "🎈",
    ".hidden",
    "a b",
    "a\\b",
    "é",
    7,
    None.__class__,
]


def on_files(path: Path, **settings: Any) -> VoxonConfig:
    """Encrypted files under a fixed key."""
    return VoxonConfig(**{"session_storage_path": str(path), "session_encryption_key": KEY, **settings})


async def test_create_is_at_once_and_awaiting_it_twice_is_harmless(tmp_path: Path) -> None:
    """create_session gives a Session without I/O; its first await writes the record."""
    voxon = Voxon(on_files(tmp_path / "s"))
    session = voxon.create_session(user_id="user_123", config=SessionConfig(instructions="Be a tutor"))
    assert not (tmp_path / "s").exists() and session.is_active
    assert await session is session and await session is session
    assert session.config.instructions == "Be a tutor" and session.user_id == "user_123"
    await session.close()
    await session.close()
    await voxon.close()
    await voxon.close()


async def test_an_id_that_exists_is_refused_at_the_first_write(tmp_path: Path) -> None:
    """In the same process, in another one and on a two-method storage; the first session is untouched."""

    class Dict(SessionStorage):
        def __init__(self) -> None:
            self.kept: dict[str, Any] = {}

        async def save(self, session_data: dict[str, Any]) -> None:
            self.kept[session_data["session_id"]] = session_data

        async def load(self, session_id: str) -> dict[str, Any] | None:
            return self.kept.get(session_id)

    for storage in (FileSessionStorage(tmp_path / "s"), MemorySessionStorage(), Dict()):
        config = VoxonConfig(session_storage=storage, session_encryption_key=KEY)
        async with Voxon(config) as first, Voxon(config) as second:
            one = await first.create_session(session_id="s", user_id="a")
            one.add_memory("mine")
            await one.save()
            for voxon in (first, second):
                with pytest.raises(SessionExistsError):
                    await voxon.create_session(session_id="s", user_id="b")
        async with Voxon(config) as third, await third.load_session("s") as again:
            assert [entry.content for entry in again.get_memory().entries] == ["mine"]


async def test_a_config_used_twice_gives_two_sessions(tmp_path: Path) -> None:
    """Neither a config nor a preset ever gives two people one session."""
    async with Voxon(on_files(tmp_path)) as voxon:
        config = SessionConfig(memory_mode="persistent")
        preset = SessionPresets.EDUCATIONAL
        ids = [
            (await voxon.create_session(user_id=user, **chosen)).session_id
            for user in ("a", "b")
            for chosen in ({"config": config}, {"preset": preset}, {"preset": "educational"})
        ]
        with pytest.raises(ConfigurationError, match="not both"):
            voxon.create_session(config=config, preset=preset)

    assert len(set(ids)) == 6 and config.session_id is None


async def test_session_finds_the_persons_latest_and_creates_what_is_absent(tmp_path: Path) -> None:
    """By user: the most recently active one; ended and expired ones are passed over; other people's are not found."""
    clock = FakeClock()
    async with Voxon(on_files(tmp_path), clock=clock) as voxon:
        old = await voxon.create_session(user_id="ann")
        clock.advance(seconds=10)
        new = await voxon.create_session(user_id="ann")
        other = await voxon.create_session(user_id="bob")
        for session in (old, new, other):
            await session.close()
        async with voxon.session(user_id="ann") as found:
            assert found.session_id == new.session_id
            clock.advance(seconds=10)
            await found.end()
        async with voxon.session(user_id="ann") as found:
            assert found.session_id == old.session_id
        async with voxon.session("carol", session_id="fresh") as fresh:
            assert fresh.session_id == "fresh" and fresh.user_id == "carol"
        with pytest.raises(SessionNotFoundError):
            await voxon.session("bob", session_id="fresh")
        with pytest.raises(SessionNotFoundError):
            await voxon.load_session("fresh", user_id="bob")


async def test_the_stored_config_wins(tmp_path: Path) -> None:
    """A session that exists keeps its settings, whatever the call brings along."""
    async with Voxon(on_files(tmp_path)) as voxon:
        async with voxon.session("u", config=SessionConfig(voice="nova")):
            pass
        async with voxon.session("u", config=SessionConfig(voice="echo")) as session:
            assert session.config.voice == "nova"
            session.config.voice = "echo"
        async with voxon.session("u") as session:
            assert session.config.voice == "echo"


async def test_four_different_answers_and_none_of_them_writes(tmp_path: Path) -> None:
    """Absent, unknown key, altered and newer are four classes; the files stay as they are."""
    folder = tmp_path / "s"
    async with Voxon(on_files(folder)) as voxon:
        async with voxon.session("u", session_id="s") as session:
            session.add_memory("precious")
    file = folder / "s.json"
    good = file.read_bytes()

    async def outcome(config: VoxonConfig, session_id: str = "s") -> type[Exception]:
        before = {path: path.read_bytes() for path in folder.rglob("*.json")}
        async with Voxon(config) as voxon:
            with pytest.raises(Exception) as caught:
                await voxon.load_session(session_id)
            removed = 0
            if caught.type is not KeyNotFoundError:
                removed = await voxon.cleanup_expired_sessions(max_age_seconds=0) if session_id == "s" else 0
        assert removed == 0
        assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before
        return caught.type

    assert await outcome(on_files(folder), "absent") is SessionNotFoundError
    assert await outcome(on_files(folder, session_encryption_key="hex:" + "18" * 32)) is KeyNotFoundError
    assert (
        await outcome(on_files(folder, session_encryption_method="none", session_encryption_key=None))
        is KeyNotFoundError
    )
    file.write_bytes(good.replace(b'"status":"active"', b'"status":"ended"', 1))
    assert await outcome(on_files(folder)) is IntegrityError
    file.write_bytes(good[: len(good) // 3])
    assert await outcome(on_files(folder)) is IntegrityError
    file.write_bytes(b"")
    assert await outcome(on_files(folder)) is IntegrityError
    file.write_bytes(good.replace(b'"format":1', b'"format":2', 1))
    assert await outcome(on_files(folder)) is UnsupportedFormatError
    file.write_bytes(good)
    async with Voxon(on_files(folder)) as voxon, await voxon.load_session("s") as session:
        assert session.get_memory().entries[0].content == "precious"


async def test_a_torn_tail_is_repaired_and_told(tmp_path: Path) -> None:
    """An incomplete last frame is left out, kept aside, told, and the next save is whole."""
    folder = tmp_path / "s"
    async with Voxon(on_files(folder)) as voxon:
        async with voxon.session("u", session_id="s") as session:
            session.add_memory("first")
            await session.save()
            session.add_memory("second")
            await session.save()
    file = folder / "s.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    async with Voxon(on_files(folder)) as voxon:
        told: list[str] = []
        voxon.events.on("tail.repaired", lambda event: told.append(event.session_id))
        async with voxon.session("u", session_id="s") as session:
            contents = [entry.content for entry in session.get_memory().entries]
            session.add_memory("third")
    async with Voxon(on_files(folder)) as voxon, await voxon.load_session("s") as session:
        later = [entry.content for entry in session.get_memory().entries]

    assert told == ["s"]
    assert contents[0] == "first" and later == [*contents, "third"]
    assert [path for path in folder.iterdir() if "torn" in path.name], "the damaged bytes are kept aside"


async def test_user_ids_are_never_in_clear(tmp_path: Path) -> None:
    """Neither file names nor contents hold a user id, a session's text or the key."""
    async with Voxon(on_files(tmp_path)) as voxon:
        async with voxon.session("someone@example.org") as session:
            session.add_memory("a telling sentence")
            async with session.conversation() as conv:
                await conv.send_message("another telling sentence")
    everything = b"".join(
        str(path).encode() + (path.read_bytes() if path.is_file() else b"") for path in tmp_path.rglob("*")
    )

    assert b"someone" not in everything and b"telling" not in everything and b"\x17" * 8 not in everything


async def test_listing_erasing_and_stats(tmp_path: Path) -> None:
    """Listing pages through headers; erasing removes all of a session or a person, with a receipt."""
    async with Voxon(on_files(tmp_path)) as voxon:
        for number in range(5):
            async with voxon.session("ann" if number % 2 else "bob", session_id=f"s{number}") as session:
                session.add_memory("x")
        every = [info.session_id async for info in voxon.list_sessions()]
        anns = {info.session_id async for info in voxon.list_sessions(user_id="ann")}
        stats = await voxon.get_stats()
        gone = await voxon.delete_session("s0")
        again = await voxon.delete_session("s0")
        receipt = await voxon.delete_user("ann")
        left = {info.session_id async for info in voxon.list_sessions()}
        with pytest.raises(SessionNotFoundError):
            await voxon.load_session("s0")

    assert len(every) == 5 and anns == {"s1", "s3"} and left == {"s2", "s4"}
    assert stats["sessions"] == {"active": 5} and stats["storage_type"] == "file"
    assert gone and not again and receipt.counts["sessions"] == 2
    assert not [path for path in tmp_path.rglob("*s1*")]


async def test_expiry_counts_from_the_last_write(tmp_path: Path) -> None:
    """An expired session opens for reading, is passed over by user, and clean-up removes just that one."""
    clock = FakeClock()
    async with Voxon(on_files(tmp_path, session_ttl_seconds=100), clock=clock) as voxon:
        async with voxon.session("u", session_id="old"):
            pass
        clock.advance(seconds=90)
        async with voxon.session("u", session_id="kept"):
            pass
        clock.advance(seconds=20)
        async with await voxon.load_session("old") as old:
            assert old.status == "expired"
        async with voxon.session("u") as latest:
            assert latest.session_id == "kept"
        removed = await voxon.cleanup_expired_sessions()
        left = [info.session_id async for info in voxon.list_sessions()]

    assert removed == 1 and left == ["kept"]


async def test_clean_up_verifies_before_it_deletes(tmp_path: Path) -> None:
    """A session whose header was made to look expired is neither opened as such nor removed."""
    clock = FakeClock()
    async with Voxon(on_files(tmp_path, session_ttl_seconds=10**6), clock=clock) as voxon:
        async with voxon.session("u", session_id="s"):
            pass
        file = tmp_path / "s.json"
        lines = file.read_bytes().splitlines(keepends=True)
        import re

        file.write_bytes(
            b"".join(re.sub(rb'"expires_at":"\d{4}', b'"expires_at":"1999', line) for line in lines)
        )
        assert await voxon.cleanup_expired_sessions() == 0

    assert file.exists()


async def test_ids_go_through_one_door(tmp_path: Path) -> None:
    """Hostile session and conversation ids are refused by name before anything is touched."""
    async with Voxon(on_files(tmp_path)) as voxon:
        session = await voxon.create_session()
        for wrong in HOSTILE_IDS:
            for call, name in (
                (voxon.create_session, "session_id"),
                (voxon.load_session, "session_id"),
                (voxon.session, "session_id"),
                (session.start_conversation, "conversation_id"),
            ):
                with pytest.raises(ConfigurationError, match="id"):
                    call(**{name: wrong})
        for good in ("CON", "nul", "Aux.txt", "a:b", "x" * 200, "UPPER", "upper", "a%41"[:1] + "@b"):
            async with voxon.session("u", session_id=good) as kept:
                kept.add_memory(good)
            async with await voxon.load_session(good) as kept:
                assert kept.get_memory().entries[0].content == good


async def test_use_after_close() -> None:
    """Changing through a closed handle is refused by name, reading stays possible."""
    async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
        session = await voxon.create_session(user_id="u")
        session.add_memory("read me")
        await session.close()
        for change in (
            lambda: session.add_memory("no"),
            lambda: session.set_preference("formality", 0.5),
            lambda: session.update_state(a=1),
            lambda: setattr(session.config, "voice", "nova"),
        ):
            with pytest.raises(SessionClosedError):
                change()
        for call in (session.save, session.reload, session.start_conversation):
            with pytest.raises(SessionClosedError):
                await call()
        assert session.get_memory().entries[0].content == "read me"
        assert not session.is_active


async def test_wrong_configs_are_named() -> None:
    """A SessionConfig for Voxon, unknown fields, wrong types and ranges say what was meant."""
    with pytest.raises(ConfigurationError, match="SessionConfig belongs to one session"):
        Voxon(SessionConfig())  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="from_dict"):
        Voxon({"session_storage": "file"})  # type: ignore[arg-type]
    for make, name in (
        (lambda: SessionConfig(temperature="hot"), "temperature"),
        (lambda: SessionConfig(temperature=3), "temperature"),
        (lambda: SessionConfig(temprature=0.3), "temperature"),
        (lambda: SessionConfig(memory_mode="both"), "persistent"),
        (lambda: SessionConfig(timezone="Mars/Olympus"), "timezone"),
        (lambda: VoxonConfig(session_storage="floppy"), None),
        (lambda: VoxonConfig(session_encryption_method="ROT13"), "AES256"),
        (lambda: VoxonConfig(session_ttl_seconds=-1), "session_ttl_seconds"),
        (lambda: VoxonConfig(sesion_storage="file"), "session_storage"),
        (lambda: VoxonConfig(session_encryption_key="hex:12"), "session_encryption_key"),
        (lambda: VoxonConfig(tenant="a.b"), "tenant"),
    ):
        if name is None:
            async with Voxon(make()) as voxon:  # type: ignore[arg-type]
                with pytest.raises(ConfigurationError, match="floppy"):
                    await voxon.create_session()
        else:
            with pytest.raises(ConfigurationError, match=name):
                make()


@pytest.mark.parametrize(
    ("part", "given", "remedy"),
    [
        ("model", "gpt-4o", r"OpenAIModel\(model=\.\.\.\)"),
        ("model", ScriptedModel, r"make one with ScriptedModel\(\.\.\.\)"),
        ("model", {"model": "gpt-4o"}, r"respond\(request\), or an async callable"),
        ("summarizer", "in short", "gives a text"),
    ],
)
def test_what_cannot_answer_is_refused_where_it_is_given(part: str, given: Any, remedy: str) -> None:
    """The name of a model, a class in place of one and the like are told at once, not by the first message."""
    with pytest.raises(ConfigurationError, match=remedy) as refused:
        Voxon(**{part: given})

    assert refused.value.option == part


async def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """from_env reads the documented variables and names a wrong one; from_dict takes the resume plan's keys."""
    monkeypatch.setenv("SESSION_STORAGE", "memory")
    monkeypatch.setenv("SESSION_TTL", "3600")
    monkeypatch.setenv("REDIS_URL", "redis://host:6379")
    monkeypatch.setenv("REDIS_PASSWORD", "p@ss")
    monkeypatch.setenv("REDIS_DB", "2")
    config = VoxonConfig.from_env(autosave=False)
    assert (config.session_storage, config.session_ttl_seconds, config.autosave) == ("memory", 3600, False)
    assert config.session_redis_url == "redis://:p%40ss@host:6379/2" and "p%40ss" not in repr(config)
    monkeypatch.setenv("MAX_SESSIONS", "many")
    with pytest.raises(ConfigurationError, match="MAX_SESSIONS"):
        VoxonConfig.from_env()
    assert VoxonConfig.from_dict({"max_session_age": 5, "storage_type": "memory"}).max_session_age_hours == 5


@pytest.mark.parametrize(
    ("url", "joined"),
    [
        ("", "redis://:p%40ss@localhost:6379/2"),
        ("redis://host", "redis://:p%40ss@host/2"),
        ("redis://host?ssl=1", "redis://:p%40ss@host/2?ssl=1"),
        ("redis://me:own@host/1", "redis://me:p%40ss@host/2"),
        ("redis://app@host", "redis://app:p%40ss@host/2"),
        ("redis://host/1?db=3&password=own&ssl=1", "redis://:p%40ss@host/2?ssl=1"),
        ("valkeys+cluster://[::1]:7000/abc", "valkeys+cluster://:p%40ss@[::1]:7000/2"),
        ("unix:///run/redis.sock", "unix://:p%40ss@/run/redis.sock?db=2"),
        ("unix:///run/redis.sock?password=own&db=1", "unix://:p%40ss@/run/redis.sock?db=2"),
        ("redis://[::1", "redis://[::1"),
    ],
)
def test_password_and_number_of_a_redis_come_from_the_environment(
    url: str, joined: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go before what the URL has, whatever its form; the user that it names stays."""
    for name, value in (("REDIS_URL", url), ("REDIS_PASSWORD", "p@ss"), ("REDIS_DB", "2")):
        monkeypatch.setenv(name, value)

    assert VoxonConfig.from_env(session_storage="redis").session_redis_url == joined
    assert VoxonConfig.from_env(session_redis_url="redis://own").session_redis_url == "redis://own"
    if url:
        monkeypatch.setenv("SESSION_STORAGE", url)
        assert VoxonConfig.from_env().session_storage == joined
        assert VoxonConfig.from_env(session_storage=url).session_storage == url


@pytest.mark.parametrize("number", ["x", "-1", "1.0", "²"])
def test_a_number_of_a_redis_that_is_none_is_named(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """REDIS_DB that is no whole number is a ConfigurationError, where a Redis is meant."""
    monkeypatch.setenv("REDIS_DB", number)
    assert VoxonConfig.from_env().session_redis_url is None

    monkeypatch.setenv("SESSION_STORAGE", "redis")
    with pytest.raises(ConfigurationError, match="REDIS_DB"):
        VoxonConfig.from_env()


@pytest.mark.parametrize(
    ("named", "hint"),
    [("Redis", "'redis'"), ("DATABASE", "'database'"), ("floppy", "redis"), ("http://me:s3cret@h", "'http'")],
)
def test_a_storage_in_the_environment_is_checked(
    named: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SESSION_STORAGE that means no storage is a ConfigurationError that names it, with what may be meant."""
    monkeypatch.setenv("SESSION_STORAGE", named)
    with pytest.raises(ConfigurationError, match=f"SESSION_STORAGE.*{hint}") as caught:
        VoxonConfig.from_env()
    assert "s3cret" not in f"{caught.value}{caught.value.value}"
    assert VoxonConfig.from_env(session_storage="memory").session_storage == "memory"


@pytest.mark.parametrize("named", ["file", "file://"])
async def test_settings_hold_for_a_storage_however_it_is_named(named: str, tmp_path: Path) -> None:
    """A URL says the place; what else is set holds all the same."""
    spec = named if named == "file" else f"file://{tmp_path}/there"
    config = VoxonConfig(
        session_storage=spec, session_storage_path=str(tmp_path / "there"), durability="relaxed"
    )
    async with Voxon(config) as voxon:
        stats = await voxon.get_stats()
    assert (stats["durability"], stats["path"]) == ("relaxed", str(tmp_path / "there"))


async def test_the_session_key_of_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SESSION_KEY stands in where no key was given; with it no key ring file is made."""
    monkeypatch.setenv("SESSION_KEY", KEY)
    async with Voxon(VoxonConfig(session_storage_path=str(tmp_path / "s"))) as voxon:
        async with voxon.session("u", session_id="s"):
            pass
    monkeypatch.delenv("SESSION_KEY")
    assert not list(Path(os.environ["VOXSESSION_HOME"]).rglob("keyring.json"))
    async with Voxon(on_files(tmp_path / "s")) as voxon, await voxon.load_session("s"):
        pass
    async with Voxon(VoxonConfig(session_storage_path=str(tmp_path / "s"))) as voxon:
        with pytest.raises(KeyNotFoundError, match="keyring"):
            await voxon.load_session("s")
    assert not list(Path(os.environ["VOXSESSION_HOME"]).rglob("keyring.json"))


async def test_a_path_that_is_a_file_and_a_folder_that_goes_away(tmp_path: Path) -> None:
    """Both are errors that name the path; what is pending stays for later."""
    blocked = tmp_path / "file"
    blocked.write_text("x")
    async with Voxon(on_files(blocked)) as voxon:
        with pytest.raises((StorageError, ConfigurationError), match="file"):
            await voxon.create_session()
        assert (await voxon.health_check())["status"] == "unhealthy"

    folder = tmp_path / "s"
    async with Voxon(on_files(folder)) as voxon:
        session = await voxon.create_session(session_id="s")
        failed: list[Any] = []
        session.events.on("session.save_failed", failed.append)
        folder.rename(tmp_path / "away")
        session.add_memory("kept")
        with pytest.raises(StorageUnavailableError):
            await session.save()
        (tmp_path / "away").rename(folder)
        await session.save()
        await session.close()
        async with await voxon.load_session("s") as again:
            assert again.get_memory().entries[0].content == "kept"
    assert len(failed) == 1


async def test_the_memory_storage_refuses_one_session_too_many() -> None:
    """The session over the limit is StorageFullError; no live one is evicted."""
    async with Voxon(VoxonConfig(session_storage="memory", max_sessions=2)) as voxon:
        for name in ("a", "b"):
            await (await voxon.create_session(session_id=name)).close()
        with pytest.raises(StorageFullError):
            await voxon.create_session(session_id="c")
        for name in ("a", "b"):
            await (await voxon.load_session(name)).close()


async def test_a_session_of_another_tenant_is_not_there(tmp_path: Path) -> None:
    """Two tenants of one storage neither see nor erase each other's sessions."""
    async with Voxon(on_files(tmp_path, tenant="acme")) as acme, Voxon(on_files(tmp_path)) as plain:
        async with acme.session("u", session_id="s") as session:
            session.add_memory("acme's")
        with pytest.raises(SessionNotFoundError):
            await plain.load_session("s")
        assert [info async for info in plain.list_sessions()] == []
        assert not await plain.delete_session("s")
        async with await acme.load_session("s") as again:
            assert again.get_memory().entries[0].content == "acme's"


# --- settings that are given for a session that has some


def kept_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was told of settings that do not count."""
    return [record.getMessage() for record in caplog.records if "keeps its stored settings" in record.message]


@pytest.mark.parametrize("found_by", ["user_id", "session_id"])
async def test_settings_that_do_not_count_are_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, found_by: str
) -> None:
    """The stored ones stay, and one line names the fields, never what is in them."""
    who = {found_by: "alice"}
    async with Voxon(on_files(tmp_path)) as voxon:
        async with voxon.session(**who, config=SessionConfig(instructions="Old secret")) as session:
            session.config.temperature = 0.4
    later = SessionConfig(instructions="New secret", max_memory_size=5)
    async with Voxon(on_files(tmp_path)) as voxon:
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                async with voxon.session(**who, config=later) as session:
                    assert (session.config.instructions, session.config.max_memory_size) == (
                        "Old secret",
                        10_000,
                    )
            (line,) = kept_lines(caplog)
            assert "instructions, max_memory_size" in line and "temperature" not in line
            assert "secret" not in line and "10000" not in line
            async with voxon.session(**who, preset="educational"):
                pass
            assert len(kept_lines(caplog)) == 2


async def test_settings_that_agree_are_not_spoken_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No line for a new session, for the same settings once more, for defaults, or where none are given."""
    config = SessionConfig(instructions="Be a tutor", memory_categories={"chat": {"share": 0.5}})
    for given in ({"config": config}, {"config": config}, {"config": SessionConfig()}, {}):
        async with Voxon(on_files(tmp_path)) as voxon, voxon.session(user_id="alice", **given) as session:
            assert session.config.instructions == "Be a tutor"
    assert kept_lines(caplog) == []
