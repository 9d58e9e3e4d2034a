"""Facts about the user, found in one of the user's messages by patterns."""

from __future__ import annotations

import re
from datetime import datetime

from voxsession.memory.facts import Fact

__all__ = ["Fact", "extract_facts"]

_END = r"(?=\s*(?:[.!,;]|$|\b(?:and|but|so|because|i|i'm|my)\b))"
_RULES = [
    (
        r"(?:my name is|my name's|call me)\s+([A-Z][\w'-]+(?: [A-Z][\w'-]+)?)",
        "identity",
        0.9,
        "name",
        "{p} name is {v}",
    ),
    (
        r"i(?:'m| am) interested in\s+([\w' -]{2,40}?)" + _END,
        "interest",
        0.6,
        "likes:{k}",
        "{u} is interested in {v}",
    ),
    (r"i live in\s+([\w' -]{2,40}?)" + _END, "location", 0.8, "residence", "{u} lives in {v}"),
    (r"i (?:love|like)\s+([\w' -]{2,40}?)" + _END, "preference", 0.5, "likes:{k}", "{u} likes {v}"),
    (
        r"i(?:'m| am) allergic to\s+([\w' -]{2,40}?)" + _END,
        "health",
        0.9,
        "allergy:{k}",
        "{u} is allergic to {v}",
    ),
]


def extract_facts(
    text: str, *, at: datetime, speaker: str | None = None, previous: str | None = None
) -> list[Fact]:
    """Find the facts about the user in one message of the user."""
    prose = text[:4000].replace("’", "'")
    found = []
    for sentence in re.findall(r"[^.!?\n]+[.!?]?", prose):
        if sentence.endswith("?") or re.search(
            r"(?i)\b(if|suppose|imagine|pretend|said|says|told|wish)\b", sentence
        ):
            continue
        for pattern, category, importance, slot, content in _RULES:
            for match in re.finditer(r"(?i:" + pattern.replace("[A-Z]", "(?-i:[A-Z])") + ")", sentence):
                value = match.group(1).strip()
                user = speaker or "User"
                found.append(
                    Fact(
                        content=content.format(u=user, p=f"{user}'s", v=value),
                        category=category,
                        importance=importance,
                        slot=slot.format(k=value.lower()),
                        value=value,
                    )
                )
    return found
