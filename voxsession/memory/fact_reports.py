"""Speech that a sentence gives without quotation marks, with its speaker named behind it."""

from __future__ import annotations

import re

__all__ = ["WHO", "is_told_by_another", "says_who_spoke"]

WHO = (
    "(?:he|she|they|it|you|people|everyone|everybody|someone|somebody|nobody|no one|who|that|(?:my|"
    r"the|his|her|a|some|your|one of my) (?:[\w-]+ ){0,2}?[\w'-]+|(?-i:[A-Z])\w+)"
)
_TELLS = (
    "(?:said|says|told|tells|wrote|writes|claimed|claims|explained|explains|replied|answered|insisted|insists|admitted|"
    "admits|added|whispered|shouted|announced|exclaimed|declared|texted|mentioned|recalled|confessed|joked|muttered|"
    "sighed|laughed|complained|stated)"
)
# "…, he said.": who spoke, behind what was said. "… the flat he told me about" goes on, and is no such thing.
_TOLD_BY = re.compile(
    r"(?=[\s,-])(?<!\bas)(?<!\blike)(?<!\bbut)(?<!\band)(?<!\bbecause)(?<!\bthat)(?:\s*[,-]+\s*|\s+)"
    rf"(?:{WHO} (?:\w+ly |once |also |then |just |has |had )?{_TELLS}|{_TELLS} "
    r"(?:(?-i:[A-Z])[\w'-]+|he|she|they|(?:my|the|his|her|their|a|an|our|one of my) (?:[\w-]+ ){0,2}?[\w'-]+))"
    r"(?: (?:to )?(?:me|us|him|her|them|everyone)| so| once| again| yesterday| today| earlier| then| quietly"
    r"| later| last \w+| th(?:is|at) \w+| laughing| smiling| crying"
    r"| (?:in|on|at|over|with|by|from|after|before|during) [\w' -]{1,40}?)*"
    r"\W*(?:$|,)",
    re.I,
)
_STATES = re.compile(
    r"(?<![\w'])(?:i|i'm|i've|we|we're|(?:my|our) .*\b(?:is|are|has|have|lives?|works?|was)\b)", re.I
)
_WAS_SAID = re.compile(
    rf"(?:that's|that is|that was|this is|those were) (?:exactly |just )?(?:what|how) {WHO} (?:always )?{_TELLS}\b|"
    rf"(?:so|thus) {_TELLS} ",
    re.I,
)


def is_told_by_another(sentence: str) -> bool:
    """Tell whether a sentence is what somebody else said: "I love saunas, she told me".

    Args:
        sentence: as it stands.

    >>> is_told_by_another("I love saunas, she told me"), is_told_by_another("I love the flat she told me about")
    (True, False)
    """
    told = _TOLD_BY.search(sentence)
    return bool(told and _STATES.search(sentence[: told.start()]))


def says_who_spoke(sentence: str) -> bool:
    """Tell whether a sentence gives the one before it to another speaker.

    Args:
        sentence: as it stands.

    >>> says_who_spoke("That's what Tom said"), says_who_spoke("That's what I said")
    (True, False)
    """
    return bool(_WAS_SAID.match(sentence))
