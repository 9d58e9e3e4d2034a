"""What of a message is said by the user about the user, as true: prose, sentences, clauses.

Quotes, code, pasted text, role play, questions, suppositions and the claims of others are taken out here, so that the
patterns of `fact_patterns` see only statements.
"""

from __future__ import annotations

import re

import attrs

RAW_LIMIT = 40_000
PROSE_LIMIT = 4_000
_SENTENCE_LIMIT = 1_200
_CLAUSE_LIMIT = 300
_MAX_SENTENCES = 80
_MAX_CLAUSES = 120

GAP = "§"  # stands where something was taken out; no pattern reaches across it


def _any(*parts: str) -> str:
    return "(?:" + "|".join(parts) + ")"


def _compiled(*parts: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'])(?:{'|'.join(parts)})", re.I)


@attrs.define(frozen=True, slots=True, kw_only=True)
class Sentence:
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


# ---- the message: what is not the user's own prose

_INJECTION = _compiled(
    r"(?:ignore|disregard|override|bypass) (?:\w+ ){0,3}(?:previous|prior|above|earlier|preceding|instructions|rules)\b",
    r"forget (?:all |everything |your |the )+(?:previous |above |prior )?(?:instructions|rules|prompts?)\b",
    r"system prompt|developer mode|jailbreak|you(?:'re| are) now (?:in |a |an )?[A-Z]|new instructions?:",
    r"(?:must|will|shall) (?:always |only )?(?:obey|comply)\b|\[INST\]|<\|?(?:system|im_start)",
)
_JOKE = _compiled(
    r"(?:just|only|totally|i'm|am|im) (?:kidding|joking|messing)\b|jk\b|april fools|kidding!|not really,? (?:lol|haha)"
)
_THINGS = (
    "essay text email e-mail mail letter bio poem message draft transcript paragraph article post song lyrics"
)
_WORKS = _any(
    *_THINGS.split(),
    "story",
    "speech",
    "profile",
    "conversation",
    "chat",
    "review",
    "resume",
    "cv",
    "passage",
)
_TASKS = _any(
    *"translate summari[sz]e proofread rewrite rephrase paraphrase correct edit analy[sz]e improve review fix".split(),
    r"re(?:ply|spond) to",
)
_PASTE = _compiled(
    rf"{_TASKS}\b[^.!?\n]{{0,80}}:",
    rf"(?:here(?:'s| is| are)|this is|below is) (?:my|the|an?|our) (?:\w+ )?{_WORKS}\b",
    rf"(?:{_WORKS}|quote|prompt|says|reads|begins?|starts?)\s*:",
    rf"(?:the following|{_TASKS} this|dear (?:sir|madam|mr|ms|mrs|(?-i:[A-Z])))",
)
_FICTION = _compiled(
    r"(?<!i )(?<!t )(?:pretend|imagine|suppose|supposing|assume|assuming)\b(?!d)",
    r"(?:let's|let us) (?:say|pretend|imagine|assume|play)\b|role-?\s?play|act(?:ing)? (?:as|like) (?:an?|the|if)\b",
    r"in (?:this|my|the|a|your) (?:\w+ )?(?:story|game|dream|scenario|movie|film|novel|play|song|script|roleplay)\b",
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

_TYPOGRAPHY = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "ʼ": "'",
        "`": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "…": "...",
        "\t": " ",
    }
    | dict.fromkeys("\u200b\u200c\u200d\ufeff\u00ad", "")
    | {"\u00a0": " ", "\u202f": " ", "–": " - ", "—": " - "}
)
_SPELLING = [
    (re.compile(rf"(?<![\w'])(?:{pattern})(?![\w'])", re.I), right)
    for pattern, right in (
        (r"(?:u+h+m*|u+m+|e+r+m?|hm+),?", ""),
        (r"i am|im|i m|i'am", "I'm"),
        (r"(?:i have|i've|ive) got", "I have"),
        (r"ive|i've|i have(?= (?:been|lived|worked|always|never|just|recently|moved)\b)", "I've"),
        (r"i will", "I'll"),
        (r"i would|id(?= (?:like|love|prefer|rather)\b)", "I'd"),
        (r"i", "I"),
        (r"(?<=I) m", "'m"),
        (r"we are", "we're"),
        (r"we have got|we've got|weve got", "we have"),
        (r"do not|dont|don t", "don't"),
        (r"does not|doesnt", "doesn't"),
        (r"can not|cannot|cant", "can't"),
        (r"is not|isnt", "isn't"),
        (r"its|it is", "it's"),
        (r"whats|what is", "what's"),
        (r"name's|(?<=my )names", "name is"),
        (r"pls|plz", "please"),
        (r"btw", "by the way"),
        (r"bday", "birthday"),
        (r"anymore", "any more"),
        (r"cuz|coz|cos|cause", "because"),
    )
]
_POLITE = _compiled(
    r"if (?:you (?:don't mind|please|could|can|want to know|like|need to know|must know)|i may|possible|"
    r"(?:that|it)(?:'s| is)? ?(?:ok|okay|alright|possible|helpful|helps|matters|fine))\b,?",
    r"(?:wondering|asking|see|know|check) if you (?:could|can)\b",
)
_EMOJI = re.compile(r"\s*(?:[\U0001F000-\U0001FAFF\u2600-\u27bf\ufe0f]+|(?<!\w)[:;]-?[)(DP](?!\w))+")
_SPACES = re.compile(r"[^\S\n]+")
_ENGLISH = frozenset(
    "the i i'm i've my name and is to of it you for that have with on at this be live like am not don't a".split()
)
_FOREIGN = frozenset(
    """ich und der das ist nicht ein eine mit auf für wir bin habe heiße wohne mein meine sich den dem zu auch gern
    ik het een van woon ben heet naam je et le la les des un une est pas suis vous mon ma dans avec pour habite
    yo el los las una que es soy mi con por para está vivo llamo tengo io sono di il che mi chiamo abito ho per
    eu sou o os um uma moro meu minha em não jag och är som inte bor heter på det hej jeg og er ikke hedder
    olen ja minä asun mam jestem nazywam się w na nie ben adım""".split()
)


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
    text = _INLINE.sub(GAP, _FENCE.sub(GAP, text[:RAW_LIMIT]))[: 2 * PROSE_LIMIT].translate(_TYPOGRAPHY)
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
    for pattern, right in _SPELLING:
        text = pattern.sub(right, text)
    return _SPACES.sub(" ", _POLITE.sub("", text)).strip()[:PROSE_LIMIT]


