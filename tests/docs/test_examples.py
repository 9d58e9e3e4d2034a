"""Every program in examples/ runs to its end, as a reader would start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TEXTS = {".json", ".jsonl", ".md", ".toml", ".txt"}


def arguments_of(example: Path) -> list[str]:
    """What the program is started with: the replay wants a transcript, the others want nothing."""
    if example.name != "replay_transcript.py":
        return []
    shipped = sorted(path for path in example.parent.rglob("*transcript*") if path.suffix in TEXTS)
    return [str(path) for path in shipped[:1]]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_example_runs(example: Path, home: Path, tmp_path: Path) -> None:
    """It ends by itself, without an error, in a folder that was empty."""
    done = subprocess.run(
        [sys.executable, str(example), *arguments_of(example)],
        cwd=tmp_path,
        env={**os.environ, "VOXSESSION_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.strip(), "an example shows something"
