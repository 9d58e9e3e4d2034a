"""The user's own prose in a message: without quotes, code, pasted text, role play and jokes."""

from __future__ import annotations

import re

RAW_LIMIT = 20_000
PROSE_LIMIT = 4_000

GAP = "§"  # stands where something was taken out; no pattern reaches across it


def _compiled(*parts: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'])(?:{'|'.join(parts)})", re.I)


_INJECTION = _compiled(
    r"(?:ignore|disregard|override|bypass) (?:\w+ ){0,3}(?:previous|prior|above|earlier|preceding|"
    r"instructions|rules)\b",
    r"forget (?:all |everything |your |the )+(?:previous |above |prior )?(?:instructions|rules|prompts?)\b",
    r"system prompt|developer mode|jailbreak|you(?:'re| are) now (?:in |a |an )?[A-Z]|new instructions?:",
    r"(?:must|will|shall) (?:always |only )?(?:obey|comply)\b|\[INST\]|<\|?(?:system|im_start)",
)
_JOKE = _compiled(
    r"(?:just|only|totally|i'm|am|im) (?:kidding|joking|messing)\b|jk\b|april fools|kidding!|not "
    "really,? (?:lol|haha)"
)
_WORKS = (
    "(?:essay|text|e-?mail|mail|letter|bio|poem|message|draft|transcript|paragraph|article|post|song|"
    r"lyrics|story|speech|profile|conversation|chat|review|resume|cv|passage|sentence|grammar|tweet|ad)"
)
_TASKS = (
    "(?:translate|summari[sz]e|proofread|rewrite|rephrase|paraphrase|correct|edit|analy[sz]e|improve|"
    r"review|fix|check|grade|post|publish|tweet|re(?:ply|spond) to)"
)
_PASTE = _compiled(
    rf"{_TASKS}\b[^.!?\n]{{0,80}}:",
    rf"(?:here(?:'s| is| are)|this is|below is) (?:my|the|an?|our) (?:\w+ )?{_WORKS}\b",
    rf"(?:{_WORKS}|quote|prompt|says|reads|begins?|starts?)\s*:",
    rf"(?:the following|{_TASKS} (?:this|(?:my|the|these) {_WORKS}s?\b)|dear (?:sir|madam|mr|ms|mrs|(?-i:[A-Z])))",
)
_FICTION = _compiled(
    r"(?<!i )(?<!t )(?:pretend|imagine|suppose|supposing|assume|assuming)\b(?!d)",
    r"(?:let's|let us) (?:say|pretend|imagine|assume|play)\b|role-?\s?play|act(?:ing)? (?:as|like) (?:an?|the|if)\b",
    r"in (?:this|my|the|a|your) (?:\w+ )?(?:story|game|dream|scenario|movie|film|novel|play|song|script|roleplay)\b",
    # A message that begins by giving the assistant a part has given the user one too.
    r"(?:\A|(?<=[.!?\n] ))you(?:'re| are) (?:now )?an? (?!star\b|genius|legend|life ?saver|good|great|very|really|bit)"
    r"(?:[\w'-]+ ){0,3}[\w'-]+(?=[.!\n])",
    r"thought experiment|hypothetically|theoretically|for (?:example|instance)|e\.g\.|for the sake of|my character",
    r"once upon a time|knock,? knock|say i(?:'m| am| have| were| live| earn| had)\b",
    r"(?:write|tell|make up|compose|create|invent)\b[^.!?\n]{0,50}\b"
    r"(?:story|poem|song|joke|scene|script|dialogue|novel|rap|limerick|haiku|character|named)\b",
)
_SPEAKER_LINE = re.compile(
    r"^[ \t]*(?:\[[^\]\n]{0,20}\][ \t]*)?[A-Za-z][\w'-]{0,20}(?: \w{1,15})?:[ \t]+\S", re.M
)
_FENCE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.S)
_INLINE = re.compile(r"`[^`\n]{0,400}`|https?://\S{1,2000}|www\.\S{1,500}|<[^<>\n]{1,200}>")
_QUOTE = re.compile(r'"([^"\n]{0,800})(?:"|$)|(?<!\w)\'(?=\w)([^\n]{1,300}?)\'(?!\w)', re.M)
_VALUE_BEFORE = re.compile(
    r"\b(?:is|called|named|me|as|by|book|film|movie|song|band|game|show|love|like|hate|favou?rite)\s*$", re.I
)
_STATEMENT_WORD = re.compile(r"\b(?:i|i'm|me|my|you|your|he|she|it|we|is|are)\b", re.I)

# ---- spelling

_TYPOGRAPHY = str.maketrans("’‘ʼ`“”„«»\t\u00a0\u202f", '\'\'\'\'"""""   ', "\u200b\u200c\u200d\ufeff\u00ad")
_GROUP = re.compile(r"\([^()]*\)[?*]?")
_UNSURE = re.compile(r"[^+][?*]")


def _telling(rule: str) -> tuple[str, ...]:
    """For each way to meet a rule, letters that a text must have for it; the empty text where none are sure."""
    while _GROUP.search(rule):  # the inner ones first; what is left has only the outermost bars
        rule = _GROUP.sub("\0", rule)
    runs = (re.split(r"[^a-z' ]", _UNSURE.sub("\0", way)) for way in rule.split("|"))
    return tuple(max(found, key=len) for found in runs)


