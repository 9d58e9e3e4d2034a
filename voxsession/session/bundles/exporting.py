"""A whole session on its way out, as a bundle that another installation takes in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, overload

from voxsession.core.envelope import stamp
from voxsession.core.types import JsonObject, check_text, encode_json
from voxsession.errors import ConfigurationError, IntegrityError
from voxsession.session.base import SessionBase

if TYPE_CHECKING:
    from pathlib import Path

    from voxsession.codec.bundle_seal import PieceSealer
    from voxsession.session.bundles.redaction import Redact
    from voxsession.session.bundles.run import BundleChoice
    from voxsession.session.bundles.writer import Target
    from voxsession.session.import_file import Progress

__all__ = ["Exporting"]

MAX_ROUNDS = 4


class Exporting(SessionBase):
    """A whole session on its way out."""

    @overload
    async def export_full(
        self,
        to: None = None,
        include_sensitive: bool = False,
        passphrase: str | None = None,
        *,
        include_messages: bool = True,
        include_learning: bool = True,
        redact: Redact | None = None,
        progress: Progress | None = None,
    ) -> JsonObject: ...

    @overload
    async def export_full(
        self,
        to: str | Path,
        include_sensitive: bool = False,
        passphrase: str | None = None,
        *,
        include_messages: bool = True,
        include_learning: bool = True,
        redact: Redact | None = None,
        progress: Progress | None = None,
    ) -> Path: ...

    async def export_full(
        self,
        to: str | Path | None = None,
        include_sensitive: bool = False,
        passphrase: str | None = None,
        *,
        include_messages: bool = True,
        include_learning: bool = True,
        redact: Redact | None = None,
        progress: Progress | None = None,
    ) -> JsonObject | Path:
        """Everything of the session as a bundle for `voxon.import_session`: a JSON-ready dict, or a file.

        It holds settings, state, template, all conversations and messages, memories with their history, what was
        learned, metrics and figures, as of one moment, what is not saved yet among them. Shares, keys and what the
        memory mode keeps with the process stay behind. A file is written piece by piece, in bounded memory, and
        appears under its name when it is whole.

        Args:
            to: the file to make, readable by its owner only; one of this name is replaced. None = give a dict.
            include_sensitive: sensitive entries too. Else they stay behind, and the messages that they were learned
                from, the replies to those, and what repeats them word for word go without content; topics and notes
                that name them go.
            passphrase: seals the bundle; it is needed to take it in.
            include_messages: conversations too; else only what came of them.
            include_learning: what was learned of preferences and topics; what was set by hand goes along anyway.
            redact: a function from text to text for what was said and remembered, for state, metadata, instructions
                and topics; or regular expressions, whose matches become ``[REDACTED]``. Of a text that is JSON it
                gets each text in it, then the whole.
            progress: called (or awaited) with the rows done and the number of all; what it raises ends the export,
                leaves no file, and comes out of here.

        Returns:
            The dict, or the path written. `omitted` in it counts the sensitive entries left out, `redacted` the
            messages that go without content.

        Raises:
            ConfigurationError: an argument is wrong, the file cannot be written there, or it was called inside
                `batch_update()`.
            IntegrityError: a page of the session cannot be read; no file was made.
            StorageFullError: the disk is full.

        Example:
            >>> import asyncio
            >>> from voxsession import Voxon, VoxonConfig
            >>> async def main():
            ...     async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
            ...         async with voxon.session(user_id="old_123", session_id="s") as session:
            ...             session.add_memory("Prefers tea")
            ...             bundle = await session.export_full()
            ...     async with Voxon(VoxonConfig(session_storage="memory")) as other:
            ...         moved = await other.import_session(bundle, user_id_mapping={"old_123": "new_456"})
            ...         return moved.session_id, moved.user_id, moved.get_memory().entries[0].content
            >>> asyncio.run(main())
            ('s', 'new_456', 'Prefers tea')
        """
        from voxsession.session.bundles.redaction import Redaction
        from voxsession.session.bundles.run import BundleChoice

        if self._core.in_batch:
            raise ConfigurationError(
                "export_full() inside batch_update() would miss what the batch holds. Leave the block first.",
                option="export_full",
            )
        if passphrase is not None:
            check_text("passphrase", _hidden(passphrase), allow_empty=False)
        if progress is not None and not callable(progress):
            raise ConfigurationError.out_of_range(
                "progress", progress, "a function of two numbers is needed"
            ).without_value()
        choice = BundleChoice(
            sensitive=bool(include_sensitive),
            messages=bool(include_messages),
            learning=bool(include_learning),
            redaction=None if redact is None else Redaction(redact),
            progress=progress,
        )
        for _ in range(MAX_ROUNDS):
            before = self._pages()
            try:
                return await self._exported(to, passphrase, choice)
            except IntegrityError:
                # What was erased meanwhile, here or elsewhere, took its page away.
                if self._core.exists and before == self._pages():
                    recorder = await self._host.ready()
                    await recorder.reload(self._core, keep_pending=True)
                if before == self._pages():
                    raise
        return await self._exported(to, passphrase, choice)

    def _pages(self) -> list[str]:
        from voxsession.session.bundles.source import page_ids

        return page_ids(self._core.data)

    async def _exported(
        self, to: str | Path | None, passphrase: str | None, choice: BundleChoice
    ) -> JsonObject | Path:
        from voxsession.codec.bundle_seal import sealed_head
        from voxsession.session.bundles.writer import LineTarget, ObjectTarget, PieceTarget
        from voxsession.session.streams import NewFile

        head: JsonObject = {}
        sealer: PieceSealer | None = None
        if passphrase is not None:
            salt = self._core.clock.random_bytes(16)
            head, sealer = await asyncio.to_thread(sealed_head, salt, passphrase)
        if to is not None:
            async with NewFile(to, self._core.clock.new_id("bundle")) as file:
                if sealer is None:
                    await self._write(LineTarget(file.write), choice)
                    return file.path
                await file.write(encode_json(head) + b"\n")

                async def put_line(piece: str) -> None:
                    await file.write(encode_json(piece) + b"\n")

                await self._write(PieceTarget(sealer, put_line), choice)
                return file.path
        if sealer is None:
            target = ObjectTarget()
            await self._write(target, choice)
            return target.bundle
        pieces: list[str] = []

        async def put_piece(piece: str) -> None:
            pieces.append(piece)

        await self._write(PieceTarget(sealer, put_piece), choice)
        return {**head, "pieces": pieces}

    async def _write(self, target: Target, choice: BundleChoice) -> None:
        from voxsession.session.bundles.run import BundleRun
        from voxsession.session.bundles.source import BundleSource

        run = BundleRun(BundleSource(self._core, self._host), target, choice, self._core.counter)
        await run.write(stamp(self._core.now()))


def _hidden(passphrase: object) -> object:
    """What an error may show of a pass phrase: its type."""
    return passphrase if isinstance(passphrase, str) else None
