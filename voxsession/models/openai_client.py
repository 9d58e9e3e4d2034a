"""The client of an OpenAI-compatible service: where it is, whose key it gets, one for each event loop."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from voxsession.core.types import check_number, check_text, decode_json
from voxsession.errors import ConfigurationError, ModelCallError
from voxsession.models.openai_failures import as_model_error, hide_key

__all__ = ["OpenAIClient", "text_or_env", "whole_answer_of"]

_SECRETS = ("api_key", "admin_api_key", "_azure_ad_token")
OFFICIAL_URL = "https://api.openai.com/v1"


class OpenAIClient:
    """Makes clients of the `openai` package as they are needed, or hands out the one that was given.

    Args:
        base_url: where the server is, with its `/v1`; None takes `OPENAI_BASE_URL`, else the official one.
        api_key: None takes `OPENAI_API_KEY`.
        timeout_seconds: how long the server may be silent.
        max_retries: how often a request is sent again.
        client: used as it is and never closed; the others are its business then.
        load: touches the part of a client that is used, for the package loads its parts late.

    Attributes:
        host: host and port, without what an address may hold of names and keys.
        silence_seconds: how long the server may be silent in an answer; None where a given client sets no limit.

    Raises:
        ConfigurationError: the package `openai` is missing, or the key; an argument is wrong.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None,
        timeout_seconds: float,
        max_retries: int,
        client: Any,
        load: Callable[[Any], Any],
    ) -> None:
        self.timeout_seconds = float(check_number("timeout_seconds", timeout_seconds, 0.001, 86_400))
        self.max_retries = int(check_number("max_retries", max_retries, 0, 100, whole=True))
        self.silence_seconds: float | None = self.timeout_seconds
        self._load = load
        self._given = client
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()
        if client is not None:
            self._url = str(getattr(client, "base_url", ""))
            self._secret = ""
            self.silence_seconds = _silence_of(client)
            self.max_retries = int(getattr(client, "max_retries", 0))
        else:
            self._url = text_or_env("base_url", base_url, "OPENAI_BASE_URL") or OFFICIAL_URL
            self._secret = _checked_key(api_key)
            self._spare = self._make()  # now, for it takes longer than an event loop should wait
        self.host = urlsplit(self._url).netloc.rpartition("@")[2]

    def get(self) -> Any:
        """The client of the running event loop: connections of another loop cannot be used."""
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = self._spare or self._make()
            self._spare = None
        return client

    async def close(self) -> None:
        """Closes the connections of the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def failure(self, error: Exception, model: str, retries: int) -> ModelCallError:
        """The error that a failed call is told as, without the key; the caller raises it from `error`."""
        # A client of the app's own may have got another key since.
        for secret in {self._secret, *(getattr(self._given, name, None) for name in _SECRETS)}:
            hide_key(error, secret if isinstance(secret, str) else "")
        return as_model_error(error, host=self.host, model=model, retries=retries)

    def _make(self) -> Any:
        try:
            from openai import AsyncOpenAI
        except ImportError as error:
            raise ConfigurationError(
                "An OpenAI-compatible service needs the package openai. "
                "Install it with: pip install 'voxsession[openai]'",
                option="model",
            ) from error
        client = AsyncOpenAI(
            base_url=self._url,
            api_key=self._secret,
            timeout=self.timeout_seconds,
            max_retries=self.max_retries,
        )
        self._load(client)
        return client


def whole_answer_of(body: bytes) -> Any:
    """The answer in a body, as the package `openai` would give it; text where it is no JSON.

    Raises:
        ValueError: it looks like JSON and is none.
    """
    if body.startswith(b"<"):
        return "text"
    from openai.types.chat import ChatCompletion  # loaded already: it asked for the answer

    said = decode_json(body)
    return ChatCompletion.construct(**said) if isinstance(said, dict) else said


def _silence_of(client: Any) -> float | None:
    """How long a given client waits for more: its time-out, or the part of it that is for reading."""
    timeout = getattr(client, "timeout", None)
    seconds = getattr(timeout, "read", timeout)
    return float(seconds) if isinstance(seconds, (int, float)) else None


def text_or_env(option: str, value: str | None, variable: str) -> str:
    """The text that was given, else that of an environment variable, else nothing."""
    if value is None:
        return os.environ.get(variable, "").strip()
    return check_text(option, value, allow_empty=False).strip()


def _checked_key(api_key: str | None) -> str:
    given = os.environ.get("OPENAI_API_KEY", "") if api_key is None else api_key
    if not isinstance(given, str) or not given.strip():
        raise ConfigurationError(
            "api_key is missing. Give it, or set OPENAI_API_KEY; for a server that wants none, "
            "any text will do, such as api_key='none'.",
            option="api_key",
        )
    key = given.strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigurationError(
            "api_key holds a space, a line break or a letter that no key has. Look at where it was copied from.",
            option="api_key",
        )
    return key
