"""Asking a model, or the app's own summarizer, to shorten texts."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from voxsession.core.config import SessionConfig, known_settings
from voxsession.errors import ConfigurationError, ModelError
from voxsession.memory.context import Context
from voxsession.models.base import ModelRequest
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore

__all__ = ["check_writer", "summary_of"]

TASK = (
    "Write what these notes about one person say in one to three sentences, in the third person. "
    "Keep every name, number and date; add nothing; answer with the sentences only."
)


def check_writer(host: SessionHost) -> None:
    """Refuses at once where nobody could write a summary."""
    if host.summarizer is None and not host.model_writes:
        raise ConfigurationError(
            "summarize_memory() needs somebody who writes: give Voxon a model, or summarizer= an "
            "`async def summarize(texts: list[str]) -> str`. compress_memory() works without.",
            option="summarizer",
        )


async def summary_of(core: LiveCore, host: SessionHost, texts: Sequence[str]) -> str:
    """One short text that says what all of `texts` say.

    Raises:
        ModelError: it failed, or gave no text.
    """
    summarize = getattr(host.summarizer, "summarize", host.summarizer)
    try:
        if summarize is not None:
            text = summarize(list(texts))
            text = await text if inspect.isawaitable(text) else text
        else:
            text = await _ask_model(core, host, texts)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError("The summary could not be written; nothing was changed.") from error
    if not isinstance(text, str) or not text.strip():
        raise ModelError("The summary has no text; nothing was changed.")
    return text.strip()


async def _ask_model(core: LiveCore, host: SessionHost, texts: Sequence[str]) -> str:
    notes = "\n".join(f"- {' '.join(text.split())}" for text in texts)
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": TASK},
        {"role": "user", "content": notes},
    ]
    tokens = core.counter.count(TASK) + core.counter.count(notes)
    data = core.view
    request = ModelRequest(
        messages=messages,
        config=SessionConfig(**known_settings(data.config)),
        context=Context(messages=messages, token_count=tokens, budget_tokens=tokens, complete=True),
        session_id=data.session_id,
        conversation_id="",
    )
    respond = getattr(host.model, "respond", host.model)
    outcome = respond(request)
    if inspect.isawaitable(outcome):
        outcome = await outcome
    if isinstance(outcome, str):
        return outcome
    return "".join([str(chunk) async for chunk in outcome])
