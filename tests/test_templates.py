"""Templates: kinds of session with a context, allowed categories and inheritance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.stores import voxon_on
from voxsession import ConfigurationError, SessionConfig, SessionTemplate, SessionTemplates, Voxon
from voxsession.storage.inmemory import MemorySessionStorage
from voxsession.testing import ScriptedModel

MEDICAL = {"patient_id": "P12345", "appointment_type": "follow_up"}
SHIPPED = {
    "interview": {"position": "data engineer"},
    "language_tutor": {"target_language": "Spanish", "native_language": "German"},
    "medical_consultation": MEDICAL,
    "onboarding": {"subject": "the billing system"},
    "technical_support": {"product": "the router R2"},
}


@pytest.fixture
async def voxon() -> Any:
    """A facade on a storage of its own."""
    async with voxon_on(MemorySessionStorage()) as facade:
        yield facade


@pytest.fixture
def kiosk() -> Iterator[SessionTemplate]:
    """A template that is registered for one test."""
    template = SessionTemplate(name="Night kiosk", description="Nights.")
    SessionTemplates.register(template)
    yield template
    SessionTemplates.unregister("Night kiosk")


def tutor(**more: Any) -> SessionTemplate:
    """A template with one of everything."""
    settings: dict[str, Any] = {
        "name": "tutor",
        "base_config": SessionConfig(instructions="Teach {subject} at {level}.", temperature=0.2),
        "required_context": {"subject": str},
        "optional_context": {"level": {"type": "text", "default": "A1", "choices": ["A1", "B2"]}, "age": int},
        "memory_categories": ["mistakes"],
    }
    return SessionTemplate(**{**settings, **more})


# --- the shipped ones


def test_the_shipped_templates_are_listed() -> None:
    """Five of them, each with a sentence of what it is for."""
    assert SessionTemplates.names() == sorted(SHIPPED)
    assert all(SessionTemplates.get(name).description for name in SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
async def test_each_shipped_template_makes_a_session(voxon: Voxon, name: str) -> None:
    """Its context is in the instructions; no variable is left open."""
    session = voxon.create_session_from_template(template=name, context=SHIPPED[name], user_id="ann")
    for value in SHIPPED[name].values():
        assert value in session.config.instructions
    assert "{" not in session.config.instructions
    assert (session.template, session.user_id) == (name, "ann")
    assert SHIPPED[name].items() <= session.state["context"].items()


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_template_names_what_is_missing(name: str) -> None:
    """All missing fields are named at once."""
    template = SessionTemplates.get(name)
    with pytest.raises(ConfigurationError) as caught:
        template.fill({})
    assert all(repr(field) in str(caught.value) for field in template.required_context)


# --- context


async def test_the_context_reaches_the_model_and_survives(voxon: Voxon) -> None:
    """What the session was told lies in its state, in the request, and in the stored record."""
    model = ScriptedModel(["Good morning.", "Yes."])
    storage = MemorySessionStorage()
    async with voxon_on(storage, model=model) as first:
        session = await first.create_session_from_template("medical_consultation", MEDICAL, session_id="s")
        async with session, session.conversation() as conv:
            await conv.send_message("Hello")
        sent = str(model.requests[0].messages)
        assert "P12345" in sent and "follow_up" in sent
    async with voxon_on(storage) as second:
        again = await second.load_session("s")
        assert again.template == "medical_consultation"
        assert again.state["context"] == MEDICAL
        assert "P12345" in again.config.instructions


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ({}, "'subject'"),
        ({"subject": None}, "'subject'"),
        ({"subject": 7}, "context['subject'] has to be of type text"),
        ({"subject": "a", "age": "ten"}, "context['age'] has to be of type integer"),
        ({"subject": "a", "age": True}, "context['age'] has to be of type integer"),
        ({"subject": "a", "level": "C9"}, "has to be one of A1, B2"),
        ({"subject": "a", "extra": {1}}, "context['extra']"),
        ({"subject": "a", 5: "b"}, "context"),
        (["subject"], "context"),
    ],
)
def test_a_wrong_context_is_refused_by_name(context: Any, named: str) -> None:
    """The message says which field, what is wrong, and in which template."""
    with pytest.raises(ConfigurationError) as caught:
        tutor().fill(context)
    assert named in str(caught.value)


def test_types_take_what_fits_them() -> None:
    """Python's types and the names mean the same; days and times may be given as objects."""
    fields = {
        "day": date,
        "at": "time",
        "share": float,
        "many": list,
        "table": dict,
        "yes": bool,
        "any": object,
    }
    template = SessionTemplate(name="types", required_context=fields)
    told = {
        "day": date(2026, 5, 1),
        "at": datetime(2026, 5, 1, tzinfo=UTC),
        "share": 1,
        "many": [1],
        "table": {"a": 1},
        "yes": False,
        "any": "x",
    }
    context = template.fill(told)["context"]
    assert context == told | {"day": "2026-05-01", "at": "2026-05-01T00:00:00+00:00"}


