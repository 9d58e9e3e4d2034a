"""voxsession as a system to be measured, over its public API alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.retrieval_scores import Search, System
from tests.benchmarks.retrieval_sets import Asked, Corpus
from tests.benchmarks.sides import KEY
from voxsession import SessionConfig, Voxon, VoxonConfig

#: Names the folder of a sentence-transformers model; `spelling` is the tests' embedder, which is no model.
MODEL_VARIABLE = "VOXSESSION_EMBEDDING_MODEL"


class ModelAbsent(Exception):
    """There is no model to embed with; the text says what to do."""


def ours(embedder: Any = None) -> System:
    """One conversation for each talk; messages by `add_messages`, questions by `recall`."""

    @asynccontextmanager
    async def opened(corpus: Corpus) -> AsyncIterator[Search]:
        config = VoxonConfig(session_storage="memory", session_encryption_key=KEY)
        async with Voxon(config, embedder=embedder) as voxon:
            async with voxon.session(config=SessionConfig(enable_learning=False)) as session:
                for talk, said in corpus.talks():
                    async with session.conversation(talk) as conversation:
                        await conversation.add_messages(
                            [
                                {
                                    "role": one.role,
                                    "content": one.text,
                                    "at": one.at,
                                    "metadata": {"id": one.id},
                                    **({"name": one.speaker} if one.speaker else {}),
                                }
                                for one in said
                            ]
                        )
                await session.recall("warm", limit=1, sources=("messages",))

                async def search(asked: Asked, limit: int) -> list[str]:
                    matches = await session.recall(
                        asked.text, limit=limit, sources=("messages",), at=asked.at
                    )
                    return [str(match.metadata["id"]) for match in matches]

                yield search

    return opened


def local_embedder() -> Any:
    """The model that the environment names.

    Raises:
        ModelAbsent: none is named, or it cannot be loaded.
    """
    named = os.environ.get(MODEL_VARIABLE, "")
    if named == "spelling":
        from tests.memory.ngrams import Spelling

        return Spelling(timeout_seconds=600)
    if not named:
        raise ModelAbsent(f"--embeddings needs a model: name the folder of one by {MODEL_VARIABLE}.")
    from voxsession import ConfigurationError, LocalEmbedder

    try:
        return LocalEmbedder(named, timeout_seconds=600)
    except ConfigurationError as error:
        raise ModelAbsent(f"--embeddings: {error}") from error


def model_name() -> str:
    """What the tables call the model: its folder's name, not where that lies."""
    named = os.environ.get(MODEL_VARIABLE, "")
    return "none, only letter triples" if named == "spelling" else Path(named).name
