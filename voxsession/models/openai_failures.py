"""What went wrong with a model's service, in one sentence and without the key."""

from __future__ import annotations

import re
from typing import Any

from voxsession.models.base import ContextTooLongError, ModelCallError

__all__ = ["as_model_error", "hide_key"]

SHORTEST_SECRET = 8  # a placeholder such as "none" is no secret, and may stand in any sentence
_KINDS = {
    400: ("bad_request", "did not accept the request"),
    401: ("authentication", "did not accept the key; check api_key or OPENAI_API_KEY"),
    403: ("permission", "does not permit this to the key"),
    404: ("not_found", "knows no model {model!r} at this address; check model and base_url"),
    408: ("timeout", "took too long"),
    413: ("bad_request", "found the request too large"),
    422: ("bad_request", "did not accept the request"),
    429: ("rate_limit", "gets too many requests, or the quota is used up"),
}
_TOO_LONG = re.compile(
    r"context.{0,3}(length|window|size)|maximum context|too many (input )?tokens|prompt is too long"
    r"|input is too long|exceed_context|reduce the length|maximum (model|prompt|sequence|input) length"
    r"|maximum number of (input )?tokens|max_new_tokens\W{1,3}must be|context the overflows",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"(?:context (?:length|window|size)|n_ctx)\D{0,24}?([\d,]{2,12})", re.IGNORECASE)
_ASKED = re.compile(
    r"(?:requested|resulted in|contains?|n_prompt_tokens\D{0,4})\s*(?:about )?([\d,]{2,12})", re.I
)
_OF_PROMPT = re.compile(r"([\d,]{2,12})[^\d,]{0,20} in (?:the|your) (?:messages|prompt)", re.IGNORECASE)
_RETRIED = frozenset({"rate_limit", "server", "timeout", "connection"})
_PLAIN_WORD = re.compile(r"[A-Za-z][\w.\[\]-]{0,63}")


def as_model_error(error: Exception, *, host: str, model: str, retries: int) -> ModelCallError:
    """The error that a failed call is told as; the caller raises it from `error`.

    Args:
        error: what the client library raised.
        host: where the call went.
        model: the name that was asked for.
        retries: how often the library tries again.

    Returns:
        A `ContextTooLongError` where the context was too long, else a `ModelCallError`.
    """
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) else None
    told = status or _told_status(error)
    if _is_too_long(error, told):
        return ContextTooLongError(
            f"The context is too long for the model {model!r} at {host}. Set a smaller context_tokens "
            "or max_output_tokens. What the service said is the cause of this error.",
            fits=_share_that_fits(str(error)),
            status=status,
        )
    kind, what = _kind_of(error, told)
    tried = f" It was tried up to {retries + 1} times." if retries and kind in _RETRIED else ""
    answer = f" ({status}{_words(error)})" if status is not None else _words(error, " ({})")
    return ModelCallError(
        f"The model service at {host} {what.format(model=model)}{answer}.{tried} "
        "What it said is the cause of this error.",
        kind=kind,
        status=status,
    )


def hide_key(error: BaseException, key: str) -> None:
    """Takes the key out of an error and all it came from: some servers repeat it in what they say.

    Args:
        error: changed in place.
        key: what must not be in it.
    """
    if len(key) < SHORTEST_SECRET:
        return
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.args = tuple(_without(argument, key) for argument in one.args)
        for name in ("message", "body", "code", "param", "doc", "object"):
            if hasattr(one, name):
                try:
                    setattr(one, name, _without(getattr(one, name), key))
                except (AttributeError, TypeError):
                    continue
        waiting += [one.__cause__, one.__context__]


def _without(value: Any, key: str) -> Any:
    if isinstance(value, str):
        return value.replace(key, "[key]")
    if isinstance(value, bytes):
        return value.replace(key.encode(), b"[key]")
    if isinstance(value, dict):
        return {_without(name, key): _without(item, key) for name, item in value.items()}
    if isinstance(value, list):
        return [_without(item, key) for item in value]
    return value


def _told_status(error: Exception) -> int | None:
    """The status that an error names which came with status 200, as in the middle of a stream."""
    body = getattr(error, "body", None)
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def _kind_of(error: Exception, status: int | None) -> tuple[str, str]:
    if getattr(error, "code", None) == "content_filter":
        return "filtered", "withheld the answer by a content filter"
    if status in _KINDS:
        return _KINDS[status]
    if status is not None:
        return ("server", "failed") if status >= 500 else ("bad_request", "did not accept the request")
    name = type(error).__name__
    if isinstance(error, TimeoutError) or "Timeout" in name:
        return "timeout", "was silent for too long"
    if isinstance(error, (ValueError, TypeError, AttributeError, LookupError)) or "Validation" in name:
        return "bad_answer", "gave an answer that cannot be read"
    if getattr(error, "body", None) is not None:
        return "server", "broke its answer off with an error"
    return "connection", "could not be reached, or closed the connection"


def _words(error: Exception, form: str = ", {}") -> str:
    """Code and parameter of the refusal: bare names only, for anything else may be somebody's words."""
    given = (getattr(error, "code", None), getattr(error, "param", None))
    words = [word for word in given if isinstance(word, str) and _PLAIN_WORD.fullmatch(word)]
    return form.format(", ".join(words)) if words else ""


def _is_too_long(error: Exception, status: int | None) -> bool:
    code, kind = getattr(error, "code", None), getattr(error, "type", None)
    if "context_length_exceeded" in (code, kind) or kind == "exceed_context_size_error":
        return True
    is_in_stream = status is None and getattr(error, "body", None) is not None
    return (status in (400, 413, 422) or is_in_stream) and _TOO_LONG.search(str(error)) is not None


def _share_that_fits(said: str) -> float | None:
    """How much of the prompt would have fitted, from the figures that services name; a tenth stays free."""
    limit, asked = _figure(_LIMIT, said), _figure(_ASKED, said)
    if limit is None or asked is None or asked <= limit:
        return None
    prompt = _figure(_OF_PROMPT, said) or asked
    room = limit - (asked - prompt)
    return min(max(0.9 * room / prompt, 0.05), 0.95) if room > 0 else None


def _figure(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    figure = int(found[1].replace(",", "") or 0) if found else 0
    return figure or None
