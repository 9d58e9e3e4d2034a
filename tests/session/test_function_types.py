"""Functions of any signature: what the model is shown of their types, and what they get of what it gives."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import enum
import functools
import json
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict

import pytest

from tests.models.openai_server import OpenAIServer, calls
from tests.models.openai_talk import talking
from voxsession import ConfigurationError, ModelRequest, Reply, SessionConfig, Voxon, VoxonConfig
from voxsession.session.functions import FunctionTable, schema_of


class Size(enum.Enum):
    """How large."""

    SMALL = "small"
    LARGE = "large"


@dataclass
class Address:
    """Where to."""

    street: str
    number: int = 1


class Tree(TypedDict, total=False):
    """Holds more of its kind."""

    name: str
    children: list[Tree]


class Unknown:
    """Nothing that can be made of JSON."""


class Pydantic:
    """As a model of pydantic looks from outside."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pydantic) and other.number == self.number

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def model_validate(cls, given: Any) -> Pydantic:
        """Checks."""
        if not isinstance(given.get("number"), int):
            raise ValueError("number: a whole number is needed")
        return cls(given["number"])

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """Describes, with a reference."""
        number = {"$ref": "#/$defs/Number"}
        return {"type": "object", "properties": {"number": number}, "$defs": {"Number": {"type": "integer"}}}


Price = NewType("Price", float)
DAY = datetime.date(2026, 5, 1)


def taking(kind: Any, default: Any = ...) -> tuple[Callable[..., Any], list[Any]]:
    """A function of one parameter of a type, and the list of what it was given."""
    got: list[Any] = []

    def take(value: Any) -> None:
        got.append(value)

    def take_or(value: Any = default) -> None:
        got.append(value)

    chosen = take if default is ... else take_or
    chosen.__annotations__ = {"value": kind}
    return chosen, got


@pytest.mark.parametrize(
    ("kind", "given", "taken"),
    [
        (int, 7, 7), (int, "7", 7), (int, 7.0, 7), (bool, "true", True), (float, 3, 3.0), (Price, 2, 2.0),
        (Size, "small", Size.SMALL), (Literal["a", "b"], "b", "b"), (Annotated[int, "note"], 5, 5),
        (datetime.date, "2026-05-01", DAY), (decimal.Decimal, "1.5", decimal.Decimal("1.5")),
        (uuid.UUID, str(uuid.UUID(int=7)), uuid.UUID(int=7)), (set[int], [1, 1], {1}), (tuple[int, ...], [1], (1,)),
        (Address, {"street": "Elm"}, Address("Elm")), (list[Address], [{"street": "Elm"}], [Address("Elm")]),
        (Tree, {"name": "a", "children": [{}]}, {"name": "a", "children": [{}]}),
        (Pydantic, {"number": 3}, Pydantic(3)), (Optional[Pydantic], {"number": 3}, Pydantic(3)),  # noqa: UP045
        (datetime.datetime, "2026-05-01T15:00", datetime.datetime(2026, 5, 1, 15)),
        (datetime.datetime, "2026-05-01T15:00:00Z", datetime.datetime(2026, 5, 1, 15, tzinfo=datetime.UTC)),
        (datetime.time | None, "10:00", datetime.time(10)), (Literal[Size.SMALL], "small", Size.SMALL),
        (int | str, "7", "7"), (int | None, None, None), (dict[str, Any], {"a": [1]}, {"a": [1]}),
        (Unknown, {"a": 1}, {"a": 1}), (object, [1], [1]), (Any, "x", "x"),
    ],
)  # fmt: skip
async def test_a_value_is_made_what_its_type_says(kind: Any, given: Any, taken: Any) -> None:
    """The function gets a member, a date, a dataclass, a model; what no type can be made of comes as it is."""
    table = FunctionTable()
    take, got = taking(kind)
    table.register(take, 5)
    result, worked = await table.run(take.__name__, json.dumps({"value": given}))

    assert worked, result
    assert got == [taken] and type(got[0]) is type(taken)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (int, "seven"), (int, True), (int, 7.5), (int, None), (str, 5), (Size, "huge"), (Literal["a", "b"], "c"),
        (list[int], ["x"]), (list[int], 1), (datetime.date, "tomorrow"), (datetime.datetime, "noon"), (uuid.UUID, "7"),
        (int | str, [1]),
        (Address, {"number": 2}), (Tree, {"name": 5}), (Pydantic, {"number": "x"}), (list[Pydantic], [{}]),
    ],
)  # fmt: skip
async def test_a_value_that_does_not_fit_is_told_and_nothing_runs(kind: Any, given: Any) -> None:
    """The model reads which parameter is wrong, and the function does not run on what it cannot take."""
    table = FunctionTable()
    take, got = taking(kind)
    table.register(take, 5)
    result, worked = await table.run(take.__name__, json.dumps({"value": given}))

    assert not worked and got == []
    assert json.loads(result)["error"].startswith("bad arguments: value: ")


