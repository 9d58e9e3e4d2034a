"""Word lists of the extraction: names, jobs, languages, conditions, kin, pets."""

from __future__ import annotations

import re

from voxsession.memory.facts import NUMBER


def words(text: str) -> frozenset[str]:
    """Split a list of words written as one text; an underscore stands for a space.

    Args:
        text: the words.

    Returns:
        The words as a set.

    >>> sorted(words("red light_blue"))
    ['light blue', 'red']
    """
    return frozenset(word.replace("_", " ") for word in text.split())


def choice(listed: frozenset[str]) -> str:
    """Make a regular expression that matches any of the words, the longest first.

    Args:
        listed: the words.

    Returns:
        The source of a non-capturing group.

    >>> choice(words("red light_blue"))
    '(?:light\\\\ blue|red)'
    """
    return f"(?:{'|'.join(re.escape(word) for word in sorted(listed, key=lambda w: (-len(w), w)))})"


# ---- word lists

GIVEN_NAMES = words(
    """aaron abdul adam adrian ahmed aisha alan alba albert alejandro alessandro alex alexander alexandra alexis
    alfred ali alice alicia alina alison amanda amber amelia amina amir amy ana anastasia andrea andreas andrew
    andy angela anita anja anna anne annie anthony antonio anya arjun arthur asha ashley astrid audrey barbara
    beatrice ben benjamin bernard beth betty bettina bob bobby boris brandon brenda brian bruno bryan camila
    carl carla carlos carmen carol caroline catherine cathy cecilia charles charlie charlotte chen chloe chris
    christian christina christine christopher claire clara claudia colin connor craig cristina cynthia daisy
    damien dan dana daniel daniela danny darren dave david deborah denis dennis derek diana diego dimitri dmitri
    dominic don donald donna doris dorothy doug douglas duncan dylan eddie edith edward elena eli elias elijah
    elisa elizabeth ella ellen elsa emil emily emma eric erica erik erin ernest esther ethan eva evan eve evelyn
    farah fatima felipe felix fernando fiona florian frances francesca francis francisco fred freddie frederick
    freya gabriel gary gavin geoff george gerald gina giovanni giulia gloria gordon graham greg gregory greta
    guillermo gustav hanna hannah hans harold harriet harry hassan heather heidi helen helena henrik henry hugo
    ian ibrahim igor ines ingrid irene iris isaac isabel isabella ivan jack jacob jake james jamie jan jane
    janet jasmine jason javier jeff jeffrey jennifer jenny jeremy jerry jesse jessica jill jim jimmy jo joan
    joanna joe joel johan johanna john johnny jon jonas jonathan jorge jose josef joseph josh joshua juan judith
    judy julia julian julie jun justin kai karen karim karin karl karolina kate katherine kathleen kathy katie
    kayla keith kelly ken kenneth kenji kevin khalid kim kit klaus kristen kurt kyle lara larry laura lauren
    layla lea leah leila lena leo leon leonard leroy liam lily linda lisa liz logan lola lorenzo louis louise
    lucas lucia lucy luis luisa luka lukas luke luna lydia maja malik manuel marco marcus margaret maria
    marianne marie marina mario marion marta martha martin martina mary mateo matt matthew maureen max maya
    megan mei mehmet melanie melissa mia michael michelle miguel mika mike milan mina miriam mo mohamed mohammed
    mohammad moira molly monica muhammad nadia nancy naomi natalia natalie natasha nathan neil nicholas nick
    nicole nigel nikita nikolai nina noah nora nuria oleg olga oliver olivia omar oscar otto pablo pamela
    patricia patrick paul paula pauline pedro peggy penny peter petra phil philip phoebe pierre priya rachel
    rafael rahul raj rajesh ralph ramon raquel rashid ravi raymond rebecca renata ricardo richard rick rita rob
    robert roberto robin rodrigo roger ron ronald rosa rosie ross roxana roy ruben ruth ryan sabrina sally salma
    sam samantha samir samuel sandra sanjay sara sarah scott sean sebastian sergei shannon sharon sheila silvia
    simon sina sofia sonia sophia sophie stefan stella stephanie stephen steve steven stuart sue susan suzanne
    sven sylvia tamara tania tanya tara tariq ted teresa terry theo theresa thomas tiffany tim timothy tina
    tobias todd tom tomas tommy toni tony tracy trevor tyler ulrich uma ursula valentina valerie vanessa vera
    veronica vicky victor victoria viktor vincent vivian vladimir walter wanda wendy werner wei william xavier
    yara yasmin yuki abby agnes alfie archie barry bea bella bill billy bobbie bonnie carrie casey cleo cody
    corey darryl dora dustin edna elaine elsie ernie floyd gemma gertrude gilbert glen glenn gus gwen hank
    hattie howard hubert imogen ivy jen jodie joanne juanita kira kirk kristin lee lester lloyd lorraine lou
    lottie lyle mabel maisie marc marge marvin maurice meg mel mickey mindy mitch mitchell moritz murat myra ned
    nell neal norman olaf orla otis pam perry phyllis quentin ray reggie rhonda rhys rodney rosie rudy rupert
    russell sal seb shane sherry sid sienna stan stacy tess tilly trish val vince viv walt warren wayne wes
    willy wilma yolanda zack zelda yusuf yvonne zach zara zoe"""
)
NOT_NAMES = words(
    """a about above absent actually addicted afraid after again alive all almost alone already also always
    amazed an and android angry annoyed anxious as asking asleep at available away awake aware awesome awful
    back bad based beat because being best better blessed blind blue bored both broke broken burnt busy but by
    calling calm careful certain clear cold coming common complicated confused cool correct crazy curious dead
    deaf dear done down drunk dumb dying eager early easy embarrassed empty ever excellent excited exhausted
    extremely famous far fed feeling fine first flattered for frank free fresh from full fun funny furious
    getting glad going gone good grateful great guilty half happy hard here high his home honest honestly
    hopeful hoping hot hungry i ill important impressed in inside interested into irrelevant it jealous just
    keen last late later lazy legion legit like literally little lonely long looking lost loving low lucky mad
    maybe me mean missing more most much my near nervous never new next nice no nobody normal not nothing now of
    off often ok okay old on online only open or ordinary other out outside over overwhelmed perfect playing
    please pleased poor possible pretty probably proud quite quiet rather ready real really relaxed rich right
    running sad safe same satisfied scared secret serious shocked short sick silly similar simple simply single
    sleepy slow so sober solid some somebody someone somewhere sorry speaking spelled starving still strange
    stressed strong stuck stupid such sure surprised talking tall terrible that the their then there these thick
    thin thirsty this those thrilled through tired to today together too trying two ugly unable uncertain under
    unhappy unique unknown unsure up upset used using usually very waiting warm weak weird well wet what where
    who willing with within without working worried wrong x yes yet young your yours asap bond batman god groot
    superman spiderman hungover offline vegan vegetarian american retired married divorced short-sighted
    whatever anything maybe names none monday tuesday wednesday thursday friday saturday sunday earl khan if
    when idiot january february march april may june july august september october november december christmas
    easter winter summer autumn spring gen team newbie beginner african european latino latina hispanic texan
    londoner leo virgo aries taurus gemini cancer libra scorpio sagittarius capricorn aquarius pisces spartacus
    ishmael iron cis"""
)
LANGUAGES = words(
    """afrikaans albanian arabic armenian bengali bulgarian cantonese catalan chinese croatian czech danish
    dutch english estonian farsi finnish flemish french german greek gujarati hebrew hindi hungarian icelandic
    indonesian irish italian japanese korean latin latvian lithuanian malay mandarin marathi nepali norwegian
    persian polish portuguese punjabi romanian russian serbian slovak slovenian somali spanish swahili swedish
    tagalog tamil telugu thai turkish ukrainian urdu vietnamese welsh yoruba zulu asl sign_language amharic
    azerbaijani basque belarusian bosnian breton burmese esperanto frisian gaelic galician georgian hausa igbo kannada
    kazakh khmer kurdish luxembourgish macedonian malayalam maltese maori mongolian pashto quechua scots sinhala
    tigrinya uzbek xhosa yiddish bsl"""
)
NATIONALITIES = (
    LANGUAGES
    - words(
        """cantonese farsi flemish latin mandarin swahili asl sign_language tamil bsl esperanto gaelic hausa igbo
        kannada khmer malayalam quechua scots tigrinya xhosa yiddish"""
    )
) | words(
    """american argentinian argentine australian austrian belgian bolivian brazilian british canadian chilean
    colombian cuban ecuadorian egyptian ethiopian ghanaian indian iranian iraqi israeli jamaican jordanian
    kenyan lebanese mexican moroccan nigerian pakistani palestinian peruvian filipino puerto_rican scottish
    senegalese singaporean south_african swiss syrian taiwanese tunisian venezuelan"""
)
FAITHS = words(
    "muslim christian catholic protestant jewish hindu buddhist sikh atheist agnostic mormon quaker baptist"
)
JOBS = words(
    """accountant actor actress administrator agent analyst animator anthropologist architect archaeologist
    artist assistant astronomer attorney auditor author baker banker barber barista bartender biologist
    bookkeeper botanist bricklayer broker builder butcher buyer cameraman cardiologist caregiver carer carpenter
    cashier ceo cfo chef chemist cleaner clerk coach coder comedian composer conductor consultant contractor
    cook copywriter counselor counsellor courier cto curator dad dancer dentist designer detective developer
    dietitian diplomat director dj doctor driver economist editor electrician engineer entrepreneur estate_agent
    farmer filmmaker firefighter fisherman florist founder freelancer fundraiser gardener geologist geographer
    goldsmith graduate_student guard guide hairdresser historian homemaker housewife hr illustrator instructor
    interpreter investor janitor jeweller journalist judge lab_technician landscaper lawyer lecturer librarian
    lifeguard lorry_driver locksmith machinist manager marketer mathematician mechanic medic meteorologist
    midwife miner minister model mum musician nanny neurologist notary novelist nurse nutritionist officer
    operator optician optometrist painter paralegal paramedic pastor pediatrician pensioner pharmacist
    phd_student philosopher photographer physicist physician physiotherapist pianist pilot planner plasterer
    plumber podcaster poet police_officer policeman politician porter postman potter priest principal producer
    professor programmer psychiatrist psychologist psychotherapist publisher radiographer radiologist realtor
    receptionist recruiter reporter researcher retiree roofer sailor salesman salesperson saleswoman scientist
    sculptor secretary seamstress server singer social_worker sociologist soldier solicitor statistician
    strategist streamer student supervisor surgeon surveyor tailor teacher technician therapist tiler trader
    trainee trainer translator tutor undergraduate unemployed vet veterinarian veteran violinist waiter drummer
    guitarist bassist sophomore freshman undergrad postdoc caretaker bouncer baker waitress warehouse_worker
    web_developer welder worker writer youtuber zoologist mom parent apprentice"""
) - words("mum mom parent")
DIETS = words(
    """vegan vegetarian veggie pescatarian gluten-free gluten_free dairy-free dairy_free keto paleo low-carb
    low_carb halal kosher flexitarian plant-based fodmap low-fodmap low-sodium mediterranean sugar-free
    carnivore"""
)
CONDITIONS = words(
    """adhd add aids anemia anaemia angina anxiety arrhythmia arthritis asperger's asthma astigmatism ataxia
    autism bipolar_disorder celiac_disease coeliac_disease cancer cataracts chronic_fatigue chronic_pain
    chronic_back_pain back_pain copd crohn's crohn's_disease depression diabetes dementia dyslexia dyscalculia
    eczema endometriosis epilepsy fibromyalgia glaucoma gout hay_fever heart_disease hemophilia hepatitis
    high_blood_pressure high_cholesterol hiv hypertension hypothyroidism ibs insomnia ibd kidney_disease
    low_blood_pressure lupus long_covid lyme_disease migraines ms multiple_sclerosis narcolepsy ocd osteoporosis
    panic_attacks parkinson's pcos psoriasis ptsd reflux rheumatism sciatica scoliosis sleep_apnea
    social_anxiety thyroid_problems tinnitus tourette's tourette_syndrome type_1_diabetes type_2_diabetes
    ulcerative_colitis vertigo a_pacemaker a_heart_condition a_stutter a_prosthetic_leg celiac"""
)
STATES = words(
    """diabetic asthmatic autistic dyslexic epileptic pregnant deaf blind anemic anaemic coeliac celiac
    colour_blind color_blind colourblind colorblind colour-blind color-blind lactose_intolerant
    gluten_intolerant hard_of_hearing partially_sighted visually_impaired bipolar neurodivergent left-handed
    left_handed nearsighted short-sighted immunocompromised disabled paraplegic hypertensive partially_deaf
    legally_blind"""
)
MEDICINES = words(
    """insulin metformin ibuprofen aspirin statins blood_thinners antidepressants beta_blockers birth_control
    the_pill warfarin lisinopril levothyroxine sertraline vitamin_d antihistamines antibiotics
    blood_pressure_medication medication_for ritalin adderall prozac lithium steroids omeprazole prednisone
    methotrexate thyroid_medication ozempic"""
)
KIN = words(
    """sister brother wife husband spouse partner girlfriend boyfriend fiance fiancee fiancé fiancée mother mom
    mum mommy dad father daughter son twin aunt uncle cousin niece nephew grandma grandmother grandpa
    grandfather granddaughter grandson stepmother stepfather stepson stepdaughter godmother godfather godson
    goddaughter friend mate roommate flatmate housemate neighbor neighbour boss manager colleague coworker
    co-worker supervisor baby kid child nan granny grandson kids children parents parent twins grandparents
    sisters brothers sons daughters therapist doctor"""
)
PARTNERS = words("wife husband spouse partner girlfriend boyfriend fiance fiancee fiancé fiancée")
PETS = words(
    """dog dogs puppy puppies cat cats kitten kittens parrot parrots rabbit rabbits bunny bunnies hamster
    hamsters horse horses pony ponies goldfish fish tortoise turtle turtles snake lizard gecko guinea_pig
    guinea_pigs budgie budgies canary ferret ferrets hen hens chicken chickens goat goats donkey donkeys pig
    retriever labrador poodle bulldog beagle dachshund terrier shepherd collie husky corgi chihuahua greyhound
    spaniel pug dalmatian cockatiel iguana tarantula axolotl alpaca alpacas llama sheep cockatoo dobermann
    rottweiler maltese"""
)
FIELDS = words(
    """marketing finance sales it tech hr human_resources advertising insurance banking healthcare logistics
    retail construction hospitality education real_estate publishing fashion tourism consulting manufacturing
    agriculture journalism law accounting engineering customer_service customer_support biotech pharma media
    film politics cybersecurity software gaming telecoms aviation energy design research academia music
    childcare catering"""
)
PLAYED = words(
    """guitar piano violin cello drums bass flute clarinet saxophone trumpet harp ukulele banjo accordion organ
    viola bass_guitar oboe trombone keyboard harmonica chess tennis football soccer basketball volleyball golf
    rugby hockey cricket badminton squash table_tennis ping_pong baseball softball handball bridge poker go
    video_games board_games dungeons_and_dragons d&d padel lacrosse water_polo minecraft ice_hockey darts pool
    snooker"""
)
BUSINESSES = words(
    """bakery shop store business company restaurant cafe café bar pub farm salon studio agency startup start-up
    bookshop bookstore hotel gym brewery winery garage clinic practice nursery pharmacy charity firm consultancy
    b&b food_truck coffee_shop online_shop gallery barbershop florist daycare ranch vineyard"""
)
DWELLINGS = words(
    """apartment flat house village town city studio suburb suburbs farm cabin dorm caravan van boat houseboat
    condo farmhouse mansion trailer duplex basement loft cottage bungalow townhouse hostel villa penthouse"""
)
HAS_NOT = words(
    """car driving_licence driver's_license driving_license smartphone phone computer laptop tv television oven
    microwave garden bike dishwasher washing_machine credit_card passport printer internet wifi kitchen freezer
    balcony visa blender bank_account pets siblings degree air_fryer"""
)
CANNOT = words(
    "drive swim cook dance sing walk_far climb_stairs drive_at_night ride_a_bike read_small_print lift_heavy_things"
)

