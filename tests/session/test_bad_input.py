"""Input as large or as odd as it comes: kept whole or refused by name, and nothing else is lost."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from voxsession import MemorySessionStorage, SessionConfig, Voxon, VoxonConfig
from voxsession.testing import ScriptedModel

KEY = "hex:" + "21" * 32
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)
WORDS = TEXTS.filter(lambda text: bool(text.strip()))
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


async def test_five_megabytes_of_text_are_kept(tmp_path: Path) -> None:
    """A message of 5 MB is stored whole, found again, and the next context keeps its budget."""
    text = "a long story about the sea " * 200_000
    config = VoxonConfig(session_storage_path=str(tmp_path), session_encryption_key=KEY)
    async with Voxon(config, model=ScriptedModel(["ok"])) as voxon:
        async with voxon.session("u", session_id="s") as session, session.conversation("c") as conv:
            await conv.add_messages(
                [{"role": "user", "content": text}, {"role": "assistant", "content": "Long."}]
            )
            reply = await conv.send_message("and now?")
    async with Voxon(config) as voxon, await voxon.load_session("s") as session:
        conv = await session.resume_conversation("c")
        history = await conv.history()

    assert history[0].content == text
    assert reply.context is not None and reply.context.token_count <= reply.context.budget_tokens


@settings(max_examples=40)
@given(
    messages=st.lists(
        st.tuples(st.sampled_from(["user", "assistant", "system"]), WORDS), min_size=1, max_size=6
    ),
    memories=st.lists(st.tuples(WORDS, st.floats(0, 1)), max_size=4),
    state=st.dictionaries(st.text(string.ascii_letters, min_size=1), JSON, max_size=4),
    metadata=st.dictionaries(TEXTS, JSON, max_size=3),
    sealed=st.booleans(),
)
async def test_what_json_can_say_stays_equal_through_save_and_load(
    messages: list[tuple[str, str]],
    memories: list[tuple[str, float]],
    state: dict[str, Any],
    metadata: dict[str, Any],
    sealed: bool,
) -> None:
    """Messages, memories, configs, state and metadata come back as they were, whatever the characters."""
    storage = MemorySessionStorage()
    method = {} if sealed else {"session_encryption_method": "none"}
    config = VoxonConfig(session_storage=storage, session_encryption_key=KEY if sealed else None, **method)
    chosen = SessionConfig(
        instructions=messages[0][1], memory_mode="persistent", max_memory_size=100_000, enable_learning=False
    )
    async with Voxon(config) as voxon:
        session = await voxon.create_session(session_id="s", user_id=messages[0][1][:1000], config=chosen)
        conv = await session.start_conversation("c")
        made = await conv.add_messages(
            [{"role": role, "content": text, "metadata": metadata} for role, text in messages]
        )
        entries = [
            session.add_memory(text, importance=weight, metadata=metadata) for text, weight in memories
        ]
        await session.update_state(**state)
        await session.close()
    async with Voxon(config) as voxon, await voxon.load_session("s") as again:
        history = await (await again.resume_conversation("c")).history()
        assert history == made
        assert {entry.id: entry for entry in again.get_memory().entries} == {
            entry.id: entry for entry in entries
        }
        assert dict(again.state) == state
        assert again.config == chosen.replace(session_id="s", user_id=messages[0][1][:1000])
