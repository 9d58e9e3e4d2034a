"""What tests of your own can use: a scripted model, a clock that stands still."""

from voxsession.testing.clock import FakeClock
from voxsession.testing.models import ScriptedModel

__all__ = ["FakeClock", "ScriptedModel"]