# ---- the sentence: questions, suppositions, reports

_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bSt\.)(?<!\bvs\.)(?<!\b[A-HJ-Z]\.)(?<!\b[ap]\.m\.)"
    r"\s+|\s*\n+\s*|;\s+"
)
_AUXILIARY = "is are am was were do does did can could would will should shall may might has had".split()
_ASKS = re.compile(
    rf"(?:what|where|when|who|whose|whom|why|how|which)(?:'s|'re)?\b(?! a\b)|{_any(*_AUXILIARY)}(?:n't)? (?!be\b)[\w']+|"
    r"(?:have|haven't) (?:you|i|we)\b|any (?:ideas?|tips?|suggestions?|recommendations?|advice|thoughts|chance)\b|"
    r"(?:tell|remind|show|ask) me\b|guess\b|i wonder\b|i'?m wondering\b|do you\b|got any\b|what's\b|hows\b",
    re.I,
)
_ASKS_INSIDE = re.compile(
    r"\s(?:(?:what|where|when|who|how|which|why)(?:'s| (?:is|are|do|does|did|can|could|should|would|will|about|am)\b)"
    r"|(?:can|could|would|will|do|does|did|are|is|should|have|am) (?:you|i|we|there|it|they)\b"
    r"|any (?:ideas?|tips?|suggestions?|recommendations?|advice)\b)",
    re.I,
)
_SUPPOSES = re.compile(
    r"(?<![\w'])(?:if|unless|whether|what if|as though|supposedly|in case|i wish|wish(?:es|ed)? i|i hope|i dream(?:ed|t)?"
    r"|i'd (?:be|have)|would(?:n't)? (?:be|have)|could have|lest|either|neither)\b",
    re.I,
)
_WHO = (
    r"(?:he|she|they|it|you|people|everyone|everybody|someone|somebody|nobody|no one|who|that|(?:my|the|his|her|a|some|"
    r"your|one of my) (?:[\w-]+ ){0,2}?[\w'-]+|(?-i:[A-Z])\w+)"
)
_SAYS = (
    r"(?:said|says|saying|say|told|tells|tell|thinks?|thought|claims?|claimed|believes?|believed|asked|asks|writes|wrote|"
    r"insists?|swears?|goes|heard|mentioned|suggested|assumes?|assumed|jokes?|joked|means?|bets?|reckons?|sang|sings)\b"
)
_REPORTS = re.compile(
    rf"(?<![\w'])(?<!i )(?:{_WHO} (?:\w+ )?(?<!i ){_SAYS}|(?:tell|text|ask|email|message|write|let|show) (?:him|her|them|"
    r"everyone|people|everybody|my|the)\b|i(?:'m|'ve| was| am)? (?:been )?told\b(?! you)|i (?:heard|read|never said|didn't say|"
    r"lied|dreamt|dreamed)\b|apparently|according to|rumou?r|(?:not|isn't) true|it's (?:false|a lie)|saying\b|"
    r"translate|spell\b|pronounce|the (?:line|lyrics?|phrase|sentence|words?|title|song|movie|film)\b(?! i)|"
    r"(?:song|movie|film|book|show|album|novel|track|character)s? (?:called|titled|named)\b|say (?:that )?i\b|"
    r"someone (?:whose|who)|don't say)",
    re.I,
)
_EMBEDS = re.compile(
    r"(?<![\w'])(?:think|guess|believe|suppose|imagine|hope|wish|doubt|feel|bet|afraid|worried|sure|know|like|than|when|"
    r"while|where|what|which|who|whom|whose|how|why|whether|if|after|before|until|till|once|whenever|wherever|everything|"
    r"anything|something|nothing|all|things?|maybe|perhaps|probably|possibly|unless|or|no|not|nor|never|said|say|says|that|"
    r"do|does|did|can|could|would|will|should|shall|may|might|must|is|are|am|was|were|have|has|had|for|to|of|with|about|"
    rf"because of|don't|can't|won't|didn't|calling|called|{GAP})$"
    r"|^(?:so |and |but |oh )?(?:the|an?|that|this|those|these|every|each|any|some|no|his|her|their|most|only|one)"
    r"(?: [\w'-]+){1,3}$",
    re.I,
)
_OWN_WORD = re.compile(
    r"\bi (?:already )?(?:said|told you)(?: that| already)?$|\byou (?:should )?know(?: that)?$", re.I
)
_TAG = re.compile(
    r"\s*(?:right|correct|yes|no|yeah|remember|ok|okay|huh|eh|isn't it|don't i|aren't i|am i not|you know|true|or not)\W*$",
    re.I,
)

