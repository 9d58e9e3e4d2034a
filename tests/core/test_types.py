"""The doors that ids, texts, numbers, times and JSON values come in by."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import json_values, texts
from voxsession.core.types import (
    as_utc,
    check_id,
    check_json,
    check_number,
    check_text,
    check_user_id,
    decode_json,
    encode_canonical,
    encode_json,
    json_decoder,
)
from voxsession.errors import ConfigurationError

ALLOWED = "ABCXYZabcxyz0189._:@+=-"


class Loud(str):
    """A text with more to it, as a reply of the model is."""


class Colour(str, Enum):  # noqa: UP042 - as apps wrote it before there was StrEnum
    RED = "red"


# --- ids


@given(st.text(ALLOWED, min_size=1, max_size=200).filter(lambda text: text[0] != "."))
def test_every_id_of_the_allowed_characters_is_taken(text: str) -> None:
    """1 to 200 letters, digits and `. _ : @ + = -`, not beginning with a dot, are an id as they are."""
    assert check_id("session_id", text) == text


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        ".",
        "..",
        ".hidden",
        ".pointer.t.x",
        "../other",
        "a/../b",
        "a/b",
        "a\\b",
        "a\0b",
        "\0",
        "a" * 201,
        "x" * 300,
        "🦄",
        "sess_\u202e1",
        "é",
        "a b",
        "a\n",
        "a\r\n",
        "a\t",
        "a%2e",
        "a*",
        "a?",
        "C:\\x",
        "\ud800",
        "\uff21",
        "١",
        "CON ",
        "NUL.txt/",
        b"bytes",
        5,
        None,
        ["a"],
    ],
)
@pytest.mark.parametrize("option", ["session_id", "conversation_id"])
def test_hostile_ids_are_refused_at_the_door(option: str, hostile: Any) -> None:
    """Anything else is a `ConfigurationError` that names the option and says what an id is."""
    with pytest.raises(ConfigurationError) as caught:
        check_id(option, hostile)
    assert option in str(caught.value) and "1 to 200" in str(caught.value)
    assert caught.value.option == option


@pytest.mark.parametrize("reserved", ["CON", "nul", "LPT1", "aux.txt", "a.", "A:b", "-rf", "a" * 200])
def test_names_that_only_a_file_system_minds_are_ids(reserved: str) -> None:
    """What is reserved on some system is the storage's to escape, not the caller's to avoid."""
    assert check_id("session_id", reserved) == reserved


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40))
def test_a_user_id_is_any_text(text: str) -> None:
    """Any Unicode text of 1 to 1,000 characters is a user id, as it is."""
    assert check_user_id(text) == text


@pytest.mark.parametrize("wrong", ["", "x" * 1001, 5, b"x", "\udfff"])
def test_what_is_no_user_id(wrong: Any) -> None:
    """An empty, too long or unencodable user id is refused under the name it was given by."""
    with pytest.raises(ConfigurationError, match="shared_with"):
        check_user_id(wrong, "shared_with")
    assert check_user_id(None) is None
    assert check_user_id("x" * 1000) == "x" * 1000


# --- texts


@given(texts)
def test_a_text_stays_as_it_is(text: str) -> None:
    """NUL, emoji, right-to-left and astral characters pass the door unaltered."""
    assert check_text("text", text) == text


@given(texts, st.characters(categories=("Cs",)), texts)
def test_a_lone_surrogate_is_no_text(before: str, surrogate: str, after: str) -> None:
    """What UTF-8 cannot say is refused with its position and the remedy."""
    with pytest.raises(ConfigurationError, match=rf"position {len(before)}.*errors='replace'"):
        check_text("text", before + surrogate + after)


@pytest.mark.parametrize("blank", ["", " ", "\n\t ", "\u2003"])
def test_an_empty_text_is_refused_where_one_is_needed(blank: str) -> None:
    """Where a text must say something, white space is not enough; elsewhere it is a text."""
    with pytest.raises(ConfigurationError, match="content is empty"):
        check_text("content", blank, allow_empty=False)
    assert check_text("content", blank) == blank


@pytest.mark.parametrize("wrong", [b"my secret", ["my secret"], {"my secret": 1}, Exception("my secret")])
def test_words_of_the_wrong_type_are_not_repeated(wrong: Any) -> None:
    """The error for something that is no str names its type, never what it holds."""
    with pytest.raises(ConfigurationError, match=r"content='\w+' is not allowed: a str is needed") as caught:
        check_text("content", wrong)
    assert "secret" not in str(caught.value) + repr(caught.value) + repr(caught.value.value)


@pytest.mark.parametrize("value", [Loud("hello"), Colour.RED])
def test_a_text_with_more_to_it_becomes_a_bare_one(value: str) -> None:
    """A reply or an enum member is taken as the text it is, so that it can be stored."""
    for taken in (check_text("text", value), check_id("id", value), check_json("metadata", value)):
        assert type(taken) is str and taken == value
    assert check_text("text", Loud("x" * 5_000_000)) == "x" * 5_000_000


# --- numbers


@pytest.mark.parametrize(
    "wrong",
    [1.5, -0.1, math.nan, math.inf, -math.inf, "0.5", None, True, 10**400, pytest.param(10**5000, id="huge")],
)
def test_a_number_out_of_range_is_refused(wrong: Any) -> None:
    """NaN, infinities, booleans, texts and numbers outside the range are refused, and the range is named."""
    with pytest.raises(
        ConfigurationError, match=r"importance=.* is not allowed: a number from 0 to 1 is needed"
    ):
        check_number("importance", wrong, 0, 1)


def test_ranges_are_told_in_plain_figures() -> None:
    """A large limit is shown with all its digits, and no limit as `at least`."""
    with pytest.raises(ConfigurationError, match="a whole number from 64 to 100,000,000 is needed"):
        check_number("context_tokens", 3.5, 64, 100_000_000, whole=True)
    with pytest.raises(ConfigurationError, match="a number of at least 0 is needed"):
        check_number("seconds", -1, 0, math.inf)
    with pytest.raises(ConfigurationError, match="a number of at least 0 is needed"):
        check_number("seconds", math.inf, 0, math.inf)


@given(st.integers(0, 100) | st.floats(0, 100))
def test_a_number_within_stays_what_it_is(value: float) -> None:
    """A number in range is taken as it is, whole numbers as int."""
    taken = check_number("n", value, 0, 100)
    assert taken == value and type(taken) is type(value)


# --- times


def test_times_are_aware_and_in_utc() -> None:
    """A moment with a zone is the same moment in UTC; a naive one is refused, as its zone would be a guess."""
    moment = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert as_utc("at", moment) == moment and as_utc("at", moment).tzinfo is UTC
    for wrong in (datetime(2026, 5, 1), "2026-05-01T12:00:00Z", 5, None):
        with pytest.raises(ConfigurationError, match="at="):
            as_utc("at", wrong)  # type: ignore[arg-type]


# --- JSON


@given(json_values)
def test_json_ready_values_stay_equal(value: Any) -> None:
    """What is JSON-ready passes the door, the encoder and the decoder equal to what it was."""
    copy = check_json("metadata", value)
    assert copy == value
    assert decode_json(encode_json(copy)) == value
    assert decode_json(encode_canonical(copy)) == value


@given(st.dictionaries(texts, json_values, max_size=4))
def test_one_value_has_one_canonical_spelling(value: dict[str, Any]) -> None:
    """The order of keys does not show in the canonical form."""
    assert encode_canonical(value) == encode_canonical(dict(reversed(value.items())))


def test_what_is_taken_is_a_deep_copy() -> None:
    """Whoever gave the value cannot alter what was stored by altering theirs."""
    given_value: dict[str, Any] = {"a": [1, {"b": "c"}], "t": (1, 2)}
    copy = check_json("metadata", given_value)
    given_value["a"][1]["b"] = "other"
    assert copy == {"a": [1, {"b": "c"}], "t": [1, 2]}


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"a": {"b": {1, 2}}}, r"metadata\.a\.b"),
        ({"a": [0, b"x"]}, r"metadata\.a\[1\]"),
        ({1: "x"}, "key of metadata"),
        ({"a": {None: "x"}}, r"key of metadata\.a"),
        ({"a": math.nan}, r"metadata\.a"),
        ([math.inf], r"metadata\[0\]"),
        ({"a": "\ud800"}, r"metadata\.a"),
        ({"\ud800": 1}, "key of metadata"),
        ({"a": datetime(2026, 1, 1, tzinfo=UTC)}, r"metadata\.a"),
        ({"a": object()}, r"metadata\.a"),
        ({"a": 1j}, r"metadata\.a"),
        ({"a": 10**5000}, r"metadata\.a"),
    ],
)
def test_what_is_not_json_is_refused_with_its_path(wrong: Any, path: str) -> None:
    """The error says where in the value the part lies that JSON does not have."""
    with pytest.raises(ConfigurationError, match=path):
        check_json("metadata", wrong)


def test_nesting_has_an_end() -> None:
    """A value nested too deep, or into itself, is refused and takes no stack."""
    deep: Any = []
    deep.append(deep)
    with pytest.raises(ConfigurationError, match="nested deeper than 64"):
        check_json("metadata", deep)
    fits: Any = "x"
    for _ in range(64):
        fits = [fits]
    assert check_json("metadata", fits) == fits


def test_subclasses_of_built_ins_are_written_as_what_they_are() -> None:
    """The encoder takes what is a str, an int or a float with more to it; other objects it refuses."""

    class Whole(int):
        pass

    class Share(float):
        pass

    value = {"text": Loud("hello"), "whole": Whole(3), "share": Share(0.5), "colour": Colour.RED}
    assert decode_json(encode_json(value)) == {"text": "hello", "whole": 3, "share": 0.5, "colour": "red"}
    assert check_json("metadata", value) == value
    assert [type(item) for item in check_json("metadata", value).values()] == [str, int, float, str]
    with pytest.raises(TypeError):
        encode_json(object())


@pytest.mark.parametrize("broken", [b"", b"{", b"NaN", b'"\\ud800"', b"\xff", b"1e999", b"{}x"])
def test_broken_json_is_a_value_error(broken: bytes) -> None:
    """Whatever is wrong with the bytes, the decoders raise `ValueError` and nothing else."""
    for raw in (broken, broken + b"[" * 100_000):
        with pytest.raises(ValueError):
            decode_json(raw)
        with pytest.raises(ValueError):
            json_decoder(dict[str, Any])(raw)


@given(st.binary(max_size=30))
def test_any_bytes_decode_or_are_a_value_error(raw: bytes) -> None:
    """No bytes make the decoder raise anything but `ValueError`."""
    try:
        value = decode_json(raw)
    except ValueError:
        return
    assert decode_json(encode_json(value)) == value
