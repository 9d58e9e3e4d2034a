"""A reusable kind of session: settings, what it must be told, what it may remember."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from voxsession.core.config import SessionConfig, check_setting, config_values
from voxsession.core.context_fields import ContextField, check_fields, check_values
from voxsession.core.rules import allowed_categories, check_categories
from voxsession.core.types import JsonObject, check_text, encode_json
from voxsession.errors import ConfigurationError

__all__ = ["SessionTemplate"]

MAX_NAME = 100
_IDS = ("session_id", "user_id")
# `{{name}}` is the text {name}; other braces (of a JSON example, say) are no variables.
_VARIABLE = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


class SessionTemplate:
    """A reusable kind of session, for `voxon.create_session_from_template`.

    Instructions may name fields of the context as `{patient_id}`; `{{patient_id}}` is that text itself, and
    other braces mean nothing. A value is put in as it is: braces in it are never looked at again.

    Args:
        name: what it is called.
        base_config: the settings of its sessions, as a config or a dict of those that are said; an id in it is
            not taken over.
        required_context: fields that each session must be told: names, or name -> type, or name -> table.
        optional_context: fields that it may be told, in the same forms; a table may give a `default`.
        memory_categories: the categories that its sessions may use besides ``general``, ``identity``, ``instruction``
            and ``preference``: names, or name -> rules (`share`, `expires_after_days`, `half_life_days`);
            empty = any.
        description: what it is for, in a sentence.
        extends: a template whose settings, fields and categories hold where this one says nothing; of a
            config what differs from the defaults counts as said, of a dict all.

    Raises:
        ConfigurationError: a field, type, category or rule is wrong, or the instructions name a variable that is
            no field of the context.

    Example:
        >>> template = SessionTemplate(
        ...     name="tutor",
        ...     base_config=SessionConfig(instructions="You teach {subject} to a {level} learner."),
        ...     required_context={"subject": str},
        ...     optional_context={"level": {"type": "text", "default": "new"}},
        ... )
        >>> template.fill({"subject": "Spanish"})["instructions"]
        'You teach Spanish to a new learner.'
    """

    __slots__ = (
        "__weakref__",
        "_fields",
        "base_config",
        "description",
        "memory_categories",
        "name",
        "optional_context",
        "required_context",
    )

    name: str
    base_config: SessionConfig
    required_context: tuple[str, ...]
    optional_context: tuple[str, ...]
    memory_categories: tuple[str, ...]
    description: str
    _fields: dict[str, ContextField]

    def __init__(
        self,
        name: str,
        base_config: SessionConfig | Mapping[str, Any] | None = None,
        required_context: object = (),
        memory_categories: object = (),
        *,
        optional_context: object = (),
        description: str = "",
        extends: SessionTemplate | None = None,
    ) -> None:
        self.name = _checked_name(name)
        self.description = check_text("description", description)
        required = check_fields("required_context", required_context)
        optional = check_fields("optional_context", optional_context)
        _check_apart(required, optional)
        categories, rules = _checked_categories(memory_categories)
        settings = _said(base_config, is_partial=extends is not None)
        if extends is not None:
            settings = {**config_values(extends.base_config), **settings}
            still_required = {name: extends._fields[name] for name in extends.required_context}
            required = {**still_required, **required}
            optional = {**{name: extends._fields[name] for name in extends.optional_context}, **optional}
            required = {name: field for name, field in required.items() if name not in optional}
            categories = list(dict.fromkeys([*extends.memory_categories, *categories]))
        settings["memory_categories"] = {**settings.get("memory_categories", {}), **rules}
        self.base_config = SessionConfig(**settings)
        self.required_context, self.optional_context = tuple(required), tuple(optional)
        self.memory_categories = tuple(categories)
        self._fields = {**required, **optional}
        self._check_instructions()
        self._check_rules()

    def fill(self, context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The settings and the context of one session.

        Args:
            context: what the session is told; fields that the template does not name are taken as they are.

        Returns:
            The settings of a `SessionConfig` by name, with the variables of the instructions filled in, and the
            checked context under ``context``.

        Raises:
            ConfigurationError: a required field is missing, or a value is not of its type.
        """
        told = check_values(self._fields, self.required_context, context or {}, f"the template {self.name!r}")
        settings = config_values(self.base_config)

        def value(found: re.Match[str]) -> str:
            if found[1] is not None:
                return f"{{{found[1]}}}"
            return _spelt(told.get(found[2], ""))

        settings["instructions"] = _VARIABLE.sub(value, settings["instructions"])
        return {**settings, "context": told}

    def to_dict(self) -> JsonObject:
        """The template as a TOML file would give it."""
        return {
            "name": self.name,
            "description": self.description,
            "config": config_values(self.base_config),
            "required_context": {name: self._fields[name].to_dict() for name in self.required_context},
            "optional_context": {name: self._fields[name].to_dict() for name in self.optional_context},
            "memory_categories": list(self.memory_categories),
        }

    def record(self) -> JsonObject:
        """What a session keeps of it."""
        return {"name": self.name, "memory_categories": list(self.memory_categories)}

    def _check_instructions(self) -> None:
        for found in _VARIABLE.finditer(self.base_config.instructions):
            name = found[2]
            if name is not None and name not in self._fields:
                known = ", ".join(self._fields) or "none"
                raise ConfigurationError(
                    f"The instructions of the template {self.name!r} name the variable {{{name}}}, which is no field "
                    f"of its context (known: {known}). Declare it in required_context or optional_context, or "
                    f"write {{{{{name}}}}} for the text itself.",
                    option="instructions",
                    value=name,
                )

    def _check_rules(self) -> None:
        """Rules for a category that no session of this kind may use are a mistake."""
        allowed = allowed_categories(self.memory_categories)
        outside = [name for name in self.base_config.memory_categories if name not in allowed]
        if allowed and outside:
            raise ConfigurationError.out_of_range(
                "memory_categories",
                outside[0],
                f"the template {self.name!r} allows " + ", ".join(allowed),
            )

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, SessionTemplate)
        names = (name for name in SessionTemplate.__slots__ if name != "__weakref__")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __repr__(self) -> str:
        asks = f", required_context={list(self.required_context)}" if self.required_context else ""
        return f"SessionTemplate({self.name!r}{asks})"


