"""What somebody sees who tries the library out at a prompt: names that complete, and objects that say what they are."""

from __future__ import annotations

import copy

import pytest

from voxsession import Event, SessionConfig, Voxon, VoxonConfig
from voxsession.testing import ScriptedModel


async def test_settings_of_a_live_session_complete() -> None:
    """Every setting stands in the list of names, beside what the class has itself."""
    async with Voxon(VoxonConfig(session_storage="memory")) as voxon, voxon.session("u") as session:
        names = dir(session.config)

    assert set(vars(SessionConfig())) < set(names) and "replace" in names


async def test_fields_of_an_event_complete_and_are_told() -> None:
    """An event lists its own fields, and names them to who asks for another; copying it works."""
    seen: list[Event] = []
    async with Voxon(VoxonConfig(session_storage="memory")) as voxon, voxon.session("u") as session:
        session.events.on("metric.tracked", seen.append)
        session.track_metric("tasks", 1)
    event = seen[0]

    assert {"name", "value", "type", "timestamp"} <= set(dir(event))
    with pytest.raises(AttributeError, match=r"no field 'metric'; 'metric\.tracked' has .*name"):
        _ = event.metric
    assert copy.deepcopy(event).name == "tasks"
    with pytest.raises(AttributeError):
        _ = Event.__new__(Event).type


async def test_what_is_still_to_be_opened_says_how() -> None:
    """A call that was not awaited shows how it is; afterwards it shows what it opened."""
    async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
        opening = voxon.session("u")
        before = repr(opening)
        session = await opening
        after = repr(opening)
        await session.close()

    assert "await" in before and "async with" in before
    assert repr(session) in after


async def test_a_stream_says_where_its_reply_is() -> None:
    """Before and after it was read."""
    model = ScriptedModel(["Hello"])
    async with Voxon(VoxonConfig(session_storage="memory"), model=model) as voxon:
        async with voxon.session("u") as session, session.conversation() as conv:
            stream = conv.stream_message("hi")
            before = repr(stream)
            _ = [chunk async for chunk in stream]

    assert "async for" in before and ".reply" in repr(stream)


async def test_a_voxon_says_what_it_has_open_and_no_secret() -> None:
    """Storage, number of open sessions, whether it is closed; neither URL nor key."""
    config = VoxonConfig(
        session_storage="memory", session_encryption_key="pass:hidden", session_redis_url="redis://:hidden@h"
    )
    async with Voxon(config) as voxon:
        async with voxon.session("u"):
            while_open = repr(voxon)
    closed = repr(voxon)

    assert "memory" in while_open and "1 open" in while_open and "closed" in closed
    assert "hidden" not in while_open + closed
