"""How the user wants to be answered from now on, as opposed to what is asked for once."""

from __future__ import annotations

import re

from voxsession.memory import fact_words as w
from voxsession.memory.fact_guards import Sentence
from voxsession.memory.fact_phrases import cut
from voxsession.memory.fact_prose import GAP
from voxsession.memory.facts import Fact, proper, third_person

_STANDING = re.compile(
    r"\b(?:always|never|from now on|from here on|in (?:the )?future|going forward|henceforth|in "
    "general|every time|each time|"
    r"whenever|generally|by default|when you (?:answer|talk|speak|reply)|ever again|ever)\b",
    re.I,
)
_ONCE = re.compile(
    r"\b(?:this|that|these) (?:one|time|once|question|answer|text|email|message|story|poem|sentence|"
    r"paragraph|part)\b|"
    r"\b(?:for|in|just) (?:this|that|the next|once|today|now|the moment)\b|\bnext (?:answer|question|"
    r"one)\b|\bfollowing\b|:\s|"
    # Of a text or an occasion of the user's own, not of the answers.
    r"\b(?:in|for|at|on|during|to|with) (?:the|my|an?|our|his|her|their) (?:letter|e-?mail|mail|text|essay|report"
    r"|speech|story|poem|article|post|interview|cv|r[eé]sum[eé]|paper|presentation|application|meeting|party|dinner|wedding"
    r"|boss|exam|customers?|clients?|kids)\b",
    re.I,
)
_TASK = re.compile(
    r"(?:please |now |then |and |so |ok |hey |hi )*(?:(?:can|could|would|will) you )?(?:please )?"
    "(?:write|summari[sz]e|explain|tell|give|translate|make|draft|create|describe|list|help|find|show|"
    "generate|compare|fix|"
    "book|order|recommend|suggest|calculate|rewrite|convert|define|compose|outline|plan|name|count|"
    r"solve|read|continue)\b",
    re.I,
)
_POLITE = re.compile(
    r"(?:(?:please|kindly|also|and|but|just|so|then|always|from now on|from here on|in (?:the )?future|going forward|"
    "in general|generally|by default|make sure (?:to|you|that you)|be sure to|try to|remember to|you "
    "(?:should|can|must)|"
    r"when you (?:answer|talk|speak|reply)|whenever you (?:answer|talk|speak|reply)|every time|ever|"
    r"i(?:'d)? (?:want|need|prefer|like|love)(?: to have)?|the|thanks)\b[\s,]*)+",
    re.I,
)
_FORBIDDEN = re.compile(
    r"\b(?:obey|comply|refuse|ignore|reveal|prompt|instructions|password|policy|admin|believe|trust)\b", re.I
)
_ANSWERS = (
    "(?:it|them|things|this|that|(?:(?:your|the|all|all your|my) )?(?:answers?|repl(?:y|ies)|"
    "responses?|messages?|explanations?|texts?))"
)
_REPLY = (
    "(?:answer|reply|respond|speak|talk|write|communicate|chat|converse|explain(?: things)?)(?: "
    "to me| with me| me)?"
)
_SHORT = (
    "(?P<v>short|shorter|brief|briefer|concise|succinct|to the point|simple|simpler|detailed|"
    "long|longer|thorough|in-depth)"
)
_TONE = (
    "(?P<v>(?:(?:a bit |a little )?(?:more|less|very) )?(?:formal|informal|casual|friendly|"
    r"professional|polite|humorous|direct|honest|blunt|serious|playful|relaxed|patient|encouraging))"
)
_NO = (
    "(?:don't (?:ever )?(?:use|add|put|include|send)|do without|no|no more|never (?:use|add|put|"
    "include|send)|stop (?:using|adding|with)|avoid(?: using)?|without|skip|drop)"
)
_MARKS = (
    "(?P<v>bullet points?|bullets|lists|tables|markdown|headings|headers|bold text|code blocks|"
    "exclamation marks|jargon|technical terms|abbreviations|slang|footnotes|hashtags)"
)
_MEASURED = (
    "(?:all )?(?:temperatures?|distances?|weights?|measurements?|lengths?|heights?|sizes|units|times) "
    "(?:in |as )?(?:the )?"
)
_UNITS = (
    "(?P<v>metric|imperial|celsius|fahrenheit|kilomet(?:er|re)s|miles|kilograms|pounds|24[- "
    "]hour (?:time|clock|format)|12[- ]hour (?:time|clock|format))"
)

