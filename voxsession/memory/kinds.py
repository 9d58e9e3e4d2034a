"""Common kinds of what a word names: asked for by the kind, told by the thing."""

from __future__ import annotations

from typing import Final

__all__ = ["KINDS"]

#: The first word of a group is what is asked for, the others are what a memory says; a word may lead several groups.
KINDS: Final = """
pet dog cat puppy kitten hamster rabbit bird parrot fish turtle puppies kitty bunny goldfish guinea lizard snake gecko
animal dog cat horse bird turtle rabbit cow pig sheep goat chicken duck deer bear fox wolf lion tiger
animal elephant monkey whale dolphin squirrel; child son daughter baby toddler boy girl kid
kid son daughter baby toddler boy girl; parent mother father mom dad; sibling brother sister
partner husband wife boyfriend girlfriend spouse fiance
family relative parent husband wife kid child son daughter mom dad brother sister grandma grandpa mother
family father sibling uncle aunt cousin
relative aunt uncle cousin grandma grandpa niece nephew grandmother grandfather
instrument guitar piano violin drum clarinet flute cello saxophone trumpet ukulele keyboard bass drums harp
instrument banjo harmonica viola trombone oboe
music song band album concert guitar piano jazz rock pop classical rap
sport soccer football basketball tennis baseball hockey golf swim volleyball rugby cricket ski surf
sport snowboard skate badminton boxing karate judo wrestling gymnastics archery
hobby paint draw read hike cook garden dance photography pottery knit write run interest bake crochet sew
hobby fish camp collect chess puzzle woodworking birdwatching gaming surf climb bike sing guitar piano yoga
activity hike swim paint camp run dance read yoga pottery bike climb cook museum concert hobby bake fish ski
activity surf kayak picnic game movie walk park volunteer garden bowling zoo theater beach
exercise run yoga gym swim weights cycling jog pilates walk hike cardio lifting stretch workout
outdoors hike camp trail park fish climb bike kayak surf ski picnic
color red blue green yellow purple pink black white orange brown gray grey gold silver turquoise violet
colour red blue green yellow purple pink black white orange brown grey gray gold silver turquoise violet
fruit apple banana orange strawberry blueberry mango grape peach pear cherry lemon melon pineapple kiwi
vegetable carrot tomato potato broccoli spinach onion pepper cucumber lettuce bean corn pea zucchini
meat chicken beef pork steak turkey lamb bacon ham sausage
food eat cook meal dish recipe snack cuisine pizza pasta sushi chicken salad soup bread burger taco rice
food noodle sandwich steak curry cheese cake pie cookie muffin pancake; diet eat food vegetarian vegan
meal dish food breakfast lunch dinner brunch supper
dessert cake pie cookie chocolate pastry brownie cheesecake icecream tart muffin cupcake pudding
drink coffee tea wine beer juice cocktail smoothie soda water milk
event conference parade festival party concert ceremony workshop meeting fair wedding show exhibition
event competition fundraiser marathon seminar meetup; weather rain snow sun storm wind hot cold sunny cloudy
season spring summer autumn winter fall; transport bus train car bike plane subway ferry taxi
health doctor sick illness injury hospital diagnosis surgery; school class student teacher grade college
study learn course class degree university psychology engineering biology medicine law economics math
study physics chemistry; money budget save debt loan salary rent income
emotion happy sad angry proud nervous excited scared grateful relieved anxious lonely
feel happy sad excited proud nervous grateful scared relieved angry anxious stressed lonely thrilled
read book novel series fiction; exhibit museum gallery; award win first medal trophy prize winner
jewelry necklace ring bracelet earring watch pendant; device phone laptop tablet computer camera console
address street avenue; trip hotel flight visit roadtrip cruise tour
country germany france spain italy england canada mexico brazil japan china india australia usa america uk
country ireland scotland portugal greece sweden norway denmark finland poland russia turkey egypt korea
country thailand vietnam netherlands switzerland
job teacher nurse engineer doctor lawyer manager designer developer analyst accountant chef waiter cashier
job driver banker consultant salesman writer journalist hired; bird eagle owl parrot hawk duck sparrow crow
breed retriever labrador poodle shepherd terrier bulldog beagle husky chihuahua corgi dachshund
insect bee butterfly ant spider beetle; team soccer football basketball baseball hockey
outdoor hike camp fish climb bike kayak surf ski picnic trail swim run garden
indoor cook bake read movie game puzzle paint museum gym yoga; fun game movie party dance concert beach
game chess poker monopoly board card console nintendo xbox playstation
seafood fish salmon shrimp tuna crab lobster sushi
cuisine italian mexican chinese japanese thai indian french korean greek
dish pasta pizza curry stew soup salad lasagna roast pie sushi
snack chips cookie popcorn nuts fruit cracker pretzel; bake cake cookie bread pie muffin pastry cupcake
beverage coffee tea wine beer juice soda
career teacher nurse engineer doctor lawyer counselor designer developer scientist writer artist
profession teacher nurse engineer doctor lawyer counselor designer developer scientist
occupation teacher nurse engineer doctor lawyer counselor designer developer scientist
degree bachelor master phd mba psychology engineering biology business
major psychology engineering biology business economics history math physics chemistry
subject math science history english physics chemistry biology art
language english spanish french german italian chinese japanese korean portuguese arabic russian python
language javascript java rust
city london paris rome berlin madrid barcelona amsterdam tokyo boston chicago seattle miami york angeles
city francisco toronto; state california texas florida oregon colorado michigan minnesota hawaii alaska
continent europe asia africa america australia
place beach park museum mountain lake forest restaurant cafe city country
landmark tower bridge statue castle cathedral; vehicle car truck bike motorcycle bus van boat
holiday christmas thanksgiving easter halloween hanukkah
celebration birthday wedding anniversary graduation christmas thanksgiving party
competition tournament contest race match championship
clothes shirt dress pants jeans jacket coat shoes sweater hat skirt hoodie scarf socks
wear shirt dress pants jeans jacket coat shoes sweater hat suit
accessory hat scarf belt bag necklace sunglasses; furniture couch sofa chair table desk bed shelf
room kitchen bedroom bathroom garage basement attic; appliance oven fridge dishwasher washer microwave
flower rose tulip daisy sunflower lily orchid; plant flower tree herb succulent cactus rose tomato basil
tree oak pine maple palm; disease cancer diabetes asthma flu covid arthritis
illness cancer diabetes asthma flu covid migraine
condition diabetes asthma allergy anxiety depression arthritis adhd
symptom fever cough headache pain nausea fatigue; injury broke sprain ankle knee fracture surgery concussion
allergy peanut nuts gluten dairy pollen lactose shellfish; medicine ibuprofen aspirin antibiotic insulin
therapy counseling therapist; feeling happy sad excited proud nervous grateful scared relieved angry anxious
trait kind caring thoughtful brave honest creative patient funny generous smart
personality kind caring thoughtful brave honest creative patient funny generous smart shy outgoing
religion christian catholic jewish muslim buddhist hindu church faith god
gender woman man female male transgender; orientation gay lesbian straight bisexual
nationality american british canadian mexican french german italian indian chinese
ethnicity asian hispanic latino african white black; musician band singer guitarist pianist drummer
genre jazz rock pop classical rap country fantasy mystery thriller romance comedy horror
book novel series author read fiction memoir; movie film comedy thriller horror drama documentary trilogy
show series season episode netflix; artist band singer painter
art painting drawing sculpture pottery photography sketch; tool hammer saw drill wrench
class yoga dance pottery cooking art language; course yoga cooking programming language; exam sat gre test
finance budget debt loan savings mortgage investment; expense rent bill groceries
business store shop startup company brand studio; company google amazon apple microsoft startup
website app blog channel; social instagram facebook twitter tiktok youtube
app instagram facebook twitter tiktok youtube spotify; programming python javascript java code
vacation beach cruise resort hotel flight; destination beach country city
accommodation hotel hostel airbnb apartment
nature forest mountain lake river beach ocean trail tree wildlife park
charity donate shelter homeless volunteer fundraiser; volunteer shelter charity homeless foodbank
environment climate recycling pollution; goal marathon lose learn save; fear heights spiders dark
name called named nickname; age old years birthday turned; gift necklace book flowers ring card
toy ball doll lego puzzle; stay hotel apartment house; live apartment house city moved
home house apartment condo; move moving moved relocated apartment; chore laundry dishes cleaning vacuum
routine morning daily; habit smoking daily; skill learn cooking coding language; support help encourage
"""