_SPELLING_TABLE = r"""
(?:u+h+m*|u+m+|e+r+m?|hm+),? >
i am|im|i m|i'am > I'm
(?:i have|i've|ive) got > I have
ive|i've|i have(?= (?:been|lived|worked|always|never|just|recently|moved)\b) > I've
i(?:'ve| have) been(?= [^.!?]{3,60} since i (?:was|were|got|moved|left|turned|started)\b) > I'm
l+u+v+ > love
i will > I'll
i would|id(?= (?:like|love|prefer|rather)\b) > I'd
i > I
(?<=I) m > 'm
we are > we're
we have got|we've got|weve got > we have
do not|dont|don t > don't
does not|doesnt > doesn't
can not|cannot|cant > can't
is not|isnt > isn't
its|it is > it's
whats|what is > what's
name's|(?<=my )names > name is
pls|plz > please
i(?:'d)? (?:prefer|like|appreciate|love|want)(?: it)? if you(?:'d| would| could)? > please
i(?:'d)? (?:want|like|need|prefer) you (?:to|(?=call|be|keep|use|answer|speak|reply)) > please
(?:could|can|would|will) you(?: please)?(?= (?:always|never|from now on) ) > please
(?:let's|can we|could we|shall we)(?= (?:speak|talk|chat|switch|use|continue) ) > please
i'd rather you (?:didn't|don't) > please don't
btw > by the way
bday > birthday
anymore > any more
'?cuz|'?coz|'?cos|'?cause > because
"""
_SPELLING = tuple(
    (re.compile(rf"(?<![\w'])(?:{wrong})(?![\w'])", re.I), right.strip(), _telling(wrong))
    for wrong, _, right in (line.rpartition(" >") for line in _SPELLING_TABLE.strip().splitlines())
)
_POLITE = _compiled(
    r"if (?:you (?:don't mind|please|could|can|want to know|like|need to know|must know)|i may|possible|"
    r"(?:that|it)(?:'s| is)? ?(?:ok|okay|alright|possible|helpful|helps|matters|fine))\b,?",
    r"(?:wondering|asking|see|know|check) if you (?:could|can)\b",
)
_EMOJI = re.compile(
    r"(?=[\s:;\U0001F000-\U0001FAFF\u2600-\u27bf\ufe0f])\s*(?:[\U0001F000-\U0001FAFF\u2600-\u27bf\ufe0f]+|(?<!\w)[:;]-?[)(DP](?!\w))+"
)
_DASH = re.compile("[–—]")
_END = re.compile(r"[.!?](?=\s)|\n")
_LINES = re.compile(r"\n[ \n]*")
_SPACES = re.compile(r"[^\S\n]+")


def _unquote(match: re.Match[str]) -> str:
    inner = match[1] if match[1] is not None else match[2]
    short = len(inner.split()) <= 5 and not _STATEMENT_WORD.search(inner)
    if short and _VALUE_BEFORE.search(match.string[max(0, match.start() - 20) : match.start()]):
        return inner
    return GAP


def _is_code(line: str) -> bool:
    line = line.strip()
    return line.startswith((">", "$ ", "//", "#", "♪", "♫")) or line.endswith(
        (";", "{", "}", "=>", ");", "♪", "♫")
    )


def _clipped(text: str, limit: int) -> str:
    """The first whole sentences of a text that is too long; half a sentence may say the opposite of the whole."""
    if len(text) <= limit:
        return text
    ends = [match.end() for match in _END.finditer(text, 0, limit)]
    return text[: ends[-1]] if ends else text[:limit].rpartition(" ")[0]


def _spelled(text: str) -> str:
    """The text in one spelling; most rules are seen not to apply by looking for a few letters."""
    shown = (
        text.lower() if text.isascii() else None
    )  # elsewhere letters that differ may be equal to a pattern
    for pattern, right, telling in _SPELLING:
        if shown is None or any([letters in shown for letters in telling]):
            text, count = pattern.subn(right, text)
            if count and shown is not None:
                shown = text.lower()
    return text


def prose(text: str) -> str:
    """Keep what the user says in the user's own voice, in one spelling.

    The result has at most `PROSE_LIMIT` characters and no quoted, fenced, pasted or played text; where the
    message tries to give orders to the machinery, or takes itself back as a joke, nothing is left.

    Args:
        text: a message of any length.

    Returns:
        The prose; what was taken out of a sentence leaves a `GAP`.

    >>> prose("im Alice. She said “I live in Rome”")
    "I'm Alice. She said §"
    """
    text = _clipped(_INLINE.sub(GAP, _FENCE.sub(GAP, text[:RAW_LIMIT])), PROSE_LIMIT + 1_000)
    text = _DASH.sub(" - ", text.translate(_TYPOGRAPHY).replace("…", "..."))
    # First of all, since the patterns below must not meet a run of spaces or of empty lines.
    text = _LINES.sub("\n", _SPACES.sub(" ", text))
    if _INJECTION.search(text) or _JOKE.search(text):
        return ""
    if len(text) > 8 and text.isupper():
        text = text.lower()
    labels = list(_SPEAKER_LINE.finditer(text))
    if len(labels) > 1:
        text = text[: labels[0].start()]
    text = "\n".join("" if _is_code(line) else line for line in text.split("\n"))
    text = _QUOTE.sub(_unquote, text)
    for marker in (_PASTE, _FICTION):
        if found := marker.search(text):
            text = text[: found.start()]
    text = _EMOJI.sub(". ", text)
    text = _spelled(text)
    return _clipped(_SPACES.sub(" ", _POLITE.sub("", text)).strip(), PROSE_LIMIT)
