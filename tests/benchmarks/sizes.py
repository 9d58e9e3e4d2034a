"""P8, P10, P11: stored size, import time, building a context."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.measure import SENTENCE, Row, interleaved, process_ms
from tests.benchmarks.sides import our_session, our_voxon
from voxsession import SessionConfig

TRANSCRIPT = Path(__file__).resolve().parents[2] / "examples" / "data" / "transcript.jsonl"


async def run(folder: Path) -> list[Row]:
    """Filed bytes a byte of text; milliseconds to import; milliseconds to build 8,000 tokens."""
    return [await _stored(folder), _imported(), await _context(folder)]


async def _stored(folder: Path) -> Row:
    from voxsession.core.types import decode_json

    said = [decode_json(line) for line in TRANSCRIPT.read_bytes().splitlines() if line.strip()]
    texts = [str(line["text"]) for line in said]
    async with our_voxon(folder / "size") as voxon:
        session = await voxon.create_session(session_id="s", config=SessionConfig(enable_learning=False))
        conversation = await session.start_conversation()
        turns = [{"role": "user", "name": str(line.get("speaker", "Ann")), "content": f"{line['text']} ({n})"}
                 for n in range(20) for line in said]  # fmt: skip
        for start in range(0, len(turns), 128):
            await conversation.add_messages(turns[start : start + 128])
        await session.close()
    filed = sum(path.stat().st_size for path in (folder / "size").rglob("*.pages/*"))
    filed_messages = sum(1 for _ in (folder / "size").rglob("*.pages/*")) * 128
    text = sum(len(turn["content"].encode()) for turn in turns[:filed_messages])
    assert texts and filed
    return Row(
        "P8", "bytes filed, encrypted, a byte of text", filed / text, 1.0, "the text itself", "≤ 0.6", "bytes"
    )


def _imported() -> Row:
    bare = process_ms("pass")
    return Row("P10", "import voxsession above the bare interpreter", process_ms("import voxsession") - bare,
               None, "", "≤ 150 ms")  # fmt: skip


async def _context(folder: Path) -> Row:
    async with our_voxon(folder / "context") as voxon:
        session, conversation = await our_session(voxon, "s", 10_000)
        session.config.context_tokens = 8000
        session.config.max_memory_size = 100_000
        for number in range(500):
            session.add_memory(f"User said in talk {number}: {SENTENCE[number % 40 : number % 40 + 80]}")
        await conversation.build_context("What would a new mast cost, and whom did we want to ask?")

        async def build(number: int) -> None:
            context = await conversation.build_context(f"What did the brothers say about mast {number}?")
            assert context.token_count > 6000

        (spent,) = await interleaved(40, build)
    return Row(
        "P11",
        "build a context of 8,000 tokens from 10,000 messages, 500 memories",
        spent,
        None,
        "",
        "≤ 10 ms",
    )
