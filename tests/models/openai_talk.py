"""A conversation with the stand-in, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.models.openai_server import MODEL, OpenAIServer
from voxsession import Conversation, MemorySessionStorage, OpenAIModel, SessionConfig, Voxon, VoxonConfig


def model_of(server: OpenAIServer, **options: Any) -> OpenAIModel:
    """The model behind the server."""
    return OpenAIModel(**{"base_url": server.url, "api_key": server.key, "model": MODEL, **options})


@asynccontextmanager
async def talking(
    server: OpenAIServer, storage: MemorySessionStorage | None = None, **options: Any
) -> AsyncIterator[Conversation]:
    """A conversation; settings of the session and options of the model are told apart by name."""
    settings = {name: options.pop(name) for name in list(options) if name in vars(SessionConfig())}
    config = VoxonConfig(session_storage=storage or MemorySessionStorage())
    async with (
        model_of(server, **options) as model,
        Voxon(config, model=model) as voxon,
        voxon.session("u", session_id="s", config=SessionConfig(**settings)) as session,
        session.conversation("c") as conv,
    ):
        yield conv


def contents(messages: Any) -> list[tuple[str, str | None]]:
    """Role and text of each message."""
    return [(message.role, message.content) for message in messages]


async def stored(storage: MemorySessionStorage) -> list[tuple[str, str | None, bool]]:
    """What another process finds: role, text and whether it was interrupted."""
    async with Voxon(VoxonConfig(session_storage=storage)) as voxon, await voxon.load_session("s") as session:
        history = await (await session.resume_conversation("c")).history()
    return [(message.role, message.content, message.interrupted) for message in history]
