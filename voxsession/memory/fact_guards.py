"""What of the user's prose is stated as true of the user: sentences and clauses, without what is asked or supposed.

Questions, suppositions, reports and other languages are taken out here, so that the patterns of `fact_rules` see
only statements.
"""

from __future__ import annotations

import re

from voxsession.core.struct import Struct, evolve
from voxsession.memory.fact_language import is_mostly_foreign
from voxsession.memory.fact_prose import GAP
from voxsession.memory.fact_reports import WHO, is_told_by_another, says_who_spoke

_SENTENCE_LIMIT = 1_200
_CLAUSE_LIMIT = 300
_MAX_SENTENCES = 80
_MAX_CLAUSES = 120


def _any(*parts: str) -> str:
    return "(?:" + "|".join(parts) + ")"


class Sentence(Struct, frozen=True, kw_only=True):
    """One sentence of the user, taken apart.

    Args:
        said: the part that is neither reported nor supposed; it may be a question.
        clauses: the statements about the user, each beginning with its subject or its command.
        asks: whether it asks or wants something done now.

    Returns:
        An immutable value.

    >>> Sentence(said="I'm Alice", clauses=("I'm Alice",), asks=False).clauses
    ("I'm Alice",)
    """

    said: str
    clauses: tuple[str, ...]
    asks: bool


# ---- the sentence: questions, suppositions, reports

_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bSt\.)(?<!\bvs\.)(?<!\b[A-HJ-Z]\.)(?<!\b[ap]\.m\.)"
    r"\s+|\s*\n+\s*|;\s+"
)
_AUXILIARY = "is are am was were can could would will should shall may might has had".split()
_ASKS = re.compile(
    r"(?:what|where|when|who|whose|whom|why|how|which)(?:'s|'re)?\b(?! a\b)|"
    rf"{_any(*_AUXILIARY)}(?:n't)? (?!be\b)[\w']+|"
    r"(?:have|haven't) (?:you|i|we)\b|any (?:ideas?|tips?|suggestions?|recommendations?|advice|thoughts|chance)\b|"
    r"(?:tell|remind|show|ask) me\b|guess\b|i wonder\b|i'?m wondering\b|do(?:es|n't|esn't)? (?:you|i|"
    r"we|they|people|it|he|she|my|the|these|those|that|this|anyone)\b|did(?:n't)? \w|got any\b|what's\b|hows\b",
    re.I,
)
_ASKS_INSIDE = re.compile(
    r"\s(?:(?:what|where|when|who|how|which|why)(?:'s| (?:is|are|do|does|did|can|could|should|would|will|about|am)\b)"
    r"|(?:can|could|would|will|do|does|did|are|is|should|have|am) (?:you|i|we|there|it|they)(?![\w/])"
    r"|any (?:ideas?|tips?|suggestions?|recommendations?|advice)\b)",
    re.I,
)
_SUPPOSES = re.compile(
    r"(?<![\w'])(?:if|unless|whether|what if|as though|supposedly|in case|i wish|wish(?:es|ed)? i|i "
    "hope|i dream(?:ed|t)?"
    r"|i'd (?:be|have)|would(?:n't)? (?:be|have)|could have|lest|either|neither)\b",
    re.I,
)
_SAYS = (
    "(?:said|says|saying|say|told|tells|tell|thinks?|thought|claims?|claimed|believes?|believed|asked|"
    "asks|writes|wrote|insists?|swears?|goes|heard|mentioned|suggested|assumes?|assumed|jokes?|joked|means?|bets?|"
    r"reckons?|sang|sings)\b"
)
# What stands before a colon is as a rule a heading of something quoted; these words announce the user's own words.
_ABOUT_ME = (
    "(?:questions?|things?|me|myself|note|context|background|intro|info|ps|fyi|update|reminder|"
    "remember|know|situation|problem|"
    r"details|facts?|important|hi|hello|disclaimer|reference|record|reason|short|honest|cats|dogs|kids|"
    r"corrections?|corrected|wrong|mistaken?|mistake|sorry)\b"
)
_REPORTS = re.compile(
    rf"(?<![\w'])(?<!i )(?:{WHO} (?:\w+ )?(?<!i ){_SAYS}|(?:tell|text|ask|email|message|write|let|"
    "show) (?:him|her|them|"
    r"everyone|people|everybody|my|the)\b|i(?:'m|'ve| was| am)? (?:been )?told\b(?! you)|i (?:heard|"
    "read|never said|didn't say|"
    r"lied|dreamt|dreamed|pretended|claimed|joked|almost|nearly)\b|apparently|according to|rumou?r|"
    r"(?:not|isn't) true|it's (?:false|a lie)|saying\b|"
    r"translate|spell\b|pronounce|the (?:line|lyrics?|phrase|sentence|words?|title|song|movie|film)\b(?! i)|"
    r"(?:song|movie|film|book|show|album|novel|track|character)s? (?:called|titled|named)\b|say (?:that )?i\b|"
    r"someone (?:whose|who)|don't say)",
    re.I,
)
_EMBEDS = re.compile(
    r"(?<![\w'])(?:think|guess|believe|suppose|imagine|hope|wish|doubt|feel|bet|afraid|worried|sure|"
    "know|like|than|when|"
    "while|where|what|which|who|whom|whose|how|why|whether|if|after|before|until|till|once|whenever|"
    "wherever|everything|"
    "anything|something|nothing|all|things?|maybe|perhaps|probably|possibly|unless|or|no|not|nor|"
    "never|said|say|says|that|"
    "do|does|did|can|could|would|will|should|shall|may|might|must|is|are|am|was|were|have|has|had|for|"
    "to|of|with|about|"
    rf"because of|don't|can't|won't|didn't|calling|called|{GAP})$"
    r"|^(?:so |and |but |oh )?(?:the|an?|that|this|those|these|every|each|any|some|no|his|her|their|most|only|one)"
    r"(?: [\w'-]+){1,3}$",
    re.I,
)
_OWN_WORD = re.compile(
    r"\bi (?:already )?(?:said|told you)(?: that| already)?$|\byou (?:should )?know(?: that)?$", re.I
)
_TAG = re.compile(
    r"\s*(?:right|correct|yes|no|yeah|remember|ok|okay|huh|eh|isn't it|don't i|aren't i|am i not|you "
    r"know|true|or not)\W*$",
    re.I,
)

