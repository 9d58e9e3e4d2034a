"""What a person's sessions taught, each counted once: the body of the record that lies beside them.

Every session has one part, which holds what it taught up to one of its versions; a newer version of the part takes the
place of an older one. So parts may come in any order, repeatedly, and from several processes: the same set of parts
comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxsession.core.envelope import stamp
from voxsession.core.session_data import SessionData
from voxsession.errors import IntegrityError, UnsupportedFormatError
from voxsession.learning.profiles import SessionProfile
from voxsession.learning.seeding import taught_by

__all__ = ["MAX_PARTS", "part_of", "profile_from", "with_part", "without_session"]

FORMAT = 1
#: Older sessions than the latest so many no longer count; by then their evidence weighs next to nothing.
MAX_PARTS = 100
Body = dict[str, Any]


def part_of(data: SessionData) -> Body:
    """What a session has taught so far.

    Args:
        data: The session as it is stored, at version `data.seq`.

    Returns:
        A JSON-ready part: ids, version, and the profile, which is None where it taught nothing.
    """
    taught = taught_by(data)
    return {
        "session_id": data.session_id,
        "began_at": stamp(data.created_at),
        "seq": data.seq,
        "profile": taught.to_dict() if taught or taught.set_at else None,
    }


def with_part(
    body: Mapping[str, Any] | None, part: Mapping[str, Any], *, only_again: bool = False
) -> Body | None:
    """The body with a part in it.

    Args:
        body: What is stored; None where nothing is.
        part: What `part_of` gave.
        only_again: Whether it counts only for a session that has a part already.

    Returns:
        The new body; None where the part changes nothing: it is in there, or a newer one of its session is.

    Raises:
        UnsupportedFormatError: a newer version wrote the body.
        IntegrityError: it is no such body.
    """
    checked = _checked(body)
    parts = dict(checked["parts"])
    name = _name(part)
    old = parts.get(name)
    if old is not None and (old["seq"] >= part["seq"] or _taught(old) == _taught(part)):
        return None
    if old is None and (only_again or part["profile"] is None):
        return None
    parts[name] = dict(part)
    latest = sorted(parts, key=lambda one: (_age(parts[one]), one))[-MAX_PARTS:]
    if old is None and name not in latest:
        return None
    return {**checked, "parts": {one: parts[one] for one in parts if one in set(latest)}}


def without_session(body: Mapping[str, Any] | None, session_id: str) -> Body | None:
    """The body without what a session taught; None where it holds nothing of it."""
    checked = _checked(body)
    kept = {name: part for name, part in checked["parts"].items() if part["session_id"] != session_id}
    return {**checked, "parts": kept} if len(kept) < len(checked["parts"]) else None


def profile_from(body: Mapping[str, Any] | None) -> SessionProfile:
    """The person's profile: the parts of all sessions, merged.

    Raises:
        UnsupportedFormatError: a newer version wrote the body or a part.
        IntegrityError: it is no such body.
    """
    parts = _checked(body)["parts"].values()
    return SessionProfile.merge(
        SessionProfile.from_dict(part["profile"]) for part in parts if part["profile"]
    )


def _checked(body: Mapping[str, Any] | None) -> Body:
    if body is None:
        return {"version": FORMAT, "parts": {}}
    version, parts = body.get("version"), body.get("parts")
    if isinstance(version, int) and version > FORMAT:
        raise UnsupportedFormatError("The person's profile", found=version, newest=FORMAT)
    if version != FORMAT or not isinstance(parts, dict) or not all(map(_is_part, parts.values())):
        raise IntegrityError("person", "it does not hold what sessions taught")
    return dict(body)


def _is_part(part: object) -> bool:
    return (
        isinstance(part, dict)
        and isinstance(part.get("session_id"), str)
        and isinstance(part.get("began_at"), str)
        and isinstance(part.get("seq"), int)
        and isinstance(part.get("profile"), dict | None)
    )


def _name(part: Mapping[str, Any]) -> str:
    # An id may be used again after its session was erased or has expired: that is another session.
    return f"{part['began_at']} {part['session_id']}"


def _age(part: Mapping[str, Any]) -> str:
    return str((part["profile"] or {}).get("updated_at") or part["began_at"])


def _taught(part: Mapping[str, Any]) -> Any:
    """What counts of a part: saving a session again, with nothing learned, is nothing new."""
    return part["profile"] and {**part["profile"], "updated_at": None}
