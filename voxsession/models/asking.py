"""Asking a model for one whole text, whatever way it gives its answers."""

from __future__ import annotations

import inspect
from contextlib import aclosing
from typing import Any

from voxsession.errors import ModelError
from voxsession.models.base import ModelRequest, Reply

__all__ = ["whole_answer"]


async def whole_answer(model: Any, request: ModelRequest, most_chars: int) -> str:
    """The text that a model answers with.

    Args:
        model: an object with `respond`, or a callable, as a `Model` is described.
        request: what it is asked.
        most_chars: where the answer is longer, it is cut off behind this many characters and one.

    Returns:
        The text; a stream is closed when this returns.

    Raises:
        ModelError: it gave something else than text.
        Exception: what the model raised.
    """
    outcome = getattr(model, "respond", model)(request)
    if inspect.isawaitable(outcome):
        outcome = await outcome
    if isinstance(outcome, str):
        return str.__str__(outcome)[: most_chars + 1]
    if not hasattr(outcome, "__aiter__"):
        raise ModelError(
            f"The model gave {type(outcome).__name__}; a str, a Reply or an async iterator of str is needed."
        )
    return await _joined(outcome, most_chars)


async def _joined(stream: Any, most_chars: int) -> str:
    text = ""
    if not hasattr(stream, "aclose"):
        return "".join([_chunk(chunk, "") async for chunk in stream])[: most_chars + 1]
    async with aclosing(stream):
        async for chunk in stream:
            text += _chunk(chunk, text)
            if len(text) > most_chars:
                return text[: most_chars + 1]
    return text


def _chunk(chunk: object, before: str) -> str:
    if not isinstance(chunk, str):
        raise ModelError(f"The model streamed {type(chunk).__name__}; chunks of str are needed.")
    # The closing word of a stream holds the whole text once more.
    return chunk.text.removeprefix(before) if isinstance(chunk, Reply) else chunk
