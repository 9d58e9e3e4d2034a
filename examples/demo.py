"""`make demo`: two processes, one memory.

The first process holds a few conversations and ends. The second one finds the session by its user id and answers
from what it remembers. Then it shows what is kept, what that costs in tokens, and what lies on the disk.

    python examples/demo.py           # in a temporary folder, which is removed at the end
    python examples/demo.py --keep    # leaves the folder, to look around in
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from voxsession import Conversation, Event, KeyNotFoundError, Session, Voxon, VoxonConfig

USER = "alice@example.org"
WIDTH = 92
CHECKOUT_RANKS = Path(__file__).resolve().parent.parent / ".cache" / "tiktoken"


def main() -> int:
    parser = argparse.ArgumentParser(description="A session that outlives its process.")
    parser.add_argument("--keep", action="store_true", help="leave the files, to look around in")
    parser.add_argument("--act", choices=["first", "second"], help=argparse.SUPPRESS)  # how it starts itself
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.act == "first":
        asyncio.run(first_process(options.folder))
    elif options.act == "second":
        asyncio.run(second_process(options.folder))
    else:
        return tell_the_story(keep=options.keep)
    return 0


def tell_the_story(*, keep: bool) -> int:
    folder = Path(tempfile.mkdtemp(prefix="voxsession-demo-"))
    # Without VOXSESSION_HOME the key ring would be that of your own sessions; a demo leaves it alone.
    settings = {**os.environ, "VOXSESSION_HOME": str(folder / "keys")}
    settings.pop("SESSION_KEY", None)
    if CHECKOUT_RANKS.is_dir():
        settings.setdefault("VOXSESSION_TIKTOKEN_DIR", str(CHECKOUT_RANKS))
    try:
        for act in ("first", "second"):
            command = [sys.executable, __file__, "--act", act, "--folder", str(folder)]
            status = subprocess.run(command, env=settings, check=False).returncode
            if status:
                print(f"The {act} process failed with status {status}.", file=sys.stderr)
                return status
            if act == "first":
                print("\nThat process has ended. What it knew is on the disk now, and nowhere else.")
    finally:
        if not keep:
            shutil.rmtree(folder)
    heading("The end")
    print(f"The files are left in {folder}." if keep else f"{folder} is removed again (--keep leaves it).")
    print(f"Next: {shown_python()} examples/own_model.py, then README.md and docs/quickstart.md.")
    return 0


def shown_python() -> str:
    """This Python as one would type it here: `make demo` runs the one in `.venv`, which nobody has activated."""
    python = Path(sys.executable)
    return str(python.relative_to(Path.cwd())) if python.is_relative_to(Path.cwd()) else str(python)


def config_of(folder: Path, **settings: Any) -> VoxonConfig:
    return VoxonConfig(session_storage="file", session_storage_path=folder / "sessions", **settings)


# --- the first process: conversations


async def first_process(folder: Path) -> None:
    logging.getLogger("voxsession").setLevel(logging.ERROR)  # the new key ring is shown below
    heading(f"Process {os.getpid()} opens a session for {USER}")
    async with Voxon(config_of(folder)) as voxon, voxon.session(user_id=USER) as session:
        notes = Notes(session)
        await talk(session, notes, "First conversation", FIRST)
        await talk(session, notes, "Second conversation", SECOND)
        await talk(session, notes, "Third conversation", THIRD)
        session.track_metric("user_satisfaction", 4.5)


FIRST = [
    "Hello! My name is Alice.",
    "I'm interested in quantum physics, and I live in Lisbon.",
    "Write me a poem about photons.",
]
SECOND = [
    "I'm going to Vienna in May to give a talk about entanglement.",
    "From now on, please keep it short.",
]
THIRD = [
    "I've moved. I live in Porto now.",
    "By the way, I'm allergic to walnuts.",
]


class Notes:
    """What happens to the memory while somebody talks, taken from the session's events."""

    def __init__(self, session: Session) -> None:
        self.known: dict[str, str] = {}
        self.lines: list[str] = []
        session.events.on("memory.added", self.added)
        session.events.on("memory.superseded", self.superseded)
        session.events.on("preference.learned", self.learned)

    def added(self, event: Event) -> None:
        self.known[event.entry.id] = event.entry.content
        self.lines.append(f"remembered ({event.entry.category}): {event.entry.content}")

    def superseded(self, event: Event) -> None:
        self.lines.append(f"no longer holds: {self.known.get(event.entry_id, event.entry_id)}")

    def learned(self, event: Event) -> None:
        self.lines.append(f"learned: {event.name.replace('_', ' ')} is about {event.value:.2g}")

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


async def talk(session: Session, notes: Notes, title: str, texts: Iterable[str]) -> None:
    print(f"\n{bold(title)}")
    async with session.conversation() as conv:
        for text in texts:
            await exchange(conv, text)
            for line in notes.take():
                note(line)


async def exchange(conv: Conversation, text: str) -> None:
    say("Alice", text)
    say("it", await conv.send_message(text))


