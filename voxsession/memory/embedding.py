"""The contract of an embedder, with each call bounded in time and its answer checked."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from voxsession.core.types import check_number
from voxsession.errors import ConfigurationError, ModelCallError

if TYPE_CHECKING:
    from voxsession.memory.vectors import Rows

__all__ = ["BoundedEmbedder", "Embedder"]

BATCH_SIZE = 64
TIMEOUT_SECONDS = 10.0


@runtime_checkable
class Embedder(Protocol):
    """An object that turns texts into vectors; any callable of the same form does as well.

    `embed` may be `async def` or plain; a plain one is called in a thread, one call at a time. It gives one vector
    for each text, in their order, all of one dimension. It may have further attributes: `batch_size`, the most
    texts of one call (64); `timeout_seconds`, how long a call may take (10); `embed_questions`, for models that
    treat what is asked unlike what is searched.
    """

    def embed(self, texts: list[str]) -> Any:
        """Gives a list of vectors, or an array with one row for each text."""
        ...


class BoundedEmbedder:
    """The app's embedder as the memory calls it: in batches, within a time, its answers checked.

    Args:
        given: An `Embedder`, or a callable of the form of its `embed`.

    Attributes:
        batch_size: The most texts of one call.
        timeout_seconds: How long one call may take.
        is_async: Its calls must be awaited.

    Raises:
        ConfigurationError: It is neither, or one of its attributes is wrong, or NumPy is missing.
    """

    def __init__(self, given: Any) -> None:
        embed = getattr(given, "embed", given)
        if not callable(embed) or isinstance(given, type):
            raise ConfigurationError.out_of_range(
                "embedder", given, "an object with embed(texts), or a callable, is needed"
            )
        if importlib.util.find_spec("numpy") is None:
            raise ConfigurationError(
                "embedder= needs the package numpy. Install it with: pip install 'voxsession[embeddings]'",
                option="embedder",
            )
        self._embed: Callable[[list[str]], Any] = embed
        self._embed_questions: Callable[[list[str]], Any] = getattr(given, "embed_questions", embed)
        size = getattr(given, "batch_size", BATCH_SIZE)
        self.batch_size = int(check_number("embedder.batch_size", size, 1, 100_000, whole=True))
        seconds = getattr(given, "timeout_seconds", TIMEOUT_SECONDS)
        self.timeout_seconds = float(check_number("embedder.timeout_seconds", seconds, 0.001, 86_400))
        self.is_async = _is_async(embed)
        self._turn = threading.Lock()
        self._lines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            weakref.WeakKeyDictionary()
        )

    async def vectors(self, texts: Sequence[str], *, asked: bool = False) -> Rows:
        """Embeds texts.

        Args:
            texts: Any number, none of them empty.
            asked: They are questions.

        Returns:
            One row for each, of zeros where its vector cannot be used.

        Raises:
            ModelCallError: A call took too long, or gave something else than vectors.
            Exception: What the embedder raised.
        """
        embed = self._embed_questions if asked else self._embed
        try:
            return _joined([await self._awaited(embed, batch) for batch in self._batches(texts)])
        except TimeoutError:
            raise self._too_slow() from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ModelCallError("The embedder was cancelled from inside.", kind="server") from None

    def vectors_now(self, texts: Sequence[str], *, asked: bool = False) -> Rows | None:
        """The same in this thread, for an embedder that need not be awaited; None where it turns out that it must.

        A call that was begun is waited for, however long it takes.
        """
        embed = self._embed_questions if asked else self._embed
        found = []
        for batch in self._batches(texts):
            answer = self._called(embed, batch)
            if inspect.isawaitable(answer):
                self.is_async = True
                if inspect.iscoroutine(answer):
                    answer.close()
                return None
            found.append(answer)
        return _joined(found)

    def _batches(self, texts: Sequence[str]) -> list[list[str]]:
        return [
            list(texts[start : start + self.batch_size]) for start in range(0, len(texts), self.batch_size)
        ]

    async def _awaited(self, embed: Callable[[list[str]], Any], texts: list[str]) -> Rows:
        async with asyncio.timeout(self.timeout_seconds):
            if self.is_async:
                return await asyncio.to_thread(_rows, await embed(texts), len(texts))
            # Who waits in line takes no thread, so that a call which never comes back holds up only itself.
            async with self._lines.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
                answer = await asyncio.to_thread(self._called, embed, texts)
            if inspect.isawaitable(answer):
                self.is_async = True
                return await asyncio.to_thread(_rows, await answer, len(texts))
            found: Rows = answer
            return found

    def _called(self, embed: Callable[[list[str]], Any], texts: list[str]) -> Any:
        """The answer of a plain embedder, checked; or what is to be awaited."""
        # Models on the own machine are seldom safe to use from two threads; a call given up may still be at it.
        if not self._turn.acquire(timeout=self.timeout_seconds):
            raise self._too_slow()
        try:
            answer = embed(texts)
        finally:
            self._turn.release()
        return answer if inspect.isawaitable(answer) else _rows(answer, len(texts))

    def _too_slow(self) -> ModelCallError:
        return ModelCallError(
            f"The embedder took longer than {self.timeout_seconds:g} seconds. "
            "Give it a smaller batch_size or a longer timeout_seconds.",
            kind="timeout",
        )


def _is_async(embed: Any) -> bool:
    return inspect.iscoroutinefunction(embed) or inspect.iscoroutinefunction(embed.__call__)


def _rows(answer: Any, count: int) -> Rows:
    from voxsession.memory.vectors import unit_rows  # brings NumPy, which nobody needs without an embedder

    return unit_rows(answer, count)


def _joined(batches: list[Rows]) -> Rows:
    if len(batches) == 1:
        return batches[0]
    return _rows([row for batch in batches for row in batch], sum(map(len, batches)))
