"""Bar charts for notebooks, as inline SVG without scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from voxsession.core.display import clipped, escape

__all__ = ["MOST_BARS", "bar_chart"]

MOST_BARS = 120
_WIDTH, _HEIGHT, _LABELS = 480, 96, 16
_WIDEST = 48.0
_COLOUR = "#2e86c1"


def bar_chart(title: str, bars: Sequence[tuple[str, float]]) -> str:
    """Upright bars over their labels; each tells its figure when it is pointed at.

    Args:
        title: what is shown, read aloud by screen readers too.
        bars: label and figure of each; what is negative or no number is shown as nothing, of very many bars the
            last ones are shown.

    Example:
        >>> chart = bar_chart("Messages", [("Mon <1>", 4), ("Tue", 2)])
        >>> chart.count("<rect"), "&lt;1&gt;" in chart, "script" in chart
        (2, True, False)
    """
    shown = [(clipped(label), value if math.isfinite(value) else 0.0) for label, value in bars[-MOST_BARS:]]
    most = max((value for _, value in shown), default=0.0)
    step = min(_WIDTH / max(1, len(shown)), _WIDEST)
    every = math.ceil(len(shown) / 12)  # so that labels do not run into one another
    body = "".join(
        _bar(place * step, step, label, max(0.0, value) / most if most > 0 else 0.0, value)
        + (_label(place * step, label) if place % every == 0 else "")
        for place, (label, value) in enumerate(shown)
    )
    name = escape(clipped(title))
    return (
        f'<figure style="margin:6px 0"><figcaption>{name}</figcaption>'
        f'<svg role="img" aria-label="{name}" width="{_WIDTH}" height="{_HEIGHT + _LABELS}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT + _LABELS}">{body}</svg></figure>'
    )


def _bar(left: float, width: float, label: str, share: float, value: float) -> str:
    height = share * _HEIGHT
    return (
        f'<rect x="{left:.1f}" y="{_HEIGHT - height:.1f}" width="{width * 0.85:.1f}" height="{height:.1f}" '
        f'fill="{_COLOUR}"><title>{escape(label)}: {value:g}</title></rect>'
    )


def _label(left: float, label: str) -> str:
    return f'<text x="{left:.1f}" y="{_HEIGHT + 12}" font-size="10" fill="#666">{escape(label[:12])}</text>'