_TITLE = re.compile(
    r"(?:I|my)\b(?!.*\bmy favou?rite).* is (?:an? |the |such an? ).{0,30}\b(?:song|movie|film|book|"
    r"album|show|novel|poem|track)\b",
    re.I,
)

# ---- the clause: one subject, one statement

_OPENERS = re.compile(
    "(?:(?:and|but|so|because|since|also|plus|well|oh|ah|hi|hiya|hey|hello|yeah|yep|yes|no(?! (?:more "
    "|emoji|bullet|jargon|markdown))|nope|nah|ok|okay|anyway|actually|"
    "by the way|fyi|honestly|basically|then|now|look|sure|thanks|thank you|sorry|wait|though|although|"
    "whereas|as|yet|plus|"
    "(?:please )?(?:always )?(?:don't forget|remember|note|keep in mind|bear in mind|be aware)(?: "
    r"that)?|just so you know|for the record|(?:you should|for you to|so you) know(?: that)?|fun fact|"
    "(?:as |like )?i (?:already )?(?:said|told you|mentioned)(?: that| before| already)?|the thing is|"
    "i should (?:mention|add)"
    "(?: that)?|(?:good )?(?:morning|evening|afternoon)|there|everyone|all|again|yup|great|cool|nice|"
    "i mean|to be honest|"
    r"tbh|in fact|in that case|obviously|unfortunately|luckily|lol|haha|these days|nowadays|right now|at the moment|"
    r"currently|lately|personally|apart from that|other than that|on top of that|mostly|me|let's see|maybe you know|"
    r"i'd like you to know(?: that)?|nice to meet you|first of all|first|second|finally)(?:[\s,!.:]+|$))+",
    re.I,
)
_RESETS = re.compile(r"(?:and |but |so )?(?:oh|by the way|also|anyway|plus)\b", re.I)
_ADVERBS = (
    "(?:(?:really|actually|also|currently|now|still|just|recently|basically|honestly|personally|"
    "mostly|mainly|definitely|"
    r"absolutely|totally|truly|very|quite|super|pretty|kinda|kind of|sort of|so|already|simply|obviously|genuinely|"
    "particularly|especially|deeply|extremely|both|presently|finally|newly|only just|too|always(?= "
    r"(?:lov|lik|hat|enjoy))) )+"
)
_SUBJECT_ADVERB = re.compile(rf"^(I(?:'m(?: not)?|'ve| don't| can't| have)?) {_ADVERBS}", re.I)
_WE = re.compile(
    "^we(?=(?:'re|'ve|'ll)? (?:live|moved|have|adopted|own|expecting|going|flying|travell?ing|"
    "visiting|getting|moving|"
    r"planning|having|be|been|just|recently|also|bought|still|don't have|got|celebrate)\b)",
    re.I,
)
_TELEGRAM = re.compile(
    "^(?:(been (?:living|working)|moved (?:back )?to)|originally from|based in|allergic to|living in|"
    "currently living|"
    "(?:big|huge|not a(?: big)?) fan of|(?:single |proud )?(?:mom|mum|dad|mother|father) of|(can't "
    r"eat|don't (?:eat|drink)))\b",
    re.I,
)
_HEAD = (
    r"(?:I(?:'m|'ve|'d|'ll)?(?![\w'])|(?:my|our) |we(?:'re|'ve|'ll)? |it's |this is |the name is |"
    r"(?:(?:you (?:can|may|could)|please|just|so|people|(?:my )?friends|everyone|everybody) )?(?:just )?calls? me )"
)
_COMMAND = (
    r"(?:(?:please|kindly|always|never|from now on|in (?:the )?future|going forward) |(?:don't|do not|no|stop|avoid) "
    "(?:us|call|emoji|bullet|mark|answer|writ|giv)|(?:keep|be|use|answer|reply|respond|speak|talk|"
    "write|make|give|avoid) )"
)
_KEEPS = "keep(?= (?:kosher|halal|bees|hens|chickens|goats|horses))"  # no order to the assistant
_VERBS = _any(
    *"live work study like love hate dislike enjoy prefer adore speak own play collect teach drive "
    "suffer moved joined".split(),
    *"adopted usually never always can't don't no longer used would could might need want was am just "
    "recently".split(),
    *"currently have take drink eat still run coach go really volunteer stopped quit".split(),
    _KEEPS,
)
_COMPLEMENTS = (
    r"(?:an? [\w-]+|\d{1,3}\b|(?:allergic|vegetarian|vegan|pescatarian|married|single|divorced|"
    "widowed|engaged|interested|"
    r"into|from|originally|based|living|working|studying|retired|pregnant|diabetic|not|passionate|currently|learning|"
    "lactose|gluten|coeliac|celiac|colou?r.?blind|deaf|blind|obsessed|expecting|recently|unemployed|"
    r"self-employed|fluent)\b)"
)
_CONNECTOR = r"(?:and|but|so|because|since|though|although|plus|also|then|whereas|yet|oh|hi|hey|hello|well)"
_OTHERS = r"(?:it|he|she|they|you|that|this|there|everyone|everybody|people)(?:'s|'re|'ll|'d)? (?!one\b)"
_NEW_THOUGHT = re.compile(
    rf"(?:{_CONNECTOR},? )*{_OTHERS}|(?:so|because|since|but|though|although|whereas|yet|no|not|please|thanks)\b",
    re.I,
)
_START = (
    f"(?:{_CONNECTOR},? ){{0,3}}(?:{_HEAD}|{_OTHERS}|{_COMMAND}|{_VERBS} |{_COMPLEMENTS}|"
    f"{_ASKS.pattern}|by the way|actually|thanks)"
)
_NO_SPLIT_AFTER = "".join(
    rf"(?<!\b{word})"
    for word in "with of to for in on at from by about love like hate is told if that and".split()
)
_BOUNDARY = re.compile(
    r"(?=[\s,():])"  # what each way below begins with: a look at one letter in place of four at most places
    rf"(?:\s*(?:[,()]|:(?=\s)| -+(?=\s))\s*(?={_START})|\s{_CONNECTOR}\s(?={_START})|"
    rf"\s(?=I(?:'m|'ve|'d|'ll)?(?![\w'.]))|{_NO_SPLIT_AFTER}\s(?=my (?:[\w'-]+ ){{1,3}}?(?:is|are|lives|"
    r"works|has)\b))",
    re.I,
)


