"""Work in a task of its own: what it raises reaches who waits for it, as with `asyncio.shield`."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.session.stores import WatchedStorage, only, voxon_on
from voxsession.session.tasks import shielded


class PowerCut(BaseException):
    """What nobody expects."""


@pytest.mark.parametrize("shield", [shielded, asyncio.shield])
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_program_ends_the_loop_and_is_no_cancellation(
    shield: Callable[[Any], Awaitable[Any]], error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """It comes out of the running loop at once; who waits is told the same where the loop goes on."""
    seen: list[BaseException] = []

    async def work() -> None:
        await asyncio.sleep(0)
        raise error

    async def caller() -> None:
        try:
            await shield(work())
        except BaseException as told:
            seen.append(told)
            raise

    gc.collect()  # what another test left behind is told before this one listens
    caplog.clear()
    loop = asyncio.new_event_loop()
    with caplog.at_level(logging.ERROR):
        task = loop.create_task(caller())
        for _ in range(2):
            with pytest.raises(error):
                loop.run_until_complete(task)
        assert type(task.exception()) is error  # asked for here, as the loop that it ended could not
        loop.close()
        del task
        gc.collect()
    assert [type(told) for told in seen] == [error]
    assert not caplog.records


@pytest.mark.parametrize("error", [PowerCut, asyncio.CancelledError, ValueError])
async def test_what_else_the_work_raises_is_told(error: type[BaseException]) -> None:
    """Anything but an `Exception` too; a cancellation is told only where the work was cancelled."""

    async def work() -> None:
        await asyncio.sleep(0)
        raise error

    with pytest.raises(error):
        await shielded(work())


@pytest.mark.parametrize("operation", ["load", "save"])
def test_an_adapter_that_ends_the_program(operation: str) -> None:
    """With its own exit code; the loop is not left hanging."""
    storage = WatchedStorage()

    async def leave(name: str, call: Any) -> Any:
        raise SystemExit(3)

    async def main() -> None:
        async with voxon_on(storage) as voxon:
            session = await voxon.session("ann", session_id="s")
            session.add_memory("x")
            storage.mishap = only({operation, "append"}, leave)
            await (session.save() if operation == "save" else voxon.load_session("other"))

    with pytest.raises(SystemExit) as left:
        asyncio.run(main())
    assert left.value.code == 3
