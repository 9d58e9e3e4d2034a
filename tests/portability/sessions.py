"""Sessions to be moved, and what of a bundle has to be the same wherever it was made."""

from __future__ import annotations

from typing import Any

from tests.session.stores import KEY
from voxsession import Session, Voxon, VoxonConfig


def elsewhere(storage: Any = "memory", *, clock: Any = None, **options: Any) -> Voxon:
    """Another installation, with keys of its own."""
    config = VoxonConfig(session_storage=storage, **{"session_encryption_key": KEY, **options})
    return Voxon(config, clock=clock)


def content_of(bundle: Any) -> dict[str, Any]:
    """All of a bundle but when it was made, and the checksum that this is in."""
    return {name: value for name, value in bundle.items() if name not in ("exported_at", "sha256")}


async def rich_session(voxon: Voxon, session_id: str = "s", user_id: str = "old_123") -> Session:
    """A session with something of everything."""
    session = await voxon.create_session(user_id=user_id, session_id=session_id)
    session.config.temperature = 0.3
    async with session.start_conversation("main") as conv:
        await conv.send_message("My name is Alice and I live in Porto.")
        await conv.send_message("I love hiking, please keep it short.")
    async with session.start_conversation("branch", parent_id="main") as branch:
        await branch.send_message("I moved to Lisbon.")
    async with session.start_conversation("gone") as gone:
        await gone.send_message("Nothing of this stays.")
    await session.delete_conversation("gone")
    session.add_memory("Prefers tea", category="drinks", metadata={"cups": 2.0}, pinned=True)
    session.add_memory("Bob plays chess", speaker="bob")
    session.update_state(cart={"items": [1, 2.5, None, "straße"]})
    session.set_preference("formality", "always_formal")
    session.track_metric("user_satisfaction", 4.5)
    await session.save()
    return session


async def long_session(voxon: Voxon, messages: int = 600, conversations: int = 80) -> Session:
    """A session most of which lies in pages: messages, conversations and history."""
    session = await voxon.create_session(user_id="old_123", session_id="long")
    for number in range(conversations):
        async with session.start_conversation(f"c{number}") as conv:
            said = [
                {"role": role, "content": f"{role} says {number} {place}", "name": None}
                for place in range(messages // conversations // 2)
                for role in ("user", "assistant")
            ]
            await conv.add_messages(said)
        session.add_memory(f"fact {number}", category=f"kind{number % 3}")
        if number % 10 == 9:
            async with session.start_conversation("main") as conv:
                await conv.send_message(f"My name is Name{chr(65 + number // 10)}nna.")
    await session.save()
    return session
