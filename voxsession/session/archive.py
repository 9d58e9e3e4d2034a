"""Fewer memories: folding and shortening older entries, letting a model sum them up, bringing originals back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from voxsession.core.changes import Change, MemoryCompressed, MemoryRemoved, MemoryRestored
from voxsession.core.memory_changes import confirmations
from voxsession.core.memory_entry import MemoryEntry, is_original
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject, check_number, check_text, encode_canonical
from voxsession.core.withholding import withheld_marks, withheld_slots
from voxsession.errors import ConfigurationError
from voxsession.memory.budget import expired
from voxsession.session.base import SessionBase
from voxsession.session.history import whole_history
from voxsession.session.reports import CompressionReport
from voxsession.session.summarizing import check_writer, summary_of

if TYPE_CHECKING:
    from voxsession.memory.compress import Rewriting

__all__ = ["Archiving"]

PART_TOKENS = 3_000  # of the notes that one summary is made of, so that any number fits any model

# Entry id -> what became of it and, where there is one, the entry that it is in now.
_Fates = dict[str, tuple[str, str]]


class Archiving(SessionBase):
    """Memories on their way to fewer, and back."""

    def compress_memory(self, keep_recent_days: float = 7) -> CompressionReport:
        """Makes older entries fewer and shorter without a model; what they were is kept and can be brought back.

        Entries that say the same are merged, short ones that begin alike are folded into one, long ones are
        shortened to the half of their sentences that says most, expired ones are dropped. Pinned entries, facts
        of which only one can be true, and what was brought back are left alone. The originals are history from
        then on: `restore_memory` brings them back, and `SessionConfig.memory_archive_days` says for how long.

        Args:
            keep_recent_days: entries younger than this many days are left alone.

        Returns:
            How many were `merged`, `folded`, `shortened` and `expired`; `details` has a row for each entry with
            what became of it and the id it is in now, or why it was kept.
        """
        from voxsession.memory.compress import is_compressible, plan_joining, plan_shortening  # takes 15 ms

        core = self._writable()
        days = float(check_number("keep_recent_days", keep_recent_days, 0, 100_000))
        now = core.now()
        fates: _Fates = {}
        made: list[Change] = []
        with core.batch():
            gone = expired(core.view, now)
            core.record(*gone)
            for change in gone:
                fates |= {entry_id: ("expired", "") for entry_id in change.event_fields()["entry_ids"]}
            # Apart, because what lives with the process must not take the place of what is stored.
            for local in (False, True):
                fates |= self._fold(days, made, local=local)
                live = self._live(local=local)
                fates |= self._rewrite("folded", plan_joining(live, now, days), made, local=local)
                long = plan_shortening(self._live(local=local), now, days, core.counter.count)
                fates |= self._rewrite("shortened", long, made, local=local)
            self._let_archive_go(now)
        kept = [
            {"id": entry.id, "became": "kept", "why": is_compressible(entry, now, days) or "nothing to gain"}
            for entry in core.view.all_memories()
            if entry.is_live(now) and not entry.made_from
        ]
        return self._told(_report(("merged", "folded", "shortened", "expired"), fates, kept), made)

    def _told(self, report: CompressionReport, made: Sequence[Change]) -> CompressionReport:
        """The report, which is corrected should one of these changes be dropped before it is saved."""
        for change in made:
            self._core.compressions[change] = report
        return report

    def _live(self, *, local: bool) -> list[MemoryEntry]:
        view, now = self._core.view, self._core.now()
        entries = view.local_memories if local else view.memories
        return [entry for entry in entries.values() if entry.is_live(now)]

    def _fold(self, days: float, made: list[Change], *, local: bool) -> _Fates:
        from voxsession.memory.compress import plan_compression

        core, now = self._core, self._core.now()
        replaced: dict[str, str] = {}
        added: list[MemoryEntry] = []
        for folding in plan_compression(self._live(local=local), now, days):
            total = folding.kept.evidence_count + sum(entry.evidence_count for entry in folding.folded)
            said_in = _said_in([folding.kept, *folding.folded], but=folding.kept.message_id)
            added.append(evolve(folding.kept, evidence_count=total, confirmed_in=said_in))
            replaced |= {entry.id: folding.kept.id for entry in folding.folded}
        if replaced:
            made.append(MemoryCompressed(at=now, replaced=replaced, added=added, local=local))
            core.record(made[-1])
        return {old: ("merged", new) for old, new in replaced.items()}

    def _rewrite(self, how: str, plan: Sequence[Rewriting], made: list[Change], *, local: bool) -> _Fates:
        """Puts new entries in the place of others, where they are smaller."""
        core = self._core
        added: list[MemoryEntry] = []
        replaced: dict[str, str] = {}
        for rewriting in plan:
            entry = self._made_of(rewriting.originals, rewriting.content)
            if entry.token_count < sum(original.token_count for original in rewriting.originals):
                added.append(entry)
                replaced |= {original.id: entry.id for original in rewriting.originals}
        if added:
            made.append(MemoryCompressed(at=core.now(), replaced=replaced, added=added, local=local))
            core.record(made[-1])
        return {old: (how, new) for old, new in replaced.items()}

    def _made_of(self, originals: Sequence[MemoryEntry], content: str) -> MemoryEntry:
        """An entry that stands for others, as known, as certain and as short-lived as they are."""
        core = self._core
        newest = max(originals, key=lambda entry: (entry.timestamp, entry.id))
        ends = [entry.expires_at for entry in originals if entry.expires_at is not None]
        alone = len(originals) == 1
        return evolve(
            newest,
            id=core.clock.new_id("mem"),
            content=check_text("content", content, allow_empty=False),
            importance=max(entry.importance for entry in originals),
            expires_at=min(ends, default=None),
            evidence_count=sum(entry.evidence_count for entry in originals),
            token_count=core.counter.count(content),
            estimated=not core.counter.exact,
            value=None,
            message_id=newest.message_id if alone else None,
            conversation_id=newest.conversation_id if alone else None,
            confirmed_in=_said_in(originals, but=newest.message_id if alone else None),
            made_from=[entry.id for entry in originals],
        )

    def _let_archive_go(self, now: datetime) -> None:
        """Erases originals that were kept for as long as the settings say."""
        days, core = self._setting("memory_archive_days"), self._core
        if days is None:
            return
        policy: dict[str, Any] = {"reason": "archived", "archived_before": now - timedelta(days=days)}
        covers = MemoryRemoved(at=now, entry_ids=[], **policy).covers
        old = [entry.id for entry in core.view.memories.values() if covers(entry)]
        if old or core.view.archive_pages:
            core.record(MemoryRemoved(at=now, entry_ids=old, **policy))

    # --- with a model

    async def summarize_memory(self, keep_recent_days: float = 7) -> CompressionReport:
        """Lets the summarizer (or the model) write one entry for each category of older entries.

        No lock is held while it writes; an entry that changed meanwhile is left as it is, and so are those whose
        summary is no shorter. The originals are kept as history: `restore_memory` brings them back. Sensitive
        entries are never shown to it, nor is what repeats one.

        Args:
            keep_recent_days: entries younger than this many days are left alone.

        Raises:
            ConfigurationError: there is neither a summarizer nor a model that could write.
            ModelError: it failed; what was summed up before that is kept.
        """
        core = self._writable()
        check_writer(self._host)
        days = float(check_number("keep_recent_days", keep_recent_days, 0, 100_000))
        fates: _Fates = {}
        made: list[Change] = []
        kept: list[JsonObject] = []
        for entries in self._summarizable(days):
            text = await summary_of(core, self._host, [entry.content for entry in entries])
            of_guests = entries[0].source == "shared"  # what was made of their notes is theirs still
            told: dict[str, Any] = {} if of_guests else {"source": "assistant", "metadata": None}
            summary = evolve(self._made_of(entries, text), timestamp=core.now(), **told)
            why = ""
            if any(core.view.memories.get(entry.id) is not entry for entry in entries):
                why = "changed meanwhile"
            elif summary.token_count >= sum(entry.token_count for entry in entries):
                why = "the summary is no shorter"
            if why:
                kept += [{"id": entry.id, "became": "kept", "why": why} for entry in entries]
                continue
            replaced = {entry.id: summary.id for entry in entries}
            made.append(MemoryCompressed(at=core.now(), replaced=replaced, added=[summary]))
            core.record(made[-1])
            fates |= {old: ("summarized", new) for old, new in replaced.items()}
        core.settle_memory()
        return self._told(_report(("summarized",), fates, kept), made)

    def _summarizable(self, days: float) -> Iterator[list[MemoryEntry]]:
        """Entries that one summary can stand for, two at least and no more than fit one request."""
        from voxsession.memory.compress import is_compressible
        from voxsession.session.traces import Traces

        now, view = self._core.now(), self._core.view
        secrets = [entry for entry in view.all_memories() if entry.sensitive]
        traces = Traces(secrets, withheld_slots(view), withheld_marks(view))
        groups: dict[tuple[Any, ...], list[MemoryEntry]] = {}
        for entry in self._live(local=False):
            is_secret = entry.sensitive or traces.in_entry(entry)
            if not is_secret and is_compressible(entry, now, days) is None:
                noted = encode_canonical(entry.metadata) if entry.source == "shared" else None
                groups.setdefault((entry.category, entry.speaker, noted), []).append(entry)
        for group in groups.values():
            part: list[MemoryEntry] = []
            for entry in group:
                if len(part) > 1 and sum(one.token_count for one in part) + entry.token_count > PART_TOKENS:
                    yield part
                    part = []
                part.append(entry)
            if len(part) > 1:
                yield part

    # --- back

    async def restore_memory(self, id: str) -> list[MemoryEntry]:
        """Brings back what was compressed or summed up, from pages if need be; it is not compressed again.

        Args:
            id: of an original, or of the entry that was made of several: then all of them come back, and what had
                been made of them goes.

        Returns:
            The entries that are live again.

        Raises:
            ConfigurationError: nothing of this id is kept, or it gave way to a newer fact.
        """
        core = self._writable()
        name = check_text("id", id)
        history = await whole_history(core, self._host)
        now = core.now()
        made = self._made_with(name, history)
        wanted = made.made_from or [] if made is not None else [name]
        found = [entry for entry_id in wanted if (entry := history.get(entry_id)) and _is_kept(entry)]
        back = [
            evolve(entry, superseded_by=None, superseded_at=None, restored_at=now)
            for entry in found
            if entry.expires_at is None or entry.expires_at > now
        ]
        if not back:
            raise ConfigurationError(
                f"Nothing that was compressed into, or kept as, {name!r} can be brought back. It may have expired, "
                "been erased, or given way to a newer fact; compression reports name the ids.",
                option="id",
                value=name,
            )
        local = back[0].id in core.view.local_memories
        dropped = [made.id] if made is not None and len(found) == len(wanted) else []
        core.record(MemoryRestored(at=now, entries=back, dropped=dropped, local=local))
        core.settle_memory()
        return [entry for entry in back if core.view.find_memory(entry.id) is not None]

    def _made_with(self, name: str, history: Mapping[str, MemoryEntry]) -> MemoryEntry | None:
        """The live entry that stands for this one: it was made of it, or is it."""
        view, now = self._core.view, self._core.now()
        original = history.get(name)
        into = (original.superseded_by if original is not None else None) or name
        made = view.find_memory(into)
        return made if made is not None and made.made_from and made.is_live(now) else None


def _said_in(entries: Sequence[MemoryEntry], but: str | None) -> dict[str, str | None] | None:
    """The messages that entries were learned from or confirmed by, all but one."""
    own = [{one.message_id: one.conversation_id} if one.message_id else None for one in entries]
    found = confirmations([*(one.confirmed_in for one in entries), *own]) or {}
    return {name: talk for name, talk in found.items() if name != but} or None


def _is_kept(entry: MemoryEntry) -> bool:
    """Whether it can come back beside whatever stands for it now: of a slot only one entry counts."""
    return is_original(entry) and entry.slot is None


def _report(what: Sequence[str], fates: _Fates, kept: list[JsonObject]) -> CompressionReport:
    counts = {name: sum(fate == name for fate, _ in fates.values()) for name in what}
    rows: list[JsonObject] = [
        {"id": old, "became": fate} | ({"into": into} if into else {}) for old, (fate, into) in fates.items()
    ]
    return CompressionReport(counts=counts, details=rows + kept)
