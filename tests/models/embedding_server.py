"""A stand-in for an embeddings endpoint: real HTTP on the loopback, the real one's refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.memory.ngrams import spelling
from tests.models.openai_server import Fail, Hang, OpenAIServer

MODEL = "text-embedding-3-small"
MOST_TEXTS = 2_048


class EmbeddingServer(OpenAIServer):
    """The server; its script may hold `Fail`, `Hang`, or what makes the list of vectors of the texts."""

    path = "/v1/embeddings"

    def __init__(self, script: Any = (), **options: Any) -> None:
        super().__init__(script, models=(MODEL, "nomic-embed-text"), **options)

    @property
    def asked(self) -> list[list[str]]:
        """The texts of each request."""
        return [body["input"] for body in self.requests]

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: dict[str, str], raw: bytes
    ) -> bool:
        body = json.loads(raw)
        self.requests.append(body)
        self.headers.append(headers)
        self.times.append(asyncio.get_running_loop().time())
        self.was_asked.set()
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if (refusal := self._refusal(body, given)) is not None:
            return await self._fail(writer, refusal)
        answer: Any = self.script.pop(0) if self.script else list
        if isinstance(answer, Hang):
            return await self._until_gone(reader)
        if isinstance(answer, Fail):
            return await self._fail(writer, answer)
        return await self._send(writer, 200, self._vectors(body, answer))

    def _refusal(self, body: dict[str, Any], given: str) -> Fail | None:
        kind = "invalid_request_error"
        if given != self.key:
            shown = given if self.echo_key else f"{given[:3]}***"
            return Fail(401, "invalid_api_key", kind, f"Incorrect API key provided: {shown}.")
        if body["model"] not in self.models:
            return Fail(404, "model_not_found", kind, f"The model `{body['model']}` does not exist.")
        if unknown := body.keys() - {"model", "input", "encoding_format", "dimensions", "user"}:
            return Fail(400, None, kind, f"Unrecognized request argument supplied: {sorted(unknown)}")
        texts = body["input"]
        if not texts or len(texts) > MOST_TEXTS or not all(isinstance(text, str) and text for text in texts):
            return Fail(400, None, kind, "'$.input' is invalid.")
        return None

    def _vectors(self, body: dict[str, Any], change: Callable[[list[Any]], Any]) -> str:
        length = body.get("dimensions", 256)
        made = change([spelling(text)[:length] for text in body["input"]])
        data = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(made)]
        # In any order, for the index says which is whose.
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return json.dumps({"object": "list", "data": data[::-1], "model": body["model"], "usage": usage})
