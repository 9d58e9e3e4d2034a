"""How satisfied a person is, from ratings or else from what was said, with how sure that is."""

from __future__ import annotations

from typing import Final, NamedTuple

from voxsession.core.preference import Metric
from voxsession.core.totals import Totals

__all__ = ["Satisfaction", "from_ratings", "from_signals", "satisfaction_of"]

HIGHEST: Final = 5.0
# Two signals that say "rather satisfied": what is thought of somebody of whom little is known.
_PRIOR, _PRIOR_SHARE = 2.0, 0.6
# A question that is asked again, or a reply that is cut off, may have other reasons.
_WEAK: Final = 0.5
_ENOUGH: Final = 5.0


class Satisfaction(NamedTuple):
    """A score from 0 to 5 (None where nothing is known), how sure it is (0 to 1), and its source."""

    score: float | None
    confidence: float
    source: str | None


def from_ratings(count: int, total: float) -> Satisfaction:
    """The mean of what the person said; surer with each rating.

    Args:
        count: How many ratings.
        total: Their sum, each from 0 to 5.

    Example:
        >>> from_ratings(3, 13.5)
        Satisfaction(score=4.5, confidence=0.75, source='ratings')
    """
    if count <= 0:
        return Satisfaction(None, 0.0, None)
    return Satisfaction(
        round(min(HIGHEST, max(0.0, total / count)), 3), round(count / (count + 1), 3), "ratings"
    )


def from_signals(thanks: int, complaints: int, repeats: int, interruptions: int) -> Satisfaction:
    """An estimate from thanks against complaints, repeated questions and interruptions.

    It is the mean of a Beta distribution, stretched to 0..5: the share of good signals, drawn towards 3 while there
    are few. Its confidence stays under that of a single rating.

    Example:
        >>> from_signals(4, 0, 0, 0).score, from_signals(0, 4, 0, 0).score, from_signals(0, 0, 0, 0).score
        (4.333, 1.0, None)
    """
    evidence = thanks + complaints + _WEAK * (repeats + interruptions)
    if evidence <= 0:
        return Satisfaction(None, 0.0, None)
    share = (thanks + _PRIOR * _PRIOR_SHARE) / (evidence + _PRIOR)
    return Satisfaction(round(HIGHEST * share, 3), round(0.5 * evidence / (evidence + _ENOUGH), 3), "signals")


def satisfaction_of(totals: Totals, ratings: Metric | None) -> Satisfaction:
    """That of a session: its ratings where there are any, else its signals."""
    if ratings is not None and ratings.count:
        # Sums too large for a float do not take the mean beyond what was measured.
        return from_ratings(ratings.count, min(max(ratings.total, -1e300), 1e300))
    return from_signals(
        totals.thanks_count, totals.complaint_count, totals.repeat_count, totals.interruption_count
    )
