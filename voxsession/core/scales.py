"""A mark on a scale between two words, as inline SVG without scripts."""

from __future__ import annotations

from voxsession.core.display import clipped, escape

__all__ = ["scale"]

_LEFT, _WIDTH, _HEIGHT = 130, 220, 34
_COLOUR = "#2e86c1"


def scale(title: str, share: float | None, ends: tuple[str, str], note: str, strength: float = 1.0) -> str:
    """A line from one word to another with a mark on it.

    Args:
        title: what is measured.
        share: where the mark lies, 0 (at the first word) to 1; None = there is none.
        ends: the words at both ends.
        note: shown beside it, and read aloud.
        strength: how strongly the mark is drawn, 0 to 1.

    Example:
        >>> drawn = scale("Formality", 0.8, ("casual", "formal"), "0.80, <sure>")
        >>> drawn.count("<circle"), "&lt;sure&gt;" in drawn, scale("x", None, ("a", "b"), "").count("<circle")
        (1, True, 0)
    """
    low, high = (escape(clipped(end)) for end in ends)
    name, said = escape(clipped(title)), escape(clipped(note))
    mark = ""
    if share is not None:
        place = _LEFT + _WIDTH * min(1.0, max(0.0, share))
        opacity = 0.3 + 0.7 * min(1.0, max(0.0, strength))
        mark = f'<circle cx="{place:.1f}" cy="12" r="6" fill="{_COLOUR}" fill-opacity="{opacity:.2f}"/>'
    end = _LEFT + _WIDTH
    return (
        f'<svg role="img" aria-label="{name}: {said}" width="560" height="{_HEIGHT}" '
        f'viewBox="0 0 560 {_HEIGHT}" style="display:block;max-width:100%" font-family="sans-serif" '
        'fill="currentColor">'
        f'<text x="0" y="16" font-size="13">{name}</text>'
        f'<line x1="{_LEFT}" y1="12" x2="{end}" y2="12" stroke="currentColor" stroke-opacity=".35" '
        f'stroke-width="3" stroke-linecap="round"/>{mark}'
        f'<text x="{_LEFT}" y="30" font-size="10" opacity=".65">{low}</text>'
        f'<text x="{end}" y="30" font-size="10" opacity=".65" text-anchor="end">{high}</text>'
        f'<text x="{end + 16}" y="16" font-size="12" opacity=".8">{said}</text></svg>'
    )
