"""Vectors from an OpenAI-compatible endpoint, by the official `openai` package (extra `openai`)."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from voxsession.core.types import check_number
from voxsession.errors import ModelCallError
from voxsession.models.openai_client import OpenAIClient, text_or_env

__all__ = ["OpenAIEmbedder"]

DEFAULT_MODEL = "text-embedding-3-small"


class OpenAIEmbedder:
    """Vectors of OpenAI, or of any server that speaks its embeddings protocol.

    One object may be used by many sessions, tasks and event loops.

    Args:
        base_url: where the server is, with its `/v1`; None takes `OPENAI_BASE_URL`, else the official one.
        api_key: None takes `OPENAI_API_KEY`. A server that wants none still needs some text here.
        model: None takes `OPENAI_EMBEDDING_MODEL`, else text-embedding-3-small.
        dimensions: the length of the vectors, for models that offer several; None leaves it to the model.
        batch_size: the most texts of one request.
        timeout_seconds: how long a recall waits for a request, all that it is sent again included.
        max_retries: how often a request is sent again after 408, 409, 429, 5xx or a failed connection; with growing
            pauses, or as long as `Retry-After` says.
        client: an `openai.AsyncOpenAI` (or `AsyncAzureOpenAI`) of your own, used as it is and never closed;
            then `base_url`, `api_key` and `max_retries` are its business.

    Raises:
        ConfigurationError: the package `openai` is missing, or the key; an argument is wrong.

    Example:
        >>> embedder = OpenAIEmbedder(base_url="http://localhost:11434/v1", api_key="none", model="nomic-embed-text")
        >>> embedder
        OpenAIEmbedder(model='nomic-embed-text', host='localhost:11434')
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        model: str | None = None,
        dimensions: int | None = None,
        batch_size: int = 128,
        timeout_seconds: float = 10,
        max_retries: int = 2,
        client: Any = None,
    ) -> None:
        self.model = text_or_env("model", model, "OPENAI_EMBEDDING_MODEL") or DEFAULT_MODEL
        self.batch_size = int(check_number("batch_size", batch_size, 1, 2_048, whole=True))
        self._options: dict[str, Any] = {}
        if dimensions is not None:
            self._options["dimensions"] = int(check_number("dimensions", dimensions, 1, 65_536, whole=True))
        self._service = OpenAIClient(
            base_url=base_url,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            max_retries=max_retries,
            client=client,
            load=lambda made: made.embeddings,
        )
        self.timeout_seconds = self._service.timeout_seconds

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text, in their order.

        Raises:
            ModelCallError: the server refused or failed, or its answer cannot be read; the key is
                never in it, nor in its cause.
        """
        try:
            answer = await self._service.get().embeddings.create(
                model=self.model, input=texts, encoding_format="float", **self._options
            )
            vectors = {item.index: item.embedding for item in answer.data}
        except Exception as error:
            raise self._service.failure(error, self.model, self._service.max_retries) from error
        if sorted(vectors) != list(range(len(texts))):
            raise ModelCallError(
                f"The model service at {self._service.host} gave {len(vectors)} vectors for {len(texts)} texts.",
                kind="bad_answer",
            )
        return [vectors[place] for place in range(len(texts))]

    async def close(self) -> None:
        """Closes the connections of the running event loop; the embedder can be used on."""
        await self._service.close()

    async def __aenter__(self) -> OpenAIEmbedder:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"OpenAIEmbedder(model={self.model!r}, host={self._service.host!r})"
