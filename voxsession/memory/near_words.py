"""Groups of everyday English words of nearly the same meaning."""

from __future__ import annotations

from typing import Final

__all__ = ["NEAR_WORDS"]

#: Of each group every word is near to every other; groups end at a semicolon or a line's end.
NEAR_WORDS: Final = """
dog puppy pup doggy doggo pooch; cat kitten kitty; mother mom mum mama; father dad daddy papa
grandmother grandma granny nana; grandfather grandpa granddad; spouse husband wife; girlfriend gf
boyfriend bf; fiance engaged engagement; baby newborn infant; friend buddy pal mate
colleague coworker teammate; boss manager supervisor; job work career occupation profession position
company business firm employer startup; store shop boutique; quit resign resignation; fired layoff redundant
hire recruit employ; salary pay wage income; promotion promoted; university college
course class workshop lesson training seminar; degree diploma graduate; exam test
teacher professor instructor tutor coach mentor; pupil student; home house apartment flat condo
rent lease landlord; live reside; move relocate; neighbor neighbour; city town; country nation; street road
trip travel vacation holiday journey getaway; flight plane airline airport; hotel hostel airbnb; car vehicle
bike bicycle cycle; train railway; doctor physician gp; hospital clinic
therapist therapy counselor counseling psychologist; illness disease sick ill
medicine medication drug pill prescription; injury injured hurt; pain ache sore
exercise workout gym fitness; jog run; hike trek trail; meal dinner lunch breakfast
restaurant cafe diner bistro; cook bake; vegetarian vegan; cup mug; movie film; tv television
song music track; concert gig; band group; book novel; author writer; photo picture pic image snapshot
painting artwork picture; paint draw sketch; art painting drawing sculpture; hobby pastime; game play
fun enjoy; love enjoy adore; like enjoy prefer; favorite favourite fav; dislike hate
happy glad joy delighted; excited thrilled stoked pumped; sad unhappy upset; angry mad furious
worried anxious nervous; afraid scared frightened; proud pride; stress stressed overwhelmed
destress relax unwind; tired exhausted; difficult hard tough
challenge struggle difficulty obstacle hurdle setback; problem issue trouble; error bug crash failure
goal aim target; dream wish hope; plan intend; decide decision choose choice; buy purchase; cost price
expensive pricey; cheap affordable inexpensive; money cash funds; bill invoice; refund reimburse
discount coupon voucher; order purchase; deliver delivery ship shipping parcel; subscription membership
begin start; finish complete; open launch; fix repair; prize award trophy medal; win victory; gift present
help support assist; volunteer charity donate; advice tip suggestion recommend suggest
talk speak chat discuss; call phone; mobile cellphone smartphone; computer laptop pc; email mail
app application; database db; password login passcode; meeting appointment; book reserve reservation booking
cancel cancellation; reschedule postpone; birthday bday; wedding marry married marriage; divorce separated
die died death passed; pregnant pregnancy; adopt adoption; garden plant; flower bloom bouquet
outdoors outdoor nature outside; camp camping tent campfire; beach coast shore seaside; ocean sea
mountain hill peak; forest woods; church faith religious religion; accident crash
theft stolen robbed burglary; clothes clothing outfit apparel; shoes sneakers boots; necklace pendant
symbol symbolize represent; important matter; motivate inspire; participate join attend
create make build design; big large huge; small little tiny; beautiful gorgeous pretty
great awesome amazing; allergy allergic; alcohol wine beer; child kid; children kids; nickname name
native hometown; language speak; aim goal objective ambition aspiration; ancestry heritage roots
annoy annoyed irritate irritated frustrated frustration bother; apologize apology sorry
approve permission allow; argue fight quarrel disagreement conflict; assignment homework project task
automobile car truck van suv; award scholarship honor recognition; backyard yard lawn garden patio
bag backpack purse suitcase luggage; ban forbid prohibit; bank finance; bath shower
bathroom toilet restroom; bed mattress; bedroom room; believe faith; bike bicycle cyclist biking
bond bonding connection; bracelet bangle; brand label; bread loaf toast; broke broken damaged
brother bro sibling; build construct assemble; bus coach shuttle
calm peaceful relaxed relaxing serene soothing tranquil; cancer tumor chemo; candy sweets chocolate
career job profession field vocation; celebrate celebration party
certificate certification certified license diploma; chance opportunity; change transform transition
cheer encourage encouragement; chef cook; childhood kid child grew young; choir chorus
class classroom lecture; classmate schoolmate; clean tidy declutter; coffee latte espresso cappuccino
cold flu fever cough; college campus dorm; comfort comforting cozy cosy; community neighborhood
compete competition contest tournament match race comp; computer programming coding software; concern worry
confused puzzled; couch sofa; country abroad overseas; couple partner pair; courage brave bravery
crafts diy handmade; cute adorable sweet; cry tears; customer client buyer; damage harm
dance dancer dancing ballet salsa; dangerous risky unsafe; dentist tooth teeth dental; describe call
desk office; destination trip travel visit; develop grow improve; diagnosis diagnosed; diet nutrition
difference change; director filmmaker; disappointed letdown bummed; discover found find
dress outfit gown suit; drive driving commute; earn make money; education school study degree college
email inbox; emergency urgent; employee staff worker; end finish stop; energy energetic energized
engineer engineering; equipment gear tools; evening night; exhibition exhibit show gallery; expect hope
fail failed failure; fall autumn; famous celebrity popular; fan follower; fashion style trend clothes
fast quick speedy; festival fest fair carnival; film documentary; firefighter fireman; fish fishing
flag banner; flatmate roommate housemate; floor carpet rug; food dish cuisine; foreign abroad; forget forgot
freelance contractor; fridge refrigerator; fries chips; fundraiser fundraising charity donation
funny hilarious humor laugh joke; furniture couch chair table desk; future plan
gaming game videogame console; garbage trash; gather gathering meetup; obtain receive; glasses spectacles
graduate graduation; grateful thankful appreciate gratitude; grocery groceries supermarket; guest visitor
guide tutorial; haircut hair barber salon; hairstylist hairdresser; handle cope manage; hang hangout
hat cap; headache migraine; healthy fit; hero idol inspiration; hire job; hometown homeland roots
honest sincere genuine; horror scary; hurricane storm tornado; idea suggestion; illustrator artist
improve better progress; income earn; influence inspire impact; inherit inheritance; inside indoor indoors
instruction direction; insurance policy; interested interest passion passionate; intern internship
interview interviewed; introduce met; invest investment stock; jacket coat; jail prison; jealous envy
join joined enroll signed sign member; journal diary journaling; journey path road; kitchen cook
knee leg ankle; lake pond river; land property; laundry washing; lawyer attorney; leader boss
lecture talk seminar; library books; lie dishonest; loan mortgage debt; local nearby; lonely alone isolated
lottery jackpot; main primary; makeup cosmetics beauty
market marketing advertise advertising ad promote promotion campaign; meaning mean represent symbolize stand
meditate meditation mindfulness; meet met; member belong; memory memories remember moment
mental psychological; mentor mentoring mentorship; message text; mistake error; miss missing; mix blend
motorcycle motorbike; museum exhibit gallery; nap sleep rest; nature outdoors natural; neat cool
news update; nice kind; nightmare dream; noise loud; noodle pasta ramen; notebook journal; nurse nursing
offer provide; online internet web; opinion think view thought; organization charity nonprofit ngo
organize plan host arrange; package parcel; pants jeans trousers; park playground; passion passionate love
peace calm peaceful; performance show perform recital; personality character trait quality
philosophy belief; photography camera photographer; physical body; place spot location; plane fly
plant gardening; poem poetry poet; police officer cop; polite respectful; pool swim; poor broke
popular trendy; practice rehearse rehearsal training train; praise compliment; prefer favorite; prepare prep
pressure stress; profit revenue; proof evidence; propose proposal engagement; protect safe safety
puzzle jigsaw; question ask; quiet silent; race marathon; rain rainy; reaction respond; read reading
recently lately; recipe cook bake; recover recovery heal; recycle recycling environment; reduce lower
regret sorry; relax relaxing chill rest; remind reminder; remodel renovate renovation; research study
responsible duty; restart reboot; retire retirement pension; return back; review feedback; revise edit
rich wealthy; ring band; risk danger; routine habit daily regularly; rude mean; sad sadness grief
sale sell sold; sandwich burger; save savings; scenery view landscape; schedule calendar timetable
science physics chemistry biology; screen monitor display; search hunt looking; secret private
shelter rescue; shirt tshirt blouse; shopping mall shop bought; show series tv episode; similar alike
singer sing vocalist; sister sis sibling; skill ability talent; sleep nap insomnia; smell scent; smile laugh
snack chips cookie; snow snowboard ski; soldier army military veteran; solve fix; soup stew
speech talk presentation; spicy hot; spiritual spirituality faith; stadium arena; stage theater theatre
stop quit; story tale; strength strong; stroll walk; subject topic
succeed success achieve achievement accomplish accomplishment milestone; sunrise dawn; sunset dusk
surgery operation; surprise surprised unexpected; survey poll; sweater hoodie sweatshirt; swim swimming pool
talent gifted talented; tattoo ink; tax taxes; taxi cab uber; teach taught lesson; team crew squad
teenager teen adolescent; terrible awful horrible; thesis dissertation; toddler baby; tourist sightseeing
tradition custom ritual; trainer coach; translate translator; treat snack; treatment therapy; uncle aunt
unique special; upgrade improve; vaccine vaccinated shot; vehicle car truck; vet veterinarian
video clip youtube; village town; violence abuse; visit visited went; vote election; wallet purse; warm cozy
warranty guarantee; website site; weekend saturday sunday; winner champion; yoga pilates; abandon dropped
accommodation lodging; account profile; ache pain sore hurt; address location; adult grown; afford budget
afternoon midday noon; agenda schedule; agree consent; alarm clock wakeup; allowance limit
anniversary celebrate; announce announcement; answer reply respond response; apartment flat rent lease
appetite hungry; applied apply application; architect architecture; area region district; asleep sleep
attempt try tried; attend went join; attorney lawyer solicitor; aunt auntie; backup restore
balcony terrace patio; bald hair; bargain deal discount; barbecue bbq grill; basement cellar
battery charger charge; beard moustache mustache shave; begin start launch; belief faith; bin trash garbage
birth born; blanket quilt; blog website; board committee; boat ship yacht sail; boil cook simmer
bookcase bookshelf shelf; border frontier; bored boring; born birthday birthplace; borrow loan lent
bottle flask; brain mind; break pause; brew coffee beer; broadband internet wifi; browser chrome firefox
budget spend spending; bug issue error; building office tower; bunny rabbit; burn fire; bus transit
cabin cottage lodge; cable wire; calculate compute; calorie diet; camera photo lens; canoe kayak paddle
capital city; caregiver nanny babysitter sitter daycare; carer caregiver nurse; carpenter woodworking
casual informal; cause reason; caution careful; ceiling roof; cell phone mobile; challenge competition
charge fee cost; chart graph plot; chat talk conversation; check verify; cheese dairy
childcare daycare nanny babysitter kindergarten nursery; chilly cold freezing; chore housework
cinema movie theater; climate weather; clinic hospital doctor; cloth fabric; club society group
code coding program script; collect gather; combine mix; comedian comedy; commute travel drive train
compare versus; compensation salary pay; complaint problem; concentrate focus; condition illness
conference convention; confess admit; consult advise; contact reach; contagious flu; container box
contract agreement; cookbook recipe; cookie biscuit; copy duplicate; counsel advice; courier delivery
court judge trial; cousin relative; crack broken; credit loan; crime theft robbery; crop farm harvest
crowd people; cruise ship; cup glass; curtain blind; cut trim; daily everyday; deadline due; deaf hearing
debate argue discuss; debt loan owe; decade years; decrease reduce; delay late; delete remove erase
delicious tasty yummy; department team; deploy deployment release; depression depressed; design layout
desktop computer; detect find; device gadget; diaper nappy baby; die pass; digital online
dine eat dinner restaurant; disability disabled wheelchair; disaster emergency
distance far miles kilometers; dog canine; doll toy; domain website; dorm dormitory; download install
downtown center; dozen twelve; draft manuscript; drawer cabinet; duration long; dust clean
duty responsibility; eager excited; earring jewelry; earthquake quake; economy economics; elderly old senior
electric electricity power; elevator lift; embarrassed ashamed; emigrate move; employer company boss
encourage motivate; engine motor; enroll register sign; enterprise business; entertainment movie
entrance door gate; envelope letter; episode season; error mistake bug; essay paper; estimate quote
evening tonight; event occasion; exchange swap trade; excuse reason; executive ceo director
exercise training; expand extend; expensive costly; expert specialist; expire expiry
eye glasses vision contacts; fabric cloth cotton; factory plant; fake false; fan supporter; fare ticket
farm ranch; fat weight; fault mistake; feast dinner; feedback comment; female woman; fence gate; ferry boat
fiction novel; file document; fire blaze; flavor taste; flour bake; fluent speak language; folk people
footwear shoes; forecast weather; fork cutlery; fragrance perfume; freezer fridge; freight shipping
frequent often; frighten scare scared; frozen ice; fry cook; fuel gas petrol diesel; fund money
garage parking; garment clothes; gasoline gas petrol; gender male female; gluten celiac; goods product
granddaughter grandchild; grandson grandchild; grandchild grandson granddaughter grandkid; grass lawn
grief mourn loss; group team club community; grow raise; guard security; guitar strum; handicap disability
happen occur; harbor port; heart cardiac; heat warm; hen chicken; herb basil; hike walk; hire rent
hobby interest pastime; household family home; hug cuddle; hydrate water; incident accident; income revenue
infection infected; ingredient recipe; initial first; injection shot vaccine; inn hotel; insect bug
inspect check; install setup; instruct teach; instrument play; invite invitation; jet plane; joint knee
laboratory lab; labor work; landlord landlady; laptop notebook macbook; leak leaking; legal law
leisure hobby; lemon citrus; letter mail; license permit; limit maximum; link url; liquor alcohol
literature book; locate find; log record; male man; manual guide; marry wed; massage spa
mathematics math maths; mechanic garage repair; medication med pills prescription tablet
metro subway underground; microphone mic; migrate move; mood feeling; mountain alps; mystery detective
neighborhood area district; nut peanut almond; passport visa; pasta spaghetti lasagna
pharmacy drugstore chemist; pipe plumbing; plumber plumbing pipe; podcast episode; pram stroller
pray prayer church; pregnancy baby expecting; preschool kindergarten; programmer developer coder; pub bar
realtor estate; receipt invoice; reject rejected; release launch; remote wfh home; retail store
reward prize; river stream; role position; route path way; rubbish trash; sailing boat; shy introvert
smoke smoking cigarette; spend spent; stepdad stepfather; stepmom stepmother; stomach belly tummy
supper dinner; telly tv; transit bus train; truck lorry; tuition fee; tutor tutoring
unemployed jobless laid; university uni; urban city; vegan plant; vegetarian veggie; vitamin supplement
wardrobe closet; wedding ceremony; wifi router; woman lady; workplace office
"""
