"""The checked kinds of value that stored data is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

from voxsession.errors import ConfigurationError

__all__ = [
    "ENCODING_ERRORS",
    "Count",
    "Json",
    "JsonObject",
    "RawJson",
    "Share",
    "UtcTime",
    "as_type",
    "as_utc",
    "check_flag",
    "check_id",
    "check_json",
    "check_number",
    "check_object",
    "check_text",
    "check_user_id",
    "copy_json",
    "decode_json",
    "encode_canonical",
    "encode_json",
    "json_decoder",
    "later",
    "schema_of_type",
]

UtcTime: TypeAlias = Annotated[datetime, Meta(tz=True)]
Share: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Any]
RawJson: TypeAlias = msgspec.Raw  # a value that is still to be read

MAX_JSON_DEPTH = 64
MAX_INT_BITS = 8192  # Python refuses to read numbers of more than 4,300 digits
MAX_USER_ID = 1000
ENCODING_ERRORS = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)
# A day from either end of the calendar, so that a moment can be said in every time zone.
_FIRST_MOMENT = datetime(1, 1, 2, tzinfo=UTC)
_LAST_MOMENT = datetime(9999, 12, 30, tzinfo=UTC)
_ID = re.compile(r"[A-Za-z0-9_:@+=\-][A-Za-z0-9._:@+=\-]{0,199}\Z")


def _bare(value: Any) -> Any:
    """What a subclass of a built-in (a `Reply`, a NumPy float) is in JSON; the encoder asks for those only."""
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind.__str__(value) if kind is str else kind(value)
    raise TypeError(f"a {type(value).__name__} is not JSON-ready")


encode_json: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_bare).encode
"""Compact JSON bytes."""
encode_canonical: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_bare, order="sorted").encode
"""The one spelling of a value, for what is authenticated or hashed."""
_decode_any = msgspec.json.Decoder().decode


def decode_json(raw: bytes | str) -> Any:
    """Any JSON value; `ValueError` for what is no JSON, so that callers need not know the library."""
    try:
        return _decode_any(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None


def json_decoder(kind: Any) -> Callable[[bytes | msgspec.Raw], Any]:
    """A function from JSON bytes to `kind`; it raises `ValueError` with the path of what does not fit."""

    @cache
    def decoder() -> Callable[[bytes | msgspec.Raw], Any]:
        return msgspec.json.Decoder(
            kind
        ).decode  # up to 2 ms for a large class: at the first use, not at import

    def checked(raw: bytes | msgspec.Raw) -> Any:
        try:
            return decoder()(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise ValueError(str(error)) from None

    return checked


def as_type(value: Any, kind: Any, make: Callable[[Any, Any], Any]) -> Any:
    """A JSON value as a value of a type: a member of an enumeration, a date, a dataclass; numbers from their text too.

    Args:
        make: gives a value of a type that is not known here; it raises `NotImplementedError` where it cannot.

    Raises:
        ValueError: it does not fit; the path is named.
        TypeError: the type is none that values can be made of.
    """
    for is_strict in (True, False):
        try:
            return msgspec.convert(value, kind, strict=is_strict, str_keys=True, dec_hook=make)
        except (msgspec.MsgspecError, RecursionError) as error:
            failure = str(error)
    raise ValueError(failure)


def schema_of_type(kind: Any, describe: Callable[[Any], JsonObject]) -> JsonObject:
    """The JSON schema of a type, with `$ref` and `$defs` where it has parts.

    Args:
        describe: gives the schema of a type that is not known here; it raises `NotImplementedError` where it cannot.

    Raises:
        TypeError: it has none.
    """
    return msgspec.json.schema(kind, schema_hook=describe)


def as_utc(option: str, value: datetime) -> datetime:
    """The moment in UTC; a naive time is refused because its zone would be a guess."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        allowed = "give a datetime with a time zone, such as datetime(2026, 5, 1, tzinfo=UTC)"
        given: object = value
        if isinstance(given, str):
            allowed += "; datetime.fromisoformat(...) makes one of a text"
        raise ConfigurationError.out_of_range(option, value, allowed)
    try:
        moment = value.astimezone(UTC)
        if _FIRST_MOMENT <= moment <= _LAST_MOMENT:
            # A subclass (of pandas, say) is not what the encoder knows.
            return moment if type(moment) is datetime else datetime.combine(moment.date(), moment.timetz())
    except OverflowError:
        pass
    raise ConfigurationError.out_of_range(
        option, value.isoformat(), "a moment from 0001-01-02 to 9999-12-30 in UTC is needed"
    )