# --- the second process: what is remembered


async def second_process(folder: Path) -> None:
    heading(f"Process {os.getpid()} opens the session of {USER} again")
    async with Voxon(config_of(folder)) as voxon, voxon.session(user_id=USER) as session:
        async with session.conversation() as conv:
            print()
            await exchange(conv, "What's my name and interest?")
            await exchange(conv, "Where do I live?")
            await exchange(conv, "When am I going to Vienna?")
            await exchange(conv, "What's my shoe size?")
            await show_context(conv)
        show_memories(session)
        show_person(session)
        session_id = session.session_id
    show_files(folder)
    await show_wrong_key(folder, session_id)


async def show_context(conv: Conversation) -> None:
    heading("What a model is sent, inside a token budget")
    context = await conv.build_context("What should I pack for Vienna?")
    sizes: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for item in context.report():
        if item["included"]:
            sizes[item["kind"]] += item["tokens"]
            parts[item["kind"]] += 1
    rows = [(kind, parts[kind], sizes[kind]) for kind in sizes]
    table(("part", "pieces", "tokens"), rows)
    used = f"{context.token_count} of {context.budget_tokens} tokens"
    print(f"\n{used}. The instructions and the newest message are always in.")


def show_memories(session: Session) -> None:
    heading("What it remembers")
    memory = session.get_memory()
    rows = [(e.content, e.category, f"{e.importance:.1f}", e.token_count) for e in memory.entries]
    table(("memory", "category", "importance", "tokens"), rows)
    used = f"{memory.token_count} of {memory.max_tokens} tokens"
    print(f"\nMemory budget: {used} ({session.memory_usage:.1%}).")


def show_person(session: Session) -> None:
    heading("What it has learned so far, and what it counted")
    learned, counted = session.get_learned_preferences(), session.get_analytics()
    table(
        ("preference", "value"),
        [
            ("formality (0..1)", f"{learned['formality_score']:.2f}"),
            ("technical level (0..1)", f"{learned['technical_level']:.2f}"),
            ("verbosity (0..1)", f"{learned['verbosity']:.2f}"),
            ("topics", ", ".join(learned["topics"][:4])),
        ],
    )
    print()
    table(
        ("counted", "value"),
        [
            ("conversations, messages", f"{counted['conversation_count']}, {counted['message_count']}"),
            ("tokens in, out", f"{counted['input_tokens']:,}, {counted['output_tokens']:,}"),
            ("mean time of a reply", f"{counted['avg_response_time_ms']:.1f} ms"),
            ("satisfaction (0..5)", counted["satisfaction_score"]),
        ],
    )


# --- what lies on the disk


def show_files(folder: Path) -> None:
    heading("What lies on the disk")
    files = sorted(path for path in (folder / "sessions").rglob("*") if path.is_file())
    files = [path for path in files if path.stat().st_size]
    for path in files:
        print(f"{path.stat().st_size:>7} bytes  {path.relative_to(folder)}")
    file = next(path for path in files if path.parent.name == "sessions")
    raw = file.read_bytes()
    print("\nThe session's file begins with a clear header and goes on sealed (AES-256-GCM):\n")
    shown = raw[:280].decode() + " ... " + raw[raw.index(b'"core"') :][:90].decode() + " ..."
    print(textwrap.indent(textwrap.fill(shown, WIDTH - 4, break_on_hyphens=False), "    "))
    words = (b"Alice", b"alice", b"quantum", b"Porto", b"walnut")
    found = [word.decode() for word in words if any(word in path.read_bytes() for path in files)]
    print(f"\nSearching all files for Alice, quantum, Porto, walnut: {', '.join(found) or 'nothing found'}.")
    print(f"The key ring: {Path(os.environ['VOXSESSION_HOME']) / 'keyring.json'}")
    print("In a program of yours it lies in your data folder, or where VOXSESSION_HOME says. Back it up.")


async def show_wrong_key(folder: Path, session_id: str) -> None:
    heading("And with a wrong key")
    async with Voxon(config_of(folder, session_encryption_key="hex:" + "5a" * 32)) as stranger:
        try:
            await stranger.load_session(session_id)
        except KeyNotFoundError as error:
            print(textwrap.fill(f"{type(error).__name__}: {error}", WIDTH))
        else:
            raise SystemExit("A wrong key opened the session.")


# --- printing


def bold(text: str) -> str:
    shows_styles = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\033[1m{text}\033[0m" if shows_styles else text


def heading(text: str) -> None:
    print(f"\n{bold(text)}\n{'-' * len(text)}", flush=True)


def say(who: str, text: str) -> None:
    print(textwrap.fill(f"{who + ':':<7}{text}", WIDTH, initial_indent="  ", subsequent_indent=" " * 9))


def note(text: str) -> None:
    print(textwrap.fill(text, WIDTH, initial_indent="         + ", subsequent_indent=" " * 11), flush=True)


def table(titles: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    cells = [titles, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    for number, row in enumerate(cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


if __name__ == "__main__":
    sys.exit(main())