# ---- the clause: one subject, one statement

_OPENERS = re.compile(
    r"(?:(?:and|but|so|because|since|also|plus|well|oh|ah|hi|hiya|hey|hello|yeah|yep|yes|no|nope|nah|ok|okay|anyway|actually|"
    r"by the way|fyi|honestly|basically|then|now|look|sure|thanks|thank you|sorry|wait|though|although|whereas|as|yet|plus|"
    r"(?:please )?(?:always )?(?:remember|note|keep in mind|bear in mind|be aware)(?: that)?|just so you know|for the record|"
    r"(?:you should|for you to|so you) know(?: that)?|fun fact|"
    r"(?:as |like )?i (?:already )?(?:said|told you|mentioned)(?: that| before| already)?|the thing is|i should (?:mention|add)"
    r"(?: that)?|(?:good )?(?:morning|evening|afternoon)|there|everyone|all|again|yup|great|cool|nice|i mean|to be honest|"
    r"tbh|in fact|in that case|obviously|unfortunately|luckily|lol|haha|these days|nowadays|right now|at the moment|"
    r"currently|lately|personally|apart from that|other than that|on top of that|mostly|me|let's see|maybe you know|"
    r"i'd like you to know(?: that)?|nice to meet you|first of all|first|second|finally)(?:[\s,!.:]+|$))+",
    re.I,
)
_RESETS = re.compile(r"(?:and |but |so )?(?:oh|by the way|also|anyway|plus)\b", re.I)
_ADVERBS = (
    r"(?:(?:really|actually|also|currently|now|still|just|recently|basically|honestly|personally|mostly|mainly|definitely|"
    r"absolutely|totally|truly|very|quite|super|pretty|kinda|kind of|sort of|so|already|simply|obviously|genuinely|"
    r"particularly|especially|deeply|extremely|both|presently|finally|newly|only just|too|always(?= (?:lov|lik|hat|enjoy)))"
    r" )+"
)
_SUBJECT_ADVERB = re.compile(rf"^(I(?:'m(?: not)?|'ve| don't| can't| have)?) {_ADVERBS}", re.I)
_WE = re.compile(
    r"^we(?=(?:'re|'ve|'ll)? (?:live|moved|have|adopted|own|expecting|going|flying|travell?ing|visiting|getting|moving|"
    r"planning|having|be|been|just|recently|also|bought|still|don't have|got|celebrate)\b)",
    re.I,
)
_HEAD = (
    r"(?:I(?:'m|'ve|'d|'ll)?(?![\w'])|(?:my|our) |we(?:'re|'ve|'ll)? |it's |this is |the name is |"
    r"(?:(?:you (?:can|may|could)|please|just|so|people|(?:my )?friends|everyone|everybody) )?(?:just )?calls? me )"
)
_COMMAND = (
    r"(?:(?:please|kindly|always|never|from now on|in (?:the )?future|going forward) |(?:don't|do not|no|stop|avoid) "
    r"(?:us|call|emoji|bullet|mark|answer|writ|giv)|(?:keep|be|use|answer|reply|respond|speak|talk|write|make|give|avoid) )"
)
_VERBS = _any(
    *"live work study like love hate dislike enjoy prefer adore speak own play collect teach drive suffer moved joined".split(),
    *"adopted usually never always can't don't no longer used would could might need want was am just recently".split(),
    *"currently have take drink eat still run coach go really volunteer stopped quit".split(),
)
_COMPLEMENTS = (
    r"(?:an? [\w-]+|\d{1,3}\b|(?:allergic|vegetarian|vegan|pescatarian|married|single|divorced|widowed|engaged|interested|"
    r"into|from|originally|based|living|working|studying|retired|pregnant|diabetic|not|passionate|currently|learning|"
    r"lactose|gluten|coeliac|celiac|colou?r.?blind|deaf|blind|obsessed|expecting|recently|unemployed|self-employed|fluent)\b)"
)
_CONNECTOR = (
    r"(?:and|but|so|because|since|as|though|although|plus|also|then|whereas|yet|oh|hi|hey|hello|well)"
)
_START = rf"(?:{_CONNECTOR},? ){{0,3}}(?:{_HEAD}|{_COMMAND}|{_VERBS} |{_COMPLEMENTS}|{_ASKS.pattern}|by the way|actually|thanks)"
_NO_SPLIT_AFTER = "".join(
    rf"(?<!\b{word})"
    for word in "with of to for in on at from by about love like hate is told if that and".split()
)
_BOUNDARY = re.compile(
    rf"\s*(?P<mark>[,()]|:(?=\s)| -+(?=\s))\s*(?={_START})|\s(?P<word>{_CONNECTOR})\s(?={_START})|"
    rf"\s(?=I(?:'m|'ve|'d|'ll)?(?![\w'.]))|{_NO_SPLIT_AFTER}\s(?=my (?:[\w'-]+ ){{1,3}}?(?:is|are|lives|works|has)\b)",
    re.I,
)


