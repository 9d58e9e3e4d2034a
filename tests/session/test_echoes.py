"""What two processes learn at once is one entry with the evidence of both."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.test_two_processes import two
from voxsession import FileSessionStorage, MemorySessionStorage, Session, SessionConfig

KEEPING = SessionConfig(memory_mode="persistent", max_memory_size=100_000)
#: What is said -> what is remembered; without a slot, with one, and with a slot that another fills as well.
FACTS = {
    "I have two dogs": "User has two dogs",
    "I play chess": "User plays chess",
    "I love jazz": "User loves jazz",
    "I'm allergic to nuts": "User is allergic to nuts",
}


async def say(session: Session, *texts: str) -> None:
    async with session.conversation() as conv:
        await conv.add_messages([{"role": "user", "content": text} for text in texts])


def evidence(session: Session) -> dict[str, list[int]]:
    """How often each live content was said, entry by entry."""
    found: dict[str, list[int]] = {}
    for entry in session.get_memory().entries:
        found.setdefault(entry.content, []).append(entry.evidence_count)
    return found


@pytest.mark.parametrize("text", sorted(FACTS))
async def test_said_in_two_processes_at_once(text: str, tmp_path: Path) -> None:
    """Twice here and once there is one entry with evidence 3, in both and in the store."""
    storage = FileSessionStorage(tmp_path)
    async with two(storage, KEEPING) as (mine, yours):
        await say(mine, text)
        await say(yours, text)
        await say(mine, text)
        for session in (mine, yours, mine):
            await session.save()
        await mine.reload()
        await yours.reload()
        assert evidence(mine) == evidence(yours) == {FACTS[text]: [3]}


@pytest.mark.parametrize("content", [None, "User has two cats"])
async def test_an_edit_of_what_both_learned_is_kept(content: str | None) -> None:
    """It goes with the fact; where it made another fact of it, that is no echo any more."""
    async with two(MemorySessionStorage(), KEEPING) as (mine, yours):
        await say(mine, "I have two dogs")
        with yours.batch_update():
            await say(yours, "I have two dogs")
            [entry] = yours.get_memory().entries
            yours.update_memory(entry.id, importance=0.99, **({"content": content} if content else {}))
        await yours.save()
        found = [(one.content, one.importance, one.evidence_count) for one in yours.get_memory().entries]
        if content is None:
            assert found == [("User has two dogs", 0.99, 2)]
        else:
            assert (content, 0.99, 1) in found and len(found) == 2


async def test_two_tasks_of_one_process() -> None:
    """A batch that was open while another task learned the same is put behind it as one entry."""
    async with two(MemorySessionStorage(), KEEPING) as (mine, _):
        with mine.batch_update():
            await say(mine, "I have two dogs")
            await asyncio.create_task(asyncio.sleep(0))
            await asyncio.gather(_outside(mine))
            await say(mine, "I like tea")
        assert evidence(mine)["User has two dogs"] == [2]


async def _outside(session: Session) -> None:
    """Learns outside the batch of the task that calls it."""
    import contextvars

    context = contextvars.Context()
    task = context.run(asyncio.get_running_loop().create_task, say(session, "I have two dogs"))
    await task


_steps = st.lists(st.tuples(st.booleans(), st.sampled_from([*sorted(FACTS), "save"])), max_size=12)


@settings(max_examples=40, deadline=None)
@given(steps=_steps)
def test_two_writers_agree_on_what_was_said_how_often(steps: list[tuple[bool, str]]) -> None:
    """In any order of saying and saving: each fact once, with all its evidence, the same in both processes."""

    async def run() -> None:
        async with two(MemorySessionStorage(), KEEPING) as both:
            for is_first, step in steps:
                session = both[not is_first]
                await (session.save() if step == "save" else say(session, step))
            for session in (*both, *both):
                await session.save()
            for session in both:
                await session.reload()
            counts = {content: sum(step == text for _, step in steps) for text, content in FACTS.items()}
            wanted = {content: [count] for content, count in counts.items() if count}
            assert evidence(both[0]) == evidence(both[1]) == wanted

    asyncio.run(run())