def test_defaults_hold_where_nothing_is_given() -> None:
    """And what the template does not name is taken as it is."""
    filled = tutor().fill({"subject": "Latin", "mood": "calm"})
    assert filled["instructions"] == "Teach Latin at A1."
    assert filled["context"] == {"subject": "Latin", "level": "A1", "mood": "calm"}


async def test_a_default_is_each_sessions_own(voxon: Voxon) -> None:
    """What one session puts into a list that it began with, no other one sees."""
    field = {"type": "list", "default": []}
    template = SessionTemplate("x", optional_context={"seen": field, "depth": {"default": {"a": [1]}}})
    first = template.fill()["context"]
    first["seen"].append("Alice's secret")
    first["depth"]["a"].append("Alice's secret")
    template.to_dict()["optional_context"]["seen"]["default"].append("Alice's secret")
    session = voxon.create_session_from_template(template=template, user_id="b")
    assert session.state["context"] == {"seen": [], "depth": {"a": [1]}}
    assert template.to_dict()["optional_context"]["seen"] == field


def test_choices_are_of_the_type_and_true_is_not_one() -> None:
    """A choice that no value could be is a mistake; 1 and true are two values."""
    with pytest.raises(ConfigurationError, match=r"choices.*of type integer"):
        SessionTemplate("x", required_context={"a": {"type": "integer", "choices": [1, "b"]}})
    for choices, wrong in (([1], True), ([True], 1), ([[1]], [True]), ([{"a": 0}], {"a": False})):
        template = SessionTemplate("x", required_context={"a": {"choices": choices}})
        assert template.fill({"a": choices[0]})["context"] == {"a": choices[0]}
        with pytest.raises(ConfigurationError, match="one of"):
            template.fill({"a": wrong})
    assert SessionTemplate("x", required_context={"a": {"type": "number", "choices": [1]}}).fill({"a": 1.0})


@given(st.text(), st.text())
def test_values_are_put_in_as_they_are(subject: str, other: str) -> None:
    """Braces in a value are never looked at again, also where they spell a variable."""
    template = SessionTemplate(
        name="t",
        base_config={"instructions": '<{one}|{two}> {{one}} {"a": {"b": 1}}'},
        required_context=["one", "two"],
    )
    one, two = "{two}" + subject.replace("\ud800", ""), "{one}" + other
    assert (
        template.fill({"one": one, "two": two})["instructions"]
        == f'<{one}|{two}> {{one}} {{"a": {{"b": 1}}}}'
    )


def test_an_unknown_variable_is_named() -> None:
    """When the template is made, not when the first patient comes."""
    with pytest.raises(ConfigurationError, match=r"variable \{patient\}.*known: patient_id"):
        SessionTemplate(name="t", base_config={"instructions": "{patient}"}, required_context=["patient_id"])


# --- categories


async def test_only_the_named_categories_are_allowed(voxon: Voxon) -> None:
    """`general` always is; what was learned goes there where its own category is not named."""
    session = await voxon.create_session_from_template(tutor(), {"subject": "Latin"})
    assert session.add_memory("mixes up ablatives", category="mistakes").category == "mistakes"
    assert session.add_memory("likes mornings").category == "general"
    allowed = "allows mistakes, general, identity, instruction, preference"
    with pytest.raises(ConfigurationError, match=allowed):
        session.add_memory("x", category="location")
    async with session.conversation() as conv:
        await conv.send_message("I live in Porto.")
    learned = [entry for entry in session.get_memory().entries if "Porto" in entry.content]
    assert [entry.category for entry in learned] == ["general"]


