"""What it takes to put a broken history right, so that a model takes it and nothing that was said is lost."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from voxsession.core.changes import HistoryRepaired, MessageRepair
from voxsession.core.message import DOUBLED, Message
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject, UtcTime
from voxsession.memory.doubles import SET_ASIDE, Placed, with_own_ids, without_doubles
from voxsession.memory.turns import call_ids, results_by_call, sound_calls, turn_around

__all__ = ["NO_CALL", "SECOND_RESULT", "go_on_plainly", "head_repair", "looks_broken", "repairs_of"]

NO_CALL = "no call"
SECOND_RESULT = "second result"
NO_RESULT = "no result"
_UNANSWERED = "unanswered"
_MOST_ROUNDS = 8


class _Rules(NamedTuple):
    """What may be done in one conversation.

    Attributes:
        is_cut: earlier messages of it are not among those that are looked at.
        borders: indices that no message may be moved across; None = none may be moved at all.
    """

    is_cut: bool
    borders: Sequence[int] | None


def head_repair(data: SessionData, at: UtcTime) -> HistoryRepaired | None:
    """The change that puts the recent messages of a session right; None where they are.

    It is deterministic, and after it there is nothing left to do. No clock decides:
    only a result that stands away from its call is moved. What may still be
    going on is left alone: the newest turn of each conversation, whose result or call
    may be on its way. A message is moved within its conversation only, never to where
    a branch would see another past, and not at all where filed conversations may have
    branched off.
    """
    if data.open_messages is not None or not looks_broken(data.messages):
        return None
    borders: dict[str | None, list[int]] = {}
    for entry in data.conversations.values():
        borders.setdefault(entry.parent_id, []).append(entry.branch_index or 0)

    def rules(name: str) -> _Rules:
        talk = data.conversations.get(name)
        reaches_back = talk is None or talk.first_index is None or talk.first_index < data.message_offset
        return _Rules(
            is_cut=bool(data.message_offset) and reaches_back,
            borders=None if data.index_pages else sorted(borders.get(name, ())),
        )

    return _change(data.messages, data.message_offset, rules, at)


def repairs_of(messages: Sequence[Message], at: UtcTime) -> HistoryRepaired | None:
    """The same for all messages of a session, filed ones too: nothing is moved, since pages keep their order."""
    return _change(messages, 0, lambda _: _Rules(is_cut=False, borders=None), at)


def looks_broken(messages: Sequence[Message]) -> bool:
    """Whether anything could have to be done; told quickly, for mostly nothing has."""
    if go_on_plainly(messages) and len({message.id for message in messages}) == len(messages):
        return False
    seen: set[str] = set()
    latest: dict[str, Message] = {}
    waiting: dict[str, set[str]] = {}
    for message in messages:
        if message.id in seen:
            return True
        seen.add(message.id)
        if message.repair is not None and message.is_double:
            continue
        name = message.conversation_id
        if message.role == "tool":
            if message.tool_call_id in waiting.get(name, ()):
                waiting[name].discard(str(message.tool_call_id))
                if not message.repair:
                    continue
            elif message.repair and SET_ASIDE in message.repair:
                continue  # it is known to be without its call
            return True
        before = latest.get(name)
        if before is not None and (
            message.at <= before.at
            and (message.at < before.at or (message.content and message.content == before.content))
        ):
            return True
        latest[name] = message
        if waiting.get(name) or message.tool_calls or message.repair:
            if waiting.pop(name, None) or not _is_sound(message):
                return True
            known = (message.repair or {}).get(_UNANSWERED, ())
            waiting[name] = set(call_ids(message)).difference(known)
    return False


def go_on_plainly(messages: Sequence[Message]) -> bool:
    """Whether all but the first are new, plain and later than the one before: then what was whole still is."""
    before: Message | None = None
    for message in messages:
        if message.role == "tool" or message.tool_calls or message.repair is not None:
            return False
        if before is not None and (
            message.conversation_id != before.conversation_id or message.at <= before.at
        ):
            return False
        before = message
    return len(messages) > 1


def _is_sound(message: Message) -> bool:
    ids = [call.get("id") if isinstance(call, dict) else None for call in message.tool_calls or ()]
    return message.role != "assistant" or (all(ids) and len(set(map(str, ids))) == len(ids))


# --- the whole repair, as one change


def _change(
    messages: Sequence[Message], first_index: int, rules: Callable[[str], _Rules], at: UtcTime
) -> HistoryRepaired | None:
    before = list(messages)
    known = {name: rules(name) for name in dict.fromkeys(message.conversation_id for message in before)}
    now: list[Placed] = list(enumerate(before))
    for _ in range(_MOST_ROUNDS):
        then, now = now, _once(now, first_index, known)
        if then == now:
            break
    else:  # what does not settle is not moved
        still = {name: rule._replace(borders=None) for name, rule in known.items()}
        now = _once(_once(list(enumerate(before)), first_index, still), first_index, still)
    return _told(before, now, first_index, at)


def _once(messages: list[Placed], first_index: int, rules: dict[str, _Rules]) -> list[Placed]:
    messages = with_own_ids(messages)
    talks: dict[str, list[int]] = {}
    for place, (_, message) in enumerate(messages):
        talks.setdefault(message.conversation_id, []).append(place)
    for name, places in talks.items():
        fresh = without_doubles([messages[place] for place in places])
        for place, placed in zip(places, fresh, strict=True):
            messages[place] = placed
        kept = [place for place in places if not messages[place][1].is_double]
        said = _judged([messages[place] for place in kept], rules[name])
        borders = rules[name].borders
        own = said[0] if borders is None else _in_places(kept, *said, [one - first_index for one in borders])
        for place, placed in zip(kept, own, strict=True):
            messages[place] = placed
    return messages


def _told(before: list[Message], now: list[Placed], first_index: int, at: UtcTime) -> HistoryRepaired | None:
    moved = _moved([origin for origin, _ in now])
    repairs = []
    for origin, message in sorted(now, key=lambda placed: placed[0]):
        old = before[origin]
        what = list(_what(old, message)) + ["moved"] * (origin in moved)
        if what or old.repair != message.repair:
            repairs.append(
                MessageRepair(
                    index=first_index + origin,
                    message_id=old.id,
                    conversation_id=old.conversation_id,
                    what=what or ["sound again"],
                    new_id=message.id if message.id != old.id else None,
                    repair=message.repair,
                    tool_calls=message.tool_calls if message.tool_calls != old.tool_calls else None,
                )
            )
    changed = [place for place, (origin, _) in enumerate(now) if place != origin]
    if not repairs and not changed:
        return None
    return HistoryRepaired(
        at=at,
        repairs=repairs,
        positions=[first_index + place for place in changed],
        order=[now[place][1].id for place in changed],
    )


def _what(old: Message, new: Message) -> Iterator[str]:
    was, is_now = old.repair or {}, new.repair or {}
    if old.id != new.id:
        yield "renamed"
    if is_now.get(SET_ASIDE) not in (None, was.get(SET_ASIDE)):
        yield str(is_now[SET_ASIDE])
    if is_now.get(_UNANSWERED) not in (None, was.get(_UNANSWERED)):
        yield NO_RESULT
    if old.tool_calls != new.tool_calls:
        yield "calls mended"


def _moved(origins: list[int]) -> set[int]:
    """The fewest that had to move for the rest to stand in order."""
    tails: list[int] = []
    ends: list[int] = []
    for origin in origins:
        place = bisect_left(tails, origin)
        tails[place : place + 1] = [origin]
        ends.append(place)
    staying, wanted = set[int](), len(tails) - 1
    for origin, place in zip(reversed(origins), reversed(ends), strict=True):
        if place == wanted:
            staying.add(origin)
            wanted -= 1
    return set(origins) - staying


# --- calls with their results


def _judged(messages: list[Placed], rules: _Rules) -> tuple[list[Placed], list[int]]:
    """The messages with what is to be noted of each, and their order: places in that list."""
    sound = [(origin, _with_sound_calls(message)) for origin, message in messages]
    by_id = {message.id: place for place, (_, message) in enumerate(sound)}
    ordered = [message for _, message in sound]
    results = results_by_call(ordered)
    starts = [index for index, message in enumerate(ordered) if message.role == "user"]
    used = {result.id for result in results.values()}
    notes: dict[str, JsonObject | None] = {}
    for index, message in enumerate(ordered):
        start, end = turn_around(starts, index, len(ordered))
        is_open = end == len(ordered) or (rules.is_cut and (not starts or index < starts[0]))
        if message.role == "tool":
            if message.id in used:
                notes[message.id] = None
            elif not is_open and not rules.is_cut:
                notes[message.id] = {SET_ASIDE: _why_unused(message, ordered[start:end], used)}
        elif message.tool_calls:
            lost = [one for one in call_ids(message) if (index, one) not in results]
            if not lost:
                notes[message.id] = None
            elif not is_open:
                notes[message.id] = {_UNANSWERED: lost}
    noted = [(origin, _noted(message, notes)) for origin, message in sound]
    return noted, [by_id[message.id] for message in _beside(ordered, results, used)]


def _noted(message: Message, notes: dict[str, JsonObject | None]) -> Message:
    if message.id not in notes or notes[message.id] == message.repair:
        return message
    return evolve(message, repair=notes[message.id])


def _with_sound_calls(message: Message) -> Message:
    if not message.tool_calls or message.role != "assistant":
        return message
    calls = sound_calls(message)
    return message if calls == message.tool_calls else evolve(message, tool_calls=calls or None)


def _why_unused(message: Message, turn: Sequence[Message], used: set[str]) -> str:
    twins = [one for one in turn if one.id in used and one.tool_call_id == message.tool_call_id]
    if any((one.content, one.name) == (message.content, message.name) for one in twins):
        return DOUBLED
    return SECOND_RESULT if twins else NO_CALL


def _beside(
    ordered: Sequence[Message], results: dict[tuple[int, str], Message], used: set[str]
) -> Iterator[Message]:
    """The messages with each result behind its call."""
    for index, message in enumerate(ordered):
        if message.id not in used:
            yield message
            if message.role == "assistant":
                for call_id in call_ids(message):
                    if (index, call_id) in results:
                        yield results[index, call_id]


def _in_places(
    places: list[int], messages: list[Placed], order: list[int], borders: Sequence[int]
) -> list[Placed]:
    """The messages in their order, where none has to cross a border for it; else as they stand."""
    if order == list(range(len(order))):
        return messages

    def part(place: int) -> int:
        return sum(border <= place for border in borders)

    if any(part(places[to]) != part(places[start]) for to, start in enumerate(order)):
        return messages
    return [messages[start] for start in order]
