"""The measure of recall: its question set is sound, its arithmetic right, and it says what is missing."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import retrieval, retrieval_sets
from tests.benchmarks.retrieval_ours import MODEL_VARIABLE
from tests.benchmarks.retrieval_peers import plain_fts5, recipe_on_fts5, recipe_with_fields
from tests.benchmarks.retrieval_scores import Search, fill, measure
from tests.benchmarks.retrieval_sets import (
    CHATS,
    HARNESS_VARIABLE,
    KINDS,
    PARTS,
    Asked,
    Corpus,
    HarnessAbsent,
    InvalidChats,
    Said,
    user_assistant_chats,
)
from tests.benchmarks.retrieval_tables import put
from tests.memory.dialog import dialog

AT = "2025-01-01T10:00:00+00:00"
MESSAGE = {
    "kind": "message",
    "id": "a-1",
    "user": "u",
    "chat": "a",
    "at": AT,
    "role": "user",
    "text": "Hello",
}
QUESTION = {
    "kind": "user fact",
    "id": "q1",
    "user": "u",
    "part": "development",
    "at": "2025-02-01T10:00:00+00:00",
    "gold": ["a-1"],
    "shares_words": False,
    "text": "Who?",
}


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_the_chats_are_sound() -> None:
    """Three users, eight long chats, questions of all kinds, half of them held back, many that share few words."""
    corpora = user_assistant_chats()
    asked = [one for corpus in corpora for one in corpus.asked]
    talks = [said for corpus in corpora for _, said in corpus.talks()]
    assert (len(corpora), len(talks)) == (3, 8)
    assert min(len(said) for said in talks) >= 36
    assert len(asked) >= 60
    assert {one.kind for one in asked} == set(KINDS)
    parts = Counter(one.part for one in asked)
    assert abs(parts[PARTS[0]] - parts[PARTS[1]]) <= len(KINDS)
    assert sum(not one.shares_words for one in asked) >= len(asked) / 2
    assert CHATS.stat().st_size < 600_000


def test_the_smallest_set_is_taken(tmp_path: Path) -> None:
    """What the next test breaks is sound before it is broken."""
    [corpus] = user_assistant_chats(written(tmp_path, MESSAGE, QUESTION))
    assert [one.gold for one in corpus.asked] == [("a-1",)]


@pytest.mark.parametrize(
    "rows",
    [
        [MESSAGE, MESSAGE | {"text": "Again"}],
        [MESSAGE, MESSAGE | {"id": "a-2"}],
        [MESSAGE, MESSAGE | {"id": "a-2", "text": "Not later"}],
        [MESSAGE | {"role": "system"}],
        [MESSAGE | {"text": " "}],
        [MESSAGE, QUESTION | {"gold": ["a-9"]}],
        [MESSAGE, QUESTION | {"gold": ["a-1", "a-1"]}],
        [MESSAGE, QUESTION | {"gold": []}],
        [MESSAGE, QUESTION | {"kind": "riddle"}],
        [MESSAGE, QUESTION | {"part": "third"}],
        [MESSAGE, QUESTION | {"at": "2024-01-01T10:00:00+00:00"}],
        [MESSAGE, QUESTION | {"user": "nobody"}],
        [
            MESSAGE,
            MESSAGE | {"id": "b-1", "chat": "b", "text": "Other"},
            MESSAGE | {"id": "a-2", "text": "Back", "at": "2025-01-03T10:00:00+00:00"},
        ],
    ],
)
def test_a_set_that_contradicts_itself_is_refused(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """The error names the last line, which is the one that is wrong."""
    with pytest.raises(InvalidChats, match=f"line {len(rows)}"):
        user_assistant_chats(written(tmp_path, *rows))


async def test_recall_and_budget_are_the_shares_of_the_evidence() -> None:
    """A search that always finds the same two messages, with one of two gold ones first."""
    at = datetime(2025, 1, 1, tzinfo=UTC)
    said = tuple(
        Said(f"m{n}", "t", at, "user", "Ann", "word " * 700 if n == 2 else "short") for n in range(4)
    )
    corpus = Corpus("c", said, (Asked("?", "x", ("m1", "m3")),))

    def fixed(corpus: Corpus) -> Any:
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def opened() -> Any:
            async def search(asked: Asked, limit: int) -> list[str]:
                return ["m2", "m1", "m0", "m3"][:limit]

            typed: Search = search
            yield typed

        return opened()

    result = await measure("fixed", fixed, [corpus], depth=3)
    assert [result.recall(k) for k in (1, 5, 50)] == [0, 50, 50]
    assert [result.share(size) for size in (500, 1000)] == [50, 50]
    assert fill(["a", "b", "c"], {"a": 3, "b": 9, "c": 2}, 5) == ["a", "c"]


@pytest.mark.parametrize("system", [plain_fts5(), recipe_on_fts5(), recipe_with_fields()])
async def test_each_reference_search_finds_what_shares_a_rare_word(system: Any) -> None:
    """Queries of FTS operators, and of nothing, are searches as well."""
    asked = Asked("Who found amber?", "x", ())
    async with system(dialog()) as search:
        assert (await search(asked, 1)) == ["3-2"]
        for odd in ("", '"AND NOT ("', "***", "the of"):
            assert isinstance(await search(Asked(odd, "x", ()), 5), list)


def test_a_missing_harness_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named, and the variable."""
    monkeypatch.setenv(HARNESS_VARIABLE, str(tmp_path))
    with pytest.raises(HarnessAbsent, match=f"(?s){tmp_path}.*{HARNESS_VARIABLE}"):
        retrieval_sets.long_conversations()


def test_a_missing_model_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is measured then, and the exit status tells."""
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    assert retrieval.main(["--embeddings"]) == 2
    assert MODEL_VARIABLE in capsys.readouterr().err


def test_figures_go_between_their_marks(tmp_path: Path) -> None:
    """The rest of the page stays; marks that are missing are an error and nothing is written."""
    page = tmp_path / "page.md"
    page.write_text(
        "a\n<!-- figures: x -->\nold\n<!-- /figures -->\nb\n<!-- figures: y -->\n<!-- /figures -->\n"
    )
    put({"x": "new"}, page)
    before = page.read_text()
    assert (
        before
        == "a\n<!-- figures: x -->\n\nnew\n\n<!-- /figures -->\nb\n<!-- figures: y -->\n<!-- /figures -->\n"
    )
    with pytest.raises(ValueError, match="'z'"):
        put({"y": "more", "z": "none"}, page)
    assert page.read_text() == before


def test_the_page_has_a_mark_for_every_table() -> None:
    """`--write` finds all of them."""
    text = retrieval.tables.PAGE.read_text("utf-8")
    for name in retrieval.BLOCKS:
        assert f"<!-- figures: {name} -->" in text
