"""Seeing inside: what debugging shows, how much of it, and that nothing private is in it."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.session.stores import WatchedStorage, only, refuse, user_says, voxon_on
from voxsession import (
    MemorySessionStorage,
    ModelError,
    Reply,
    SessionConfig,
    StorageUnavailableError,
    Voxon,
    VoxonConfig,
    VoxSessionError,
)
from voxsession.session import debug
from voxsession.testing import FakeClock, ScriptedModel

# No word that a program says by itself holds these.
SECRETS = st.text("bcdfghjkmpqvwxz", min_size=9, max_size=16)


class Pocket:
    """Words to hide, one for each place, so that a leak tells where it is."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return f"{self.secret}{self.count:02d}"

    def leaks(self, text: str) -> list[str]:
        """What of it can be read in a text."""
        return [
            f"{self.secret}{number:02d}"
            for number in range(self.count + 1)
            if f"{self.secret}{number:02d}" in text
        ]


async def live_a_life(content: Pocket, ids: Pocket, key: str, shown: list[str]) -> str:
    """A session with a marked word wherever something can be put in; gives its debug logs, adds what else it shows."""
    storage = WatchedStorage(MemorySessionStorage(cleanup_interval=None))
    fails = [False]

    async def model(request: Any) -> Any:
        if fails[0]:
            raise RuntimeError(content())
        if len([one for one in request.messages if one["role"] == "tool"]) == 0 and request.functions:
            call = {
                "id": ids(),
                "type": "function",
                "function": {"name": "look_up", "arguments": json.dumps({"what": content()})},
            }
            return Reply("", tool_calls=[call])
        return f"Well, {content()}."

    def extractor(text: str, **about: Any) -> list[Any]:
        if fails[0]:
            raise ValueError(content())
        return []

    def failing(event: Any) -> None:
        raise KeyError(content())

    config = SessionConfig(instructions=content(), voice=content(), language=content(), enable_functions=True)
    settings_ = VoxonConfig(session_storage=storage, session_encryption_key="hex:" + key, tenant=ids())
    async with Voxon(settings_, model=model, extractor=extractor) as voxon:
        session = await voxon.create_session(user_id=ids() + " Smith", session_id=ids(), config=config)
        session.enable_debug()
        session.events.on("memory.added", failing)
        conv = await session.start_conversation(ids())
        conv.register_function(look_up)
        for _ in range(2):
            await conv.send_message(f"I like {content()}, please be formal", metadata={content(): content()})
        async with session.conversation(ids()) as branch:
            said = {"role": "user", "content": content(), "name": content()}
            await branch.add_messages([said, {"role": "assistant", "content": content()}])
        session.add_memory(content(), category=ids(), metadata={content(): content()}, speaker=content())
        session.add_memory(content(), sensitive=True)
        session.update_state(**{content(): content()})
        session.set_preference(content(), content())
        session.track_metric(content(), 3)
        session.config.instructions = content()
        await session.save()
        await session.forget(content.secret + "01", dry_run=False)
        fails[0] = True
        storage.mishap = only(("save", "append"), refuse)
        for work in (lambda: conv.send_message(content()), session.save):
            with pytest.raises(VoxSessionError) as caught:
                await work()
            shown += [str(caught.value), repr(caught.value)]
        storage.mishap = None
        info = session.get_debug_info()
        shown += [
            repr(one) for one in (session, conv, settings_, session.get_memory().entries, conv.messages)
        ]
        shown += [repr(session.export_preference_profile()), json.dumps(info)]
        assert info["error_count"] >= 4 and {"RuntimeError", "ValueError"}.isdisjoint(info["errors"])
        logs = session.export_debug_logs()
        await session.end(reason=content())
        shown.append(json.dumps(session.get_debug_info()))
        assert session.export_debug_logs().startswith(logs.partition('"enabled_at"')[0])
        logs += session.export_debug_logs()
        await session.close()
        shown.append(json.dumps(await voxon.health_check()))
    return logs


def look_up(what: str) -> str:
    """Looks something up."""
    return f"It is {what}."


@settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(SECRETS, SECRETS, st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_nothing_private_is_in_logs_debug_output_repr_or_errors(one: str, other: str, key: str) -> None:
    """Content and keys are nowhere; ids are in debug info and logs, and not even they in what is exported."""
    content, ids = Pocket("c" + one), Pocket("i" + other)
    records: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    keep, logger = Keep(), logging.getLogger("voxsession")
    level = logger.level
    logger.addHandler(keep)
    logger.setLevel(logging.DEBUG)
    try:
        shown: list[str] = []
        exported = asyncio.run(live_a_life(content, ids, key, shown))
    finally:
        logger.removeHandler(keep)
        logger.setLevel(level)
    logged = "\n".join(f"{record.getMessage()} {record.args} {record.exc_info}" for record in records)
    assert records and content.count > 30 and ids.count > 4
    for text in (exported, logged, *shown):
        assert content.leaks(text) == [] and key not in text
    assert ids.leaks(exported) == [] and "look_up" not in exported and "Smith" not in exported + logged
    assert '"turn.failed"' in exported and '"conversation-1"' in exported


async def test_a_real_session_logs_ids_and_no_content(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A talk on files, opened again, erased: each line comes from a module of ours, and quotes nothing."""
    said = [
        "My name is Zorvath Quillon",
        "I live in Trondheim",
        "Please answer in German",
        "What is my name?",
    ]
    config = VoxonConfig(
        session_storage_path=str(tmp_path / "s"), session_encryption_key="base64:" + "kolibri" * 6 + "k="
    )
    replies: list[str] = []
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            async with (
                Voxon(config) as voxon,
                voxon.session("zora@example.org", session_id="the-session") as session,
            ):
                async with session.conversation() as conv:
                    for text in said:
                        replies.append(await conv.send_message(text))
                session.add_memory("Owes money to Blandford", sensitive=True)
                await session.recall("money")
        async with Voxon(config) as voxon:
            await voxon.rotate_keys()
            await voxon.delete_user("zora@example.org")
    ours = [record for record in caplog.records if record.name.startswith("voxsession")]
    lines = [record.getMessage() for record in ours]
    assert any("the-session" in line and "version" in line for line in lines)
    assert {record.name for record in ours} >= {
        "voxsession.session.recorder",
        "voxsession.installation",
        "voxsession.upkeep.erasing",
    }
    everything = "\n".join(f"{r.getMessage()} {r.args} {r.exc_text}" for r in caplog.records)
    for word in (
        "Zorvath",
        "Quillon",
        "Trondheim",
        "Blandford",
        "German",
        "zora",
        "kolibri",
        *said,
        *replies,
    ):
        assert word not in everything


async def test_what_debugging_shows() -> None:
    """Transitions say from where to where, snapshots follow the memory, errors are counted by class and placed."""
    storage = WatchedStorage(MemorySessionStorage(cleanup_interval=None))
    async with voxon_on(storage, model=ScriptedModel([])) as voxon:
        session = await voxon.create_session(user_id="ann", session_id="s")
        assert session.get_debug_info()["enabled_at"] is None and session.get_debug_info()["events"] == []
        session.enable_debug()
        session.enable_debug()
        conv = await session.start_conversation("c")
        session.add_memory("Prefers tea")
        with pytest.raises(ModelError):
            await conv.send_message("Hello")
        storage.mishap = only("append", refuse)
        session.add_memory("Prefers coffee")
        with pytest.raises(StorageUnavailableError):
            await session.save()
        storage.mishap = None
        await conv.end()
        again = await session.resume_conversation("c")
        await again.end()
        info = session.get_debug_info()
    moves = [(row["of"], row["from"], row["to"]) for row in info["state_transitions"]]
    assert moves == [
        ("conversation", None, "active"),
        ("conversation", "active", "ended"),
        ("conversation", "ended", "active"),
        ("conversation", "active", "ended"),
    ]
    assert [row["stored_entries"] for row in info["memory_snapshots"]] == [0, 1, 2]
    assert info["error_count"] == 2 and info["errors"] == {"ModelError": 1, "StorageUnavailableError": 1}
    failed = [row for row in info["events"] if "error" in row]
    assert [row["type"] for row in failed] == ["turn.failed", "session.save_failed"]
    assert all(row["error_at"].startswith(("session/", "testing/")) for row in failed)
    assert info["session_id"] == "s" and info["events_left_out"] == 0


async def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it runs, so many events and snapshots are kept, and the number of the others is told."""
    monkeypatch.setattr(debug, "MAX_EVENTS", 50)
    monkeypatch.setattr(debug, "MAX_SNAPSHOTS", 10)
    async with voxon_on(MemorySessionStorage()) as voxon:
        session = await voxon.create_session()
        session.enable_debug()
        conv = await session.start_conversation()
        for number in range(40):
            session.add_memory(f"entry {number}")
            await conv.add_messages(user_says(f"message {number}"))
        info = session.get_debug_info()
    assert len(info["events"]) == 50 and len(info["memory_snapshots"]) == 10
    assert info["events_left_out"] > 50 and info["events"][-1]["type"] == "session.saved"
    assert json.loads(session.export_debug_logs().splitlines()[0])["about"]["events_left_out"] > 50


async def test_what_is_exported_can_be_followed() -> None:
    """Each line is JSON; the same id has the same number everywhere; settings that say nothing of a person are told."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        async with voxon.session("ann", session_id="ann@example.org") as session:
            session.enable_debug()
            async with session.conversation("call of ann".replace(" ", "-")) as conv:
                await conv.send_message("My name is Ann")
            lines = [json.loads(line) for line in session.export_debug_logs().splitlines()]
    about = lines[0]["about"]
    assert about["session_id"] == "session-1" and about["has_user"] is True
    assert about["settings"]["memory_mode"] == "hybrid" and "instructions" not in about["settings"]
    assert about["counts"]["messages"] == 2 and about["error_count"] == 0
    assert {"transition", "memory", "event"} <= {name for line in lines for name in line}
    talks = {line["event"]["conversation_id"] for line in lines if "conversation_id" in line.get("event", {})}
    assert talks == {"conversation-1"}


async def test_sessions_are_counted_by_status() -> None:
    """Active, ended, and those that wait for the clean-up, each under its name; the storage is healthy."""
    clock = FakeClock()
    async with voxon_on(
        MemorySessionStorage(cleanup_interval=None), clock=clock, session_ttl_seconds=60
    ) as voxon:
        await voxon.create_session()
        clock.advance(3600)
        (await voxon.create_session()).add_memory("x")
        ended = await voxon.create_session()
        await ended.end()
        stats = await voxon.get_stats()
        assert stats["sessions"] == {"active": 1, "ended": 1, "expired": 1} and stats["total_sessions"] == 3
        assert stats["storage_type"] == "memory" and stats["keys"] and stats["open_sessions"] == 3
        assert await voxon.health_check() == {"status": "healthy", "storage": "operational"}


async def test_an_export_shows_no_code_of_the_app(tmp_path: Path) -> None:
    """Handlers are numbered, exceptions of others are foreign errors, and of lines only those of the library come."""
    folder = tmp_path / "voxsession" / "zebra"
    folder.mkdir(parents=True)
    code = "class ZebraError(Exception): pass\n\ndef zebra(event):\n    raise ZebraError('zebra')\n"
    (folder / "app.py").write_text(code)
    names: dict[str, Any] = {}
    exec(compile(code, str(folder / "app.py"), "exec"), names)

    def extractor(text: str, **about: Any) -> Any:
        return names["zebra"](text)

    def model(request: Any) -> Any:
        raise KeyError("zebra")

    settings = VoxonConfig(session_storage="memory")
    async with Voxon(settings, extractor=extractor, model=model) as voxon:
        session = await voxon.create_session(user_id="ann")
        session.enable_debug()
        session.events.on("message.added", names["zebra"])
        conv = await session.start_conversation()
        with pytest.raises(VoxSessionError):
            await conv.send_message("Hello")
        await conv.add_messages([{"role": "user", "content": "Hello"}])
        logs = session.export_debug_logs()
        assert "zebra" not in logs.casefold()
        assert '"foreign error"' in logs and '"handler-1"' in logs and '"extractor"' in logs
        assert "ZebraError" in session.get_debug_info()["errors"]
