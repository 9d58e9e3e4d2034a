"""Embedding for a session: what is asked and what is new, its failures told."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore

__all__ = ["understand", "understand_now"]

_log = logging.getLogger(__name__)


async def understand(
    core: LiveCore, host: SessionHost, query: str, sources: Sequence[str] = ("memories", "messages")
) -> None:
    """Lets the next search for this query go by meaning as well, where there is an embedder."""
    if host.embedder is None or not query.strip():
        return
    core.index.refresh(core.view, -2 if core.in_batch else core.revision)
    _tell(core, await core.index.understand(query, host.embedder, now=core.now(), sources=sources))


def understand_now(core: LiveCore, host: SessionHost, query: str) -> None:
    """The same for memories, where the embedder need not be awaited."""
    if host.embedder is not None and query.strip():
        _tell(core, core.index.understand_now(query, host.embedder, now=core.now()))


def _tell(core: LiveCore, failures: Sequence[Exception]) -> None:
    for error in failures:
        # The error's text may quote what was said, so the log names its class only.
        _log.warning("the embedder failed with %s; recall goes by words there", type(error).__name__)
        core.signal("handler.failed", handler="embedder", event="recall", error=error)
