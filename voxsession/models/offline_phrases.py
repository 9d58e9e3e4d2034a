"""What the offline model listens for and says: topics of questions, words that belong together, its sentences."""

from __future__ import annotations

import re

from voxsession.core.struct import Struct

__all__ = [
    "CANNOT_FORGET",
    "GROUPS",
    "HERE",
    "OFFLINE",
    "OFFLINE_BRIEF",
    "OFFLINE_EXPERT",
    "OFFLINE_PLAIN",
    "TOPICS",
    "Topic",
]

OFFLINE = (
    "I'm an offline model and only know what was said in this session."
    " For anything else, a model can be plugged in."
)
OFFLINE_PLAIN = (
    "I only know what you have told me here. For other things, someone has to connect me to a bigger helper."
)
OFFLINE_EXPERT = (
    "OfflineModel: no language model is attached, and answers are retrieved from stored memories and messages."
    " Pass model=... to Voxon to attach one."
)
OFFLINE_BRIEF = "I only know what was said in this session."
HERE = "I'm here and listening."
CANNOT_FORGET = "I can't erase anything myself; the application can, with session.forget."


def _full(*patterns: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(patterns)})\W*", re.IGNORECASE)


class Topic(Struct, frozen=True, kw_only=True):
    """One thing about a person that can be asked for.

    Attributes:
        name: the topic's own name.
        unknown: what is said not to be known; `{your}`, `{you}` and verbs such as `{do}` are filled in.
        nouns: what follows "my" in a question for it.
        asks: other questions for it, in small letters, with "i" for the person.
        slots: the slots that hold it, or the beginnings of their names where they end with ":".
        forms: what it looks like in a memory whose person is written "@"; of several the first that is found counts.
        category: any memory of this category answers it.
        single: only the newest answer counts.
    """

    name: str
    unknown: str
    nouns: re.Pattern[str]
    asks: re.Pattern[str]
    slots: tuple[str, ...] = ()
    forms: tuple[re.Pattern[str], ...] = ()
    category: str | None = None
    single: bool = False


def _topic(
    name: str,
    unknown: str,
    *,
    nouns: str = "(?!)",
    asks: tuple[str, ...] = (),
    slots: str = "",
    forms: tuple[str, ...] = (),
    category: str | None = None,
    single: bool = False,
) -> Topic:
    return Topic(
        name=name,
        unknown=unknown,
        nouns=_full(nouns),
        asks=_full(*asks) if asks else re.compile("(?!)"),
        slots=tuple(slots.split()),
        forms=tuple(re.compile(form, re.IGNORECASE) for form in forms),
        category=category,
        single=single,
    )


_LIKES = (
    r"^@ (?:\w+ly )?(?:likes?|loves?|enjoys?|adores?|prefers?|plays?|collects?|is "
    r"(?:\w+ly )?(?:interested in|into|keen on|fond of|passionate about|obsessed with"
    r"|an? (?:\w+ )?fan of))\b|^@'s favou?rite\b|^@'s hobb"
)
_LIVING = r"(?: (?:now|live|living|based|staying|at the moment|currently|these days))*"
_WORK_FORM = (
    r"^@ (?:\w+ly )?(?:works?|runs|owns|teaches|is (?:employed|self-employed|unemployed|retired))\b"
    r"|^@'s (?:job|occupation|profession|employer|work|career)\b"
)
_ANSWERED = (
    r"(?:want|like|prefer|wish)(?: (?:to be answered|(?:your|my|the)? ?(?:answers|replies)"
    r"|you to (?:answer|reply|talk).*))"
)