def sentences(text: str) -> list[Sentence]:
    """Take a message apart into sentences and clauses, with what is not stated as true left out.

    The number of sentences and clauses is bounded, whatever the text.

    Args:
        text: the `prose` of a message of the user.

    Returns:
        The sentences in order.

    >>> [sentence.clauses for sentence in sentences("I'm Alice and live in Rome. If I had a dog...")]
    [("I'm Alice", 'I live in Rome'), ()]
    """
    found: list[Sentence] = []
    room = _MAX_CLAUSES
    for whole in _SENTENCE_END.split(text)[:_MAX_SENTENCES]:
        part = whole[:_SENTENCE_LIMIT].strip(" -*•.!,")
        if not part or is_mostly_foreign(part):
            continue
        if found and says_who_spoke(part):
            found[-1] = Sentence(said="", clauses=(), asks=False)
        taken = _take_apart(part)
        found.append(evolve(taken, clauses=taken.clauses[:room]))
        room -= len(found[-1].clauses)
    return found


def _pieces(sentence: str) -> list[tuple[str, str]]:
    """The pieces between boundaries, each with what stands before it: a comma, " and ", or only a space."""
    pieces, start, before = [], 0, ","
    for match in _BOUNDARY.finditer(sentence):
        if match.start() > start:
            pieces.append((before, sentence[start : match.start()].strip()))
        start, before = match.end(), match[0]
    pieces.append((before, sentence[start:].strip(" ?")))
    return [(before, piece[:_CLAUSE_LIMIT]) for before, piece in pieces if piece]


