"""What is known by name: things that were registered, and TOML files that may extend each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from voxsession.errors import ConfigurationError
from voxsession.toml_files import beside, check_chain, file_key

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Catalog"]

T = TypeVar("T")


class Catalog(Generic[T]):
    """Ready things of one kind. Names may be written in any case, with spaces or hyphens.

    Args:
        what: what they are, for errors, and the option that takes a name: ``preset``.
        folder: where the shipped files lie; asked for when a name is.
        read: makes one of a file; its second argument are the files that extend this one, outermost first.
        error: raised for a name that nobody knows.
    """

    def __init__(
        self,
        what: str,
        folder: Callable[[], Path],
        read: Callable[[Path, tuple[Path, ...]], T],
        *,
        error: type[ConfigurationError] = ConfigurationError,
    ) -> None:
        self._what = what
        self._folder = folder
        self._read = read
        self._error = error
        self._registered: dict[str, T] = {}
        self._shipped: dict[Path, T] = {}

    def names(self) -> list[str]:
        """All names, by the alphabet."""
        return sorted({*self._registered, *(file_key(path.stem) for path in self._folder().glob("*.toml"))})

    def get(self, name: str) -> T:
        """What has this name.

        Raises:
            ConfigurationError: nothing has; the message lists the names.
        """
        key = file_key(name)
        if key in self._registered:
            return self._registered[key]
        path = beside(self._folder(), key)
        if path is None:
            raise self._unknown(name)
        if path not in self._shipped:
            self._shipped[path] = self._read(path, ())
        return self._shipped[path]

    def register(self, name: str, thing: T) -> None:
        """Makes a thing known for this process; an earlier one that was registered so is replaced.

        Raises:
            ConfigurationError: one of this name ships with the package.
        """
        key = file_key(name)
        if beside(self._folder(), key):
            raise ConfigurationError(
                f"The {self._what} {key!r} ships with voxsession and cannot be replaced. Choose another name.",
                option="name",
                value=name,
            )
        self._registered[key] = thing

    def unregister(self, name: str) -> None:
        """Takes what was registered away; an unknown name is passed over."""
        self._registered.pop(file_key(name), None)

    def extended(self, name: str, path: Path, chain: tuple[Path, ...]) -> T:
        """What a file extends: looked for beside the file, then among the known ones.

        Args:
            name: what its ``extends`` says.
            path: the file.
            chain: the files that extend it, outermost first.

        Raises:
            ConfigurationError: there is none, it extends the file itself, or too many extend each other in a row.
        """
        check_chain(chain, path)
        chain = (*chain, path)
        key = file_key(name)
        found = beside(path.parent, key)
        if found is not None and found not in chain:
            return self._read(found, chain)
        if found in (None, path):  # a file of your own may extend the known one of the same name
            if key in self._registered:
                return self._registered[key]
            shipped = beside(self._folder(), key)
            if shipped is not None and shipped.resolve() != path.resolve():
                return self._read(shipped, chain)
        if found is None:
            raise self._unknown(name, f"{path}, extends={name[:80]!r}")
        names = [member.stem for member in (*chain[chain.index(found) :], found)]
        raise ConfigurationError(
            f"{path}: these {self._what}s extend each other: {' -> '.join(names)}. Take one 'extends' out.",
            option="extends",
            value=name,
        )

    def _unknown(self, name: str, where: str = "") -> ConfigurationError:
        import difflib  # only for the hint

        known = self.names()
        near = difflib.get_close_matches(file_key(name), known, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        place = f"{where}: there" if where else "There"
        shown = name if len(name) <= 80 else name[:80] + "..."
        return self._error(
            f"{place} is no {self._what} {shown!r}.{hint} Known: {', '.join(known)}.",
            option=self._what,
            value=name,
        )