@pytest.mark.parametrize("name", [*SHIPPED, None])
async def test_what_stands_in_every_context_stands_under_a_template_too(
    voxon: Voxon, name: str | None
) -> None:
    """A name and a wish keep their category whatever a template names, so both are in each request."""
    template = tutor() if name is None else SessionTemplates.get(name)
    told = {"subject": "Latin"} if name is None else SHIPPED[name]
    session = await voxon.create_session_from_template(template, told)
    async with session.conversation() as conv:
        await conv.send_message("My name is Alice. Please always answer in French.")
        context = await conv.build_context("What is the weather like on Mars?")
    reasons = [row["reason"] for row in context.report() if row["kind"] == "memory" and row["included"]]
    assert sorted(reasons) == ["standing: identity", "standing: instruction"]
    assert session.add_memory("Likes tables", category="preference").category == "preference"


async def test_a_name_is_evicted_last_under_a_template_too(voxon: Voxon) -> None:
    """What fills the memory later takes no name out of it."""
    session = await voxon.create_session_from_template(
        SessionTemplate(name="small", base_config={"max_memory_size": 100}, memory_categories=["chat"])
    )
    async with session.conversation() as conv:
        await conv.send_message("My name is Alice.")
    for number in range(30):
        session.add_memory(f"talked about the match number {number}", category="chat", importance=1.0)
    left = [entry.content for entry in session.get_memory().entries]
    assert len(left) < 30 and "User's name is Alice" in left


async def test_an_import_keeps_what_stands_under_a_template(voxon: Voxon) -> None:
    """A name that comes from elsewhere stays an identity; a category that is not allowed becomes `general`."""
    session = await voxon.create_session_from_template(tutor(), {"subject": "Latin"})
    rows = [
        {"content": "User's name is Alice", "category": "identity"},
        {"content": "User lives in Porto", "category": "location"},
    ]
    session.import_memory(rows)
    found = {entry.content: entry.category for entry in session.get_memory().entries}
    assert found == {"User's name is Alice": "identity", "User lives in Porto": "general"}


def test_rules_may_be_given_for_what_is_always_allowed() -> None:
    """A rule for `identity` needs no mention of it among the categories."""
    template = SessionTemplate(
        name="t",
        memory_categories=["chat"],
        base_config={"memory_categories": {"identity": {"half_life_days": 365}}},
    )
    assert template.base_config.memory_categories == {"identity": {"half_life_days": 365.0}}


async def test_categories_bring_their_budget_and_expiry(voxon: Voxon) -> None:
    """Rules of a category become settings of the session."""
    template = SessionTemplate(
        name="t", memory_categories={"chat": {"share": 0.2, "expires_after_days": 2}, "facts": {}}
    )
    session = await voxon.create_session_from_template(template)
    assert session.config.memory_categories == {"chat": {"share": 0.2, "expires_after_days": 2.0}}
    assert template.memory_categories == ("chat", "facts")
    entry = session.add_memory("rain", category="chat")
    assert entry.expires_at is not None and (entry.expires_at - entry.timestamp).days == 2


# --- inheritance


def test_a_template_extends_another() -> None:
    """Settings that were said win, fields and categories come together, a required field can become optional."""
    child = SessionTemplate(
        name="latin",
        base_config=SessionConfig(voice="nova"),
        required_context=["teacher"],
        optional_context={"subject": {"default": "Latin"}},
        memory_categories=["vocabulary"],
        extends=tutor(),
    )
    assert child.required_context == ("teacher",)
    assert set(child.optional_context) == {"subject", "level", "age"}
    assert child.memory_categories == ("mistakes", "vocabulary")
    assert (child.base_config.voice, child.base_config.temperature) == ("nova", 0.2)
    assert child.fill({"teacher": "Bo"})["instructions"] == "Teach Latin at A1."
    back = SessionTemplate(name="b", base_config={"temperature": 0.8}, extends=tutor())
    assert back.base_config.temperature == 0.8  # a dict says it, though it is the default


