"""The published form of a bundle: its schema holds, and bundles of every version are read for ever."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.portability.sessions import content_of, elsewhere, rich_session
from tests.session.stores import contents
from voxsession.codec.bundle_rows import SessionRow
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.preference import Evidence, Metric
from voxsession.core.session_data import Totals

DATA = Path(__file__).parent / "data"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "bundle.schema.json").read_text("utf-8"))
PHRASE = "the pass phrase of the fixture"
RECORDS = {
    "session": SessionRow,
    "conversation": ConversationEntry,
    "memory": MemoryEntry,
    "message": Message,
    "analytics": Totals,
    "evidence": Evidence,
    "metric": Metric,
}
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
KNOWN = {
    "description",
    "format",
    "title",
    "$schema",
    "$defs",
    "type",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "$ref",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
}


def faults(value: Any, schema: dict[str, Any], path: str = "$") -> Iterator[str]:
    """What of a value does not fit a schema, as far as the words go that ours uses."""
    assert set(schema) <= KNOWN, f"{set(schema) - KNOWN} is a word that this checker does not know"
    if "$ref" in schema:
        yield from faults(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], path)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            fitting = [one for one in schema[word] if not list(faults(value, one, path))]
            if not fitting or (word == "oneOf" and len(fitting) > 1):
                yield f"{path}: fits {len(fitting)} of {word}"
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", list(TYPES))
    if not any(_is_of(value, kind) for kind in kinds):
        yield f"{path}: is no {kinds}"
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        yield f"{path}: is none of the values"
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{path}: does not match"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{path}: has a wrong length"
    if isinstance(value, (int, float)) and not schema.get("minimum", value) <= value <= schema.get(
        "maximum", value
    ):
        yield f"{path}: is out of range"
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{path}: has a wrong number of items"
        for place, item in enumerate(value):
            yield from faults(item, schema.get("items", {}), f"{path}[{place}]")
    if isinstance(value, dict):
        yield from (f"{path}: {name} is missing" for name in schema.get("required", ()) if name not in value)
        others = schema.get("additionalProperties", {})
        for name, item in value.items():
            yield from faults(item, schema.get("properties", {}).get(name, others), f"{path}.{name}")


def _is_of(value: Any, kind: str) -> bool:
    is_flag = isinstance(value, bool)
    return isinstance(value, TYPES[kind]) and (is_flag == (kind == "boolean") or not is_flag)


@pytest.mark.parametrize("passphrase", [None, PHRASE])
async def test_what_is_exported_fits_the_schema(passphrase: str | None) -> None:
    """In clear and sealed."""
    async with elsewhere() as here:
        bundle = await (await rich_session(here)).export_full(passphrase=passphrase)
    assert list(faults(bundle, SCHEMA)) == []


async def test_the_schema_says_something() -> None:
    """What is no bundle does not fit it."""
    async with elsewhere() as here:
        bundle = json.loads(json.dumps(await (await rich_session(here)).export_full()))
    for spoil in (
        lambda b: b.pop("sha256"),
        lambda b: b.update(format=2),
        lambda b: b["memories"][0].update(importance=7),
        lambda b: b["messages"][0].update(role="root"),
        lambda b: b["session"].update(session_id="../x"),
        lambda b: b["session"]["analytics"].update(hours=[]),
        lambda b: b["conversations"][0].update(message_count=-1),
    ):
        other = json.loads(json.dumps(bundle))
        spoil(other)
        assert list(faults(other, SCHEMA["$defs"]["bundle"]))


@pytest.mark.parametrize("name", RECORDS)
def test_the_schema_has_every_field(name: str) -> None:
    """A field that a record gains is published before it can travel."""
    described = SCHEMA["$defs"][name]
    fields = msgspec.structs.fields(RECORDS[name])
    assert set(described["properties"]) == {field.name for field in fields}
    assert set(described.get("required", ())) == {field.name for field in fields if field.required}


@pytest.mark.parametrize(
    ("file", "passphrase"),
    [("bundle.jsonl", None), ("bundle.json", None), ("sealed.jsonl", PHRASE), ("sealed.json", PHRASE)],
)
async def test_version_1_is_read_for_ever(file: str, passphrase: str | None) -> None:
    """Files of the first version, in all their forms: never edited, always opened."""
    async with elsewhere() as there:
        moved = await there.import_session(DATA / "v1" / file, passphrase=passphrase)
        assert (moved.session_id, moved.user_id, moved.config.temperature) == ("s", "old_123", 0.3)
        assert {entry.content for entry in moved.get_memory().entries} == {
            "User's name is Alice",
            "User lives in Lisbon",
            "User loves hiking",
            "User wants short answers",
            "Prefers tea",
            "Bob plays chess",
        }
        assert moved.state["cart"] == {"items": [1, 2.5, None, "straße"]}
        branch = await moved.resume_conversation("branch")
        assert contents(branch.messages)[-2] == "I moved to Lisbon."
        assert moved.get_analytics()["satisfaction_score"] == 4.5
        bundle = await moved.export_full()
        assert any(row.get("superseded_by") for row in bundle["memories"])


async def test_the_forms_hold_the_same() -> None:
    """One session, four files."""
    seen = []
    for file in sorted((DATA / "v1").iterdir()):
        async with elsewhere() as there:
            moved = await there.import_session(file, passphrase=PHRASE if "sealed" in file.name else None)
            seen.append(content_of(await moved.export_full()))
    assert len(seen) == 4 and all(one == seen[0] for one in seen)