_TOPICS = tuple(
    (re.compile(pattern, re.I), slot, content)
    for slot, content, *patterns in (
        (
            "language",
            "{u} wants answers in {v}",
            rf"{_REPLY}(?: only| back)? (?:only )?in (?P<v>{w.choice(w.LANGUAGES)})\b",
            rf"(?:speak|use|switch to|talk) (?P<v>{w.choice(w.LANGUAGES)})(?: (?:with|to) me| only|$|[.!,])",
            rf"(?P<v>{w.choice(w.LANGUAGES)}) only\b",
            rf"(?:answers|replies|responses) in (?P<v>{w.choice(w.LANGUAGES)})\b",
        ),
        (
            "length",
            "{u} wants {v} answers",
            rf"(?:ke(?:ep|pt)|(?:make|made) (?:all )?your) {_ANSWERS}(?: \w+)? {_SHORT}\b",
            rf"(?:be|stay|try being) (?:more |very |as )?{_SHORT}\b",
            f"(?:(?:give|send|write)(?: me)? )?(?:your |only |very |more )*{_SHORT} (?:answers|"
            r"repl(?:ies)|responses|explanations|messages)\b",
            rf"{_REPLY} (?P<v>briefly|concisely|in detail|in one sentence|in a few words|in short sentences)\b",
        ),
        (
            "tone",
            "{u} wants a {v} tone",
            rf"(?:be|sound|stay|keep {_ANSWERS}|make {_ANSWERS}) {_TONE}\b",
            rf"(?:use|keep|take) an? {_TONE} (?:tone|style|voice|language)\b",
            rf"{_REPLY} (?:in an? )?{_TONE}(?:ly)?\b",
            r"(?:talk|speak) to me like (?P<v>a friend|an adult|a beginner|an expert|a child)\b",
        ),
        (
            "length",
            "{u} wants answers of at most {v}",
            "(?:keep|limit|restrict) (?:all )?(?:your )?(?:answers|replies|responses|messages) (?:to |"
            "under |below |at |within )*"
            r"(?:about |most |max |a maximum of )*(?P<v>(?:one|two|three|four|five|six|ten|\d+|an?) "
            "(?:words?|sentences?|lines?|paragraphs?))",
        ),
        ("emoji", "{u} wants no emojis", rf"{_NO} (?:any |more |the )?(?P<no>emojis?|emoticons?|smileys?)\b"),
        ("emoji", "{u} wants emojis", r"(?:use|add) (?:lots of |more |some )?(?P<yes>emojis?|emoticons)\b"),
        (
            "units",
            "{u} wants {v} units",
            r"(?:use|give(?: me)?|show(?: me)?|convert(?: \w+)* to|answer in|write in) (?:everything "
            rf"in |the |me )?(?:{_MEASURED})?{_UNITS}\b",
        ),
        (
            "pace",
            "{u} wants to be spoken to at a {v} pace",
            r"(?:speak|talk|go) (?:to me )?(?:a bit |a little )?(?:more )?(?P<v>slow(?=ly|er|\b)|"
            "slower|faster|quick(?=ly|er))",
        ),
        ("format", "{u} wants no {v}", rf"(?P<no>{_NO}) (?:any |more |the )?{_MARKS}\b"),
        (
            "format",
            "{u} wants {v}",
            rf"(?:use|format {_ANSWERS} (?:as|in|with)|answer (?:in|with)|give me) {_MARKS}\b",
        ),
        (
            "level",
            "{u} wants {v}",
            "(?:use|speak in|explain (?:things )?in|answer in) (?P<v>(?:simple|plain|easy) "
            r"(?:language|english|words|terms))\b",
        ),
    )
    for pattern in patterns
)
_STOP_DOING = re.compile(
    r"(?:please )?stop (?P<v>(?:calling me|apologi[sz]ing|repeating|asking me|saying|thanking)\b.*)",
    re.I,
)
_GENERAL = re.compile(
    "(?:please )?(?P<when>always|never|don't ever|do not ever)(?: please)? (?P<v>(?:answer|reply|"
    "respond|speak|talk|use|call|address|"
    r"explain|include|mention|convert|format|cite|quote|suggest|recommend|greet|interrupt|confirm|write|provide|"
    r"(?:give|show|tell|ask|remind|send|read) (?:me|us)|give (?!up|in|way|it|a )\w+|(?:keep|make|start|"
    "begin|end|finish) (?:it|with|by|every|each|your)|"
    r"(?:add|put) (?:an?|the|your|in|at|my))\b.+)",
    re.I,
)