def test_files_extend_files_and_the_shipped_ones(tmp_path: Path) -> None:
    """A file of your own may take over the shipped template of its own name."""
    own = tmp_path / "technical_support.toml"
    own.write_text(
        'extends = "technical_support"\n[config]\nvoice = "nova"\n[optional_context]\nsite = "text"\n'
    )
    (tmp_path / "night.toml").write_text(
        'extends = "technical_support"\n[required_context]\nshift = "integer"\n'
    )
    template = SessionTemplates.load(tmp_path / "night.toml")
    assert template.required_context == ("product", "shift")
    assert {"site", "product_version"} <= set(template.optional_context)
    assert (template.name, template.base_config.voice) == ("night", "nova")


@pytest.mark.parametrize("files", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_templates_that_extend_themselves_are_refused(tmp_path: Path, files: list[str]) -> None:
    """The circle is shown."""
    for name, following in zip(files, [*files[1:], files[0]], strict=True):
        (tmp_path / f"{name}.toml").write_text(f'extends = "{following}"\n')
    with pytest.raises(ConfigurationError, match=" -> ".join([*files, files[0]])):
        SessionTemplates.load(tmp_path / "a.toml")


def test_a_chain_that_nobody_can_follow_is_refused(tmp_path: Path) -> None:
    """Some files in a row are fine; very many are told instead of running out of room."""
    for number in range(2000):
        (tmp_path / f"t{number}.toml").write_text(f'extends = "t{number + 1}"\n')
    with pytest.raises(ConfigurationError, match="extend each other"):
        SessionTemplates.load(tmp_path / "t0.toml")
    (tmp_path / "t20.toml").write_text("[config]\ntemperature = 0.2\n")
    assert SessionTemplates.load(tmp_path / "t0.toml").base_config.temperature == 0.2


# --- bad input


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name = 3", "known are description"),
        ("[config]\ntemprature = 1", "Did you mean 'temperature'"),
        ("[config]\nuser_id = 'x'", "no place in a template"),
        ("[required_context]\nage = 'float'", "known types are"),
        ("[required_context]\n'a b' = 'text'", "letters, digits"),
        ("[optional_context]\nage = {type = 'integer', default = 'x'}", "has to be of type integer"),
        ("[required_context]\na = 'text'\n[optional_context]\na = 'text'", "Take it out of one"),
        ("[memory_categories]\nchat = {shrae = 1}", "known rules are"),
        ("extends = 'no such thing'", "There is no template|there is no template"),
        ("extends = 'interviw'", "Did you mean 'interview'"),
        ("preset = 'nothing'", "preset"),
        ("config = 3", r"\[config\]"),
        ("a = [", "no TOML"),
        ("a = " + "9" * 5000, "no TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: str, named: str) -> None:
    """The message has the path and what is wrong."""
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=named):
        SessionTemplates.load(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"base_config": 3},
        {"required_context": "patient_id"},
        {"required_context": 3},
        {"required_context": ["a-b"]},
        {"required_context": {"a": complex}},
        {"memory_categories": "chat"},
        {"memory_categories": [""]},
        {"memory_categories": ["a"], "base_config": {"memory_categories": {"b": {"share": 0.5}}}},
    ],
)
def test_a_wrong_template_is_refused(wrong: dict[str, Any]) -> None:
    """Each argument is checked when the template is made."""
    with pytest.raises(ConfigurationError):
        SessionTemplate(**{"name": "t", **wrong})


@pytest.mark.parametrize("template", ["no_such", "../../etc/passwd", 3, None, "missing.toml"])
async def test_what_is_no_template_is_refused(voxon: Voxon, template: Any) -> None:
    """No name leads out of the folder."""
    with pytest.raises(ConfigurationError):
        voxon.create_session_from_template(template, {})


async def test_registered_templates_are_found(voxon: Voxon, kiosk: SessionTemplate) -> None:
    """By any spelling of their name; the shipped ones cannot be replaced."""
    assert voxon.create_session_from_template("night-kiosk").template == "Night kiosk"
    assert "night_kiosk" in SessionTemplates.names()
    with pytest.raises(ConfigurationError, match="ships with"):
        SessionTemplates.register(SessionTemplate(name="Interview"))
