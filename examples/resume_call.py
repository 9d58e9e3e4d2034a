"""A call that survives its server: killed in the middle of a payment, taken up by another process.

    python examples/resume_call.py

The first process serves the call and is killed while a function runs. The second finds the call by the id that the
telephone platform sends, knows what was said, and does not pay a second time. The calls are kept in a folder that goes
with the program, so it can be run as often as you like.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile

from voxsession import VoxonConfig
from voxsession.resume import SessionManagerService, create_session_context

CALL = "conversation-123"


def service(folder: str) -> SessionManagerService:
    """What every server process makes: here files, in production a database or Redis that all servers reach."""
    return SessionManagerService(config=VoxonConfig(session_storage_path=folder))


async def first_server(folder: str) -> None:
    """Takes the call, begins to pay, and is gone before it knows the outcome."""
    calls = service(folder)
    await calls.get_or_create_session(CALL, user_id="mira", caller="+39 055 12345", media_format="raw/lpcm16")
    await calls.update_session(
        CALL,
        status="active",
        conversation_history=[
            {"type": "input", "text": "My name is Mira. Please pay invoice 17."},
            {"type": "output", "text": "One moment."},
        ],
        audio_buffer=[b"\x00\x01" * 800],
    )
    if await calls.begin_function_call(CALL, "pay-17", name="pay", arguments={"invoice": 17}):
        print("first server: paying invoice 17 ...", flush=True)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


async def second_server(folder: str) -> None:
    """The caller dials in again, and the platform names the same conversation."""
    async with service(folder) as calls:
        state = await calls.resume_session(CALL, user_id="mira")
        if state is None:
            raise SystemExit("not resumed: " + (await calls.validate_session_resume(CALL, user_id="mira"))[1])
        print(f"second server: resumption {state.resumed_count}, {len(state.audio_buffer)} chunk of sound")
        print(create_session_context(state))
        for function in state.function_calls:
            may_run = await calls.begin_function_call(CALL, function["call_id"])
            print(f"{function['name']} is {function['status']}; run it again: {may_run}")
        session = await calls.voxon.load_session(str(state.session_id), user_id="mira")
        conversation = await session.resume_conversation(CALL)
        print("caller: What's my name?")
        print("agent: ", await conversation.send_message("What's my name?"))
        await session.close()
        await calls.end_session(CALL, reason="caller hung up")
        print("and now:", (await calls.validate_session_resume(CALL))[1])


if __name__ == "__main__":
    if sys.argv[1:2] == ["first"]:
        asyncio.run(first_server(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(prefix="calls-") as calls_folder:
            subprocess.run([sys.executable, __file__, "first", calls_folder], check=False)
            asyncio.run(second_server(calls_folder))