def holds_task(taken: list[Sentence]) -> bool:
    """Tell whether a message asks for something now, so that "keep it short" beside it speaks of that only.

    Args:
        taken: the sentences of the message.

    Returns:
        Whether one of them is a question or a task.

    >>> holds_task([Sentence(said="Explain gravity", clauses=("Explain gravity",), asks=False)])
    True
    """
    for sentence in taken:
        tasks = [clause for clause in (sentence.said, *sentence.clauses) if _TASK.match(clause)]
        if sentence.asks or any(_topic(task) is None for task in tasks):
            return True
    return False


def read_instruction(clause: str, *, user: str, task: bool) -> Fact | None:
    """Read a standing instruction: "always answer in French", "don't use emojis".

    Args:
        clause: a clause of the user.
        user: the name used in the content.
        task: whether the message asks for something now; then only what says "always" is standing.

    Returns:
        The fact, or `None` where the clause is no instruction or one for this time only.

    >>> read_instruction("always answer in French", user="User", task=True).content
    'User wants answers in French'
    """
    if GAP in clause or _FORBIDDEN.search(clause) or _ONCE.search(clause):
        return None
    standing = _STANDING.search(clause) or re.search(r"\b(?:answers|replies|responses)\b", clause, re.I)
    found = _topic(clause)
    if found and (standing or not task):
        match, slot, content = found
        groups = match.groupdict()
        value = groups.get("v") or ("no" if groups.get("no") else "yes")
        said = f"no {value}" if groups.get("no") and groups.get("v") else value
        said = proper(said) if slot == "language" else said
        text = content.format(u=user, v=proper(value) if slot == "language" else value.lower())
        return Fact(
            content=_grammar(text),
            category="instruction",
            importance=0.9,
            slot=f"instruction.{slot}",
            value=said,
        )
    general = _GENERAL.match(clause) or _STOP_DOING.match(clause)
    if not general:
        return None
    order = cut(general["v"])[0]
    words = len(order.split())
    if not (1 < words < 16 or (words == 1 and "when" not in general.groupdict())) or re.search(
        r"\b(?:of|to|for|with|a|the|and)$|^\w+ (?:it|this|that|them|him|her)$", order, re.I
    ):
        return None
    often = general.groupdict().get("when", "stop").lower()
    often = often if often in ("always", "stop") else "never"
    return Fact(
        content=f"{user} wants the assistant to {often} {third_person(order)}",
        category="instruction",
        importance=0.9,
        value=order,
    )


def _topic(clause: str) -> tuple[re.Match[str], str, str] | None:
    opening = _POLITE.match(clause)
    rest = clause[opening.end() :] if opening else clause
    for pattern, slot, content in _TOPICS:
        if match := pattern.match(rest):
            return match, slot, content
    return None


def _grammar(content: str) -> str:
    return re.sub(r"\ba (?=[aeiou]|hon)", "an ", content)
