"""Whether a call may be resumed, with the reason."""

from __future__ import annotations

from datetime import datetime, timedelta

from voxsession.calls.opened import OpenCall
from voxsession.core.call_record import last_activity

__all__ = ["ENDED", "NOT_FOUND", "TOO_MANY", "TOO_OLD", "VALID", "is_older", "reason_for"]

VALID = "Valid resume request"
NOT_FOUND = "Session not found"
ENDED = "Session already ended"
TOO_OLD = "Session too old to resume"
TOO_MANY = "Maximum resume attempts exceeded"


def reason_for(call: OpenCall | None, now: datetime, *, max_age_hours: float, max_attempts: int) -> str:
    """`VALID`, or why it may not be resumed.

    A call whose last activity lies in the future was written by a server whose clock is ahead: it is not too old.

    Args:
        call: as it is stored; None where there is none.
        now: the present moment here.
        max_age_hours: hours since its last activity.
        max_attempts: how often a call may be resumed.
    """
    if call is None:
        return NOT_FOUND
    if call.is_over:
        return ENDED
    active_at = last_activity(call.entry)
    if active_at is not None and is_older(active_at, now, max_age_hours):
        return TOO_OLD
    if int(call.record.get("resumed_count", 0)) >= max_attempts:
        return TOO_MANY
    return VALID


def is_older(moment: datetime, now: datetime, hours: float) -> bool:
    """Whether more than so many hours have passed since a moment; any number of hours is understood."""
    return (now - moment) / timedelta(hours=1) > hours
