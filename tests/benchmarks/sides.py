"""The two sides of each comparison: sessions of ours, sessions of the peers, filled alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.benchmarks.measure import message
from voxsession import Conversation, Session, SessionConfig, Voxon, VoxonConfig

KEY = "hex:" + "42" * 32


def our_voxon(folder: Path, **settings: Any) -> Voxon:
    """Encrypted files, durable, the defaults."""
    return Voxon(VoxonConfig(session_storage_path=str(folder), session_encryption_key=KEY, **settings))


async def our_session(
    voxon: Voxon, session_id: str, messages: int, *, learning: bool = False, conversations: int = 1
) -> tuple[Session, Conversation]:
    """A session of so many messages, spread over conversations; the last one is open."""
    config = SessionConfig(enable_learning=learning, memory_mode="persistent")
    session = await voxon.create_session(session_id=session_id, config=config)
    share = max(messages // conversations, 1)
    for number in range(conversations - 1):
        async with session.start_conversation() as conversation:
            await conversation.add_messages(_messages(number * share, share))
    conversation = await session.start_conversation()
    rest = messages - share * (conversations - 1)
    for start in range(0, rest, 250):
        await conversation.add_messages(_messages(messages - rest + start, min(250, rest - start)))
    return session, conversation


def _messages(start: int, count: int) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": message(number)} for number in range(start, start + count)]


def agents_sqlite(folder: Path, session_id: str) -> Any:
    """openai-agents' SQLiteSession on a file."""
    from agents import SQLiteSession

    folder.mkdir(parents=True, exist_ok=True)
    return SQLiteSession(session_id, str(folder / "agents.db"))


def agents_encrypted(folder: Path, session_id: str) -> Any:
    """openai-agents' EncryptedSession over SQLiteSession."""
    from agents.extensions.memory import EncryptedSession

    inner = agents_sqlite(folder, session_id)
    return EncryptedSession(
        session_id=session_id, underlying_session=inner, encryption_key="k" * 40, ttl=10**9
    )


async def fill_peer(session: Any, messages: int) -> Any:
    """Puts the same messages into a peer's session."""
    for start in range(0, messages, 250):
        await session.add_items(_messages(start, min(250, messages - start)))
    return session