def later(option: str, moment: datetime, days: float) -> datetime:
    """The moment so many days on; `option` named the days."""
    try:
        return as_utc(option, moment + timedelta(days=days))
    except OverflowError:
        raise ConfigurationError.out_of_range(option, days, "that is after the year 9999") from None


def check_id(option: str, value: object) -> str:
    """The one door for session, conversation and device ids."""
    if isinstance(value, str) and _ID.match(value):
        return str.__str__(value)
    raise ConfigurationError.out_of_range(
        option,
        value,
        "an id has 1 to 200 of the characters A-Z a-z 0-9 . _ : @ + = - and does not begin with a dot",
    )


def check_user_id(value: object, option: str = "user_id") -> str | None:
    """A user id: any Unicode text of 1 to 1,000 characters, or None."""
    if value is None:
        return None
    text = check_text(option, value)
    if not 1 <= len(text) <= MAX_USER_ID:
        raise ConfigurationError.out_of_range(option, value, f"a user id has 1 to {MAX_USER_ID} characters")
    return text


def check_text(option: str, value: object, *, allow_empty: bool = True) -> str:
    """A text that can be stored: a bare str, encodable as UTF-8, so without lone surrogates.

    Of a value of the wrong type an error shows numbers only: bytes or a list may hold somebody's words.
    """
    if not isinstance(value, str):
        shown = value if value is None or isinstance(value, (int, float)) else type(value).__name__
        raise ConfigurationError.out_of_range(option, shown, "a str is needed")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"{option} is not Unicode text: a lone surrogate stands at position {error.start}. "
            "Decode the input with errors='replace' before it comes here.",
            option=option,
        ) from None
    if not allow_empty and not value.strip():
        raise ConfigurationError(
            f"{option} is empty. Give at least one character that is not white space.", option=option
        )
    return str.__str__(value)


def check_flag(option: str, value: object) -> bool:
    """True or False themselves: "no" and 0.5 are as true as "yes" in Python, and none of them is meant so."""
    if isinstance(value, bool):
        return value
    raise ConfigurationError.out_of_range(option, value, "True or False is needed")


def check_number(option: str, value: object, low: float, high: float, *, whole: bool = False) -> int | float:
    """A finite number from `low` to `high`; bool is no number here."""
    fits = isinstance(value, int) if whole else isinstance(value, (int, float))
    if fits and not isinstance(value, bool):
        assert isinstance(value, (int, float))
        if low <= value <= high and abs(value) != math.inf:
            return int(value) if isinstance(value, int) else float(value)
    kind = "a whole number" if whole else "a number"
    upto = f"from {low:,} to {high:,}" if math.isfinite(high) else f"of at least {low:,}"
    raise ConfigurationError.out_of_range(option, value, f"{kind} {upto} is needed")


def check_json(option: str, value: object, depth: int = 0) -> Any:
    """A deep copy of a JSON-ready value; anything else is refused with the path to it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() <= MAX_INT_BITS:
            return int(value)
        raise ConfigurationError(
            f"{option} is a whole number of more than {MAX_INT_BITS} bits.", option=option
        )
    if isinstance(value, str):
        return check_text(option, value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        raise ConfigurationError.out_of_range(option, value, "JSON has no NaN and no infinity")
    if depth >= MAX_JSON_DEPTH:
        raise ConfigurationError(f"{option} is nested deeper than {MAX_JSON_DEPTH} levels.", option=option)
    if isinstance(value, dict):
        copy = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise ConfigurationError.out_of_range(f"key of {option}", key, "JSON keys are str")
            copy[check_text(f"key of {option}", key)] = check_json(f"{option}.{key[:40]}", item, depth + 1)
        return copy
    if isinstance(value, (list, tuple)):
        return [check_json(f"{option}[{i}]", item, depth + 1) for i, item in enumerate(value)]
    raise ConfigurationError.out_of_range(
        option, type(value).__name__, "only what JSON has: None, bool, int, float, str, list, dict"
    )


def copy_json(value: Any) -> Any:
    """A deep copy of a value that `check_json` gave."""
    if isinstance(value, dict):
        return {key: copy_json(item) for key, item in value.items()}
    return [copy_json(item) for item in value] if isinstance(value, list) else value


def check_object(option: str, value: object) -> JsonObject:
    """A deep copy of a JSON-ready dict."""
    checked = check_json(option, value)
    if isinstance(checked, dict):
        return checked
    raise ConfigurationError.out_of_range(option, type(value).__name__, "a dict with str keys is needed")
