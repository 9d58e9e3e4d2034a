"""The provided embedders: an OpenAI-compatible endpoint over real HTTP, a model in the own process."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import textwrap
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tests.memory.ngrams import spelling
from tests.models.embedding_server import MODEL, EmbeddingServer
from tests.models.openai_server import Fail, Hang
from voxsession import (
    ConfigurationError,
    Embedder,
    LocalEmbedder,
    ModelCallError,
    OpenAIEmbedder,
    Session,
    Voxon,
    VoxonConfig,
)

FACTS = ("Studies quantum physics", "Plays the violin", "Has a cat called Mia")
TYPO = "quantm fisycs"
WRONG_KEY = "sk-wrong-9876543210zyxwvutsrqp"
TOO_MANY = Fail(429, "rate_limit_exceeded", "requests", "slow down", headers={"retry-after": "0.2"})


def embedder_of(server: EmbeddingServer, **options: Any) -> OpenAIEmbedder:
    return OpenAIEmbedder(**{"base_url": server.url, "api_key": server.key, "model": MODEL, **options})


@asynccontextmanager
async def remembering(embedder: Any) -> AsyncIterator[Session]:
    config = VoxonConfig(session_storage="memory", session_encryption_method="none")
    async with Voxon(config, embedder=embedder) as voxon, voxon.session("alice") as session:
        for fact in FACTS:
            session.add_memory(fact)
        yield session


# --- an endpoint


async def test_vectors_come_in_the_order_of_the_texts_and_recall_goes_by_them() -> None:
    """However the server orders its answer; a session finds by them, in batches of the size that was set."""
    with EmbeddingServer() as server:
        async with embedder_of(server, batch_size=2, dimensions=200) as embedder:
            assert isinstance(embedder, Embedder)
            assert await embedder.embed(["a", "bc"]) == [spelling("a")[:200], spelling("bc")[:200]]
            async with remembering(embedder) as session:
                [best] = await session.recall(TYPO, limit=1)
    assert best.content == "Studies quantum physics"
    assert sorted(map(len, server.asked)) == [1, 1, 2, 2]
    assert all(body["dimensions"] == 200 and body["encoding_format"] == "float" for body in server.requests)


async def test_too_many_requests_are_sent_again_when_the_server_says() -> None:
    """After 429 the same texts are sent again, after the pause that was asked for."""
    with EmbeddingServer([TOO_MANY, Fail(500)]) as server:
        async with embedder_of(server) as embedder:
            assert len(await embedder.embed(["a"])) == 1
        assert server.asked == [["a"]] * 3
        assert server.times[1] - server.times[0] > 0.19


@pytest.mark.parametrize(
    ("answer", "options", "kind"),
    [
        (None, {"api_key": WRONG_KEY}, "authentication"),
        (None, {"model": "no-such-model"}, "not_found"),
        (TOO_MANY, {"max_retries": 0}, "rate_limit"),
        (Fail(502, body="<html>bad gateway</html>"), {"max_retries": 0}, "server"),
        (Hang(), {"timeout_seconds": 0.2, "max_retries": 0}, "timeout"),
        (None, {"base_url": "http://127.0.0.1:9/v1", "max_retries": 0}, "connection"),
        (Fail(200, body="{}"), {}, "bad_answer"),
        (Fail(200, body='{"data": [{"embedding": "no", "index": 7}]}'), {}, "bad_answer"),
        (lambda vectors: vectors[1:], {}, "bad_answer"),
        (lambda vectors: [*vectors, *vectors], {}, "bad_answer"),
    ],
    ids=str,
)
async def test_a_failure_says_its_kind_and_recall_goes_by_words(
    answer: Any, options: dict[str, Any], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure is a ModelCallError; a session goes on by words, and the key is in no error, log line or event."""
    caplog.set_level(logging.DEBUG)
    with EmbeddingServer([answer] * 3 if answer else [], echo_key=True) as server:
        async with embedder_of(server, **options) as embedder:
            with pytest.raises(ModelCallError) as caught:
                await embedder.embed(["my private words"])
            told = traceback.format_exception(caught.value)
            async with remembering(embedder) as session:
                session.events.on(
                    "handler.failed", lambda event: told.extend(traceback.format_exception(event.error))
                )
                found = await session.recall("quantum physics")
    assert caught.value.kind == kind
    assert [match.content for match in found] == ["Studies quantum physics"]
    everything = "".join([*told, caplog.text, repr(embedder)])
    assert WRONG_KEY not in everything and server.key not in everything
    assert "private" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda vectors: [vector[: 5 + place] for place, vector in enumerate(vectors)],
        lambda vectors: [[float("nan")] * 256 for _ in vectors],
        lambda vectors: [[] for _ in vectors],
    ],
)
async def test_vectors_that_cannot_be_used_leave_recall_to_the_words(change: Any) -> None:
    """Vectors of several dimensions, of NaN, of no numbers: the words answer."""
    with EmbeddingServer([change] * 2) as server:
        async with embedder_of(server) as embedder, remembering(embedder) as session:
            failures: list[Any] = []
            session.events.on("handler.failed", failures.append)
            found = await session.recall("quantum physics")
    assert [match.content for match in found] == ["Studies quantum physics"]
    assert failures


