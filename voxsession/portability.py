"""Taking whole sessions in that were exported elsewhere."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

from voxsession.clock import Clock
from voxsession.core.types import check_number, check_text, check_user_id
from voxsession.errors import (
    ConfigurationError,
    ConflictError,
    SessionExistsError,
    SessionNotFoundError,
    values_hidden,
)
from voxsession.installation import Installation
from voxsession.session.host import SessionHost
from voxsession.session.reports import ImportReport
from voxsession.session.session import Session
from voxsession.upkeep.erasing import erase_traces

if TYPE_CHECKING:
    from voxsession.codec.bundle_rows import SessionRow
    from voxsession.moving.progress import Progress
    from voxsession.session.bundles.check import BundleCheck
    from voxsession.session.bundles.landing import UserMapping
    from voxsession.session.bundles.reader import BundleReader
    from voxsession.session.loader import Loaded
    from voxsession.session.recorder import Recorder

__all__ = ["Portability"]

MAX_ROUNDS = 8
_CHOICES = ("reject", "rename", "replace")


class Portability:
    """What `Voxon` does to take in sessions of other installations."""

    _home: Installation
    _host: SessionHost
    _clock: Clock

    @overload
    async def import_session(
        self,
        export_data_or_path: Mapping[str, Any] | str | os.PathLike[str],
        *,
        user_id_mapping: Mapping[str, str] | None = None,
        on_conflict: Literal["reject", "rename", "replace"] = "reject",
        passphrase: str | None = None,
        dry_run: Literal[False] = False,
        max_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> Session: ...

    @overload
    async def import_session(
        self,
        export_data_or_path: Mapping[str, Any] | str | os.PathLike[str],
        *,
        user_id_mapping: Mapping[str, str] | None = None,
        on_conflict: Literal["reject", "rename", "replace"] = "reject",
        passphrase: str | None = None,
        dry_run: Literal[True],
        max_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> ImportReport: ...

    async def import_session(
        self,
        export_data_or_path: Mapping[str, Any] | str | os.PathLike[str],
        *,
        user_id_mapping: Mapping[str, str] | None = None,
        on_conflict: Literal["reject", "rename", "replace"] = "reject",
        passphrase: str | None = None,
        dry_run: bool = False,
        max_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> Session | ImportReport:
        """Takes in a session that `session.export_full` gave, all of it or nothing, and opens it.

        All of the bundle is read and checked before the first write; the session is there, whole, with the last one.
        It is sealed with the keys of this installation, and belongs to its tenant. When it expires and how many tokens
        its texts have is counted anew, and entries that exceed its budget are left out.

        Args:
            export_data_or_path: the dict, or the path of the file. A file may hold the dict as JSON, too.
            user_id_mapping: old user id -> new user id, all at once, so that two can be exchanged: for the owner, for
                those who spoke, those whom entries are about, and the authors of shared notes.
            on_conflict: where a session of this id is stored: ``"reject"``, ``"rename"`` the new one, or ``"replace"``
                the stored one, which must not be open here. Its shares end with it.
            passphrase: what the bundle was sealed with; a bundle that is not sealed is refused then.
            dry_run: only check everything and tell what would happen.
            max_bytes: a bundle of more bytes, packed or unpacked, is refused; None = 1 GiB. A dict has the bytes of
                its rows as JSON.
            progress: called (or awaited) with the bytes done and the bytes of two readings; for a dict with rows.
                What it raises ends the import, and comes out of here; nothing was taken in.

        Returns:
            The session, or with `dry_run` an `ImportReport`: what it holds in `counts`, and in `details` what would
            become of it, under which id, for whom.

        Raises:
            IntegrityError: the bundle is none, was altered or cut off, is not sealed though a pass phrase was given,
                or holds what no session holds; nothing was written.
            UnsupportedFormatError: a newer version made it.
            KeyNotFoundError: it is sealed, and the pass phrase is missing or another one.
            SessionExistsError: a session of this id is stored, and `on_conflict` is ``"reject"``.
            ConfigurationError: an argument is wrong, the bundle is too large, or a session that is open here would be
                replaced.
            StorageError: it could not be written; import it again.
        """
        from voxsession.session.bundles.reader import MAX_BUNDLE_BYTES, BundleReader

        with values_hidden():
            users = _checked_mapping(user_id_mapping)
        if not isinstance(on_conflict, str) or on_conflict not in _CHOICES:
            raise ConfigurationError(
                f"on_conflict is none of {', '.join(_CHOICES)}. Choose one of them.", option="on_conflict"
            )
        if passphrase is not None:
            check_text("passphrase", passphrase if isinstance(passphrase, str) else None, allow_empty=False)
        most = MAX_BUNDLE_BYTES
        if max_bytes is not None:
            with values_hidden():
                most = int(check_number("max_bytes", max_bytes, 1, 2**60, whole=True))
        async with _opened(export_data_or_path) as given:
            reader = BundleReader(given, passphrase, most)
            await reader.open()
            run = _Import(self._home, self._clock, reader, users, _Meter(progress, reader, given))
            row = await run.check()
            session_id, loaded = await run.place(row.session_id, on_conflict)
            if dry_run:
                return run.report(row, session_id, loaded)
            for _ in range(MAX_ROUNDS):
                try:
                    await run.write(row, session_id, loaded)
                    break
                except ConflictError:  # others wrote under this id meanwhile
                    session_id, loaded = await run.place(row.session_id, on_conflict)
            else:
                raise ConflictError(
                    session_id, expected_seq=0, found_seq=None, what="others save all the time"
                )
        core = await self._home.live(session_id, lazy=False)
        if core is None:
            raise SessionNotFoundError(session_id)
        session = Session(core, self._host)
        core.signal("session.loaded")
        return session


class _Import:
    """One import: the bundle is read once to check it, once more to write it."""

    def __init__(
        self, home: Installation, clock: Clock, reader: BundleReader, users: UserMapping, meter: _Meter
    ) -> None:
        self._home = home
        self._clock = clock
        self._reader = reader
        self._users = users
        self._meter = meter
        self._check: BundleCheck
        self._end: dict[str, Any] = {}

    async def check(self) -> SessionRow:
        """Reads all of it; what its session is."""
        from voxsession.session.bundles.check import BundleCheck

        self._check = BundleCheck(self._reader.name)
        async for kind, row, number in self._reader.rows():
            if kind == "end":
                self._end = row
            else:
                self._check.row(kind, row, number)
            await self._meter.row()
        row = self._check.finish()
        check_user_id(self._users.name(row.user_id))
        return row

    async def place(self, wanted: str, on_conflict: str) -> tuple[str, Loaded | None]:
        """Under which id it comes, and what it takes the place of."""
        recorder = await self._home.ready()
        loaded = await recorder.load(wanted, lazy=True)
        if loaded is None:
            return wanted, None
        if on_conflict == "rename":
            return self._clock.new_id("sess"), None
        if on_conflict == "reject":
            raise SessionExistsError(
                wanted,
                f"A session {wanted!r} is stored here already. Nothing was written; import it with "
                "on_conflict='rename' or on_conflict='replace', or delete the stored one first.",
            )
        if wanted in self._home.cores:
            raise ConfigurationError(
                f"Session {wanted!r} is open here and would be replaced. Close it first. Nothing was written.",
                option="on_conflict",
                value=on_conflict,
            )
        return wanted, loaded

    async def write(self, row: SessionRow, session_id: str, loaded: Loaded | None) -> None:
        """Writes it in place of what was loaded."""
        from voxsession.codec.bundle_rows import typed_row
        from voxsession.session.bundles.landing import BundleLanding, data_of_row

        recorder = await self._home.ready()
        core = self._home.new_core(data_of_row(row, session_id, self._users.name(row.user_id)))
        core.codec = self._home.vault.new_codec(session_id)
        core.owner = self._home.vault.owner(core.data.user_id)
        landing = BundleLanding(recorder, core, self._users, self._clock, self._reader.name)
        try:
            async for kind, given, _ in self._reader.rows():
                if kind not in ("session", "end"):
                    await landing.take(typed_row(kind, given))
                await self._meter.row()
            await landing.finish(loaded.data.seq if loaded is not None else 0)
        except BaseException:
            await landing.abandon()
            raise
        await self._clear_away(recorder, session_id, loaded)
        if core.owner and not recorder.storage.can_list:
            await recorder.call(self._home.pointers.point(core.owner, session_id), "save")

    async def _clear_away(self, recorder: Recorder, session_id: str, loaded: Loaded | None) -> None:
        """What belonged to the session that was replaced: its pages, and what led to it."""
        if loaded is None:
            return
        if recorder.storage.can_page:
            pages = await recorder.pages_of(loaded)
            key = recorder.key_of(session_id)
            await recorder.call(recorder.storage.delete_pages(key, pages), "delete_pages")
        await erase_traces(self._home, session_id, loaded.owner)

    def report(self, row: SessionRow, session_id: str, loaded: Loaded | None) -> ImportReport:
        """What would happen."""
        became = "replaced" if loaded is not None else "added" if session_id == row.session_id else "renamed"
        told = {name: self._end.get(name, 0) for name in ("omitted", "redacted")}
        detail = {
            "session_id": row.session_id if became == "renamed" else session_id,
            "became": became,
            "user_id": self._users.name(row.user_id),
            "status": row.status,
        }
        return ImportReport(counts={"sessions": 1, **self._check.counts, **told}, details=[detail])


class _Meter:
    """Tells how far an import is."""

    def __init__(self, progress: Progress | None, reader: BundleReader, given: object) -> None:
        if progress is not None and not callable(progress):
            raise ConfigurationError.out_of_range(
                "progress", progress, "a function of two numbers is needed"
            ).without_value()
        self._progress = progress
        self._reader = reader
        self._size = getattr(given, "size", None)
        self._told = -1
        self._rows = 0

    async def row(self) -> None:
        """A row is done."""
        self._rows += 1
        if self._progress is None:
            return
        done, total = self._rows, self._rows
        if self._size is not None:
            done, total = self._reader.bytes_read, 2 * self._size
        if done != self._told:
            self._told = done
            told = self._progress(done, max(done, total))
            if inspect.isawaitable(told):
                await told


@asynccontextmanager
async def _opened(given: object) -> AsyncIterator[Any]:
    """The dict as it is, or the file."""
    from voxsession.session.streams import LineFile

    if isinstance(given, Mapping):
        yield given
        return
    if not isinstance(given, (str, os.PathLike)):
        raise ConfigurationError.out_of_range(
            "export_data_or_path",
            type(given).__name__,
            "give what export_full() gave, or the path of its file",
        )
    async with LineFile(given) as file:
        yield file


def _checked_mapping(given: object) -> UserMapping:
    from voxsession.session.bundles.landing import UserMapping

    if given is None:
        return UserMapping({})
    if not isinstance(given, Mapping):
        raise ConfigurationError.out_of_range(
            "user_id_mapping", type(given).__name__, "a dict of old user id -> new user id is needed"
        )
    names: dict[str, str] = {}
    for number, (old, new) in enumerate(given.items(), 1):
        known = check_user_id(old, f"the old user id of pair {number} in user_id_mapping")
        wanted = check_user_id(new, f"the new user id of pair {number} in user_id_mapping")
        if known is None or wanted is None:
            raise ConfigurationError.out_of_range(
                "user_id_mapping", None, "every user id is a text, old and new"
            )
        names[known] = wanted
    return UserMapping(names)
