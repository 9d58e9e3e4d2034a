"""The figures as Markdown tables, put between their marks in docs/retrieval.md."""

from __future__ import annotations

import contextlib
import io
import os
import re
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.benchmarks.measure import ROOT
from tests.benchmarks.retrieval_grid import MULTIPLES, WEIGHTS, Fold
from tests.benchmarks.retrieval_scores import BUDGETS, KS, Result
from tests.benchmarks.retrieval_sets import KINDS, PARTS
from voxsession.memory.rank import Weights

PAGE = ROOT / "docs" / "retrieval.md"
CATEGORIES = ("single-hop", "multi-hop", "temporal", "open-domain")


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def recall(results: Sequence[Result]) -> str:
    """Recall at each k, and the share of evidence inside each budget."""
    head = ["", *(f"R@{k}" for k in KS), *(f"in {size:,} tokens" for size in BUDGETS)]
    rows = [
        [one.name, *(f"{one.recall(k):.1f}" for k in KS), *(f"{one.share(size):.1f}" for size in BUDGETS)]
        for one in results
    ]
    return markdown(head, rows)


def long_conversations(results: Sequence[Result]) -> str:
    """The three conversations: all questions but the adversarial ones, then by category."""
    asked = [one.only(lambda answer: answer.asked.kind in CATEGORIES) for one in results]
    by_kind = []
    for name in (*CATEGORIES, "adversarial"):
        found = [one.only(lambda answer, name=name: answer.asked.kind == name) for one in results]
        by_kind.append([f"{name} ({len(found[0].answers)})", *(_pair(one) for one in found)])
    return "\n\n".join(
        [
            f"Categories 1 to 4, {len(asked[0].answers)} questions:",
            recall(asked),
            "R@10 and the share in 1,000 tokens by category:",
            markdown(["", *(one.name for one in results)], by_kind),
        ]
    )


def by_conversation(results: Sequence[Result]) -> str:
    """R@10 and the share in 1,000 tokens for each conversation, categories 1 to 4."""
    rows = []
    for name in dict.fromkeys(answer.corpus for answer in results[0].answers):
        found = [
            one.only(lambda answer, name=name: answer.corpus == name and answer.asked.kind in CATEGORIES)
            for one in results
        ]
        rows.append([f"{name} ({len(found[0].answers)})", *(_pair(one) for one in found)])
    return markdown(["", *(one.name for one in results)], rows)


def user_assistant(results: Sequence[Result]) -> str:
    """Our chats with an assistant: both halves, then kinds, users and paraphrases."""
    parts = []
    for part in PARTS:
        found = [one.only(lambda answer, part=part: answer.asked.part == part) for one in results]
        parts += [f"{part.capitalize()}, {len(found[0].answers)} questions:", recall(found)]
    rows = []
    for kind in KINDS:
        found = [one.only(lambda answer, kind=kind: answer.asked.kind == kind) for one in results]
        rows.append([f"{kind} ({len(found[0].answers)})", *(_pair(one) for one in found)])
    for shares, name in ((True, "shares words with its evidence"), (False, "shares few or none")):
        found = [one.only(lambda a, shares=shares: a.asked.shares_words == shares) for one in results]
        rows.append([f"{name} ({len(found[0].answers)})", *(_pair(one) for one in found)])
    rows.append([f"all ({len(results[0].answers)})", *(_pair(one) for one in results)])
    kinds = markdown(["", *(one.name for one in results)], rows)
    return "\n\n".join([*parts, "R@10 and the share in 1,000 tokens, both halves together:", kinds])


def with_embeddings(talks: Sequence[Result], chats: Sequence[Result], model: str) -> str:
    """Both sets, by words and meaning together."""
    found = [one.only(lambda answer: answer.asked.kind in CATEGORIES) for one in talks]
    for one in found:
        one.name = "the long conversations, categories 1 to 4"
    for part in PARTS:
        for one in chats:
            half = one.only(lambda answer, part=part: answer.asked.part == part)
            half.name = f"chats with an assistant, {part}"
            found.append(half)
    return f"The model: {model}.\n\n{recall(found)}"