async def test_a_cancelled_recall_hangs_up() -> None:
    """The question's connection is closed at once when nobody waits any more."""
    with EmbeddingServer([Hang(), Hang()]) as server:
        async with embedder_of(server) as embedder, remembering(embedder) as session:
            recall = asyncio.create_task(session.recall(TYPO))
            assert await asyncio.to_thread(server.was_asked.wait, 30)
            recall.cancel()
            with pytest.raises(asyncio.CancelledError):
                await recall
            assert await asyncio.to_thread(server.someone_hung_up.wait, 30)


def test_one_embedder_serves_one_event_loop_after_another() -> None:
    """Connections of an old loop are not used in a new one."""
    with EmbeddingServer() as server:
        embedder = embedder_of(server)

        async def once() -> int:
            async with embedder:
                return len(await embedder.embed(["a", "b"]))

        assert [asyncio.run(once()), asyncio.run(once())] == [2, 2]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not given is looked up, and a missing key is told."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:secret@models.example:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", "bge-m3")
    assert repr(OpenAIEmbedder()) == "OpenAIEmbedder(model='bge-m3', host='models.example:9')"
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigurationError, match="api_key is missing"):
        OpenAIEmbedder()


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"batch_size": 5_000},
        {"dimensions": 0},
        {"timeout_seconds": 0},
        {"max_retries": -1},
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any]) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        OpenAIEmbedder(api_key="none", **wrong)


async def test_a_client_of_ones_own_is_used_as_it_is() -> None:
    """It needs no key here, and is not closed."""

    class Embeddings:
        async def create(self, **asked: Any) -> Any:
            return SimpleNamespace(data=[SimpleNamespace(index=0, embedding=[1.0, float(len(asked))])])

    async with OpenAIEmbedder(client=SimpleNamespace(embeddings=Embeddings()), model="m") as embedder:
        assert await embedder.embed(["a"]) == [[1.0, 3.0]]


# --- the own machine


class Encoder:
    """Stands where the library's model would: what it is given, it counts the letters of."""

    loaded: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012

    def __init__(self, name: str, **options: Any) -> None:
        if name == "missing":
            raise OSError("no such folder")
        self.loaded.append((name, options))

    def encode(self, texts: list[str], **options: Any) -> Any:
        assert options == {"batch_size": 32, "show_progress_bar": False}
        return [spelling(text) for text in texts]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library in place of sentence-transformers, whose installation takes a gigabyte."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=Encoder))
    monkeypatch.setattr(Encoder, "loaded", [])


async def test_a_local_model_is_loaded_once_and_downloads_nothing(library: None) -> None:
    """Texts and questions get the prefixes that were set; recall and search_memory go by it."""
    embedder = LocalEmbedder("models/e5", text_prefix="passage: ", question_prefix="query: ")
    assert Encoder.loaded == [("models/e5", {"device": None, "local_files_only": True})]
    assert embedder.embed(["a"]) == [spelling("passage: a")]
    assert embedder.embed_questions(["a"]) == [spelling("query: a")]
    async with remembering(LocalEmbedder("models/minilm", allow_download=True)) as session:
        assert session.search_memory(TYPO, 1)[0].content == "Studies quantum physics"
        assert (await session.recall(TYPO, 1))[0].content == "Studies quantum physics"
    assert Encoder.loaded[1:] == [("models/minilm", {"device": None, "local_files_only": False})]
    assert repr(embedder) == "LocalEmbedder('models/e5')"


def test_a_model_that_is_not_there_is_named(library: None) -> None:
    """The error names the model, and says that nothing is downloaded unasked."""
    with pytest.raises(
        ConfigurationError, match=r"'missing' could not be loaded.*allow_download=True"
    ) as caught:
        LocalEmbedder("missing")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each error names what to install."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigurationError, match=r"pip install .*sentence-transformers"):
        LocalEmbedder("any")
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ConfigurationError, match=r"voxsession\[openai\]"):
        OpenAIEmbedder(api_key="none")


def test_naming_an_embedder_loads_no_library() -> None:
    """`from voxsession import ...` brings neither NumPy nor openai nor sentence-transformers."""
    program = textwrap.dedent("""
        import sys
        from voxsession import Embedder, LocalEmbedder, OpenAIEmbedder, Voxon
        Voxon()
        print(sorted({"numpy", "openai", "sentence_transformers"} & sys.modules.keys()))
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
