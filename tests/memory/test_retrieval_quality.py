"""Recall finds clearly more than plain full-text search: a guard against slips, not a goal to tune for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.benchmarks.retrieval_ours import ours
from tests.benchmarks.retrieval_peers import plain_fts5
from tests.benchmarks.retrieval_scores import measure
from tests.benchmarks.retrieval_sets import Corpus, user_assistant_chats
from tests.memory.dialog import dialog

#: Points of R@10 by which recall has to be ahead; about half of what it was when this was written.
MARGINS: list[tuple[str, Callable[[], list[Corpus]], float]] = [
    ("chats with an assistant", user_assistant_chats, 5.0),
    ("a dialog of two people", lambda: [dialog()], 14.0),
]


@pytest.mark.parametrize(("corpora", "margin"), [one[1:] for one in MARGINS], ids=[one[0] for one in MARGINS])
async def test_recall_finds_more_than_plain_full_text_search(
    corpora: Callable[[], list[Corpus]], margin: float
) -> None:
    """Over the public API; R@10 of both is printed where it fails."""
    chats = corpora()
    plain = (await measure("plain FTS5", plain_fts5(), chats, 10)).recall(10)
    found = (await measure("recall", ours(), chats, 10)).recall(10)
    assert found >= plain + margin, f"R@10 of recall is {found:.1f}, of plain FTS5 {plain:.1f}"


async def test_the_same_chats_give_the_same_ranking() -> None:
    """Two sessions with the same messages answer every question alike."""
    chat = user_assistant_chats()[-1]
    rankings = []
    for _ in range(2):
        async with ours()(chat) as search:
            rankings.append([await search(asked, 25) for asked in chat.asked])
    assert rankings[0] == rankings[1]
