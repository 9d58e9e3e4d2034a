"""Ready templates by name, read from TOML files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from voxsession.catalog import Catalog
from voxsession.core.template import SessionTemplate
from voxsession.core.types import check_text
from voxsession.errors import ConfigurationError
from voxsession.presets import resolve_preset
from voxsession.toml_files import file_key, presets_folder, read_table

__all__ = ["SessionTemplates", "resolve_template"]

_KEYS = (
    "description",
    "extends",
    "preset",
    "config",
    "required_context",
    "optional_context",
    "memory_categories",
)


class SessionTemplates:
    """Ready templates: `SessionTemplates.get("medical_consultation")` and the others.

    A template is a TOML file whose name is its name, with the keys `description`, `extends` (another template),
    `preset` (a preset whose settings come first) and the tables `config`, `required_context`, `optional_context`,
    `memory_categories`. Names may be written in small letters, with spaces or hyphens.

    Example:
        >>> SessionTemplates.names()
        ['interview', 'language_tutor', 'medical_consultation', 'onboarding', 'technical_support']
        >>> SessionTemplates.get("medical_consultation").required_context
        ('patient_id', 'appointment_type')
    """

    @staticmethod
    def names() -> list[str]:
        """The names of all templates, those that were registered among them, by the alphabet."""
        return _catalog.names()

    @staticmethod
    def get(name: str) -> SessionTemplate:
        """The template of this name.

        Raises:
            ConfigurationError: there is none; the message lists the names.

        Example:
            >>> SessionTemplates.get("Technical Support").name
            'technical_support'
        """
        return _catalog.get(check_text("template", name))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> SessionTemplate:
        """The template in a file of your own; what it extends is looked for beside it, then among the known ones.

        Raises:
            ConfigurationError: the file cannot be read, is no TOML (with the line), has an unknown key, a wrong
                field or setting, or extends itself or more than 32 others in a row.
        """
        return _read(Path(path), ())

    @staticmethod
    def register(template: SessionTemplate) -> None:
        """Makes a template known under its name, for this process; an earlier one of that name is replaced.

        Raises:
            ConfigurationError: it is no template, or one of this name ships with the package.

        Example:
            >>> SessionTemplates.register(SessionTemplate(name="example_kiosk"))
            >>> SessionTemplates.get("example kiosk")
            SessionTemplate('example_kiosk')
            >>> SessionTemplates.unregister("example_kiosk")
        """
        if not isinstance(template, SessionTemplate):
            raise ConfigurationError.out_of_range(
                "template", type(template).__name__, "a SessionTemplate is needed"
            )
        _catalog.register(template.name, template)

    @staticmethod
    def unregister(name: str) -> None:
        """Takes a registered template away; an unknown name is passed over."""
        _catalog.unregister(name)


def resolve_template(template: SessionTemplate | str | os.PathLike[str]) -> SessionTemplate:
    """The template for what was given as one: a template, a name, or the path of a TOML file.

    Raises:
        ConfigurationError: it is none of these, or the template itself is wrong.

    Example:
        >>> resolve_template("interview") is SessionTemplates.get("interview")
        True
    """
    if isinstance(template, SessionTemplate):
        return template
    if isinstance(template, str):
        is_path = template.lower().endswith(".toml") or "/" in template or "\\" in template
        return SessionTemplates.load(template) if is_path else SessionTemplates.get(template)
    if isinstance(template, os.PathLike):
        return SessionTemplates.load(template)
    raise ConfigurationError.out_of_range(
        "template", type(template).__name__, "give a template, its name, or the path of a TOML file"
    )


# --- reading


def _read(path: Path, chain: tuple[Path, ...]) -> SessionTemplate:
    """The template of a file; `chain` are the files that extend it, outermost first."""
    table = read_table(path, "template")
    unknown = [key for key in table if key not in _KEYS]
    if unknown:
        raise ConfigurationError(
            f"{path} has the key {unknown[0]!r}; known are {', '.join(_KEYS)}. Settings go into [config].",
            option="template",
            value=unknown[0],
        )
    parent = table.pop("extends", None)
    base = None
    if parent is not None:
        base = _catalog.extended(check_text(f"extends in {path}", parent), path, chain)
    try:
        return SessionTemplate(
            name=file_key(path.stem),
            base_config=_settings(table),
            required_context=table.get("required_context", ()),
            optional_context=table.get("optional_context", ()),
            memory_categories=table.get("memory_categories", ()),
            description=table.get("description", ""),
            extends=base,
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}", option=error.option, value=error.value) from None


def _settings(table: dict[str, Any]) -> dict[str, Any]:
    """What a file says of the settings: those of its preset, then its own."""
    said = table.get("config", {})
    if not isinstance(said, dict):
        raise ConfigurationError.out_of_range("config", type(said).__name__, "a table [config] is needed")
    for name in ("session_id", "user_id"):
        if name in said:
            raise ConfigurationError(
                f"{name} has no place in a template, because a template is used for many sessions.",
                option=name,
            )
    preset = table.get("preset")
    if preset is None:
        return said
    from voxsession.core.config import config_values

    return {**config_values(resolve_preset(check_text("preset", preset))), **said}


_catalog = Catalog("template", lambda: presets_folder() / "templates", _read)
