"""Everyday English that means the same or nearly so: irregular forms, synonyms, kinds of things.

People ask "does she have pets?" of a memory that says "adopted a puppy". What is listed here is common
knowledge, written by hand and kept to words that are common in talk; a word that is not listed costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

__all__ = ["forms_of", "related_to"]

# Forms that no stemmer brings together; each line's words count as one word.
_IRREGULAR = """
become became; begin began begun; bite bit bitten; blow blew blown; break broke broken; bring brought; build built
burn burnt; buy bought; catch caught; choose chose chosen; come came; deal dealt; draw drew drawn; dream dreamt
drink drank drunk; drive drove driven; eat ate eaten; fall fell fallen; feed fed; feel felt; fight fought; find found
fly flew flown; forget forgot forgotten; forgive forgave forgiven; freeze froze frozen; grow grew grown; hang hung
hear heard; hide hid hidden; hold held; keep kept; know knew known; lead led; learn learnt; leave left; lend lent
lose lost; make made; mean meant; meet met; pay paid; ride rode ridden; ring rang rung; rise rose risen; run ran
see saw seen; seek sought; sell sold; send sent; shake shook shaken; shoot shot; show shown; shrink shrank shrunk
sing sang sung; sink sank sunk; sit sat; sleep slept; speak spoke spoken; spend spent; stand stood; steal stole stolen
stick stuck; strike struck; swear swore sworn; swim swam swum; take took taken; teach taught; tear tore torn
think thought; throw threw thrown; understand understood; wake woke woken; wear wore worn; win won
write wrote written; child children; foot feet; tooth teeth; mouse mice; man men; woman women; person people
wife wives; life lives; knife knives; half halves; leaf leaves; shelf shelves
"""

# Of each line every word is near to every other.
_NEAR = """
dog puppy pup doggy doggo pooch
cat kitten kitty
mother mom mum mama
father dad daddy papa
grandmother grandma granny nana
grandfather grandpa granddad
spouse husband wife
girlfriend gf
boyfriend bf
fiance engaged engagement
baby newborn infant
friend buddy pal mate
colleague coworker teammate
boss manager supervisor
job work career occupation profession position
company business firm employer startup
store shop boutique
quit resign resignation
fired layoff redundant
hire recruit employ
salary pay wage income
promotion promoted
university college
course class workshop lesson training seminar
degree diploma graduate
exam test
teacher professor instructor tutor coach mentor
pupil student
home house apartment flat condo
rent lease landlord
live reside
move relocate
neighbor neighbour
city town
country nation
street road
trip travel vacation holiday journey getaway
flight plane airline airport
hotel hostel airbnb
car vehicle
bike bicycle cycle
train railway
doctor physician gp
hospital clinic
therapist therapy counselor counseling psychologist
illness disease sick ill
medicine medication drug pill prescription
injury injured hurt
pain ache sore
exercise workout gym fitness
jog run
hike trek trail
meal dinner lunch breakfast
restaurant cafe diner bistro
cook bake
vegetarian vegan
cup mug
movie film
tv television
song music track
concert gig
band group
book novel
author writer
photo picture pic image snapshot
painting artwork picture
paint draw sketch
art painting drawing sculpture
hobby pastime
game play
fun enjoy
love enjoy adore
like enjoy prefer
favorite favourite fav
dislike hate
happy glad joy delighted
excited thrilled stoked pumped
sad unhappy upset down
angry mad furious
worried anxious nervous
afraid scared frightened
proud pride
stress stressed overwhelmed
destress relax unwind
tired exhausted
difficult hard tough
challenge struggle difficulty obstacle hurdle setback
problem issue trouble
error bug crash failure
goal aim target
dream wish hope
plan intend
decide decision choose choice
buy purchase
cost price
expensive pricey
cheap affordable inexpensive
money cash funds
bill invoice
refund reimburse
discount coupon voucher
order purchase
deliver delivery ship shipping parcel
subscription membership
begin start
finish complete
open launch
fix repair
prize award trophy medal
win victory
gift present
help support assist
volunteer charity donate
advice tip suggestion recommend suggest
talk speak chat discuss
call phone
mobile cellphone smartphone
computer laptop pc
email mail
app application
database db
password login passcode
meeting appointment
book reserve reservation booking
cancel cancellation
reschedule postpone
birthday bday
wedding marry married marriage
divorce separated
die died death passed
pregnant pregnancy
adopt adoption
garden plant
flower bloom bouquet
outdoors outdoor nature outside
camp camping tent campfire
beach coast shore seaside
ocean sea
mountain hill peak
forest woods
church faith religious religion
accident crash
theft stolen robbed burglary
clothes clothing outfit apparel
shoes sneakers boots
necklace pendant
symbol symbolize represent
important matter
reason because
motivate inspire
participate join attend
create make build design
big large huge
small little tiny
beautiful gorgeous pretty
great awesome amazing
allergy allergic
alcohol wine beer
child kid
children kids
nickname name
native hometown
language speak
"""

# Kinds of things: asked for by the first word, told in the others.
_KINDS = """
pet dog cat puppy kitten hamster rabbit bird parrot fish turtle
animal dog cat horse bird turtle rabbit cow
child son daughter baby toddler boy girl
kid son daughter baby toddler boy girl
parent mother father mom dad
sibling brother sister
partner husband wife boyfriend girlfriend spouse
family relative parent husband wife kid child son daughter mom dad brother sister grandma grandpa
relative aunt uncle cousin grandma grandpa niece nephew
instrument guitar piano violin drum clarinet flute cello saxophone trumpet ukulele keyboard bass
music song band album concert
sport soccer football basketball tennis baseball hockey golf swim volleyball rugby cricket ski surf
hobby paint draw read hike cook garden dance photography pottery knit write run interest
activity hike swim paint camp run dance read yoga pottery bike climb cook museum concert hobby
exercise run yoga gym swim weights cycling
outdoors hike camp trail park fish climb
color red blue green yellow purple pink black white orange brown gray
colour red blue green yellow purple pink black white orange brown grey
fruit apple banana orange strawberry blueberry mango grape peach
vegetable carrot tomato potato broccoli spinach onion
meat chicken beef pork steak turkey lamb bacon
food eat cook meal dish recipe snack cuisine pizza pasta sushi chicken salad soup bread
diet eat food vegetarian vegan
meal dish food
dessert cake pie cookie chocolate pastry
drink coffee tea wine beer juice
event conference parade festival party concert ceremony
weather rain snow sun storm wind
season spring summer autumn winter
transport bus train car bike plane subway
health doctor sick illness injury hospital diagnosis
school class student teacher grade
study learn course class degree university
money budget save debt loan
emotion happy sad angry proud nervous excited scared grateful relieved
feel happy sad excited proud nervous grateful scared relieved
read book novel
exhibit museum gallery
award win first
jewelry necklace ring bracelet earring
device phone laptop tablet computer
address street avenue
trip hotel flight visit
country germany france spain italy england canada mexico brazil japan china india australia
job teacher nurse engineer doctor lawyer manager designer developer analyst accountant
"""


def _groups(text: str) -> Iterator[list[str]]:
    for line in text.strip().replace(";", "\n").splitlines():
        yield line.split()


def _mutual(text: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for group in _groups(text):
        for word in group:
            table[word] = table.get(word, ()) + tuple(other for other in group if other != word)
    return table


def _one_way(text: str) -> dict[str, tuple[str, ...]]:
    return {word: tuple(kinds) for word, *kinds in _groups(text)}


def _base_forms(word: str) -> Iterator[str]:
    """The word, then what it may be a regular form of."""
    yield word
    if word.endswith("ies"):
        yield word[:-3] + "y"
    for ending in ("s", "es", "ed", "ing", "er"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            stem = word[: -len(ending)]
            yield stem
            if ending != "s":
                yield stem + "e"
                yield stem[:-1] if stem[-1] == stem[-2] else stem


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    return _mutual(_IRREGULAR), _mutual(_NEAR), _one_way(_KINDS)


def forms_of(word: str) -> tuple[str, ...]:
    """The other forms of an irregular word.

    Args:
        word: In lower case.

    Returns:
        Words that count as the same word; none for regular ones, which stemming handles.

    Example:
        >>> forms_of("buy"), forms_of("garden")
        (('bought',), ())
    """
    irregular, _, _ = _tables()
    return next((irregular[form] for form in _base_forms(word) if form in irregular), ())


def related_to(word: str) -> tuple[str, ...]:
    """Words of nearly the same meaning, and the common kinds of what the word names.

    Args:
        word: In lower case, in any regular form.

    Returns:
        Words in their base form, none for most words.

    Example:
        >>> related_to("puppies")[:2], related_to("fruit")[:2]
        (('dog', 'pup'), ('apple', 'banana'))
    """
    _, near, kinds = _tables()
    found: list[str] = []
    for table in (near, kinds):
        found += next((table[form] for form in _base_forms(word) if form in table), ())
    return tuple(dict.fromkeys(found))
