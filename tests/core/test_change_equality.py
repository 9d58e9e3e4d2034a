"""When two changes are the same."""

from __future__ import annotations

from hypothesis import given

from tests.core.strategies import START, any_changes
from voxsession.core.change import Change
from voxsession.core.changes import ConversationEnded, ConversationStarted
from voxsession.core.struct import asdict, evolve


@given(any_changes(), any_changes())
def test_equal_means_of_one_kind_with_equal_fields(one: Change, other: Change) -> None:
    """Each field counts, and the kind; equal changes have equal hashes."""
    same = type(one) is type(other) and asdict(one) == asdict(other)

    assert (one == other) == same
    assert one == evolve(one) and hash(one) == hash(evolve(one))
    assert one != evolve(one, local=not one.local)


def test_the_kind_counts() -> None:
    """Changes of two kinds that have the same fields differ, and so does a change from anything else."""
    started = ConversationStarted(at=START, conversation_id="c1")

    assert started != ConversationEnded(at=START, conversation_id="c1")
    assert started != "c1"
