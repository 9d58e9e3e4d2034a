"""Passages in their places: which rows of the index each has, and what stands before and after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from voxsession.memory.passage import Passage
from voxsession.memory.timeline import Timeline
from voxsession.memory.traits import Traits
from voxsession.memory.words import LONGEST_PIECE_WORDS, pieces, plain_words, searchable, words_of

__all__ = ["ASKS_ASSISTANT", "ASKS_PERSON", "STATES", "Passage", "Shelf"]

#: How a message leads to the next one. A person's answer needs its question to be understood;
#: an assistant's repeats it anyway.
STATES, ASKS_ASSISTANT, ASKS_PERSON = range(3)

#: Messages of one conversation that lie together count as a stretch about the same things, this many at most.
_STRETCH_MESSAGES = 64
#: Only a message up to this long says what the one after it is about.
_SHORT_WORDS = 60
_ONE = ("as it stands",)
_QUESTION_MARKS = ("?", "\uff1f")


class Shelf:
    """All passages by id, by row and by conversation; not safe for threads by itself.

    What the ranking reads in its innermost loops are lists with one place for each row number, from 1; 0 stands
    for "none". A passage has one row, or several if it is long; the first one's number is its *slot*, which stands
    for the whole of it.

    Attributes:
        slot_of: The slot of each passage, by id.
        passages: The passage of each row; None where nothing is any more.
        slots: The slot of each row's passage.
        lengths: The words of each row, at most `LONGEST_PIECE_WORDS`.
        after: The next message of the conversation, by slot.
        before: The message before, by slot.
        answers: The next message, by slot, only where this one is short enough to say what it is about.
        leads: How this message leads to the next, by slot: `STATES`, `ASKS_ASSISTANT` or `ASKS_PERSON`.
        stretches: The stretch of conversation of each message, by slot; 0 for memories.
        name_words: The speakers' names, each with its words in lower case.
        all_name_words: The words of them all.
        rows_total: How many rows are in use.
        words_total: The sum of their lengths.
        later_rows: The rows of long passages after their first.
        timeline: The slots by time.
        traits: What was seen in texts when they were read; filled as somebody asks, as is the next one.
        telling: By slot, the words of a text that say what it is about.
        worth: By row, what a memory's importance makes of its score; 1 for messages.
        known_as: By word, what else whom it stands for is called; filled as somebody asks, empty after a change.
    """

    def __init__(self) -> None:
        self.slot_of: dict[str, int] = {}
        self.passages: list[Passage | None] = [None]
        self.slots: list[int] = [0]
        self.lengths: list[int] = [0]
        self.after: list[int] = [0]
        self.before: list[int] = [0]
        self.answers: list[int] = [0]
        self.leads: list[int] = [0]
        self.stretches: list[int] = [0]
        self.name_words: dict[str, frozenset[str]] = {}
        self.all_name_words: frozenset[str] = frozenset()
        self.rows_total = 0
        self.words_total = 0
        self.later_rows: set[int] = set()
        self.timeline = Timeline(self.passages, self.slots)
        self.traits = Traits()
        self.telling: dict[int, frozenset[str]] = {}
        self.worth: list[float] = [1.0]
        self.known_as: dict[str, tuple[str, ...]] = {}
        # What is indexed of a passage, where it is not its text as it stands.
        self._pieces: dict[int, tuple[str, ...]] = {}
        self._groups: dict[str, list[int]] = {}
        self._stretch_of: dict[tuple[str, int], int] = {}
        self._stretch_places: list[tuple[str, int]] = [("", 0)]
        self._speakers: Counter[str] = Counter()
        self._disordered: set[str] = set()
        self._newest: datetime | None = None

    @property
    def unused_rows(self) -> int:
        """How many row numbers were given away and are no longer in use."""
        return len(self.passages) - 1 - self.rows_total

    def put(self, passages: Iterable[Passage]) -> tuple[list[int], list[str]]:
        """Give passages whose ids are not in yet their rows, and messages their places in their conversations.

        Returns:
            The rows to index, and their texts.
        """
        new: tuple[list[int], list[str]] = [], []
        rows, texts = new
        talk: list[int] = []
        slot_of, all_passages, slots, lengths = self.slot_of, self.passages, self.slots, self.lengths
        row = first = len(all_passages)
        for passage in passages:
            slot = row
            slot_of[passage.id] = slot
            if words := plain_words(passage.text):
                rows.append(row)
                texts.append(passage.text)
                all_passages.append(passage)
                slots.append(slot)
                lengths.append(words)
                row += 1
            else:
                row = self._put_in_pieces(passage, rows, texts)
            if passage.source == "message":
                talk.append(slot)
            if passage.speaker:
                self._meet(passage.speaker)
            if self._newest is not None and passage.at > self._newest:
                self._newest = passage.at
        self.known_as.clear()
        self.words_total += sum(lengths[first:])
        self.rows_total += row - first
        for links in (self.after, self.before, self.answers, self.leads, self.stretches):
            links.extend([0] * (row - first))
        self.traits.extend(row - first)
        self.worth += map(_worth, all_passages[first:])
        for name, members in groupby(talk, key=self._group):
            self._append(name, members)
        return new

    def _put_in_pieces(self, passage: Passage, rows: list[int], texts: list[str]) -> int:
        """Give a text that is long or of odd signs its rows; the number of the row after them."""
        slot = row = len(self.passages)
        cut = pieces(searchable(passage.text))
        if len(cut) != 1 or cut[0] is not passage.text:
            self._pieces[slot] = tuple(cut)
        for row, piece in enumerate(cut or ("",), slot):
            if piece:
                rows.append(row)
                texts.append(piece)
            self.passages.append(passage)
            self.slots.append(slot)
            self.lengths.append(min(piece.count(" ") + 1, LONGEST_PIECE_WORDS))
        self.later_rows.update(range(slot + 1, row + 1))
        return row + 1

    def take(self, passage_id: str) -> list[tuple[int, str]]:
        """Take a passage out, if it is in.

        Returns:
            The rows to take out of the index, with their texts.
        """
        slot = self.slot_of.pop(passage_id, 0)
        passage = self.passages[slot]
        if passage is None:
            return []
        self.known_as.clear()
        texts = self._pieces.pop(slot, (passage.text,))
        for row in range(slot, slot + max(1, len(texts))):
            self.passages[row] = None
            self.words_total -= self.lengths[row]
            self.rows_total -= 1
        if passage.speaker:
            self._speakers[passage.speaker] -= 1
            if not self._speakers[passage.speaker]:
                del self._speakers[passage.speaker], self.name_words[passage.speaker]
        if passage.source == "message":
            self._disordered.add(passage.group)
        if passage.at == self._newest:
            self._newest = None
        self.traits.forget(slot)
        self.telling.pop(slot, None)
        return list(enumerate(texts, slot))

    def settle(self) -> None:
        """Bring the conversations that lost a message, or got one late, into order."""
        for name in self._disordered:
            members = [
                passage for slot in self._groups.pop(name) if (passage := self.passages[slot]) is not None
            ]
            members.sort(key=_order)
            self._append(name, [self.slot_of[passage.id] for passage in members])
            if members:
                last = self._groups[name][-1]
                self.after[last] = self.answers[last] = 0
        self._disordered.clear()

    def newest(self) -> datetime:
        """The time of the newest passage; there must be one."""
        if self._newest is None:
            self._newest = max(passage.at for passage in self.passages if passage is not None)
        return self._newest

    def rows_of(self, slot: int) -> int:
        """How many rows a passage has in the index."""
        return len(self._pieces[slot]) if slot in self._pieces else 1

    def members(self, stretch: int) -> list[int]:
        """The slots of a stretch's messages, in their order."""
        name, block = self._stretch_places[stretch]
        return self._groups[name][block * _STRETCH_MESSAGES : (block + 1) * _STRETCH_MESSAGES]

    def _group(self, slot: int) -> str:
        passage = self.passages[slot]
        return passage.group if passage is not None else ""

    def _append(self, name: str, members: Iterable[int]) -> None:
        """Put messages behind the last one of their conversation, and tell neighbours of each other."""
        passages, lengths, stretches = self.passages, self.lengths, self.stretches
        before, after, answers, leads = self.before, self.after, self.answers, self.leads
        group, in_pieces = self._groups.setdefault(name, []), self._pieces
        ahead = group[-1] if group else 0
        previous = passages[ahead]
        for slot in members:
            passage, place = passages[slot], len(group)
            group.append(slot)
            stretches[slot] = stretches[ahead] if place % _STRETCH_MESSAGES else self._stretch_at(name, place)
            before[slot] = ahead
            # The first one has none; or the one ahead is gone, and then `settle` comes before anything is read.
            if previous is not None and passage is not None:
                if previous.position >= passage.position and _order(previous) > _order(passage):
                    self._disordered.add(name)
                after[ahead] = slot
                is_short = lengths[ahead] <= _SHORT_WORDS
                answers[ahead] = slot if is_short and len(in_pieces.get(ahead, _ONE)) == 1 else 0
                if previous.text.rstrip().endswith(_QUESTION_MARKS):
                    leads[ahead] = ASKS_ASSISTANT if passage.role == "assistant" else ASKS_PERSON
                else:
                    leads[ahead] = STATES
            ahead, previous = slot, passage

    def _stretch_at(self, name: str, place: int) -> int:
        """The stretch that begins at this place of a conversation."""
        block = place // _STRETCH_MESSAGES
        stretch = self._stretch_of.setdefault((name, block), len(self._stretch_places))
        if stretch == len(self._stretch_places):
            self._stretch_places.append((name, block))
        return stretch

    def _meet(self, speaker: str) -> None:
        if speaker not in self.name_words:
            words = self.name_words[speaker] = frozenset(words_of(speaker))
            if not words <= self.all_name_words:
                self.all_name_words |= words
                self.traits.names.clear()  # of the texts read so far nobody knows whether they hold these
        self._speakers[speaker] += 1


def _worth(passage: Passage | None) -> float:
    """An unimportant memory counts four fifths of an important one."""
    return (
        1.0
        if passage is None or passage.source == "message"
        else 0.8 + 0.2 * min(1.0, max(0.0, passage.weight))
    )


def _order(passage: Passage) -> tuple[int, str]:
    return passage.position, passage.id