#: Tried in this order.
TOPICS: tuple[Topic, ...] = (
    _topic(
        "name",
        "{your} name",
        nouns="(?:full |first |last |sur|family |nick ?)?names?(?: again)?",
        asks=(
            "what (?:am i|i am) called",
            "what (?:do|should|can|will) you call me",
            "how (?:do|should) you call me",
        ),
        slots="name",
        forms=(
            r"^@'s (?:(?:full|first|preferred|given|real) )?name (?:is|was)\b",
            r"^@ (?:is called|is named|goes by|wants to be called)\b|^@'s (?:last |sur|family |nick)name "
            r"is\b",
        ),
        single=True,
    ),
    _topic(
        "age",
        "{your} age",
        nouns="(?:current )?age",
        asks=("how old (?:am i|i am)",),
        slots="age",
        forms=(r"^@ is (?:about |around )?\d{1,3}(?: years old|$)|^@'s age is\b",),
        single=True,
    ),
    _topic(
        "birthday",
        "{your} birthday",
        nouns="birthday|bday|birth ?date|date of birth",
        asks=(
            "when (?:was i|i was|am i) born",
            "when (?:is|are) (?:it )?my (?:birthday|bday)",
            "when my birthday is",
        ),
        slots="birthday",
        forms=(r"^@'s (?:birthday|date of birth)\b|^@ was born\b.*\d",),
        single=True,
    ),
    _topic(
        "residence",
        "where {you} live",
        nouns="(?:home ?|current )?(?:address|city|home|residence|location|place of residence)",
        asks=(
            r"where (?:do i|i) (?:live|stay|reside)" + _LIVING,
            r"where (?:am i|i am)" + _LIVING,
            r"(?:what|which) (?:city|town|country|place|village|state) (?:do i|i) live in",
            r"(?:what|which) (?:city|town|country|place) (?:am i|i am) (?:in|based in|living in)",
        ),
        slots="residence",
        forms=(
            r"^@ (?:now |currently )?(?:lives|is based|is living|resides|stays) (?:in|at|on|near|by"
            r"|outside|around)\b",
            r"^@ (?:just |recently )?(?:has )?moved to\b|^@'s (?:address|home) is\b",
        ),
        single=True,
    ),
    _topic(
        "origin",
        "where {you} {come} from",
        nouns="home ?town|origins?|home country|country of origin|nationality",
        asks=(
            r"where (?:am i|i am) (?:originally )?from(?: originally)?",
            r"where (?:do i|i) (?:originally )?come from(?: originally)?",
            r"where (?:did i|i) gr[eo]w up",
            r"where (?:was i|i was) born",
        ),
        slots="origin nationality",
        forms=(
            r"^@ (?:is (?:originally )?from|comes from|grew up in|was born in)\b|^@'s (?:home ?town"
            r"|nationality) is\b",
        ),
    ),
    _topic(
        "employer",
        "where {you} work",
        nouns="employer|company|work ?place|office",
        asks=(
            r"where (?:do i|i) work(?: now)?",
            r"(?:who|whom|what company|which company) (?:do i|i) work (?:for|at)",
            r"for whom (?:do i|i) work",
        ),
        slots="employer work.mode work.field",
        forms=(r"^@ (?:\w+ly )?works (?:at|for|in|from)\b|^@'s (?:employer|company) is\b", _WORK_FORM),
    ),
    _topic(
        "work",
        "what {you} {do} for work",
        nouns="job|work|profession|occupation|career|trade|job title",
        asks=(
            r"what (?:do i|i) do(?: (?:for (?:a |my )?(?:living|work|job)|professionally|at work))?",
            r"what (?:am i|i am)(?: (?:by profession|professionally))?",
            r"what (?:do i|i) work (?:as|on|in)",
            r"what (?:am i|i am) working (?:as|on)",
            r"what (?:kind|sort|type) of (?:work|job) (?:do i|i) (?:do|have)",
        ),
        slots="occupation employer",
        forms=(
            _WORK_FORM,
            r"^@ is an? (?:[\w-]+ ){0,2}(?:\w+(?:ist|ian|eer|yer|ctor|cher|per|nter|iter|ant|tect|ber)"
            r"|nurse|chef|student|pilot|vet)\b",
        ),
        category="work",
    ),
    _topic(
        "studies",
        "what {you} study",
        nouns="studies|major|degree|university|college|school",
        asks=(r"(?:what|where) (?:do i|i|am i|i am) (?:study|studying|majoring in)",),
        slots="study",
        forms=(
            r"^@ (?:studies|is studying|is majoring|majors|attends"
            r"|goes to (?:.* )?(?:university|college|school))\b",
        ),
    ),
    _topic(
        "dislikes",
        "what {you} {do} not like",
        nouns="dislikes|pet peeves",
        asks=(
            r"what (?:do i|i) (?:really )?(?:hate|dislike|not (?:like|enjoy|love))",
            r"what do not i (?:really )?(?:like|enjoy|love)",
            r"what i do not (?:like|enjoy|love)",
        ),
        forms=(
            r"^@ (?:\w+ly )?(?:doesn't (?:\w+ )?(?:like|enjoy|love|care for)|hates|dislikes|can't stand"
            r"|isn't (?:interested in|into|an? ))",
        ),
    ),
    _topic(
        "interests",
        "what {you} {are} interested in",
        nouns="(?:main |other |biggest )?(?:interests?|hobb(?:y|ies)|passions?|pastimes?)",
        asks=(
            r"what (?:am i|i am) (?:really |most )?(?:interested in|into|passionate about|keen on)",
            r"what (?:do i|i) (?:like|love|enjoy) (?:to do|doing)(?: .*)?",
            r"what (?:do i|i) do (?:for fun|in my (?:free|spare) time|for pleasure)",
            r"what (?:interests|fascinates) me",
        ),
        forms=(
            r"^@ (?:\w+ly )?(?:is (?:\w+ly )?(?:interested in|into|keen on|passionate about|obsessed with"
            r"|learning|an? (?:\w+ )?fan of)|plays|collects)\b|^@'s hobb",
            _LIKES,
        ),
        category="interest",
    ),
    _topic(
        "likes",
        "what {you} like",
        nouns="likes|tastes|preferences?|favou?rite things",
        asks=(
            r"what (?:do i|i) (?:really |most )?(?:like|love|enjoy|prefer)(?: (?:best|most))?",
            r"what (?:kind of |sort of )?things (?:do i|i) (?:like|love|enjoy)",
        ),
        forms=(_LIKES,),
    ),
    _topic(
        "allergies",
        "of any allergies",
        nouns="allerg(?:y|ies)",
        asks=(
            r"what (?:am i|i am) allergic to",
            r"(?:do i have|have i got|i have|am i|if i have) (?:any |an )?(?:allerg(?:y|ies)|allergic(?: "
            r"to anything)?)",
        ),
        slots="allergy:",
        forms=(r"allerg",),
    ),
    _topic(
        "diet",
        "{your} diet",
        nouns="diet|dietary (?:needs|restrictions|requirements|preferences)",
        asks=(r"what (?:can i|do i|can not i|do not i|i do not|i can not) (?:not )?eat",),
        slots="diet diet: allergy:",
        forms=(
            r"^@ (?:is (?:on an? .* diet|(?:an? )?(?:vegan|vegetarian|pescatarian))|doesn't eat|can't eat"
            r"|only eats|eats)\b",
        ),
    ),
    _topic(
        "health",
        "anything about {your} health",
        nouns="health|medical (?:history|conditions?)|(?:health )?conditions?|medications?|medicines?",
        category="health",
    ),
    _topic(
        "plans",
        "{your} plans",
        nouns="(?:upcoming |next |future |travel )?(?:plans?|schedule|agenda|appointments?|calendar"
        "|trips?)(?: .*)?",
        asks=(
            r"what (?:am i|i am) (?:planning|going to do|doing|up to)(?: .*)?",
            r"what (?:do i|i|have i|i have) (?:have |got )?(?:planned|coming up|scheduled|on)(?: .*)?",
            r"what is (?:coming up|next)(?: for me)?",
            r"where (?:am i|i am) (?:going|travelling|traveling|flying)(?: (?:to|next))*",
            r"do i have (?:any )?(?:plans?|appointments?)(?: .*)?",
        ),
        forms=(
            r"^@ (?:is (?:going to|planning|flying|travelling|moving|getting|starting|visiting)|plans to"
            r"|will|has an? .*(?:appointment|interview|exam))\b",
        ),
        category="plan",
    ),
    _topic(
        "children",
        "whether {you} {have} children",
        nouns="(?:kids?|child(?:ren)?)(?:'s names?)?",
        asks=(
            r"(?:do i have|have i got|if i have) (?:any |a )?(?:kids?|child(?:ren)?)",
            r"how many (?:kids|children) (?:do i|i) have",
        ),
        slots="children",
        forms=(
            r"\b(?:kids?|child(?:ren)?|sons?|daughters?|twins|baby|mum of|mom of|dad of|father of|mother "
            r"of)\b",
        ),
    ),
    _topic(
        "family",
        "{your} family",
        nouns="(?:family|relatives|relationships?|friends)(?: members| situation)?",
        asks=(r"do i have (?:any |a )?family", r"who (?:is|are) (?:in )?my family"),
        category="relationship",
    ),
    _topic(
        "languages",
        "which languages {you} speak",
        nouns="(?:native |first )?languages?|mother tongue",
        asks=(
            r"(?:what|which) languages? (?:do i|can i|i|i can) speak",
            r"how many languages (?:do i|can i) speak",
        ),
        slots="language speaks:",
        forms=(r"^@ (?:speaks|is fluent in)\b|^@'s (?:native|first) language",),
    ),
    _topic(
        "wishes",
        "how {you} like to be answered",
        nouns="(?:standing )?(?:instructions?|wishes|requests?)(?: .*)?",
        asks=(
            rf"how (?:do i|i|should i) {_ANSWERED}",
            r"how should you (?:answer|reply|talk)(?: to)?(?: me)?",
        ),
        category="instruction",
    ),
)