# Words that follow "I live in", "I work at" and name no place, no employer.
NO_PLACE = words(
    """a an the fear hope denial pain peace poverty sin love trouble debt shame silence constant my your his her
    this that it here there harmony luxury style exile darkness memory hell isolation fantasy dreams chaos
    interesting one our their uncertain terror anger misery comfort squalor student dorm dorms university bed
    work school home sales marketing support accounting hr it not where what which some somewhere another every
    each no two three nowhere town campus housing dark light out mode place area building room flat house
    apartment village suburbia uptown touch linux windows mac android iphone ios spotify slack github gitlab aws
    azure python rust teams zoom discord notion chrome firefox gmail substack signal telegram whatsapp bluesky
    mastodon chapter section page level step plan option row phase heaven fact general short case time many
    everywhere anywhere very such other same different people total scratch"""
)
NO_ORGANISATION = words(
    """home night nights least all hours once it myself you me him her them us free now food peanuts money fun
    living being height heights place moment time end beginning this that what the noon weekends work times
    various several some no different another my your their his people kids children client friend python java
    javascript excel animals clients customers patients others"""
)

# What `<name>` means in the table of rules.
PARTS = {
    "number": NUMBER,
    "end": (
        r"(?=$|[,.!?]|\s(?:and|but|so|or|from|living|now|right now|at the moment|too|as well|by the "
        "way|because|since|with|for|"
        r"these days|lol|already|in|working|again|anyway|here|myself|who|though|at all|either|any more|after|due)\b)"
    ),
    "working": r"I(?:'m|'ve been)? (?:work|working|employed|freelanc(?:e|ing))(?: (?:part|full)[- ]time)?",
    "weekday": r"(?:mon|tues|wednes|thurs|fri|satur|sun)days",
    "money": (
        r"(?:[$€£]\s?)?\d[\d.,]*k?(?:\s?(?:[$€£]|dollars?|euros?|pounds?|bucks|usd|eur|gbp|k|thousand|"
        r"francs|rupees|yen)(?!\w))?"
        "(?: (?:an?|per|each|every) (?:day|week|month|year|person|night))?(?! ?(?:days|hours|minutes|"
        "weeks|people|percent|%))"
    ),
    "doing": (
        "go|get up|get home|wake up|eat|drink|sleep|run|walk|cook|play|watch|read|train|exercise|"
        "meditate|skip|study|shop|fly|"
        "travel|swim|cycle|bike|jog|take the|have (?:breakfast|lunch|dinner)|do yoga|do pilates|coach|"
        "volunteer|work out|commute|practi[cs]e|start work|finish work|dance|attend|order|pray|call my|visit my"
    ),
    "food": (
        "(?:any )?(?:dairy|gluten|sugar|nuts|peanuts|milk|lactose|alcohol|caffeine|coffee|wheat|soy|"
        "eggs?|fish|shellfish|pork|beef|"
        r"meat|red meat|seafood|salt|spicy food|fried food|bread|carbs|cheese|tomatoes|onions|garlic)"
    ),
    "one_kin": (
        r"(?:an?|one|two|three|four|five|six|\d) (?:half-|step|[\w-]+ )?(?:sister|brother|son|daughter|"
        "husband|wife|girlfriend|boyfriend|partner|"
        r"baby|grandson|granddaughter|stepson|stepdaughter|kid|child)s?(?: (?:named|called) (?-i:[A-Z])\w+)?"
    ),
    "workplace": (
        "(?:hospital|warehouse|factory|school|shop|restaurant|bank|bar|cafe|library|lab|laboratory|"
        "call cent(?:er|re)|kitchen|hotel|"
        "nursing home|care home|pharmacy|supermarket|clinic|garage|salon|farm|museum|office|bakery|"
        "kindergarten|oil rig)"
    ),
    "faith": choice(FAITHS),
    "nationality": choice(NATIONALITIES),
    "language": choice(LANGUAGES),
    "dwelling": choice(DWELLINGS),
    "diet": choice(DIETS),
    "state": choice(STATES),
    "business": choice(BUSINESSES),
    "has_not": choice(HAS_NOT),
    "cannot": choice(CANNOT),
}
