"""Figures in the text exposition format of Prometheus, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["exposition"]

# name of the metric, its type, what it tells, the figure
_ROWS = (
    ("voxsession_calls_active", "gauge", "Calls that were not ended.", "active_sessions"),
    ("voxsession_calls", "gauge", "Calls in the storage, ended ones included.", "total_sessions"),
    ("voxsession_calls_oldest_active_seconds", "gauge", "Age of the oldest active call.", "oldest_active_seconds"),
    ("voxsession_resumes_total", "counter", "Resumptions of this service.", "resumed_sessions"),
    ("voxsession_calls_cleaned_total", "counter", "Calls that this service cleaned up.", "cleanup_count"),
)  # fmt: skip


def exposition(metrics: Mapping[str, Any]) -> str:
    """The figures as text, one metric after another; empty where there are none.

    Example:
        >>> print(exposition({"active_sessions": 2}))
        # HELP voxsession_calls_active Calls that were not ended.
        # TYPE voxsession_calls_active gauge
        voxsession_calls_active 2
        <BLANKLINE>
    """
    return "".join(f"{line}\n" for line in _lines(metrics))


def _lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    for name, kind, told, figure in _ROWS:
        if metrics.get(figure) is not None:
            yield f"# HELP {name} {told}"
            yield f"# TYPE {name} {kind}"
            yield f"{name} {metrics[figure]}"
    if "failed_resumes_by_reason" in metrics:
        name = "voxsession_failed_resumes_total"
        yield f"# HELP {name} Resumptions that were refused, by reason."
        yield f"# TYPE {name} counter"
        for reason, count in sorted(metrics["failed_resumes_by_reason"].items()):
            yield f'{name}{{reason="{_escaped(reason)}"}} {count}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
