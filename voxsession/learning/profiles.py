"""A person's learned preferences, apart from any session: to carry over, keep, merge and seed with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from voxsession.core.struct import Struct, field
from voxsession.core.types import check_number, decode_json, encode_json
from voxsession.errors import ConfigurationError, UnsupportedFormatError
from voxsession.learning.profile_fields import ProfileEvidence, fields_of, read_fields
from voxsession.learning.profile_merging import merged_fields

__all__ = ["MAX_PROFILE_BYTES", "ProfileEvidence", "SessionProfile"]

#: A real one has a few kilobytes; what is larger is not read at all.
MAX_PROFILE_BYTES = 1024 * 1024


class SessionProfile(Struct, frozen=True, kw_only=True):
    """What a person likes, without a word of what was said and without ids.

    Topics are in it: key phrases that came up more than once in what the person said.

    Attributes:
        preferences: what was set by hand, under the names of the document.
        set_at: when each of these was set, where that is known (aware, UTC); a name without a value was taken back
            then.
        evidence: what was learned, by name.
        topics: key phrase -> weight.
        updated_at: when it was last true (aware, UTC); None where that is not known.
        conflicts: names that the profiles which this one was merged from set, or asked for, differently.
        extra: fields of a later version, kept as they were read.

    Example:
        >>> profile = SessionProfile(preferences={"formality": "casual"})
        >>> SessionProfile.from_dict(profile.to_dict()) == profile
        True
    """

    FORMAT: ClassVar[int] = 1

    preferences: dict[str, Any] = field(default_factory=dict)
    set_at: dict[str, datetime] = field(default_factory=dict)
    evidence: dict[str, ProfileEvidence] = field(default_factory=dict)
    topics: dict[str, float] = field(default_factory=dict)
    updated_at: datetime | None = None
    conflicts: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        # Values and topics are private, and so are the app's own names.
        counts = f"{len(self.preferences)} set, {len(self.evidence)} learned, {len(self.topics)} topics"
        return f"SessionProfile({counts})"

    def __bool__(self) -> bool:
        """Whether it knows anything."""
        return bool(self.preferences or self.evidence or self.topics)

    @staticmethod
    def merge(profiles: Iterable[SessionProfile]) -> SessionProfile:
        """One profile of several; the order does not matter where all have times.

        Numbers are means, weighted by evidence and by how recent it is (90 days halve it), and so are topics. Of
        what was asked for or set by hand, the latest counts, and what differs is listed in `conflicts`.

        Args:
            profiles: Any number; of none comes an empty profile.

        Returns:
            A new profile; fields of a later version (`extra`) are not carried into it.

        Raises:
            ConfigurationError: one of them is no `SessionProfile`.

        Example:
            >>> old = SessionProfile.from_dict({"preferences": {"formality": "formal"}})
            >>> new = SessionProfile.from_dict({"preferences": {"formality": "casual"}})
            >>> SessionProfile.merge([old, new]).conflicts
            ['formality']
        """
        given: Any = profiles
        found = list(given) if isinstance(given, Iterable) else [given]
        wrong = [type(one).__name__ for one in found if not isinstance(one, SessionProfile)]
        if wrong or not isinstance(given, Iterable):
            what = wrong[0] if wrong else type(given).__name__
            raise ConfigurationError.out_of_range("profiles", what, "a list of SessionProfile is needed")
        return SessionProfile(**merged_fields(found))

    def to_dict(self) -> dict[str, Any]:
        """The profile as JSON-ready data, with its format version."""
        return {"version": self.FORMAT, **fields_of(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SessionProfile:
        """The profile that `to_dict` gave, or one written by hand: every field may be left out.

        A field that this version does not know is kept in `extra`, and written again by `to_dict`.

        Raises:
            ConfigurationError: a field is of the wrong kind, out of range or in the wrong place; it says what is
                allowed.
            UnsupportedFormatError: it was written by a newer version.

        Example:
            >>> SessionProfile.from_dict({"preferences": {"formality_score": "casual"}}).preferences
            {'formality': 'casual'}
        """
        if not isinstance(data, Mapping):
            raise ConfigurationError.out_of_range(
                "profile", type(data).__name__, "an object with 'preferences' and the like is needed"
            )
        version = data.get("version", cls.FORMAT)
        if isinstance(version, int) and version > cls.FORMAT:
            raise UnsupportedFormatError("The preference profile", found=version, newest=cls.FORMAT)
        check_number("profile.version", version, 1, cls.FORMAT, whole=True)
        return cls(**read_fields(data))

    def to_json(self) -> str:
        """The profile as JSON text.

        Raises:
            ConfigurationError: what the app set makes it larger than 1 MiB, which nobody could read again.
        """
        text = encode_json(self.to_dict())
        _check_size(len(text))
        return text.decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> SessionProfile:
        """The profile of a JSON text.

        Raises:
            ConfigurationError: it is no JSON, larger than 1 MiB, or as `from_dict`.
            UnsupportedFormatError: it was written by a newer version.
        """
        if not isinstance(text, (str, bytes)):
            raise ConfigurationError.out_of_range("profile", type(text).__name__, "a JSON text is needed")
        _check_size(len(text))
        try:
            data = decode_json(text)
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(
                f"The preference profile is no JSON ({error}).", option="profile"
            ) from None
        return cls.from_dict(data)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the profile as a JSON file, readable by its owner only; an older file is replaced whole.

        Returns:
            The path written.

        Raises:
            ConfigurationError: its folder does not exist, or as `to_json`.
            OSError: the file cannot be written there.

        Example:
            >>> import tempfile
            >>> profile = SessionProfile(preferences={"formality": "casual"})
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     SessionProfile.load(profile.save(f"{folder}/alice.json")) == profile
            True
        """
        target, text = Path(path), self.to_json() + "\n"
        if not target.parent.is_dir():
            raise ConfigurationError(
                f"{target} cannot be written: there is no folder {target.parent}. Make it first.",
                option="path",
                value=str(target),
            )
        name = None
        try:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, target)
        except OSError as error:  # under the name that was asked for, not under one made up here
            _remove(name)
            raise type(error)(error.errno, error.strerror, str(target)) from None
        except BaseException:
            _remove(name)
            raise
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SessionProfile:
        """The profile of a file that `save` wrote; errors as `from_json`, and `OSError` where it cannot be read."""
        with Path(path).open("rb") as file:
            text = file.read(MAX_PROFILE_BYTES + 1)
        return cls.from_json(text)

    def _repr_html_(self) -> str:
        from voxsession.learning.showing import profile_html  # only notebooks need it

        return profile_html(self)


def _remove(name: str | None) -> None:
    if name is not None:
        Path(name).unlink(missing_ok=True)


def _check_size(size: int) -> None:
    if size > MAX_PROFILE_BYTES:
        raise ConfigurationError(
            f"The preference profile has more than {MAX_PROFILE_BYTES:,} bytes, which is the most that is read. "
            "Was another file meant?",
            option="profile",
        )
