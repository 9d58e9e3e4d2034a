"""Events, and the two token budgets: of what is remembered, and of what is sent.

`max_memory_size` bounds all memories of a session, `context_tokens` bounds each request. Both are kept small here, so
that one can watch what gives way.
"""

from __future__ import annotations

import asyncio

from voxsession import BudgetError, Event, SessionConfig, Voxon, VoxonConfig

NOTES = [
    ("Prefers morning appointments", "scheduling", 0.6),
    ("Took the tram to the dentist on a rainy Tuesday and was eleven minutes late", "small talk", 0.1),
    ("Is allergic to penicillin", "health", 0.9),
    ("Mentioned that the coffee machine on the second floor is broken again", "small talk", 0.2),
    ("Speaks Portuguese and German", "identity", 0.8),
]


async def tell_later(event: Event) -> None:
    """An asynchronous handler runs as a task: the conversation does not wait for it."""
    await asyncio.sleep(0.01)
    print(f"  (a moment later: {event.type}, version {event.seq})")


async def main() -> None:
    config = SessionConfig(max_memory_size=24, context_tokens=120, memory_mode="persistent")
    storage = VoxonConfig(session_storage="memory")
    async with Voxon(storage) as voxon, voxon.session(user_id="alice", config=config) as session:
        session.events.on("memory.added", lambda e: print(f"  added: {e.entry.content}"))
        session.events.on("memory.evicted", lambda e: print(f"  evicted: {list(e.reasons.values())}"))
        session.events.once("session.saved", tell_later)
        session.events.on("handler.failed", lambda e: print(f"  handler failed: {e.error!r}"))
        session.events.on("config.changed", lambda e: 1 / 0)  # nothing breaks but this handler

        print("A memory budget of 24 tokens:")
        for text, category, importance in NOTES:
            session.add_memory(text, category=category, importance=importance)
            print(f"  memory usage {session.memory_usage:.0%}")
        await session.save()
        await asyncio.sleep(0.05)

        print("A context budget of 120 tokens:")
        async with session.conversation() as conv:
            for number in range(1, 9):
                await conv.send_message(f"Note {number}: the meeting was moved by another half an hour.")
            context = await conv.build_context("When do I like appointments?")
            print(f"  {context!r}")
            for item in context.report():
                if item["kind"] == "memory" or item["included"]:
                    mark = "in " if item["included"] else "out"
                    print(f"  {mark} {item['tokens']:>3} tokens  {item['kind']:<12} {item['reason']}")

            session.config.context_tokens = 64
            try:
                await conv.send_message("word " * 100)
            except BudgetError as error:
                print(f"  too long to send: {error.needed_tokens} tokens of {error.available_tokens}")


if __name__ == "__main__":
    asyncio.run(main())
