"""Vectors from a model on the own machine, by the package `sentence-transformers`."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from voxsession.core.types import check_number, check_text
from voxsession.errors import ConfigurationError

__all__ = ["LocalEmbedder"]


class LocalEmbedder:
    """Vectors of a sentence-transformers model that runs in this process.

    Making one loads the model, which takes some seconds; make it once, when the program starts. Nothing is
    downloaded unless you say so. One object may be used by many sessions.

    Args:
        model: the folder of a model, or its name where it was downloaded before.
        text_prefix: put before each text that is searched, for models that want it, such as ``"passage: "``.
        question_prefix: put before each question, such as ``"query: "``.
        device: such as ``"cpu"`` or ``"cuda"``; None takes the best there is.
        batch_size: the most texts of one call.
        timeout_seconds: how long a recall waits for one call.
        allow_download: whether a model that is not here may be fetched.

    Raises:
        ConfigurationError: the package sentence-transformers is missing, or there is no such model here; an
            argument is wrong.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        text_prefix: str = "",
        question_prefix: str = "",
        device: str | None = None,
        batch_size: int = 32,
        timeout_seconds: float = 10,
        allow_download: bool = False,
    ) -> None:
        self.model = check_text("model", os.fspath(model), allow_empty=False)
        self.batch_size = int(check_number("batch_size", batch_size, 1, 100_000, whole=True))
        self.timeout_seconds = float(check_number("timeout_seconds", timeout_seconds, 0.001, 86_400))
        self._text_prefix = check_text("text_prefix", text_prefix)
        self._question_prefix = check_text("question_prefix", question_prefix)
        self._encoder = _load(self.model, device, allow_download=allow_download)

    def embed(self, texts: list[str]) -> Any:
        """An array with one row for each text that is searched; blocks for as long as the model computes."""
        return self._encode([self._text_prefix + text for text in texts])

    def embed_questions(self, texts: list[str]) -> Any:
        """The same for questions."""
        return self._encode([self._question_prefix + text for text in texts])

    def _encode(self, texts: list[str]) -> Any:
        return self._encoder.encode(texts, batch_size=self.batch_size, show_progress_bar=False)

    def __repr__(self) -> str:
        return f"LocalEmbedder({self.model!r})"


def _load(model: str, device: str | None, *, allow_download: bool) -> Any:
    try:
        library = import_module("sentence_transformers")  # by name: who checks types need not have it
    except ImportError as error:
        raise ConfigurationError(
            "LocalEmbedder needs the package sentence-transformers. "
            "Install it with: pip install 'voxsession[embeddings]' sentence-transformers",
            option="embedder",
        ) from error
    try:
        return library.SentenceTransformer(model, device=device, local_files_only=not allow_download)
    except Exception as error:  # of several packages, each with errors of its own
        hint = "" if allow_download else ", or pass allow_download=True"
        raise ConfigurationError(
            f"The model {model!r} could not be loaded. Name the folder it lies in{hint}; "
            "what went wrong is the cause of this error.",
            option="model",
            value=model,
        ) from error
