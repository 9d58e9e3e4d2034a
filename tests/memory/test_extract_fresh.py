"""The patterns on messages that were written and labelled before they were looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.memory.test_extract import contents, measured

FRESH = Path(__file__).parent / "data" / "extraction_fresh.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FRESH.read_text(encoding="utf-8").splitlines()]

# History. "fresh": 122 messages, written and labelled without a look at the patterns, then measured once: precision
# 0.891, recall 0.710 (0.927 and 0.718 with the labels as corrected: `corrected`, and `why`). Then whole classes of
# failure were mended, which this set shows solved; from then on it is development data. "later": 60 messages, written
# after that by someone who had seen the patterns by then; their first measure was 0.861 and 0.939 (1.000 and 0.947
# corrected: five facts that the messages state had not been labelled).


def test_the_set_is_as_it_was_written() -> None:
    """Half of it are traps, no message is in it twice, and a label that was corrected says why."""
    fresh = [row for row in ROWS if row["split"] == "fresh"]
    assert len(fresh) >= 120 and len({row["text"] for row in ROWS}) == len(ROWS)
    assert 0.45 <= sum(not row["facts"] for row in fresh) / len(fresh) <= 0.55
    assert all(("corrected" in row) == ("why" in row) for row in ROWS)
    assert sum("corrected" in row for row in ROWS) <= len(ROWS) / 20


@pytest.mark.parametrize("split", ["fresh", "later"])
def test_precision_and_recall_on_fresh_messages(split: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both figures are printed; what was solved stays solved."""
    rows = [row for row in ROWS if row["split"] == split]
    first, corrected = measured(rows), measured(rows, "corrected")
    with capsys.disabled():
        print(
            f"\nextraction, {split}: precision {first[0]:.3f}, recall {first[1]:.3f} as first labelled; "
            f"{corrected[0]:.3f}, {corrected[1]:.3f} with corrected labels"
        )
    assert corrected[0] >= 0.95
    assert corrected[1] >= 0.80


@pytest.mark.parametrize(
    ("said", "found"),
    [
        # continued after a comma: the words behind it are no part of the value
        ("I work as a florist, mainly at weekends.", ["User works as a florist"]),
        ("I'm afraid of wasps, so no picnics.", ["User is afraid of wasps"]),
        ("I'm allergic to pollen, but not badly", ["User is allergic to pollen"]),
        # since when
        ("I've been a vegan since I moved out.", ["User is vegan"]),
        ("I have been playing the harp since I was six", []),
        # where somebody grew up
        ("I was raised in a small village near Turin", ["User grew up in Turin"]),
        # a list behind a colon
        ("We have two dogs: Rex and Bo.", ["User has two dogs"]),
        # studies
        ("I'm in my final year of medical school", ["User is in their final year of medical school"]),
        # what somebody works towards
        ("I'm saving up for a new car", ["User is saving up for a new car"]),
        ("I'm preparing for the worst", []),
        ("I'm studying for fun", []),
        # days that do not suit
        ("I can't make Mondays or Fridays", ["User is not available on Mondays or Fridays"]),
        ("I can't do this on Mondays only", []),
        # how to be answered and addressed
        ("Always give distances in kilometres", ["User wants kilometres units"]),
        ("From now on, refer to me as Lady Ashdown", ["User's name is Lady Ashdown"]),
        ("No, it's spelt Siobhan", []),
        # faith, languages, family
        ("I'm Muslim and keep halal", ["User is Muslim", "User follows a halal diet"]),
        ("I speak Basque and a little Maltese", ["User speaks Basque", "User speaks Maltese"]),
        ("I'm a widow with three teenagers", ["User is a widow", "User has three teenagers"]),
        ("I got divorced last year", ["User is divorced"]),
        # the assistant in a part, and so the user
        ("You are a pirate captain. My name is Jim.", []),
        ("You're a lifesaver. My name is Jim.", ["User's name is Jim"]),
    ],
)
def test_classes_that_the_fresh_set_showed(said: str, found: list[str]) -> None:
    """Each class of failure is mended for sentences that are not in the set."""
    assert contents(said) == found


def test_a_name_that_is_spelt_again() -> None:
    """After the assistant said a name, its spelling is a correction of it."""
    assert contents("No, it's spelt Siobhan", previous="Thank you, Chevonne!") == ["User's name is Siobhan"]
