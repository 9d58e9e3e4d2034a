"""The calls of the facade that keep a copy of everything, with the way back."""

from __future__ import annotations

import os
from typing import Literal

from voxsession.clock import Clock
from voxsession.errors import ConfigurationError
from voxsession.installation import Installation
from voxsession.moving.progress import Progress
from voxsession.session.reports import Receipt
from voxsession.voxon_config import VoxonConfig

__all__ = ["Backups"]


class Backups:
    """What `Voxon` does to keep a copy of everything."""

    config: VoxonConfig
    _home: Installation
    _clock: Clock

    async def backup(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> Receipt:
        """Copies all sessions of this tenant into a file, sealed as they are, while they may be in use.

        Each session is copied as of one moment, with every page that this version names, and is opened to
        see that it can be. What is pending in open sessions is not in it. The file appears under its name
        once it is whole; a file of this name is replaced. It can only be read with the master keys of today.

        Args:
            path: the file to make, readable by its owner only.
            progress: called (or awaited) with the records that are done and the number of all; what it raises
                ends the backup, leaves no file, and comes out of here.

        Returns:
            A receipt. `counts`: ``sessions``, ``others`` (records beside them), ``batches``, ``pages``, and
            ``unreadable``: what could not be opened is left out, with a row in `details`. The first row has
            ``path`` and ``sha256``, the checksum of the content.

        Raises:
            ConfigurationError: the storage cannot list, the file cannot be written there, or `progress` is no
                function.
            StorageUnavailableError: the storage is away, or took too long.
            StorageFullError: the disk is full.
        """
        # Loaded when it is needed: most programs do not make backups.
        from voxsession.moving.backup_run import BackupRun
        from voxsession.session.streams import NewFile

        recorder = await self._home.ready()
        if not recorder.storage.can_list:
            raise ConfigurationError(
                f"The {recorder.storage.storage_type} storage cannot list what it holds, so it cannot be backed up "
                "as a whole. Back up what lies behind its adapter, or export the sessions one by one.",
                option="path",
            )
        run = BackupRun(self._home, recorder, self._clock, progress)
        async with NewFile(path, self._clock.new_id("backup")) as file:
            return await run.write(file)

    async def restore(
        self,
        path: str | os.PathLike[str],
        *,
        on_conflict: Literal["reject", "skip", "replace"] = "reject",
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Receipt:
        """Brings back what a backup holds; nothing is written before all of it has been opened here.

        It can be broken off and run again. Sessions that are not in the backup stay.

        Args:
            path: the file that `backup` made.
            on_conflict: what to do with a session that is stored in another version: ``"reject"`` the whole
                restore, ``"skip"`` it, or ``"replace"`` it, which takes it back to what it was. One that is
                replaced must not be open, here or in another process.
            dry_run: only tell what would be done.
            progress: called (or awaited) with the records that are done and the number of all; what it raises
                ends the restore, which can be run again, and comes out of here.

        Returns:
            A receipt. `counts`: records ``restored``, ``same`` (there already), ``skipped``, ``replaced``;
            ``pages`` written. `details`: a row for each that was skipped or replaced.

        Raises:
            IntegrityError: the file is no backup, is cut off or was altered, or something in it does not open.
            UnsupportedFormatError: a newer version wrote it.
            KeyNotFoundError: it was sealed with keys that are not known here.
            SessionExistsError: a session is stored in another version, and `on_conflict` is ``"reject"``.
            ConfigurationError: it is another tenant's, the storage holds another installation, or takes no
                pages; a session that would be replaced is open; or an argument is none of those allowed.
            StorageUnavailableError: the storage is away, or took too long; run it again.
        """
        from voxsession.moving.restoring import Restore

        if on_conflict not in ("reject", "skip", "replace"):
            raise ConfigurationError(
                "on_conflict is none of 'reject', 'skip' and 'replace'. Choose one of them.",
                option="on_conflict",
            )
        return await Restore(self._home, self._clock, on_conflict, dry_run, progress).run(path)