#: A general word in a question, and the special ones that answer it.
GROUPS: dict[str, frozenset[str]] = {
    general: frozenset(special.split())
    for general, special in {
        "pet": "dog puppy cat kitten parrot rabbit bunny hamster horse pony goldfish fish tortoise turtle "
        "snake lizard budgie canary"
        " ferret hen chicken goat donkey retriever labrador poodle bulldog terrier bird rat mouse",
        "animal": "dog puppy cat kitten parrot rabbit hamster horse pony fish tortoise snake bird goat "
        "donkey",
        "dog": "puppy retriever labrador poodle bulldog terrier beagle shepherd collie husky corgi "
        "spaniel pug",
        "cat": "kitten",
        "sibling": "brother sister twin",
        "parent": "mother father mom mum dad",
        "mother": "mom mum",
        "mum": "mother mom",
        "mom": "mother mum",
        "father": "dad",
        "dad": "father",
        "partner": "wife husband girlfriend boyfriend fiance fiancee spouse married",
        "spouse": "wife husband partner married",
        "wife": "partner spouse married",
        "husband": "partner spouse married",
        "grandparent": "grandmother grandfather grandma grandpa",
        "kid": "child children son daughter baby",
        "child": "kid son daughter baby",
        "children": "kid son daughter baby",
        "phone": "telephone mobile",
        "car": "drive",
        "old": "age year turning",
        "birthday": "born turning",
        "mail": "email",
        "wedding": "married marry",
        "movie": "film",
        "trip": "travel fly flying visiting",
    }.items()
}
