"""How a session shows itself in a notebook."""

from __future__ import annotations

from collections import Counter

from voxsession.core.display import bar, page_of, table
from voxsession.memory.budget import live_tokens
from voxsession.session.base import SessionBase

__all__ = ["Showing"]


class Showing(SessionBase):
    """A session as a table: sizes and times, nothing that was said or remembered."""

    def _repr_html_(self) -> str:
        core = self._core
        data, now = core.view, core.now()
        tokens: Counter[str] = Counter()
        entries: Counter[str] = Counter()
        for entry in data.all_memories():
            if entry.is_live(now):
                entries[entry.category] += 1
                tokens[entry.category] += entry.token_count
        facts = [
            ["status", data.status],
            ["created", f"{data.created_at:%Y-%m-%d %H:%M}"],
            ["saved", f"{data.updated_at:%Y-%m-%d %H:%M}" if core.exists else "never"],
            ["changes to save", str(len(core.pending_changes))],
            ["conversations", str(data.totals.conversation_count)],
            ["messages", str(data.totals.message_count)],
        ]
        kinds = [[name, str(count), str(tokens[name])] for name, count in sorted(entries.items())]
        used = bar(live_tokens(data), int(self._setting("max_memory_size")), "memory tokens")
        memories = table(("category", "entries", "tokens"), kinds) if kinds else ""
        return page_of(f"Session {data.session_id}", table(("", ""), facts) + used + memories)
