"""Models behind an OpenAI-compatible endpoint, by the official `openai` package (extra `openai`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any

from voxsession.core.types import JsonObject, check_json
from voxsession.errors import ConfigurationError
from voxsession.models.base import ModelCallError, ModelRequest, Reply
from voxsession.models.openai_answers import AnswerReader
from voxsession.models.openai_client import OpenAIClient, text_or_env, whole_answer_of
from voxsession.models.openai_messages import call_ids, chat_functions, chat_messages

__all__ = ["OpenAIModel"]

DEFAULT_MODEL = "gpt-4o-mini"
OFFICIAL_HOSTS = ("openai.com", "openai.azure.com")
USAGE_WAIT_SECONDS = 5.0  # what follows an ended answer is its usage; nobody is kept waiting for that
NOT_STREAMED = frozenset({"application/json", "application/problem+json", "text/html"})
_OWN_PARAMETERS = frozenset({"messages", "model", "stream", "tools"})


class OpenAIModel:
    """A chat model of OpenAI, or of any server that speaks its protocol.

    Replies are streamed: leaving or interrupting one closes the connection. What is
    refused as too long is sent once more with a smaller context. One object may be
    used by many sessions, tasks and event loops.

    Args:
        base_url: where the server is, with its `/v1`; None takes `OPENAI_BASE_URL`, else the official one.
        api_key: None takes `OPENAI_API_KEY`. A server that wants none still needs some text here.
        model: None takes `OPENAI_MODEL`, else gpt-4o-mini.
        stream: False asks for whole answers, for servers that cannot stream.
        timeout_seconds: how long the server may be silent, before its answer and within it.
        max_retries: how often a request is sent again after 408, 409, 429, 5xx, a time-out before the answer,
            or a failed connection; with growing pauses, or as long as `Retry-After` says.
        options: further parameters of the request, such as `{"seed": 7}`; None as a value leaves out one
            that is sent otherwise, such as `{"temperature": None}` for models that take none.
        client: an `openai.AsyncOpenAI` (or `AsyncAzureOpenAI`) of your own, used as it is and never closed;
            then `base_url`, `api_key`, `timeout_seconds` and `max_retries` are its business.

    Raises:
        ConfigurationError: the package `openai` is missing, or the key; an argument is wrong.

    Example:
        >>> model = OpenAIModel(base_url="http://localhost:11434/v1", api_key="none", model="llama3.2")
        >>> model
        OpenAIModel(model='llama3.2', host='localhost:11434')
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        model: str | None = None,
        stream: bool = True,
        timeout_seconds: float = 60,
        max_retries: int = 2,
        options: Mapping[str, Any] | None = None,
        client: Any = None,
    ) -> None:
        self.model = text_or_env("model", model, "OPENAI_MODEL") or DEFAULT_MODEL
        self._stream = bool(stream)
        self._options = _checked_options(options)
        self._service = OpenAIClient(
            base_url=base_url,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            max_retries=max_retries,
            client=client,
            load=lambda made: made.chat.completions,
        )

    async def respond(self, request: ModelRequest) -> AsyncGenerator[str, None]:
        """Answers the newest message of `request`.

        Args:
            request: what is sent; its settings give temperature and `max_output_tokens`.

        Returns:
            The text in chunks, as they come; the last item is a `Reply` with usage and function calls
            (and, where `stream` is off, the text).

        Raises:
            ContextTooLongError: the server says that the context is too long for the model.
            ModelCallError: the server refused or failed, or its answer cannot be read; the key is
                never in it, nor in its cause.
        """
        reader = AnswerReader(f"call_{len(request.messages)}_", call_ids(request.messages))
        try:
            answer = await self._service.get().chat.completions.create(**self._body(request))
        except Exception as error:
            raise self._failure(error, self._service.max_retries) from error
        if not self._stream:
            yield self._whole(reader, answer)
            return
        try:
            if (unstreamed := await self._unstreamed(answer)) is not None:
                yield self._whole(reader, unstreamed)
                return
            async with contextlib.aclosing(self._texts(answer, reader)) as texts:
                async for text in texts:
                    yield text
        finally:
            # A connection that is broken already cannot be closed once more.
            with contextlib.suppress(Exception):
                await answer.close()
        yield reader.closing()

    async def close(self) -> None:
        """Closes the connections of the running event loop; the model can be used on."""
        await self._service.close()

    async def __aenter__(self) -> OpenAIModel:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"OpenAIModel(model={self.model!r}, host={self._service.host!r})"

    # --- the call

    def _whole(self, reader: AnswerReader, answer: Any) -> Reply:
        text = self._read(reader, answer)
        closing = reader.closing(is_whole=True)
        return Reply(text, usage=closing.usage, tool_calls=closing.tool_calls)

    async def _unstreamed(self, answer: Any) -> Any:
        """What a server gave that does not stream, though it was asked to; None where it does."""
        response = getattr(answer, "response", None)
        kind = str(getattr(response, "headers", {}).get("content-type", "")).partition(";")[0].strip().lower()
        if response is None or kind not in NOT_STREAMED:
            return None
        try:
            said = (await response.aread()).strip()  # what is a stream all the same can still be read as one
            return whole_answer_of(said) if said[:1] in (b"{", b"[", b"<") else None
        except Exception as error:
            raise self._failure(error) from error

    async def _texts(self, answer: Any, reader: AnswerReader) -> AsyncGenerator[str, None]:
        """The texts of a stream; once the answer has ended, only its usage is waited for, and not for long."""
        chunks = aiter(answer)
        while True:
            has_ended = reader.finish_reason is not None
            try:
                # Signs of life that hold nothing keep a connection open, but they are no answer.
                seconds = self._service.silence_seconds
                if has_ended:
                    seconds = min(seconds or USAGE_WAIT_SECONDS, USAGE_WAIT_SECONDS)
                async with asyncio.timeout(seconds):
                    chunk = await anext(chunks, None)
            except Exception as error:
                if has_ended:
                    return
                raise self._failure(error) from error
            if chunk is None:
                return
            if has_ended:
                with contextlib.suppress(ModelCallError):
                    self._read(reader, chunk)
            elif text := self._read(reader, chunk):
                yield text

    def _read(self, reader: AnswerReader, piece: Any) -> str:
        try:
            return reader.take(piece)
        except ModelCallError:
            raise
        except Exception as error:  # it says it is a completion, and has the form of none
            raise self._failure(error) from error

    def _failure(self, error: Exception, retries: int = 0) -> ModelCallError:
        return self._service.failure(error, self.model, retries)

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        config = request.config
        further: JsonObject = {"temperature": config.temperature}
        if not self._options.keys() & {"max_tokens", "max_completion_tokens"}:
            further[self._limit_name] = config.max_output_tokens
        if self._stream:
            further["stream_options"] = {"include_usage": True}
        if request.functions:
            further["tools"] = chat_functions(request.functions)
        further |= self._options
        return {
            "model": self.model,
            "messages": chat_messages(request.messages),
            "stream": self._stream,
            # All but the three go in as they are, so that a server's own parameters pass through too.
            "extra_body": {name: value for name, value in further.items() if value is not None},
        }

    @property
    def _limit_name(self) -> str:
        """Newer official models refuse `max_tokens`, many other servers know nothing else."""
        host = self._service.host.partition(":")[0]
        is_official = any(host == known or host.endswith("." + known) for known in OFFICIAL_HOSTS)
        return "max_completion_tokens" if is_official else "max_tokens"


def _checked_options(options: Mapping[str, Any] | None) -> JsonObject:
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ConfigurationError.out_of_range("options", type(options).__name__, "a dict is needed")
    checked: JsonObject = check_json("options", dict(options))
    if own := _OWN_PARAMETERS & checked.keys():
        raise ConfigurationError.out_of_range(
            "options", sorted(own), "the model, the messages, the functions and stream are set elsewhere"
        )
    return checked
