"""A program of a user, for `make types`: what the names give, and what a type checker finds by itself.

Nothing of it is run. Each `type: ignore` stands at a mistake, and is an error itself where the mistake is not found.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, assert_type

from voxsession import (
    Conversation,
    MemoryEntry,
    MemoryMatch,
    Message,
    Session,
    SessionConfig,
    SessionPresets,
    Voxon,
    VoxonConfig,
)
from voxsession.session.reports import ImportReport


def settings(stored: dict[str, Any]) -> None:
    """Settings are known by name and type, when they are given and when they are set."""
    config = SessionConfig(
        temperature=1,
        memory_mode="hybrid",
        memory_categories={"chat": {"share": 0.3, "expires_after_days": 30}},
        milestones={"messages": [2, 50]},
        **stored,
    )
    config.temperature = 0.3
    assert_type(config.temperature, float)
    assert_type(SessionPresets.CUSTOMER_SUPPORT.replace(instructions="Help."), SessionConfig)
    VoxonConfig(session_storage_path=Path("sessions"), durability="relaxed", session_encryption_key=b"0" * 32)
    VoxonConfig.from_env(autosave=False)

    SessionConfig(temprature=0.3)  # type: ignore[call-arg]
    SessionConfig(memory_mode="for ever")  # type: ignore[arg-type]
    config.temprature = 0.3  # type: ignore[attr-defined]
    config.temperature = "hot"  # type: ignore[assignment]
    config.replace(temprature=0.3)  # type: ignore[call-arg]
    VoxonConfig(session_storge="memory")  # type: ignore[call-arg]
    VoxonConfig.from_env(autosave="no")  # type: ignore[arg-type]


async def opening(voxon: Voxon) -> None:
    """What may be awaited or entered gives the same either way."""
    async with voxon.session(user_id="alice") as session, session.conversation() as conv:
        assert_type(session, Session)
        assert_type(conv, Conversation)
    assert_type(await voxon.load_session("s"), Session)
    assert_type(await voxon.create_session(user_id="alice"), Session)
    assert_type(await session.resume_conversation(), Conversation)
    voxon.session(user_id="alice", preset="educational")
    voxon.session(user_id="alice", preset=SessionPresets.EDUCATIONAL)
    voxon.session(user_id="alice", preset=Path("presets/support.toml"))
    voxon.create_session(user_id="alice", preset=Path("presets/support.toml"))
    voxon.session(user_id="alice").add_memory("Prefers tea")  # type: ignore[attr-defined]


async def talking(conv: Conversation, session: Session) -> None:
    """A stream gives texts, a registered function stays what it is, and words of the library are known."""

    @conv.function
    def order_status(order_id: int) -> str:
        return f"{order_id} is on its way"

    @conv.function(timeout_seconds=5)
    async def refund(order_id: int) -> Mapping[str, bool]:
        return {"accepted": order_id > 0}

    assert_type(order_status(7), str)
    assert_type(await refund(7), Mapping[str, bool])
    checked: Callable[[int], str] = conv.register_function(order_status)
    checked(7)
    async for chunk in conv.stream_message("Hello", on_busy="interrupt"):
        assert_type(chunk, str)
    assert_type(await conv.history(), list[Message])
    assert_type(conv.messages[0].to_dict(), dict[str, Any])
    assert_type(await session.recall("tea", sources=["messages"]), list[MemoryMatch])
    assert_type(session.add_memory("Prefers tea"), MemoryEntry)

    session.update_memory("mem_1", importance=0.9, pinned=True)
    session.update_memory("mem_1", importanc=0.9)  # type: ignore[call-arg]
    await conv.send_message("Hello", on_busy="que")  # type: ignore[arg-type]
    await session.recall("tea", sources="messages")  # type: ignore[arg-type]
    session.to_records("weeks")  # type: ignore[arg-type]
    session.state["step"] = 2  # type: ignore[index]


async def moving(voxon: Voxon, session: Session) -> None:
    """What a call gives goes by what it is given."""
    assert_type(await session.export_full(), dict[str, Any])
    assert_type(await session.export_full("alice.bundle", passphrase="secret"), Path)
    assert_type(await voxon.import_session("alice.bundle"), Session)
    assert_type(await voxon.import_session("alice.bundle", dry_run=True), ImportReport)
    await voxon.import_session("alice.bundle", on_conflict="skip")  # type: ignore[call-overload]


def models() -> None:
    """Every form of a model that runs is one for the type checker, and what is none is found."""

    async def at_once(request: Any) -> str:
        return "A text."

    async def streaming(request: Any) -> AsyncIterator[str]:
        yield "A text."

    class Stateful:
        async def respond(self, asked: Any) -> str:
            return "A text."

    for model in (at_once, streaming):
        Voxon(model=model)
    Voxon(model=Stateful())
    Voxon(model="gpt-4o")  # type: ignore[arg-type]
