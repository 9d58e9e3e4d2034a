"""Replays a dated transcript into a session, over several processes, then takes questions about it.

    python examples/replay_transcript.py                                  # the transcript that lies beside this file
    python examples/replay_transcript.py talk.jsonl --ask "Where does Mira live?"
    python examples/replay_transcript.py locomo.json --sample 1 --sessions ./sessions

A transcript is JSON Lines, a message a line: {"time": ISO time with its zone, "speaker": name, "text": ...}, where
wanted with "role": "assistant". A silence of more than three hours begins another conversation. JSON files in the
form of the LoCoMo data set are read too (--sample tells which of their conversations).

Without --sessions everything lies in a temporary folder, sealed with a key that nobody keeps, and is gone at the end.
With --sessions it stays: what was replayed already is passed over the next time, and only the questions are asked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import secrets
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from voxsession import Conversation, MemoryMatch, Session, SessionConfig, Voxon, VoxonConfig

SHIPPED = Path(__file__).parent / "data" / "transcript.jsonl"
SILENCE = timedelta(hours=3)
TURN = timedelta(seconds=20)  # between turns whose own time is not known
WIDTH = 96

Talk = list[dict[str, Any]]  # what `conv.add_messages` takes


def main() -> int:
    options = read_arguments()
    talks = read_transcript(options.file, options.sample)
    if options.part:
        logging.getLogger("voxsession").setLevel(logging.ERROR)  # the process that asks tells it once
        first, last = map(int, options.part.split(":"))
        asyncio.run(replay(options, talks, first, last))
        return 0
    with folder_of(options):
        replay_in_processes(options, talks)
        asyncio.run(take_questions(options, talks))
    return 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("file", nargs="?", type=Path, default=SHIPPED, help="JSON Lines, or JSON as LoCoMo has it")
    add("--sample", type=int, default=0, help="which conversation of a LoCoMo file; the first if not said")
    add("--sessions", type=Path, help="a folder to keep the session in; temporary if not said")
    add("--processes", type=int, default=3, help="how many processes replay it, one after another")
    add("--ask", action="append", default=[], metavar="QUESTION", help="may be given several times")
    add("--questions", type=Path, help="a file with a question a line")
    add("--part", help=argparse.SUPPRESS)  # how this program starts itself: talks FIRST:LAST
    return parser.parse_args()


# --- reading transcripts


def read_transcript(path: Path, sample: int) -> list[Talk]:
    """The conversations of a transcript, in order."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"{path} cannot be read: {error}") from None
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        whole = None  # more than one line: JSON Lines
    if isinstance(whole, list):
        if not 0 <= sample < len(whole):
            raise SystemExit(f"{path} has {len(whole)} conversations: --sample 0 to {len(whole) - 1}")
        return read_locomo(whole[sample]["conversation"])
    talks = split_by_silence(read_lines(path, text))
    if not talks:
        raise SystemExit(f"{path} holds no messages")
    return talks


