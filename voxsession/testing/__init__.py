"""What tests of your own can use: a scripted model, a clock that stands still, the claims of every storage."""

import sys
from typing import TYPE_CHECKING, Any

from voxsession.testing.clock import FakeClock
from voxsession.testing.models import ScriptedModel

if TYPE_CHECKING:
    from voxsession.testing.storage import StorageConformance

__all__ = ["FakeClock", "ScriptedModel", "StorageConformance"]


def __getattr__(name: str) -> Any:
    """Brings the test class when it is asked for: it needs pytest, the other things here do not."""
    if name != "StorageConformance":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    # So that a claim that fails shows its two sides also in the tests of other packages.
    modules = (
        f"{__name__}.{part}" for part in ("storage", "storage_appending", "storage_listing", "storage_pages")
    )
    pytest.register_assert_rewrite(*(module for module in modules if module not in sys.modules))
    from voxsession.testing.storage import StorageConformance

    return StorageConformance