def _said(config: SessionConfig | Mapping[str, Any] | None, *, is_partial: bool) -> dict[str, Any]:
    """The settings that count as said: of a config with something to inherit those that are no defaults."""
    if config is None:
        return {}
    if isinstance(config, Mapping):
        return {name: check_setting(name, value) for name, value in config.items() if name not in _IDS}
    if not isinstance(config, SessionConfig):
        raise ConfigurationError.out_of_range(
            "base_config", type(config).__name__, "a SessionConfig is needed"
        )
    settings = config_values(config)
    if not is_partial:
        return settings
    usual = config_values(SessionConfig())
    return {name: value for name, value in settings.items() if value != usual[name]}


def _checked_name(name: object) -> str:
    text = check_text("name", name, allow_empty=False)
    if len(text) > MAX_NAME:
        raise ConfigurationError.out_of_range("name", text[:40], f"at most {MAX_NAME} characters")
    return text


def _check_apart(required: Mapping[str, object], optional: Mapping[str, object]) -> None:
    both = [name for name in required if name in optional]
    if both:
        raise ConfigurationError(
            f"The field {both[0]!r} is in required_context and in optional_context. Take it out of one.",
            option="optional_context",
            value=both[0],
        )


def _checked_categories(value: object) -> tuple[list[str], dict[str, dict[str, float]]]:
    """The names of the categories, with the rules of those that have some."""
    if isinstance(value, Mapping):
        rules = check_categories("memory_categories", value)
        return list(rules), {name: about for name, about in rules.items() if about}
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ConfigurationError.out_of_range(
            "memory_categories",
            type(value).__name__,
            "a list of names, or a dict of name -> rules, is needed",
        )
    return list(check_categories("memory_categories", {name: {} for name in value})), {}


def _spelt(value: object) -> str:
    return value if isinstance(value, str) else encode_json(value).decode()
