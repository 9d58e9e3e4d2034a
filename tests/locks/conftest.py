"""What the tests of locks run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.locks.pairs import TwoMethods
from tests.storages import KINDS, made


@pytest.fixture(params=[*KINDS, "two methods"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """Every storage."""
    if request.param == "two methods":
        yield TwoMethods()
    else:
        async with made(request.param, request, tmp_path) as one:
            yield one
