"""Erasing a session or a person with all that was made from them."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from voxsession.core.envelope import Record, storage_key
from voxsession.errors import ConfigurationError, ConflictError, FormatError, KeyNotFoundError
from voxsession.installation import Installation
from voxsession.session.recorder import Recorder
from voxsession.session.reports import Receipt
from voxsession.session.rewriting import headers

if TYPE_CHECKING:
    from voxsession.session.calls.pointers import CallPointers

__all__ = ["erase_session", "erase_traces", "erase_user"]

MAX_ROUNDS = 8
_log = logging.getLogger(__name__)


async def _erase_pointers(home: Installation, recorder: Recorder, session_id: str, owner: str | None) -> int:
    """The pointer of the person; of a session whose person cannot be told, whichever pointer names it."""
    owners = [owner] if owner else []
    if owner is None and recorder.storage.can_list:
        owners = [str(one["session_id"]) async for one in headers(recorder, home.tenant, kind="pointer")]
    gone = [await recorder.call(home.pointers.forget(one, session_id), "delete") for one in owners]
    return sum(gone)


Trace = Callable[[Installation, Recorder, str, str | None], Awaitable[int]]


async def _erase_shares(home: Installation, recorder: Recorder, session_id: str, owner: str | None) -> int:
    """What leads from the tokens of shares to the session; from then on nobody knows these tokens."""
    from voxsession.session.shares.pointers import SharePointers

    pointers = SharePointers(recorder.storage, home.vault, home.clock, home.tenant)
    if recorder.storage.can_list:
        listed = headers(recorder, home.tenant, kind="pointer", owner=pointers.owner(session_id))
        hashes = [str(one["session_id"]) async for one in listed]
    else:
        hashes = await _share_hashes(recorder, session_id)
    return sum([await recorder.call(pointers.drop(one), "delete") for one in hashes])


async def _share_hashes(recorder: Recorder, session_id: str) -> list[str]:
    """What a session itself says of its shares; nothing where it cannot be opened."""
    try:
        loaded = await recorder.load(session_id, lazy=True)
    except (FormatError, KeyNotFoundError):
        return []
    shares = loaded.data.shares.values() if loaded is not None else ()
    return [stored["token_hash"] for stored in shares if isinstance(stored.get("token_hash"), str)]


async def _leads(pointers: CallPointers, pointer_id: str, session_id: str) -> bool:
    """Whether a call leads to this session still, and not to the one that took its id; unless that cannot be told."""
    try:
        lead = await pointers.open(pointer_id)
    except (FormatError, KeyNotFoundError):
        return True
    return lead is not None and lead.session_id == session_id


async def _erase_calls(home: Installation, recorder: Recorder, session_id: str, owner: str | None) -> int:
    """What leads from the ids of calls to the session; from then on these calls are not found."""
    from voxsession.session.calls.pointers import CallPointers

    pointers = CallPointers(recorder, home.vault, home.clock, home.tenant)
    if recorder.storage.can_list:
        listed = [str(one["session_id"]) async for one in pointers.headers(session_id=session_id)]
        return sum(
            [await pointers.drop_listed(one) for one in listed if await _leads(pointers, one, session_id)]
        )
    try:
        loaded = await recorder.load(session_id, lazy=True)
    except (FormatError, KeyNotFoundError):
        return 0
    talks = loaded.data.conversations.values() if loaded is not None else ()
    return sum([await pointers.drop(talk.id) for talk in talks if (talk.call or {}).get("token")])


NAMES_A_SESSION: dict[str, Trace] = {
    "shares": _erase_shares,
    "calls": _erase_calls,
    "pointers": _erase_pointers,
}
"""Whatever else is stored that names a session registers here: how a receipt calls it, and what removes it.