async def test_none_is_taken_where_it_is_the_default() -> None:
    """`day: str = None` takes null, whatever its type says."""
    table = FunctionTable()
    take, got = taking(str, None)
    table.register(take, 5)

    assert await table.run(take.__name__, '{"value": null}') == ("null", True) and got == [None]


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (Size, {"title": "Size", "description": "How large.", "enum": ["large", "small"]}),
        (datetime.date, {"type": "string", "format": "date"}),
        (datetime.datetime, {"type": "string", "format": "date-time"}), (Literal[Size.SMALL], {"enum": ["small"]}),
        (datetime.time | None, {"type": "string", "format": "time"}),
        (Pydantic, {"type": "object", "properties": {"number": {"type": "integer"}}}),
        (Unknown, {}), (Any, {}), (list[Unknown], {"type": "array", "items": {}}),
    ],
)  # fmt: skip
def test_the_model_is_shown_what_a_type_is_made_of(kind: Any, shown: Any) -> None:
    """Types with parts are described in place, without references."""
    assert schema_of(taking(kind)[0])["function"]["parameters"]["properties"]["value"] == shown


async def test_schemas_with_parts_are_accepted_also_where_a_type_holds_itself() -> None:
    """A real endpoint takes them; no reference is left."""
    take, got = taking(Tree)
    with OpenAIServer([calls(("take", {"value": {"name": "a"}})), "fine"]) as server:
        async with talking(server, enable_functions=True) as conv:
            conv.register_function(take)
            assert await conv.send_message("hi") == "fine"
        assert not server.refused
        text = json.dumps(server.requests[0]["tools"])

    assert got == [{"name": "a"}]
    assert "$ref" not in text and "children" in text


def test_a_function_that_is_refused_shows_nothing_that_it_binds() -> None:
    """A partial may hold a secret; the error names its kind and the remedy. Types that cannot be read are refused."""

    def look(key: str, n: int) -> None:
        """Looks."""

    with pytest.raises(ConfigurationError, match="wrap it in a def") as caught:
        schema_of(functools.partial(look, "sk-very-secret"))
    assert "secret" not in str(caught.value) and "partial" in str(caught.value)

    look.__annotations__["n"] = "no type at all"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        schema_of(look)


class Odd(BaseException):
    """No Exception."""


@pytest.mark.parametrize("error", [Odd("x"), GeneratorExit(), SystemExit(3), asyncio.CancelledError()])
@pytest.mark.parametrize("kind", ["sync", "async", "sync that gives an awaitable"])
async def test_whatever_a_function_raises_the_turn_goes_on(error: BaseException, kind: str) -> None:
    """No exception of a function ends the program or leaves its call without a result."""

    async def fail_async() -> None:
        raise error

    def fail_sync() -> Any:
        raise error

    def fail_late() -> Any:
        return fail_async()

    fail = {"sync": fail_sync, "async": fail_async}.get(kind, fail_late)

    async def model(request: ModelRequest) -> Reply:
        if request.messages[-1]["role"] == "tool":
            return Reply("sorry")
        return Reply(tool_calls=[{"id": "a", "function": {"name": fail.__name__, "arguments": "{}"}}])

    async with (
        Voxon(VoxonConfig(session_storage="memory"), model=model) as voxon,
        voxon.session("u", config=SessionConfig(enable_functions=True)) as session,
        session.conversation() as conv,
    ):
        conv.register_function(fail)
        reply = await conv.send_message("hi")
        told = [message.content for message in conv.messages if message.role == "tool"]

    assert reply == "sorry" and len(told) == 1 and "error" in str(told[0])
    assert sys.exc_info() == (None, None, None)
