"""How people ask for a manner of answering, in English and, for languages, in their own.

The patterns are put together from parts in capitals; each line is one way to say
a thing at the beginning of a clause.
"""

from __future__ import annotations

from typing import Final

from voxsession.learning.languages import LANGUAGES

__all__ = ["CODES", "HINTS", "PARTS", "RULES", "SAID"]

CODES = {name.lower(): code for code, name in LANGUAGES.items()} | {
    "mandarin": "zh", "farsi": "fa", "deutsch": "de", "español": "es", "français": "fr", "italiano": "it",
    "português": "pt", "nederlands": "nl", "englisch": "en", "inglés": "en", "anglais": "en", "inglese": "en",
    "inglês": "en", "engels": "en", "castellano": "es", "spanisch": "es", "französisch": "fr", "alemán": "de",
    "allemand": "de", "tedesco": "de", "italienisch": "it",
}  # fmt: skip
PARTS: Final = {
    "NO": "(?:don't|do not|stop|never|NEED)",
    "NEED": "(?:no need to|you (?:don't|do not|needn't) ?(?:need to|have to)?)",
    "ANYMORE": r"(?:any ?more|any longer)\b",
    "ANSWERS": r"(?:answers?|repl(?:y|ies)|responses?|explanations?)\b",
    "HOLD": r"(?:keep|make) (?:it|this|that|things|everything|(?:your |the |all )?(?:\w+ )?ANSWERS)",
    "GIVE": "(?:(?:give|use|write|send)(?: me| us)?|i(?:'d| would)? (?:prefer|like|want|need))",
    "SAY": "(?:answer|reply|respond|talk|speak|write)(?: to me| me)?",
    "STYLE": "(?:language|tone|style|english|register|wording)",
    "IN": "(?:answer|reply|respond|talk|speak|continue|write|switch|change|chat|converse)"
    "(?: to| with)?(?: me| us| back)?",
    "ING": "(?:answering|replying|responding|talking|speaking|writing)(?: to me)?",
    "MORE": "(?:a (?:bit|little) |much |way )?(?:more |really |very )?",
    "DEEP": "(?:(?:much |a lot )?more|great|greater|full|some)",
    "SHORT": r"(?:short(?:er)?|brief(?:er)?|concise|succinct|snappy|crisp|to the point)\b",
    "LONG": r"(?:detailed|thorough|verbose|elaborate|in[ -]depth|long(?:er)?|comprehensive|extensive)\b",
    "POLITE": r"(?:formal|professional|official|polite|businesslike)\b",
    "LOOSE": r"(?:casual|informal|relaxed|chill|friendly|laid[ -]back|chatty)\b",
    "MOST": r"(?: (?:me|to|in|at|under|below|within|with|about|around|most|no more than|less than|fewer than"
    r"|a maximum of|max|up to|roughly|only))*",
    "FORGET": r"(?:forget|never ?mind|ignore|disregard|scrap)(?: (?:what i said|about|my|the|that|those|being|be|having"
    r"|keeping|keep|it|things|answering|giving|using|so|wish|wishes|request|preference|instruction|for|to|all))*",
    "LANG": r"\b(?:" + "|".join(CODES) + r")\b",
    "TAIL": r"(?=\s*(?:$|[.!?;:,)\n—–]|please|now\b|again|any ?more|any longer|from now|with me|to me|thanks|thx"
    r"|for now|instead|and\b|but\b|then\b|ok\b|okay\b|here\b))",
    "END": r"(?=\s*(?:$|[.!?;,)]|please|now|from|only|always|again|instead|and|with me|thanks|for"
    r"|any ?more|any longer))",
}
#: A value that the text itself says.
SAID = -1.0
_STYLE = "verbosity formality technical_level response_length speaking_pace language"
# Name (several for what takes back all), value, whether it stands, the ways to say it: those that begin a clause,
# those that may be anywhere.
RULES: Final = (
    (
        "verbosity", 0.05, True,
        """
        HOLD MORESHORT
        be MORESHORT
        GIVE MORESHORT ANSWERS
        MORESHORT ANSWERS
        (?:answer|reply|respond|explain)(?: me)? (?:briefly|concisely)
        (?:answer|reply|respond|explain)(?: me)? in (?:one|a|two|a few) (?:short )?(?:word|sentence|line)s?
        NO (?:be|write|talk|give me) (?:so|such|too) (?:long|verbose|much|many|wordy)
        """,
        "",
    ),
    (
        "verbosity", 0.1, False, "",
        r"(?:that(?:'s| is| was)|you're|^|answers? (?:is|are|was|were)) (?:way |far |much )?"
        r"too (?:long|wordy|verbose|much (?:text|detail))\b|\bless detail\b|\btl;?dr\b|\bcut it short\b",
    ),
    (
        "verbosity", 0.95, True,
        """
        HOLD MORELONG
        be MORE(?:specific|LONG)
        GIVE MORELONG ANSWERS
        MORELONG ANSWERS
        """,
        "",
    ),
    (
        "verbosity", 0.9, False,
        """
        (?:explain|describe|answer|elaborate|tell me)\\b[^.!?]{0,60} in DEEP (?:detail|depth)
        (?:go into |give me |add |with )?(?:some |much |a lot )?more details?\\b
        """,
        "",
    ),
    ("verbosity", 0.8, True, "NO (?:be|keep it|answer|make it) (?:so |too )?SHORT", ""),
    (
        "formality", 0.95, True,
        """
        (?:be|stay|sound|remain) MOREPOLITE
        HOLD MOREPOLITE
        use (?:a )?MOREPOLITE STYLE
        (?:SAY|address me) MORE(?:formally|politely|professionally)
        more POLITE,? ?please
        """,
        "",
    ),
    (
        "formality", 0.05, True,
        """
        (?:be|stay|sound) MORELOOSE
        HOLD MORELOOSE
        use (?:a )?MORELOOSE STYLE
        SAY MORE(?:casually|informally|like (?:a|my) (?:friend|buddy|mate))
        """,
        "",
    ),
    (
        "formality", 0.1, True,
        """
        NO (?:be|sound|being|sounding|keep it) (?:so |too |that )?POLITE
        (?:be )?less POLITE
        """,
        r"\bdrop the formalit(?:y|ies)\b",
    ),
    (
        "technical_level", 0.95, True,
        """
        (?:be|get) MOREtechnical\\b
        HOLD MOREtechnical\\b
        assume (?:that )?i(?:'m| am) an? (?:expert|professional|specialist)
        use (?:more |the )?(?:proper |correct )?(?:technical|expert|specialist) (?:terms|language|vocabulary|detail)
        """,
        r"\bdon't dumb (?:it|this|things) down\b|\bskip the basics\b|\bi(?:'m| am) an expertTAIL"
        r"|\b(?:talk|speak|explain it) to me like (?:i'm )?an? (?:expert|engineer|colleague)",
    ),
    (
        "technical_level", 0.05, True,
        """
        (?:be )?(?:less|not (?:so|too|that)) technical
        NO (?:be|get|being|getting) (?:so |too |that )?technical
        use (?:simpler?|plain|easy|everyday) (?:words|language|terms|english)
        HOLD MOREsimple
        """,
        r"\b(?:no|without|avoid|skip the) (?:technical )?jargon\b|\beli5\b|\blike i(?:'m| am) (?:five|5)\b"
        r"|\bi(?:'m| am) (?:an? )?(?:complete |total |absolute )?(?:beginner|newbie|novice|layman)TAIL",
    ),
    (
        "technical_level", 0.1, False,
        r"(?:explain|say|put|describe|tell)\b[^.!?]{0,60}\b(?:simply|in (?:simpler?|plain|easy|layman's|everyday) "
        r"(?:terms|words|english|language))",
        "",
    ),
    ("speaking_pace", 110.0, True, "(?:speak|talk)(?: to me)? MOREslow(?:ly|er)\\b\nslow down\\b", ""),
    ("speaking_pace", 190.0, True, "(?:speak|talk)(?: to me)? MORE(?:fast(?:er)?|quick(?:ly|er))\\b\nspeed up\\b", ""),
    (
        "language", 1.0, True,
        """
        IN(?: only| always)? (?:in|to) LANGEND
        (?:speak|talk) LANGEND
        (?:in )?LANG,? please
        """,
        "",
    ),
    (
        "language", 1.0, True,
        """
        (?:antworten?|sprich|schreibe?n?|rede|sprechen)(?: sie)?(?: mir| mit mir| bitte| nur)* (?:auf|in) LANGEND
        (?:responde|respóndeme|contesta|habla|háblame|escribe|escríbeme)(?: por favor)? en LANG
        (?:réponds?|répondez|parlez?|écris|écrivez)(?:[- ]moi)?(?: s'il (?:te|vous) plaît)? en LANG
        (?:rispondi|rispondimi|parla|parlami|scrivi) in LANG
        (?:responda|responde|fala|fale|escreve|escreva) em LANG
        (?:auf|in) LANG,? bitte
        en LANG,? (?:por favor|s'il (?:te|vous) plaît)
        """,
        "",
    ),
    ("language", 0.0, True, "NO (?:IN|ING)(?: only| always)? (?:in )?LANGEND\nFORGET LANG(?: ANSWERS)?TAIL", ""),
    (
        "response_length", SAID, True,
        """
        (?:HOLD|answer|reply|respond|limit (?:your |all )*ANSWERS)MOST \\d{1,4} words\\b
        (?:use|write)MOST \\d{1,4} words(?: at most| max(?:imum)?)?(?=\\s*(?:$|[.!?;,]|please|per|from now|always))
        """,
        # Beside a task it speaks of that one text, so it is a wish only where nothing else is said.
        r"^(?:please,? |and |but |in )*(?:(?:at|of) most|no more than|a maximum of|max(?:imum)?|under|up to|less than"
        r"|fewer than|below|within) \d{1,4} words"
        r"(?:,? (?:please|max(?:imum)?|per (?:answer|reply)|each|from now on|always))*[.! ]*$",
    ),
    (
        "verbosity", None, True,
        """
        NO (?:be|keep (?:it|things|your ANSWERS)|answer|make it)(?: so| too)? (?:SHORT|LONG) ANYMORE
        NEED (?:be|keep (?:it|things|your ANSWERS)|make it)(?: so| too)? LONGTAIL
        (?:be|GIVE|use|write) MORELONG(?: ANSWERS)? again\\b
        (?:any|whatever|normal|the usual) length(?: again)?(?: is)?(?: fine| ok| okay| again| please|$)
        FORGET (?:SHORT|LONG|brevity|length|the length)(?: ANSWERS)?TAIL
        (?:ANSWERS|answer|reply|respond|write)(?: \\w+){0,2} (?:at|of|with) normal length
        """,
        "",
    ),
    (
        "formality", None, True,
        """
        FORGET (?:POLITE|LOOSE|formality|formalities|tone)(?: (?:STYLE|ANSWERS|stuff|thing))?TAIL
        NO (?:be|sound|being|sounding|keep it|talk|speak)(?: to me)?(?: so| too| that)? (?:POLITE|LOOSE) ANYMORE
        NO (?:SAY|ING) (?:so |too |that )?(?:formally|politely|professionally|casually|informally) ANYMORE
        NEED (?:be|sound|stay|keep it) (?:POLITE|LOOSE)TAIL
        """,
        "",
    ),
    (
        "technical_level", None, True,
        """
        FORGET (?:technical|simple|jargon|expert|level)\\w*(?: (?:STYLE|ANSWERS|stuff|thing|words|terms))?TAIL
        NO (?:be|get|keep it|being|keeping it)(?: so| too| that)? (?:technical|simple) ANYMORE
        NO use (?:simpler?|plain|easy|everyday|technical|expert) (?:words|language|terms|english) ANYMORE
        """,
        "",
    ),
    (
        "speaking_pace", None, True,
        """
        (?:SAY |go |go back to )?(?:(?:at|in|with) )?(?:a |your |the )?(?:normal|usual|regular) (?:pace|speed)TAIL
        NO (?:SAY|ING)(?: so| that)? (?:slow(?:ly|er)?|fast(?:er)?|quick(?:ly|er)?) ANYMORE
        NEED (?:speak|talk)(?: to me)?(?: so| that)? (?:slow(?:ly|er)?|fast(?:er)?|quick(?:ly|er)?)TAIL
        """,
        "",
    ),
    (
        "response_length", None, True,
        """
        (?:there(?:'s| is) )?no (?:more )?(?:word|length) limitsTAIL
        (?:there(?:'s| is) )?no (?:more )?(?:word|length) limitTAIL
        (?:forget|drop|lift|remove|ignore|scrap)(?: about)? the (?:word|length) limitTAIL
        NO (?:HOLD|answer|reply|respond|limit (?:your |all )*ANSWERS|use|write)MOST \\d{1,4} words(?: ANYMORE|TAIL)
        (?:use |write )?as many words as you (?:like|want|need)TAIL
        """,
        "",
    ),
    (
        "language", None, True,
        """
        IN (?:only )?(?:in )?(?:any|whatever|whichever|your usual|the usual) language(?: you (?:like|want|prefer))?TAIL
        FORGET languageTAIL
        """,
        "",
    ),
    (
        _STYLE, None, True,
        """
        (?:go |get |be |come )?back to (?:your )?(?:normal|usual)(?: (?:STYLE|ANSWERS|way|mode|self))?TAIL
        (?:ANSWERS|answer|reply|respond|talk|speak|write)(?: to me| me)? (?:normally|as usual|as before|like before)TAIL
        be (?:yourself|normal)(?: again)?TAIL
        (?:use )?(?:your )?(?:normal|usual) (?:style|tone|ANSWERS|way)(?: again)?TAIL
        FORGET (?:style|tone and length|preferences|preference|wishes)TAIL
        """,
        "",
    ),
)  # fmt: skip

# Most messages hold no word that begins like these, and are done with after one look; others try few rules.
HINTS: Final = {
    "verbosity": frozenset(
        "shor brie conc succ snap cris poin sent word verb deta dept thor elab long comp exte spec tldr tl dr line "
        "much cut less norm leng usua back".split()
    ),
    "formality": frozenset(
        "form prof offi poli busi casu info rela chil frie laid chat budd mate norm usua back tone".split()
    ),
    "technical_level": frozenset(
        "tech expe spec dumb basi jarg eli5 five 5 simp plai easy ever laym begi newb novi engi coll norm "
        "usua back".split()
    ),
    "speaking_pace": frozenset("slow fast quic spee pace norm usua regu back".split()),
    "response_length": frozenset("word leng limi norm usua back".split()),
    "language": frozenset([*(name[:4] for name in CODES), "lang", "norm", "usua", "back"]),
}
