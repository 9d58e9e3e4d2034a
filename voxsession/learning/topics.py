"""What a text is about: key phrases between stop words, after RAKE."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["fold_plural", "topics_of"]

_LONGEST_TEXT = 6000
_LONGEST_PHRASE = 3
_LONGEST_WORD = 30

#: Words that no topic holds: function words, common verbs and adverbs, and nouns that say nothing.
STOP_WORDS: Final = frozenset(
    """
    a about above absolutely across actually after again against ago ah all almost alone along already
    alright also although always am among an and another any anybody anymore anyone anything anyway
    anywhere apart are aren't around as aside at away b back basically be became because become been
    before behind being below besides best better between beyond both but by c can can't cannot certain
    certainly clearly com completely could couldn't d definitely despite did didn't do does doesn't doing
    don't done down due during e each early easily easy either else enough entirely especially etc even
    ever every everybody everyone everything everywhere exactly except extremely f fairly far few finally
    fine first for forever former from fully further g generally go god goes going gonna gone good got
    gotta great h had hadn't half happy hardly has hasn't have haven't having he he'd he'll he's hello
    hence her here here's hers herself hey hi high him himself his hm hmm honestly how how's however huh i
    i'd i'll i'm i've if immediately in indeed instead into is isn't it it'd it'll it's its itself j just
    k kind kinda l last lately later least less let's likely literally little ll long lot lots low m
    mainly many may maybe me mean meanwhile might mine more moreover most mostly mr mrs ms much must my
    myself n near nearly necessarily necessary never nevertheless new next nice no nobody none nope nor
    normally not nothing now nowhere o obviously of off often oh ok okay old on once one ones only onto or
    other others otherwise ought our ours ourselves out over overall own p particular particularly per
    perfect perhaps please plus possible possibly pretty probably properly q quick quickly quite r rather
    re really recently regarding right s said same seem seems seriously several shall she she'd she'll
    she's should shouldn't similar simply since slightly so some somebody somehow someone something
    sometimes somewhat somewhere soon sorry sort still strange stuff such suddenly super sure t than thank
    thanks that that'll that's the their theirs them themselves then there there's therefore these they
    they'd they'll they're they've this those though through throughout thus till to together too totally
    toward towards true truly twice u um under unfortunately unless unlike until up upon us usual usually
    v various ve very via w was wasn't way we we'd we'll we're we've well went were weren't what what'll
    what's whatever when when's whenever where where's whereas wherever whether which while who who'd
    who'll who's whoever whole whom whose why will with within without won't worse worst would wouldn't
    wow wrong x y yeah yep yes yet you you'd you'll you're you've your yours yourself yourselves yup z
    visit inquire enquire configure refactor deploy rerun parse install upgrade summarise summarize
    rewrite cancel cheap expensive stuck status relevant nah dunno wanna gimme dude bro gotcha yay ugh
    lmao tbh imo fyi helpful date able accept add afraid agree allow answer appear apply appreciate arrive
    ask avoid aware awesome bad based begin believe big bit break bring bunch buy call came care carry
    case catch cause chance change check choose clear close come common complete confirm consider contain
    continue cool correct couple cover create cut day dear decide depend describe detail did different
    difficult discuss drop eat end enjoy entire example exist expect explain fact fail fall feel fill find
    finish fit follow forget found full fun get give glad grateful guess guy guys hand handle happen hard
    hate hear heard help hold hope hour huge idea imagine important include interested interesting issue
    item keep kept kid know knew known large late learn leave left let light like list listen live look
    lose loss lost love made main make manage matter meet mention mind minute miss moment month morning
    move name need night note notice number offer open order part pass pay people person pick piece place
    plan play point possible prefer present problem provide put question raise read ready real reason
    receive recommend remain remember remind repeat reply request require respond rest result return run
    sad save saw say see seen sell send sent serious set show side single situation sleep slow small sound
    speak special specific spend stand start state stay step stop strong suggest suppose take taken talk
    tell tend term thing think thought time tip tired today told tomorrow tonight took top touch tried
    trouble try turn type understand unable use used useful user usual wait walk want watch week weekend
    welcome whole win wish wonder word work worry worth write wrote year yesterday young zero two three
    four five six seven eight nine ten hundred thousand million second third dozen monday tuesday
    wednesday thursday friday saturday sunday afternoon evening pls plz thx lol haha omg btw idk asap
    short brief formal formally casual casually briefly simple simpler
    """.split()
)
_FOREIGN_STOP: Final = frozenset(
    """
    der die das und ist nicht ich du sie wir ihr ein eine einen einem einer mit auf für von zu dem den des
    im am sich auch wie kann kannst bitte danke haben habe hat sind bin bist war wird noch nur aber oder
    wenn mein meine meinen dein deine möchte würde gerne heute morgen über mir mich dir dich uns euch es
    er man was wer wo wann warum dass als nach bei aus le la les un une des et est pas je tu il elle nous
    vous ils dans pour avec sur que qui ne ce cette mon ma mes votre vos au aux du de en se sa son ses
    j'ai c'est suis êtes sont plus très bien fait faire merci bonjour comment quand où el los las y yo tú
    él una por para con del al lo su es más pero hola gracias qué dónde cómo está estoy son tengo tiene
    puedo quiero muy también me mi te como no sí di che non io lui lei noi voi sono per come ma ciao
    grazie questo questa della il gli um uma não eu ele ela você com em na da dos das mais mas olá
    obrigado os het een en niet ik jij zij wij van voor met op dat deze naar hoe wat waar wie och är inte
    jag det att som på med av den till har var hur vad ett
    """.split()
)
_IGNORED = STOP_WORDS | _FOREIGN_STOP
_PRIVATE = re.compile(r"[@\d]|://|^www\.")
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\s\w'’-]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_SINGULAR_S = ("ss", "us", "is", "ous", "ics", "news", "series", "species", "physics", "lens", "gas")


def topics_of(text: str, limit: int = 5) -> dict[str, float]:
    """The key phrases of a text with their weights; addresses, links and what holds digits are left out.

    Args:
        text: Any string; of a very long one the beginning is looked at.
        limit: How many phrases at most.

    Returns:
        Phrase in lower case -> weight up to 1.0, the weightiest first; empty for a text about nothing.

    Example:
        >>> list(topics_of("I'm interested in quantum physics, and a lot in hiking trails near Munich"))
        ['quantum physics', 'hiking trail', 'munich']
    """
    phrases = _phrases(text[:_LONGEST_TEXT])
    frequency: dict[str, int] = {}
    degree: dict[str, int] = {}
    for phrase in phrases:
        for word in phrase:
            frequency[word] = frequency.get(word, 0) + 1
            degree[word] = degree.get(word, 0) + len(phrase)
    scores: dict[str, float] = {}
    for phrase in phrases:
        # RAKE: a word counts more in company; repetition of the phrase counts besides.
        score = sum(degree[word] / frequency[word] for word in phrase) / len(phrase)
        name = " ".join(phrase)
        scores[name] = scores.get(name, 0.0) + score
    best = sorted(scores, key=lambda name: -scores[name])[: max(0, limit)]
    most = scores[best[0]] if best else 1.0
    return {name: round(max(0.25, scores[name] / most), 3) for name in best}


def fold_plural(word: str) -> str:
    """An English plural as its singular, lightly: what is not surely a plural stays.

    Example:
        >>> [fold_plural(word) for word in ("trails", "cities", "boxes", "physics", "bus", "glass")]
        ['trail', 'city', 'box', 'physics', 'bus', 'glass']
    """
    if len(word) < 4 or not word.endswith("s") or word.endswith(_SINGULAR_S):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if word.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return word[:-2]
    return word[:-1]


def _phrases(text: str) -> list[tuple[str, ...]]:
    """The runs of words between stop words and marks, cut to the last three words of each."""
    found: list[tuple[str, ...]] = []
    run: list[str] = []
    # Chunk by chunk: one pattern for a whole address would try each of its beginnings anew.
    plain = text.lower().replace("’", "'").replace("\n", " . ").split()
    chunks = (chunk if chunk.isalpha() or not _PRIVATE.search(chunk) else " . " for chunk in plain)
    for token in (*_TOKEN.findall(" ".join(chunks)), "."):
        word = token.removesuffix("'s")
        if word[0].isalpha() and not _stops(word):
            run.append(fold_plural(word))
        elif run:
            # The head of an English phrase stands last.
            found.append(tuple(run[-_LONGEST_PHRASE:]))
            run = []
    return found


@lru_cache(maxsize=8192)
def _stops(word: str) -> bool:
    """Whether a word belongs to no phrase."""
    if word in _IGNORED or fold_plural(word) in _IGNORED or len(word) > _LONGEST_WORD:
        return True
    if _UNSPACED.match(word):
        # No spaces: a short run may be a name, a long one is a sentence.
        return len(word) > 6
    if len(word) < 3:
        return True
    stem = word[:-3] if word.endswith("ing") else word[:-2] if word.endswith("ed") else ""
    return bool(stem) and (
        stem in STOP_WORDS
        or stem + "e" in STOP_WORDS
        or (stem[-2:-1] == stem[-1:] and stem[:-1] in STOP_WORDS)
    )
