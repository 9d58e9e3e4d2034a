"""What the tests of calls run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.storages import KINDS, made
from voxsession import SessionStorage


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of each kind."""
    async with made(request.param, request, tmp_path) as empty:
        yield empty