It is given the installation, its recorder, the session id, and the owner: empty for a session of nobody, None where
that cannot be told any more. It gives how many records it removed, and can be called again after a crash.
"""

NAMES_A_PERSON = {"pointer": "pointers", "person": "profiles", "marker": "markers"}
"""The kinds of record that are kept for a person, under their keyed hash, and how a receipt calls them."""


async def erase_traces(home: Installation, session_id: str, owner: str | None) -> dict[str, int]:
    """Removes what names a session; how many of each."""
    recorder = await home.ready()
    return {name: await erase(home, recorder, session_id, owner) for name, erase in NAMES_A_SESSION.items()}


async def erase_session(home: Installation, session_id: str) -> Receipt:
    """Removes a session: what names it, its pages, document and tail, what was set aside."""
    recorder = await home.ready()
    storage, key = recorder.storage, recorder.key_of(session_id)
    record, owner = await _look(recorder, key)
    pages = len(await recorder.call(storage.list_pages(key), "list_pages")) if storage.can_page else 0
    aside = await recorder.call(storage.count_set_aside(key), "count_set_aside") if storage.can_list else 0
    # What names it goes first: after a crash the record still tells whose it was, so that a second call finds all.
    traces = await erase_traces(home, session_id, owner)
    parts = await _erase_taught(home, recorder, session_id, owner)
    removed = await recorder.call(storage.delete(key), "delete")
    # Once more: a session that is just being closed may be folded until its record is gone.
    parts += await _erase_taught(home, recorder, session_id, owner)
    core = home.cores.pop(session_id, None)
    if core is not None:
        core.pending.clear()
        core.is_gone = True
    counts = {
        "sessions": int(removed),
        "batches": len((record or {}).get("tail", ())),
        "pages": pages,
        "set_aside": aside,
        **traces,
        "profile_parts": parts,
    }
    _log.info("session %s: %s", session_id, "erased" if removed else "there was none to erase")
    return Receipt(counts=counts, details=[{"session_id": session_id, "removed": removed, **counts}])


async def _erase_taught(home: Installation, recorder: Recorder, session_id: str, owner: str | None) -> int:
    """What it taught, out of the profile of its person; where that cannot be told, out of whichever has it."""
    owners = [owner] if owner else []
    if owner is None and recorder.storage.can_list:
        owners = [str(one["session_id"]) async for one in headers(recorder, home.tenant, kind="person")]
    parts = 0
    for one in owners:
        with contextlib.suppress(
            FormatError, KeyNotFoundError
        ):  # what cannot be opened goes with `delete_profile`
            parts += await home.profiles.drop(one, session_id)
    return parts


async def _erase_kept(home: Installation, recorder: Recorder, kind: str, owner: str) -> int:
    """The records of a kind that are kept for a person; what became another's after it was listed stays theirs."""
    storage, removed = recorder.storage, 0
    for _ in range(MAX_ROUNDS):
        found = [header async for header in headers(recorder, home.tenant, kind=kind, owner=owner)]
        if not found:
            break
        for header in found:
            key = storage_key(kind, home.tenant, str(header["session_id"]))
            try:
                removed += await recorder.call(storage.delete(key, expected_seq=int(header["seq"])), "delete")
            except FormatError:  # what cannot be read can still be erased
                removed += await recorder.call(storage.delete(key), "delete")
            except ConflictError:
                continue  # it is listed again if it is still this person's
    return removed


async def _look(recorder: Recorder, key: str) -> tuple[Record | None, str | None]:
    """The stored record, with its owner; None for an owner that cannot be told."""
    try:
        record = await recorder.call(recorder.storage.load(key), "load")
    except FormatError:  # what cannot be read can still be erased
        return None, None
    return record, str(record.get("owner") or "") if record is not None else ""


async def erase_user(home: Installation, user_id: str) -> Receipt:
    """Removes all sessions of a person, then what is kept for the person."""
    recorder = await home.ready()
    if not recorder.storage.can_list:
        raise ConfigurationError(
            f"{recorder.storage.storage_type} storage cannot list a person's sessions, so they cannot be "
            "erased together. Delete each by its id with delete_session()."
        )
    owner = home.vault.owner(user_id)
    counts, details = Counter({"sessions": 0, "pages": 0}), list[dict[str, Any]]()
    for _ in range(MAX_ROUNDS):  # others may begin a session of this person meanwhile
        ids = [str(one["session_id"]) async for one in headers(recorder, home.tenant, owner=owner)]
        if not ids:
            break
        for session_id in ids:
            receipt = await erase_session(home, session_id)
            counts.update(receipt.counts)
            details += receipt.details
    for kind, name in NAMES_A_PERSON.items():
        counts[name] += await _erase_kept(home, recorder, kind, owner)
    unreadable = recorder.storage.unreadable_records(tenant=home.tenant)
    for session_id in await recorder.call(unreadable, "unreadable_records"):
        reason = "it cannot be told whose it is"
        details.append({"session_id": session_id, "removed": False, "reason": reason})
    _log.info("a person was erased, with %d sessions", counts["sessions"])
    return Receipt(counts=dict(counts), details=details)
