"""Calls that may be awaited or used in `async with`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

__all__ = ["Applied", "Opening"]


class _Entered(Protocol):
    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


_T = TypeVar("_T", bound=_Entered)
_A = TypeVar("_A")


class Opening(Generic[_T]):
    """Something about to be opened: `await` gives it, `async with` closes it at the end as well."""

    def __init__(self, open_it: Callable[[], Awaitable[_T]]) -> None:
        self._open = open_it
        self._opened: _T | None = None

    def __await__(self) -> Generator[Any, None, _T]:
        return self._once().__await__()

    async def _once(self) -> _T:
        if self._opened is None:
            self._opened = await self._open()
        return self._opened

    async def __aenter__(self) -> _T:
        opened = await self._once()
        await opened.__aenter__()
        return opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(kind, error, trace)

    def __repr__(self) -> str:
        if self._opened is not None:
            return f"<Opening of {self._opened!r}>"
        return "<Opening: `opened = await ...`, or `async with ... as opened`>"

    if not TYPE_CHECKING:  # type checkers find the mistake by themselves

        def __getattr__(self, name: str) -> Any:
            told = f"{type(self).__name__!r} object has no attribute {name!r}"
            if not name.startswith("_"):  # what copies and displays look for is no forgotten await
                told += ": it is still to be opened. Await it (`opened = await ...`), or use `async with ... as opened`"
            raise AttributeError(told, name=name, obj=self)


class Applied(Generic[_A]):
    """Something that took effect already; awaiting it saves at once and gives the same value."""

    def __init__(self, value: _A, save: Callable[[], Awaitable[Any]]) -> None:
        self._value = value
        self._save = save

    def __await__(self) -> Generator[Any, None, _A]:
        return self._saved().__await__()

    async def _saved(self) -> _A:
        await self._save()
        return self._value