def read_lines(path: Path, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            at = datetime.fromisoformat(row["time"])
            if at.tzinfo is None:
                raise ValueError("its time has no zone")
            said = str(row["text"])
            yield {"role": row.get("role", "user"), "name": str(row["speaker"]), "content": said, "at": at}
        except (ValueError, KeyError, TypeError) as error:
            raise SystemExit(f"{path}, line {number}: {error}") from None


def split_by_silence(messages: Iterator[dict[str, Any]]) -> list[Talk]:
    """A talk that goes on past midnight is one talk; what comes after hours of silence is another."""
    talks: list[Talk] = []
    for message in messages:
        if not talks or message["at"] - talks[-1][-1]["at"] > SILENCE:
            talks.append([])
        talks[-1].append(message)
    return talks


def read_locomo(conversation: dict[str, Any]) -> list[Talk]:
    """The form knows when a session began, not when each turn was said; photos come as a caption."""
    numbers = sorted(int(key[8:]) for key in conversation if key[:8] == "session_" and key[8:].isdigit())
    talks: list[Talk] = []
    for number in numbers:
        began = conversation[f"session_{number}_date_time"].replace(",", "")
        at = datetime.strptime(began.strip(), "%I:%M %p on %d %B %Y").replace(tzinfo=UTC)
        talk: Talk = []
        for turn in conversation[f"session_{number}"]:
            caption = turn.get("blip_caption")
            text = turn["text"].strip() + (f" [shares a photo: {caption}]" if caption else "")
            talk.append({"role": "user", "name": turn["speaker"], "content": text, "at": at})
            at += TURN
        if talk:
            talks.append(talk)
    return talks


# --- replaying


@asynccontextmanager
async def the_session(options: argparse.Namespace) -> AsyncIterator[Session]:
    """The session of this transcript, found again by its user id; each process opens it anew."""
    config = VoxonConfig(session_storage="file", session_storage_path=options.sessions)
    new = SessionConfig(memory_mode="persistent")
    user_id = f"{options.file.name}, {options.sample}"
    async with Voxon(config) as voxon, voxon.session(user_id=user_id, config=new) as session:
        yield session


async def replay(options: argparse.Namespace, talks: list[Talk], first: int, last: int) -> None:
    """One process's part; it tells each talk to the process that started it."""
    async with the_session(options) as session:
        for number in range(first, last):
            if number >= session.state.get("talks_replayed", 0):
                # One batch: the messages and the mark that they are in are saved together or not at all.
                async with session.conversation(f"talk-{number + 1:03}") as conv, session.batch_update():
                    await conv.add_messages(talks[number])
                    session.update_state(talks_replayed=number + 1)
            print(len(talks[number]), flush=True)


def replay_in_processes(options: argparse.Namespace, talks: list[Talk]) -> None:
    total = sum(map(len, talks))
    days = f"{day_of(talks[0][0]['at'])} to {day_of(talks[-1][-1]['at'])}"
    print(f"{options.file.name}: {total} messages in {len(talks)} conversations, {days}", flush=True)
    bar, began = Bar(total), time.monotonic()
    parts = parts_of(talks, max(1, options.processes))
    for first, last in parts:
        command = [sys.executable, __file__, str(options.file), "--sample", str(options.sample)]
        command += ["--sessions", str(options.sessions), "--part", f"{first}:{last}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                bar.add(int(line))
        if process.returncode:
            raise SystemExit(f"The process that replayed talks {first + 1} to {last} failed.")
    print(f"Replayed by {len(parts)} processes, one after another, in {time.monotonic() - began:.1f} s.")


def parts_of(talks: list[Talk], count: int) -> list[tuple[int, int]]:
    """Where to cut, so that each process has about as many messages."""
    total, first, seen = sum(map(len, talks)), 0, 0
    parts: list[tuple[int, int]] = []
    for number, talk in enumerate(talks, start=1):
        seen += len(talk)
        if seen * count >= total * (len(parts) + 1):
            parts.append((first, number))
            first = number
    return parts


class Bar:
    """A progress bar on a terminal, a line for every quarter elsewhere."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.is_shown = total, 0, sys.stderr.isatty()

    def add(self, count: int) -> None:
        quarters = 4 * self.done // self.total
        self.done += count
        told = f"{self.done}/{self.total} messages"
        if self.is_shown:
            filled = 40 * self.done // self.total
            end = "\n" if self.done == self.total else ""
            print(f"\r[{'#' * filled}{'.' * (40 - filled)}] {told}", end=end, file=sys.stderr, flush=True)
        elif 4 * self.done // self.total > quarters:
            print(f"  {told}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def folder_of(options: argparse.Namespace) -> Iterator[None]:
    """The folder that was named; else a temporary one with a key of its own, which no later run needs."""
    if options.sessions is not None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="voxsession-replay-") as folder:
        options.sessions = Path(folder)
        os.environ["SESSION_KEY"] = secrets.token_hex(32)
        yield


# --- asking


async def take_questions(options: argparse.Namespace, talks: list[Talk]) -> None:
    async with the_session(options) as session:
        memory = session.get_memory()
        used = f"{memory.token_count} of {memory.max_tokens} tokens"
        print(f"It remembers {len(memory.entries)} facts ({used}).")
        async with session.conversation() as conv:
            asked = await asyncio.to_thread(questions_of, options)
            for question in asked:
                print(f"\n> {question}")
                await answer(session, conv, question, talks[-1][-1]["at"])
            if not asked and sys.stdin.isatty():
                print("\nAsk what you like; an empty line ends it.")
                while question := (await asyncio.to_thread(read_question)):
                    await answer(session, conv, question, talks[-1][-1]["at"])
            elif not asked:
                print('No questions were given: --ask "..." or --questions FILE asks some.')


def questions_of(options: argparse.Namespace) -> list[str]:
    """Those of the command line and its file; without any and without a terminal, those beside the transcript."""
    asked: list[str] = list(options.ask)
    path: Path | None = options.questions
    beside = options.file.with_suffix(".questions.txt")
    if path is None and not asked and not sys.stdin.isatty() and beside.exists():
        path = beside
    if path is not None:
        asked += [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    return asked


def read_question() -> str:
    try:
        return input("\n> ").strip()
    except EOFError:
        return ""


async def answer(session: Session, conv: Conversation, question: str, at: datetime) -> None:
    """The model's answer, and the lines that search finds by itself."""
    found = await session.recall(question, limit=8, at=at)
    reply = await conv.send_message(question)
    print(textwrap.fill(reply, WIDTH, initial_indent="  ", subsequent_indent="  "))
    for match in without_own_words(found, conv)[:3]:
        print("      " + textwrap.shorten(line_of(match), WIDTH - 6, placeholder=" ..."))


def without_own_words(found: Sequence[MemoryMatch], conv: Conversation) -> list[MemoryMatch]:
    """A question that was asked a minute ago is no answer to the next one."""
    return [m for m in found if m.message is None or m.message.conversation_id != conv.conversation_id]


def line_of(match: MemoryMatch) -> str:
    if match.message is not None:
        return f"{day_of(match.message.at)}, {match.message.name or match.message.role}: {match.content}"
    assert match.entry is not None
    return f"{day_of(match.entry.timestamp)}, remembered: {match.content}"


def day_of(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


if __name__ == "__main__":
    sys.exit(main())
