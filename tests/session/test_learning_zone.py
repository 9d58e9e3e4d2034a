"""Relative dates are counted in the user's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from voxsession import ModelExtractor, SessionConfig, Voxon, VoxonConfig
from voxsession.memory.extraction import ExtractionRequest
from voxsession.testing import FakeClock, ScriptedModel

EVENING = datetime(2024, 6, 14, 20, tzinfo=UTC)  # 15 June, 05:00, in Tokyo
SAID = {"role": "user", "content": "I have a dentist appointment tomorrow", "at": EVENING}


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", 15), ("Asia/Tokyo", 16), ("America/Los_Angeles", 15), ("Pacific/Kiritimati", 16)],
)
@pytest.mark.parametrize("falls_back", [False, True])
async def test_tomorrow_is_the_users_own(zone: str, day: int, falls_back: bool) -> None:
    """Patterns count from the day it is where the user is, alone and where they stand in for a model."""
    extractor = (
        ModelExtractor(ScriptedModel(["garbage"] * 2), fallback_to_patterns=True) if falls_back else None
    )
    voxon = Voxon(VoxonConfig(session_storage="memory"), clock=FakeClock(EVENING), extractor=extractor)
    config = SessionConfig(timezone=zone)
    async with voxon, voxon.session("u", config=config) as session, session.conversation() as conv:
        await conv.add_messages([SAID])
        await session.save()
        [entry] = session.get_memory().entries
        assert entry.content == f"User has a dentist appointment on {day} June 2024"
        assert entry.timestamp == EVENING


async def test_an_apps_own_extractor_gets_the_same_moment() -> None:
    """An extractor of the documented form is called as before: the same moment, told in the session's zone."""
    seen: list[datetime] = []

    def extract(
        text: str, *, at: datetime, speaker: str | None = None, previous: str | None = None
    ) -> list[Any]:
        seen.append(at)
        return []

    config = SessionConfig(timezone="Asia/Tokyo")
    async with Voxon(VoxonConfig(session_storage="memory"), extractor=extract) as voxon:
        async with voxon.session("u", config=config) as session, session.conversation() as conv:
            await conv.add_messages([SAID, SAID])
    assert seen == [EVENING, EVENING] and seen[0].day == 15


async def test_a_model_is_told_the_users_day() -> None:
    """What a model gets says the day in the session's zone."""
    seen: list[ExtractionRequest] = []

    class Watching:
        async def extract_turn(self, request: ExtractionRequest) -> list[Any]:
            seen.append(request)
            return []

    config = SessionConfig(timezone="Asia/Tokyo")
    async with Voxon(VoxonConfig(session_storage="memory"), extractor=Watching()) as voxon:
        async with voxon.session("u", config=config) as session, session.conversation() as conv:
            await conv.add_messages([SAID])
            await session.save()
    assert seen[0].said[0].at == EVENING and seen[0].said[0].at.day == 15
