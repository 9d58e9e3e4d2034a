"""Put tiktoken's two rank files into ``.cache/tiktoken/``, so that tokens are counted exactly and offline.

The files are members of a public wheel, byte for byte; pip fetches it, nothing is installed, and what is
kept is checked by SHA-256. Standard library only. Done already: takes a moment and says nothing new.

Usage::

    python scripts/fetch_ranks.py               # fails when the files cannot be had
    python scripts/fetch_ranks.py --optional    # says so instead; voxsession then estimates
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

WHEEL = "llama-index-core==0.14.25"
FOLDER_IN_WHEEL = "llama_index/core/_static/tiktoken_cache/"
FOLDER = Path(__file__).resolve().parent.parent / ".cache" / "tiktoken"

# encoding -> tiktoken's own cache file name, SHA-256 of the content
RANKS = {
    "cl100k_base": (
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": (
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}


class RanksUnavailable(Exception):
    """The rank files could not be had; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fetch the files that tiktoken counts tokens with.")
    parser.add_argument("--optional", action="store_true", help="succeed even when they cannot be had")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where to put them, .cache/tiktoken if not said"
    )
    options = parser.parse_args(arguments)
    missing = [name for name in RANKS if not is_present(options.folder, name)]
    if not missing:
        return 0
    print(f"Fetching the token ranks {' and '.join(missing)} (once, about 12 MB) ...", flush=True)
    try:
        fetch(options.folder, missing)
    except RanksUnavailable as reason:
        return report(reason, optional=options.optional)
    return 0


def is_present(folder: Path, name: str) -> bool:
    """Whether the rank file lies there with the right content."""
    file_name, digest = RANKS[name]
    try:
        return hashlib.sha256((folder / file_name).read_bytes()).hexdigest() == digest
    except OSError:
        return False


def fetch(folder: Path, names: Sequence[str]) -> None:
    """Download the wheel into a temporary folder and keep the named members of it."""
    with tempfile.TemporaryDirectory(prefix="voxsession-ranks-") as scratch:
        wheel = download(Path(scratch))
        try:
            with zipfile.ZipFile(wheel) as archive:
                for name in names:
                    file_name, digest = RANKS[name]
                    content = archive.read(FOLDER_IN_WHEEL + file_name)
                    if hashlib.sha256(content).hexdigest() != digest:
                        raise RanksUnavailable(f"{name} in {wheel.name} is not the file it should be")
                    keep(folder / file_name, content)
        except (KeyError, zipfile.BadZipFile) as error:
            raise RanksUnavailable(f"{wheel.name} does not hold them: {error}") from error
        except OSError as error:
            raise RanksUnavailable(f"they could not be written to {folder}: {error}") from error


def download(scratch: Path) -> Path:
    """The wheel, as the configured package index gives it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(scratch)]
    # The wheel is only unpacked, never run, so the Python version that it asks for does not matter.
    command += ["--ignore-requires-python", WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        last_words = (done.stderr.strip() or "pip gave no reason").splitlines()[-1]
        raise RanksUnavailable(f"pip could not download {WHEEL}: {last_words}")
    return wheels[0]


def keep(path: Path, content: bytes) -> None:
    """Write the file whole or not at all; two runs at once do each other no harm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def report(reason: RanksUnavailable, *, optional: bool) -> int:
    """Say what happened and what follows from it."""
    print(f"The token ranks are not there: {reason}.", file=sys.stderr)
    if optional:
        print("voxsession works without them and estimates token counts.", file=sys.stderr)
        return 0
    print("The tests compare exact counts and need them; try again where pip has an index.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
