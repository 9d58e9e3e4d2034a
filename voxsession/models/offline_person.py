"""Remembered sentences, said to the one they are about: "User lives in Berlin" -> "you live in Berlin"."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["clause_for_you", "form_of", "join_clauses", "said_of"]

NOT = "n't"
_USER = ("the user", "user")
_IRREGULAR = {"has": "have", "does": "do", "goes": "go", "was": "were", "is": "are", "isn't": "aren't"}
_IRREGULAR |= {
    "wasn't": "weren't",
    "hasn't": "haven't",
    "doesn't": "don't",
    "dies": "die",
    "lies": "lie",
    "ties": "tie",
}
_VERBS = frozenset(
    """has is was does doesn't isn't lives works likes loves hates wants prefers enjoys speaks plays studies needs owns
    drives teaches eats drinks runs collects dislikes goes knows uses takes moves comes stays dreams feels
    wishes""".split()
)
_ADVERB = re.compile(
    r"(?:\w+ly|never|always|often|sometimes|also|now|still|just|only|no longer|used to|both) (?=\S)",
    re.IGNORECASE,
)
_PRONOUNS = {"their": "your", "them": "you", "theirs": "yours", "themselves": "yourself", "they": "you"}
_PRONOUNS |= {"they're": "you're", "they've": "you've", "they'll": "you'll", "they'd": "you'd"}
_PRONOUN = re.compile(rf"\b(?:{'|'.join(sorted(_PRONOUNS, key=len, reverse=True))})(?![\w'])")
# After one of these, "they" may be somebody else.
_OTHERS = re.compile(
    r"\b(?:kids|children|twins|parents|sons|daughters|friends|dogs|cats|people|brothers|sisters|horses"
    r"|grandparents|family"
    r"|team|colleagues|neighbou?rs|who|whose)\b"
)
_MERGED = re.compile(
    r"(?P<head>you(?:'re (?:interested in|allergic to|fond of|afraid of|into)"
    r"| (?:don't )?(?:like|love|hate|enjoy|speak|play|prefer|want|have|own|collect))"
    r"|[^\s,]+(?: [^\s,]+)? (?:is (?:interested in|allergic to|into)|(?:doesn't )?(?:likes?|loves?|hates?"
    r"|enjoys?|speaks?|plays?)))"
    r" (?P<object>[^,]+)"
)


def form_of(content: str, names: Sequence[str] = _USER) -> str:
    """A remembered sentence with its person as "@"; empty where it is not about one of `names`.

    A sentence that begins with a verb ("Prefers tea") counts as being about the user.

    Example:
        >>> form_of("User's name is Alice"), form_of("Dana lives in Oslo"), form_of("Dana lives in Oslo", ["Dana"])
        ("@'s name is Alice", '', '@ lives in Oslo')
    """
    text = " ".join(content.split()).rstrip(".").replace("’", "'")
    lowered = text.lower()
    for name in names:
        if name and lowered.startswith(name.lower()) and re.match(r"'s |'(?= )| ", text[len(name) :]):
            rest = text[len(name) :]
            return "@" + ("'s" + rest[1:] if rest.startswith("' ") else rest)
    first, _, rest = text.partition(" ")
    if "user" in names and rest and first.lower() in _VERBS:
        return f"@ {first.lower()} {rest}"
    return ""


def clause_for_you(form: str) -> str:
    """A form said to its person, without capital and full stop.

    Example:
        >>> clause_for_you("@'s name is Alice"), clause_for_you("@ doesn't like coffee")
        ('your name is Alice', "you don't like coffee")
        >>> clause_for_you("@ is staying with their parents"), clause_for_you("@ usually goes to bed at 10")
        ("you're staying with your parents", 'you usually go to bed at 10')
    """
    if form.startswith("@'s "):
        return "your " + form[4:]
    rest = form[2:]
    adverbs = ""
    while match := _ADVERB.match(rest):
        adverbs += match.group()
        rest = rest[match.end() :]
    verb, gap, tail = rest.partition(" ")
    tail = re.sub(r"(?<= and )(?:\w+)(?= )", lambda word: _base(word.group()), " " + tail).lstrip()
    tail = _your_pronouns(tail)
    if verb == "wants":
        tail = re.sub(r"^the assistant\b", "me", tail)
    if verb.lower() == "is" and not adverbs:
        return f"you're{gap}{tail}"
    return f"you {adverbs}{_base(verb, certain=True)}{gap}{tail}"


def _base(verb: str, *, certain: bool = False) -> str:
    """The form of a verb after "you"; where it may be no verb at all, only well-known ones change."""
    low = verb.lower()
    if low in _IRREGULAR and (certain or low in _VERBS):
        return _IRREGULAR[low]
    if not certain and low not in _VERBS:
        return verb
    if not low.endswith("s") or low.endswith(("ss", "us")) or len(low) < 4:
        return verb
    if low.endswith("ies"):
        return verb[:-3] + "y"
    return verb[:-2] if re.search(r"(?:ss|sh|tch|x|zz|o|each)es$", low) else verb[:-1]


def _your_pronouns(text: str) -> str:
    other = _OTHERS.search(text)
    upto = other.end() if other else len(text)
    return _PRONOUN.sub(lambda word: _PRONOUNS[word.group()], text[:upto]) + text[upto:]


def said_of(content: str) -> str:
    """A remembered sentence that is about nobody we speak to, as it stands, without its full stop."""
    return " ".join(content.split()).rstrip(".")


def join_clauses(clauses: Sequence[str], *, most: int = 3) -> str:
    """Clauses as sentences, at most `most` in one; what has the same beginning is said once.

    Example:
        >>> join_clauses(["your name is Alice", "you like tea", "you like jazz"])
        'Your name is Alice and you like tea and jazz.'
        >>> join_clauses([])
        ''
    """
    groups: list[list[str]] = []
    for clause in _merged(list(dict.fromkeys(clause for clause in clauses if clause))):
        plain = "," not in clause
        if groups and plain and len(groups[-1]) < most and "," not in groups[-1][0]:
            groups[-1].append(clause)
        else:
            groups.append([clause])
    return " ".join(_sentence(_listed(group)) for group in groups)


def _merged(clauses: list[str]) -> list[str]:
    heads: dict[str, list[str]] = {}
    for clause in clauses:
        match = _MERGED.fullmatch(clause)
        if match and " and " not in match["object"] and len(match["object"].split()) <= 5:
            heads.setdefault(match["head"], []).append(match["object"])
        else:
            heads.setdefault(clause, [])
    return [
        f"{head} {_listed(objects, 'or' if NOT in head else 'and')}" if objects else head
        for head, objects in heads.items()
    ]


def _listed(parts: list[str], word: str = "and") -> str:
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}" if len(parts) > 1 else parts[0]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", "…")) else ".")
