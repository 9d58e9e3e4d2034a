"""Writes in parts: one thread carries many on together, so that their syncs share what the disk does for them."""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum, auto
from typing import TypeAlias

from voxsession.storage.file_lock import FileLock

__all__ = ["Parts", "Pause", "at_once", "lock_taken"]


class Pause(Enum):
    """Why a write stops for the others of its thread."""

    WRITTEN = auto()
    """It holds a lock; what the others write meanwhile reaches the disk together with it."""
    OCCUPIED = auto()
    """Its lock is somebody's; it goes on when its thread holds no other, so that no two wait for each other."""
    WAITING = auto()
    """The lock is still somebody's; going on, its thread blocks."""


Parts: TypeAlias = Generator[Pause, bool | None, None]
"""A write; going on, it is told whether others of its thread have paused too."""


def at_once(parts: Parts) -> None:
    """Does all parts of a write without a pause."""
    for _ in parts:
        pass


def lock_taken(lock: FileLock) -> Parts:
    """Takes a lock without waiting for it, if that can be; the ``with`` that must follow waits where it cannot."""
    if not lock.taken():
        yield Pause.OCCUPIED
        if not lock.taken():
            yield Pause.WAITING
