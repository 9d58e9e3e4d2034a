"""An extractor that asks a language model which facts about the user a turn states."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from voxsession.core.config import SessionConfig
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject, check_number, encode_json
from voxsession.errors import ConfigurationError, ModelCallError, ModelError
from voxsession.memory.context import Context
from voxsession.memory.extraction import Extraction, ExtractionRequest
from voxsession.memory.fact_answer import MAX_ANSWER_CHARS, ReadAnswer, label_of, read_answer
from voxsession.memory.fact_schema import ANSWER_SCHEMA, TASK
from voxsession.memory.facts import Fact
from voxsession.models.asking import whole_answer
from voxsession.models.base import ModelRequest, checked_model

__all__ = ["ModelExtractor"]

_LEAST_TOKENS = 64  # of a message that has to be cut
_LEAST_CHARS = 20
_MOST_CHARS_PER_TOKEN = 8
_MOST_EARLIER = 6
_MOST_REMEMBERED = 40


class ModelExtractor:
    """Finds facts in what users say by asking a language model; it never keeps a reply waiting.

    It works in the background, after the turn is saved. Each fact of an answer is checked: its form, its category, its
    dates, and that the message it names is one of the user's and holds the words it quotes. What is wrong is named to
    the model once; what is wrong then is left out and told by the event `handler.failed`. Messages are data to the
    model: orders in them can give nothing but entries that the user said.

    Args:
        model: any `Model` that can write, such as an `OpenAIModel`; it need not be the one that answers.
        timeout_seconds: for the request and its repair together.
        max_input_tokens: of messages in one request; longer ones are cut in the middle.
        max_output_tokens: of one answer.
        wait_seconds: how long `session.save()` and `session.close()` wait for what is still at work.
        fallback_to_patterns: where the model fails, or nothing of its answer can be used also when it was told so, the
            pattern-based extractor looks through the messages.

    Attributes:
        schema: the JSON schema of an answer, for servers that can be held to one.

    Raises:
        ConfigurationError: the model is none or cannot write; a number is out of range.

    Example:
        >>> from voxsession.testing import ScriptedModel
        >>> ModelExtractor(ScriptedModel(['{"facts": []}']), timeout_seconds=5)
        ModelExtractor(ScriptedModel(1 answers, 1 left))
    """

    schema: ClassVar[JsonObject] = ANSWER_SCHEMA

    def __init__(
        self,
        model: Any,
        *,
        timeout_seconds: float = 30,
        max_input_tokens: int = 2_000,
        max_output_tokens: int = 1_000,
        wait_seconds: float = 10,
        fallback_to_patterns: bool = False,
    ) -> None:
        checked_model(model)
        if not getattr(model, "can_write", True):
            raise ConfigurationError(
                "ModelExtractor needs a language model; the offline model finds facts by patterns, which is what a "
                "Voxon without extractor= does.",
                option="model",
            )
        self._model = model
        self._timeout = float(check_number("timeout_seconds", timeout_seconds, 0.001, 3_600))
        self._input = int(check_number("max_input_tokens", max_input_tokens, 100, 1_000_000, whole=True))
        output = int(check_number("max_output_tokens", max_output_tokens, 50, 100_000, whole=True))
        self.wait_seconds = float(check_number("wait_seconds", wait_seconds, 0, 3_600))
        self._falls_back = bool(fallback_to_patterns)
        self._config = SessionConfig(instructions=TASK, temperature=0.0, max_output_tokens=output)

    async def extract_turn(self, request: ExtractionRequest) -> Extraction:
        """Gives the facts that the user's messages state; what goes wrong is among its problems, never raised.

        Args:
            request: the messages, with what is needed to understand them.

        Returns:
            The facts and what went wrong.
        """
        whole, request = request, self._bounded(request)
        first, problems = ReadAnswer(), list[Exception]()
        try:
            async with asyncio.timeout(self._timeout):
                answer, first = await self._asked(request, [])
                if not first.complaints:
                    return Extraction(facts=first.facts)
                again = await self._repaired(request, answer, first)
                problems += [_dropped(again)] if again.complaints else []
                facts = again.facts or first.facts
                if not facts and again.complaints and self._falls_back:
                    facts = _by_patterns(whole)
                return Extraction(facts=facts, problems=problems)
        except TimeoutError:
            problems.append(
                ModelCallError(
                    f"The extractor's model took longer than {self._timeout:g} seconds. "
                    "Give ModelExtractor a longer timeout_seconds, or a faster model.",
                    kind="timeout",
                )
            )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            problems.append(ModelError("The extractor's model was cancelled from inside."))
        except Exception as error:
            problems.append(_failure(error))
        facts = first.facts or (_by_patterns(whole) if self._falls_back else [])
        return Extraction(facts=facts, problems=problems)

    async def _repaired(self, request: ExtractionRequest, answer: str, first: ReadAnswer) -> ReadAnswer:
        """What the model answers when it is told once what was wrong."""
        complaint = (
            "That answer cannot be used:\n"
            + "\n".join(f"- {one}" for one in first.complaints)
            + "\nAnswer once more with the whole JSON object; leave out what you cannot mend."
        )
        more = [
            {"role": "assistant", "content": answer[: self._input * 4] or "(nothing)"},
            {"role": "user", "content": complaint},
        ]
        return (await self._asked(request, more))[1]

    async def _asked(self, request: ExtractionRequest, more: Sequence[JsonObject]) -> tuple[str, ReadAnswer]:
        messages: list[JsonObject] = [
            {"role": "system", "content": TASK},
            {"role": "user", "content": encode_json(_shown(request)).decode()},
            *more,
        ]
        tokens = sum(request.count_tokens(str(message["content"])) for message in messages)
        asked = ModelRequest(
            messages=messages,
            config=self._config.replace(),
            context=Context(messages=messages, token_count=tokens, budget_tokens=tokens, complete=True),
            session_id=request.session_id,
            conversation_id=request.conversation_id,
        )
        answer = await whole_answer(self._model, asked, MAX_ANSWER_CHARS)
        return answer, read_answer(answer, request)

    def _bounded(self, request: ExtractionRequest) -> ExtractionRequest:
        """The request inside the bound of tokens: the user's own messages take up to three quarters of it."""
        count = request.count_tokens
        share = max(self._input * 3 // 4 // max(len(request.said), 1), _LEAST_TOKENS)
        said = [evolve(words, text=_cut(words.text, share, count)) for words in request.said]
        left = self._input - sum(count(words.text) for words in said)
        earlier: list[tuple[str, str]] = []
        for role, text in reversed(request.earlier[-_MOST_EARLIER:]):
            short = _cut(text, max(left // 3, 0), count)
            left -= count(short)
            earlier += [(role, short)] if short else []
        remembered: list[str] = []
        for content in request.remembered[:_MOST_REMEMBERED]:
            left -= count(content)
            if left < 0:
                break
            remembered.append(content)
        return evolve(request, said=said, earlier=earlier[::-1], remembered=remembered)

    def __repr__(self) -> str:
        return f"ModelExtractor({self._model!r})"


def _by_patterns(request: ExtractionRequest) -> list[Fact]:
    from voxsession.memory.extract import extract_facts

    return [
        evolve(fact, message_id=words.message_id)
        for words in request.said
        for fact in extract_facts(
            words.text, at=words.at, speaker=words.speaker, previous=words.previous, with_denials=True
        )
    ]


def _shown(request: ExtractionRequest) -> JsonObject:
    return {
        "remembered": list(request.remembered),
        "earlier": [{"role": role, "text": text} for role, text in request.earlier],
        "messages": [
            {
                "label": label_of(place),
                "subject": words.speaker or "User",
                "said_at": words.at.strftime("%Y-%m-%d %A"),
                "text": words.text,
            }
            for place, words in enumerate(request.said)
        ],
    }


def _cut(text: str, most_tokens: int, count: Callable[[str], int]) -> str:
    """A text without its middle where it is too long: what people say of themselves stands at either end."""
    chars = most_tokens * _MOST_CHARS_PER_TOKEN
    while chars >= _LEAST_CHARS:
        shorter = text if len(text) <= chars else f"{text[: chars // 2]} [...] {text[-(chars // 2) :]}"
        tokens = count(shorter)
        if tokens <= most_tokens:
            return shorter
        chars = min(len(shorter), chars) * most_tokens // tokens - len(" [...] ")
    return ""


def _dropped(read: ReadAnswer) -> ModelError:
    return ModelError(
        "The extractor's model gave what is no fact of the schema, also when it was told so; that was left out: "
        + "; ".join(read.complaints)
    )


def _failure(error: Exception) -> Exception:
    if isinstance(error, ModelError):
        return error
    failed = ModelError(f"The extractor's model failed with {type(error).__name__}; nothing was learned.")
    failed.__cause__ = error
    return failed