def example() -> str:
    """What the page's own example prints."""
    from tests.docs.pages import run_markdown

    with tempfile.TemporaryDirectory() as home, contextlib.redirect_stdout(io.StringIO()) as printed:
        os.environ["VOXSESSION_HOME"] = home  # for its key ring
        run_markdown(PAGE)
    return f"```text\n{printed.getvalue().rstrip()}\n```"


def weights() -> str:
    """The numbers of the ranking, in the words of their docstring."""
    told = re.split(r"^ +(\w+): ", (Weights.__doc__ or "").partition("Attributes:")[2], flags=re.MULTILINE)
    rows = [
        [f"`{name}`", str(getattr(Weights(), name)), " ".join(text.split())]
        for name, text in zip(told[1::2], told[2::2], strict=True)
    ]
    return markdown(["", "", ""], rows)


def cross_validation(folds: Sequence[Fold]) -> str:
    """Each fold and the means."""
    rows = []
    for fold in folds:
        changed = ", ".join(f"{name} × {value:g}" for name, value in fold.chosen.items() if value != 1)
        chosen = f"{fold.recall_at_10:.1f} / {fold.in_1000:.1f}"
        default = f"{fold.default_recall_at_10:.1f} / {fold.default_in_1000:.1f}"
        rows.append([fold.measured, changed or "the defaults", chosen, default])
    means = [
        statistics.mean(getattr(fold, name) for fold in folds)
        for name in ("recall_at_10", "in_1000", "default_recall_at_10", "default_in_1000")
    ]
    rows.append(
        ["mean of the three", "", f"{means[0]:.1f} / {means[1]:.1f}", f"{means[2]:.1f} / {means[3]:.1f}"]
    )
    table = markdown(
        ["measured on", "chosen on the other two", "R@10 / in 1,000 tokens", "the defaults"], rows
    )
    steps = ", ".join(f"{one:g}" for one in MULTIPLES)
    grid = f"The grid: {', '.join(f'`{name}`' for name in WEIGHTS)}, each × {steps}, all combinations."
    return f"{table}\n\n{grid}"


def goals(folds: Sequence[Fold], chats: Result) -> str:
    """How near the best try comes to each goal that goes by words alone."""
    tries = [
        ("long conversations, R@10", 80.0, statistics.mean(fold.recall_at_10 for fold in folds)),
        ("long conversations, in 1,000 tokens", 86.0, statistics.mean(fold.in_1000 for fold in folds)),
        ("chats with an assistant, R@10, all", 66.0, chats.recall(10)),
        ("the same, held back only", 66.0, _held_back(chats).recall(10)),
    ]
    rows = [
        [name, f"{goal:.0f}", f"{found:.1f}", f"{goal - found:.1f}" if found < goal else "met"]
        for name, goal, found in tries
    ]
    return markdown(["by words alone", "goal", "here", "missing"], rows)


def _held_back(chats: Result) -> Result:
    return chats.only(lambda answer: answer.asked.part == PARTS[1])


def timings(results: Sequence[Result]) -> str:
    """What indexing and asking took."""
    rows = []
    for one in results:
        median, late = one.query_ms()
        rows.append([one.name, f"{one.build_ms_per_1000:.0f} ms", f"{median:.2f} ms", f"{late:.2f} ms"])
    return markdown(["", "index 1,000 messages", "a question, median", "95th percentile"], rows)


def _pair(one: Result) -> str:
    return f"{one.recall(10):.1f} / {one.share(1000):.1f}"


def put(blocks: dict[str, str], page: Path = PAGE) -> None:
    """Puts each block between its marks, `<!-- figures: name -->` and `<!-- /figures -->`.

    Raises:
        ValueError: the page has no such marks.
    """
    text = page.read_text("utf-8")
    for name, block in blocks.items():
        head, found, rest = text.partition(f"<!-- figures: {name} -->")
        _, closed, tail = rest.partition("<!-- /figures -->")
        if not (found and closed):
            raise ValueError(f"{page.name} has no marks for the figures '{name}'.")
        text = f"{head}{found}\n\n{block}\n\n{closed}{tail}"
    page.write_text(text, "utf-8")