def _take_apart(sentence: str) -> Sentence:
    question = sentence.endswith("?") and not re.match(r"(?:\w+,? )?please\b", sentence, re.I)
    if is_told_by_another(sentence):
        return Sentence(said="", clauses=(), asks=question)
    if (question and _TAG.fullmatch(sentence.rpartition(",")[2])) or _TITLE.match(sentence):
        return Sentence(said="", clauses=(), asks=question)
    pieces = _pieces(sentence)
    reader = _Reader()
    for before, piece in pieces:
        reader.read(before, piece)
    clauses = reader.clauses
    if question and not reader.asked:
        clauses = clauses[:-1] if len(pieces) > 1 else []
    stop = min(
        (m.start() for m in (_REPORTS.search(sentence), _SUPPOSES.search(sentence)) if m), default=None
    )
    return Sentence(said=sentence[:stop], clauses=tuple(clauses), asks=question or reader.asked)


def _spelled_out(telegram: re.Match[str]) -> str:
    words = telegram[0].lower()
    if telegram[1]:
        return f"I've {words}"
    return (
        f"I {words}"
        if telegram[2]
        else f"I'm a {words}"
        if " of" in words and "not" not in words
        else f"I'm {words}"
    )


class _Reader:
    """Reads the pieces of one sentence in order and keeps the statements."""

    def __init__(self) -> None:
        self.clauses: list[str] = []
        self.asked = False
        self._scope = ""
        self._last = ""
        self._subject = ""
        self._open = False  # whether the last piece ended as a statement that may go on

    def read(self, before: str, piece: str) -> None:
        """Takes the next piece in; `before` is what parted it from the one before."""
        text, bare = _canonical(piece), not before.strip()
        if not self._last:
            text = _TELEGRAM.sub(_spelled_out, text)
        if (self._scope == "if" and _RESETS.match(piece)) or (
            self._scope == "ask" and not bare and re.match(_HEAD, text, re.I)
        ):
            self._scope = ""
        last, self._last = self._last, piece
        if ":" in before and not re.search(rf"(?<![\w']){_ABOUT_ME}$", last, re.I):
            self._scope = self._scope or "report"
        embedded = bare and _canonical(last) and _EMBEDS.search(last) and not _OWN_WORD.search(last)
        stated, went_on = not self._scope and not embedded, self._open
        end = self._open_scope(text)
        self._open = stated and end is None
        if not stated:
            self._subject = ""
        elif text := text[:end].strip(" ,"):
            self._keep(text, before, goes_on=went_on)

    def _open_scope(self, text: str) -> int | None:
        """Where a question, a supposition or a report begins in the text; what follows belongs to it."""
        asks = _ASKS.match(text) or _ASKS_INSIDE.search(text)
        found = [("ask", asks), ("if", _SUPPOSES.search(text)), ("report", _REPORTS.search(text))]
        first = min(((m.start(), scope) for scope, m in found if m), default=None)
        if first is None:
            return None
        self.asked = self.asked or first[1] == "ask"
        self._scope = self._scope or first[1]
        return first[0]

    def _keep(self, text: str, before: str, *, goes_on: bool) -> None:
        adverb = re.match(r"(?:always|never) ", text, re.I)
        if adverb and self.clauses and not self._subject and not re.match(_COMMAND, self.clauses[-1], re.I):
            return  # "they make me happy and always …" is no order
        if not re.match(rf"{_HEAD}|(?!{_KEEPS}){_COMMAND}", text, re.I) or (adverb and self._subject):
            if self._subject and self._may_go_on(text, before):
                text = _canonical(f"I {text}")
            elif self._subject == "I'm" and re.match(_COMPLEMENTS, text, re.I):
                text = _canonical(f"I'm {text}")
            elif goes_on and self.clauses and before.strip() and not _NEW_THOUGHT.match(self._last):
                # Not a new statement after all: "three cats | and a parrot".
                self.clauses[-1] = f"{self.clauses[-1]}{before}{text}"[:_CLAUSE_LIMIT]
                return
        match = re.match(r"I(?:'m|'ve been)?(?![\w'])", text)
        self._subject = ("I'm" if match[0] != "I" else "I") if match else ""
        self.clauses.append(text)

    def _may_go_on(self, text: str, before: str) -> bool:
        """Whether a verb without a subject belongs to "I": not in "… - so much energy and love"."""
        match = re.match(rf"{_VERBS}\b", text, re.I)
        if not match or before.strip() in ("-", "--", "(", ")"):
            return False
        again = self.clauses and re.match(rf"I {match[0]}\b", self.clauses[-1], re.I)
        return not again and (match[0].lower() != "like" or bool(re.search(r"\w", before)))


def _canonical(piece: str) -> str:
    """A piece without openers, "we" as "I", and no adverb between subject and verb."""
    text = re.sub(r"^(?:as|being) (?=an? )", "I'm ", piece, flags=re.I)
    text = _OPENERS.sub("", text, count=1) if _OPENERS.match(text) else text
    text = re.sub(r"^our ", "my ", _WE.sub("I", text), flags=re.I)
    text = re.sub(r"^I've been (?=.{3,80} (?:for|since|all my life)\b)", "I'm ", text, flags=re.I)
    text = re.sub(r"^I(?: am| are|'re)\b", "I'm", re.sub(r"^i(?=\b)", "I", text))
    return _SUBJECT_ADVERB.sub(r"\1 ", text)