def sentences(text: str) -> list[Sentence]:
    """Take a message apart into sentences and clauses, with what is not stated as true left out.

    The number of sentences and clauses is bounded, whatever the text.

    Args:
        text: a message of the user.

    Returns:
        The sentences in order.

    >>> [sentence.clauses for sentence in sentences("I'm Alice and live in Rome. If I had a dog…")]
    [("I'm Alice", 'I live in Rome'), ()]
    """
    found: list[Sentence] = []
    room = _MAX_CLAUSES
    for part in _SENTENCE_END.split(prose(text))[:_MAX_SENTENCES]:
        part = part[:_SENTENCE_LIMIT].strip(" -*•.!,")
        if not part or _is_foreign(part):
            continue
        taken = _take_apart(part)
        found.append(attrs.evolve(taken, clauses=taken.clauses[:room]))
        room -= len(found[-1].clauses)
    return found


def _is_foreign(sentence: str) -> bool:
    words = re.findall(r"[\w']+", sentence.casefold())
    foreign = sum(word in _FOREIGN for word in words)
    return foreign > 1 and foreign >= sum(word in _ENGLISH for word in words)


def _pieces(sentence: str) -> list[tuple[str, str]]:
    """The pieces between boundaries, each with what stands before it: "mark", "word" or "bare"."""
    pieces, start, kind = [], 0, "mark"
    for match in _BOUNDARY.finditer(sentence):
        if match.start() > start:
            pieces.append((kind, sentence[start : match.start()].strip()))
        start, kind = match.end(), match.lastgroup or "bare"
    pieces.append((kind, sentence[start:].strip(" ?")))
    return [(kind, piece[:_CLAUSE_LIMIT]) for kind, piece in pieces if piece]


