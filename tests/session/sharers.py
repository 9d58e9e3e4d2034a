"""What the tests of sharing have in common: owners, guests, and refusals that need not be waited for."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.session.stores import voxon_on
from voxsession import MemorySessionStorage, PermissionDeniedError, Session, SessionConfig, Voxon
from voxsession.session.shares import admission

KEEP = SessionConfig(memory_mode="persistent", enable_learning=False, enable_analytics=False)
ALL = ["read", "add_notes", "search", "export", "converse"]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals come as soon as they are decided."""
    monkeypatch.setattr(admission, "REFUSAL_SECONDS", 0)


@contextlib.asynccontextmanager
async def owned(storage: Any = None, **options: Any) -> AsyncIterator[tuple[Voxon, Session]]:
    """A facade with a session of Ann's."""
    chosen = MemorySessionStorage(max_sessions=None) if storage is None else storage
    config = options.pop("config", KEEP)
    async with voxon_on(chosen, **options) as voxon, voxon.session("ann", "s", config=config) as session:
        yield voxon, session


async def shared_with(voxon: Voxon, session: Session, who: str = "doctor", **limits: Any) -> Any:
    """What a guest holds, with the share that they got it by."""
    view = await session.create_shared_view(who, **limits)
    return await voxon.access_shared_session(view.token, who), view


async def refused(call: Any) -> PermissionDeniedError:
    """The error of a call that is refused."""
    with pytest.raises(PermissionDeniedError) as caught:
        await call
    return caught.value


def texts(found: Any) -> list[str]:
    """The texts of entries, matches or messages."""
    return [one.content for one in getattr(found, "entries", found)]