def _take_apart(sentence: str) -> Sentence:
    question = sentence.endswith("?")
    pieces = _pieces(sentence)
    stop = min(
        (m.start() for m in (_REPORTS.search(sentence), _SUPPOSES.search(sentence)) if m), default=None
    )
    if question and _TAG.fullmatch(sentence.rpartition(",")[2]):
        return Sentence(said="", clauses=(), asks=True)
    reader = _Reader()
    for kind, piece in pieces:
        reader.read(kind, piece)
    clauses = reader.clauses
    if question and not reader.asked:
        clauses = clauses[:-1] if len(pieces) > 1 else []
    return Sentence(said=sentence[:stop], clauses=tuple(clauses), asks=question or reader.asked)


class _Reader:
    """Reads the pieces of one sentence in order and keeps the statements."""

    def __init__(self) -> None:
        self.clauses: list[str] = []
        self.asked = False
        self._scope = ""
        self._before = ""
        self._subject = ""

    def read(self, kind: str, piece: str) -> None:
        text = _canonical(piece)
        if (self._scope == "if" and _RESETS.match(piece)) or (
            self._scope == "ask" and kind != "bare" and re.match(_HEAD, text, re.I)
        ):
            self._scope = ""
        before, self._before = self._before, piece
        embedded = kind == "bare" and _EMBEDS.search(before) and not _OWN_WORD.search(before)
        stated = not self._scope and not embedded
        if stated and (end := self._open_scope(text)) is not None:
            text = text[:end].strip(" ,")
        elif not stated:
            self._open_scope(text)
        if stated and text:
            self._keep(text)
        else:
            self._subject = ""

    def _open_scope(self, text: str) -> int | None:
        """Where a question, a supposition or a report begins in the text; what follows belongs to it."""
        asks = _ASKS.match(text) or _ASKS_INSIDE.search(text)
        found = [("ask", asks), ("if", _SUPPOSES.search(text)), ("report", _REPORTS.search(text))]
        first = min(((m.start(), scope) for scope, m in found if m), default=None)
        if first is None:
            return None
        self.asked = self.asked or first[1] == "ask"
        # A report or a supposition inside a question is still a report.
        self._scope = first[1] if not self._scope else self._scope
        return first[0]

    def _keep(self, text: str) -> None:
        if not re.match(rf"{_HEAD}|{_COMMAND}", text, re.I):
            if self._subject and re.match(rf"{_VERBS}\b", text, re.I):
                text = _canonical(f"I {text}")
            elif self._subject == "I'm" and re.match(_COMPLEMENTS, text, re.I):
                text = _canonical(f"I'm {text}")
        match = re.match(r"I(?:'m|'ve been)?(?![\w'])", text)
        self._subject = ("I'm" if match[0] != "I" else "I") if match else ""
        self.clauses.append(text)


def _canonical(piece: str) -> str:
    """A piece without openers, "we" as "I", and no adverb between subject and verb."""
    text = re.sub(r"^(?:as|being) (?=an? )", "I'm ", piece, flags=re.I)
    text = _OPENERS.sub("", text, count=1) if _OPENERS.match(text) else text
    text = re.sub(r"^our ", "my ", _WE.sub("I", text), flags=re.I)
    text = re.sub(r"^I am\b", "I'm", re.sub(r"^i(?=\b)", "I", text))
    return _SUBJECT_ADVERB.sub(r"\1 ", text)
