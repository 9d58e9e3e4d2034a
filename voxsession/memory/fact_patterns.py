"""The table of the extraction: which beginnings of a clause state which fact.

It is text, because it is read far more often than it is run; `fact_rules` makes rules of it. A block
`[category importance]` holds facts, a fact is a line `slot | content` ("-" where a fact only adds), and under it stand
the ways to say it: a reader (`fact_values.READERS`) and a regular expression matched at the beginning of a clause.
`<name>` is replaced from `fact_words.PARTS`; `-> words` says how the words left over go on (`-> !`: not at all); a long
pattern goes on in the next line, far to the right. The first rule that reads a value wins, so the narrow ones stand
before the wide ones.
"""

TABLE = r"""
[identity 0.9]
name | {p} name is {v}
    name        my (?:full |first |real |actual |given |preferred )?name is(?: actually| in fact| really|
                   spelled| spelt| now)*
    bare_name   (?:(?:the )?name is|my nickname is|I'm (?:called|named)|I go by(?: the name(?: of)?)?|
                  (?:(?:please|from now on|in (?:the )?future),? )*(?:address|refer to) me as)
    first_name  (?P<v>[\w'-]+(?: [\w'-]+)?) is my (?:full |first |real )?name$
    bare_name   I(?: prefer|(?:'d)? like|'d prefer|'d rather| want)(?: you)? to (?:be called|call me|go by|
                  be known as)
    bare_name   (?:(?:you (?:can|may|could)|please|just|so|people|(?:all )?(?:my )?friends|everyone|
                  everybody) )*(?:just )?calls? me
    bare_name   (?:this is|it's(?: me,?)?)(?= (?:[\w'-]+ ){1,3}(?:here|speaking|calling|again|from)\b) -> !
    bare_name   it's me,?
    name        my name(?: on the (?:account|booking|order|reservation|card) is|,?(?= (?-i:[A-Z])))
    first_name  (?P<v>[\w'-]+) here(?=$|[,.!]| from| again)
name.last | {p} last name is {v}
    name        my (?:last name|surname|family name) is

[identity 0.7]
age | {u} is {v} years old
    age         I'm (?:an? )?(?P<v>\d{1,3})[ -]?(?:years?|yrs?)[ -]old (?!and\b|but\b|now\b|so\b|with\b|
                  from\b)(?=\w) -> I'm a
    age         I'm (?P<v><number>) ?(?:years? old|years of age|years young(?! at)|yrs? old|yo|y/o)\b
    age         I'm (?P<v><number>)(?=$|[,.!]| (?:and|but|from|with|now|so|living|by the way|already|married|
                  this year)\b(?! a half))
    age         (?:I(?:'ve)? turned|my age is) (?P<v><number>)(?=$|[,.!]| (?:and|but|last|this|today|yesterday|
                  in|on|a|two)\b)
pronouns | {p} pronouns are {v}
    whole       my pronouns are (?P<v>\w+(?:/\w+){1,3})
gender | {u} is a {v}
    whole       I'm an? (?:trans |young |old |single |married |gay |middle-aged )*(?P<v>woman|man|girl|guy|boy|
                  male|female)<end>
religion | {u} is {v}
    whole       I'm (?:an? )?(?:half |proud |practi[cs]ing |devout )*(?P<v><faith>)<end>
nationality | {u} is {v}
    whole       I'm (?:an? )?(?P<v><nationality>)(?: citizen| national)?<end>
language | {p} native language is {v}
    languages   my (?:(?:native|first|main) (?:language|tongue)|mother tongue) is
    whole       I'm a native (?P<v><language>) speaker
speaks:{key} | {u} doesn't speak {v}
    languages   I(?: don't| can't) speak(?: any| much| a word of)?
speaks:{key} | {u} speaks {v}
    languages   I(?: can| only)* speak
    languages   I'm (?:fluent|bilingual|conversational) in
language.preferred | {u} prefers to speak {v}
    languages   my preferred language is
timezone | {p} time zone is {v}
    whole       I'm (?:in|on) (?:the )?(?P<v>(?:eastern|central|mountain|pacific)(?: standard)?|
                  [A-Z]{2,4}) time ?zone
    whole       my time ?zone is (?P<v>[A-Z]{2,5}(?:[+-]\d+)?|\w+/\w+|(?:central|eastern|pacific|
                  mountain)(?: standard)? time)
email | {p} email address is {v}
    whole       my e-?mail(?: address)? is (?P<v>[\w.+-]{1,60}@[\w-]{1,60}(?:\.[\w-]{1,20}){1,4})
phone | {p} phone number is {v}
    whole       my (?:phone|mobile|cell|telephone|cellphone)(?: number)? is (?P<v>\+?\d[\d ()-]{5,18}\d)

[location 0.8]
dwelling | {u} lives {how} {v}
    whole       I live (?P<how>in|on) (?P<v>an? (?:[\w-]+ ){0,3}?<dwelling>)(?![\w-])(?! of\b)
    whole       I live (?P<how>in) (?P<v>the (?:countryside|mountains|suburbs|city cent(?:er|re)|woods|desert|
                  middle of nowhere|country))\b
address | {p} address is {v}
    whole       (?:my address is|I live at) (?P<v>\d{1,5}[a-z]?(?: [\w.'-]+){1,4})
residence | {u} lives in {v}
    place       I(?: live|'m living| reside|'m residing)(?: over)?(?: here)? (?:in|near|outside|outside of)
    place       I(?:'m|'ve been) based (?:out of|in|near)
    place       I've (?:been living|lived|been) in(?= [\w ,.'-]{2,40}? (?:for|since|all my life)\b)
    place       I(?:'ve)? (?:moved|relocated)(?: back| over| down| up|
                   out)?(?: here)?(?: from [\w ,]{2,40}?)? to
    place       (?:my )?home is(?: in)?

[location 0.6]
origin | {u} is from {v}
    place       I(?:'m (?:originally )?| (?:originally )?come )from
    place       my home ?town is
- | {u} grew up in {v}
    place       I (?:grew up|was raised) in
    place       I (?:grew up|was raised) (?:on|in|at|near) (?:an?|the) (?:[\w-]+ ){1,4}?(?:in|near|outside)
birthplace | {u} was born in {v}
    place       I was (?:born and raised|born) in(?! (?:19|20))

[health 0.9]
allergy:{key} | {u} is allergic to {v}
    things      I'm (?:severely |badly |highly |deathly |mildly |slightly |a bit |
                  terribly )*allergic to(?! (?:any|work|mondays|bull\w*|early|\w+ings?|people|stupid\w*|
                  nonsense|drama|love|you|fun|exercise)\b)
    things      I have (?:an? )?(?:severe |bad |mild |serious )?allerg(?:y|ies) to
allergy:{key} | {u} has a {v} allergy
    whole       I have an? (?:severe |bad |mild |serious |terrible |slight |
                  life-threatening )?(?P<v>[\w-]+(?: [\w-]+)?) allergy\b
allergy:{key} | {u} has a {v} intolerance
    whole       I have an? (?:severe |bad |mild )?(?P<v>[\w-]+) intolerance\b
diet | {u} is no longer {v}
    whole       I'm no longer (?:an? )?(?P<v><diet>)\b
    whole       I'm not (?:an? )?(?P<v><diet>) any more
diet | {u} is {v}
    whole       I'm (?:an? )?(?:strict |lifelong |lacto-ovo )?(?P<v><diet>)(?! (?:shop|chef|restaurant|business|
                  cook))<end>
    whole       I(?:'ve)? (?:gone|went|turned|became) (?P<v><diet>)<end>
diet | {u} follows a {v} diet
    whole       I(?:'m on| follow|'m following| keep| only eat| eat only|
                   eat) (?:an? )?(?:strict )?(?P<v><diet>)(?: diet| food| meat)?\b
diet:{key} | {u} doesn't eat {v}
    things      I(?: don't| never| no longer| do not)(?: really)? eat(?! (?:here|there|out|much|enough|alone|at|
                  before|after)\b)
    things      I avoid(?: eating)?(?= (?:<food>)\b)
diet:{key} | {u} doesn't drink {v}
    things      I(?: don't| never| no longer) drink(?! and\b)
diet:{key} | {u} can't eat {v}
    things      I can't (?:eat|tolerate|digest)
    things      I can't (?:have|drink)(?= (?:any )?(?:<food>)\b)
diet:alcohol | {u} doesn't drink
    whole       I(?: don't| never) (?P<v>drink)$
smoking | {u} doesn't smoke
    whole       I(?: don't| never| no longer) (?P<v>smoke)\b
smoking | {u} stopped smoking
    whole       I(?:'ve)? (?:quit|stopped) (?P<v>smoking)\b
smoking | {u} smokes
    whole       I(?:'m a heavy|'m a)? (?P<v>smoker?)<end>
condition:{key} | {u} has {v}
    conditions  I(?:(?:'ve had| have| suffer from|struggle with|live with|deal with)|'m (?:living|dealing) with)
    conditions  I have (?:severe |mild |chronic |bad |terrible )+
    thing       I(?: was|'ve been| got|'m)(?: \w+ly)? diagnosed (?:with|as)
    whole       I have (?P<v>(?:a |an )(?:bad |weak |artificial |prosthetic )(?:knee|back|hip|heart|shoulder|
                  neck|ankle|leg|arm|wrist)s?)\b
condition:{key} | {u} is {v}
    whole       I'm (?:partially |legally |severely |mildly |type \w+ |a |going |\w+ (?:weeks|
                  months) )*(?P<v><state>(?: in (?:one|my left|my right|the left|the right) (?:eye|ear))?)<end>
condition:{key} | {u} uses {v}
    whole       I(?:'m in| use| wear| rely on|'m on) (?P<v>(?:an? )?(?:wheelchair|walking stick|cane|
                  hearing aids?|pacemaker|screen reader|crutches|guide dog|glasses|contact lenses|cpap))\b
medication:{key} | {u} takes {v}
    medicines   I(?: take|'m on|'m taking| use)(?: my| some| daily)?

[relationship 0.7]
partner.name | {u} is {how} to {v}
    bare_name   I(?:'m|'ve been| got)(?: happily| recently| newly)? (?P<how>married|engaged) to
marital | {u} is {v}
    whole       I(?:'m|'ve been| got) (?:happily |newly |recently |just |a )*(?P<v>married|single|divorced|
                  engaged|widowed|separated)(?=$|[,.!]| (?:and|but|with|now|so|last|this|yesterday|in|on|two|a few)\b)
marital | {u} is a {v}
    whole       I'm (?:now |a )*(?P<v>widower|widow)(?=$|[,.!]| (?:and|but|with|now|so)\b)
children | {u} has {v} children
    whole       I'm an? (?:single |proud |new |working |busy )*(?:mum|mom|mother|dad|father|parent) (?:of|to|
                  with) (?P<v><number>)\b
- | {u} is a {v}
    whole       I'm an? (?:single |proud |new |working |busy )*(?P<v>(?:mum|mom|mother|dad|father|parent|
                  grandmother|grandfather|grandma|grandpa)(?: of (?:<number>|twins))?)<end>
children | {u} has {v}
    whole       I have (?P<v>(?:<number>|no|several) (?:\w+ )??(?:kids|children|sons|daughters|boys|girls|
                  teenagers|teens|toddlers|grandchildren)|twin (?:boys|girls|sons|daughters)|twins|
                  triplets)(?![\w'-])(?! (?:menu|meal|ticket)s?\b)
siblings | {u} has {v}
    whole       I have (?P<v>(?:<number>|no|several) siblings)\b
- | {u} has {v}
    whole       I have (?P<v>an? (?:<number>)[- ](?:year|month)[- ]old)(?=$|[,.!]| (?:and|who|at home|that|so|
                  now)\b)
children | {u} has no {v}
    whole       I don't have (?:any )?(?P<v>children)\b
    whole       I don't have (?:any )?(?P<v>kids)\b
- | {u} has {v}
    whole       I have (?P<v><one_kin>(?:(?:,|,? and) <one_kin>)*)(?=$|[,.!]| (?:and|but|so|who|named|called|in|
                  from|with|at|that|now|living|aged|to|too|as well|on the way)\b)
household | {u} lives alone
    whole       I live (?P<v>alone|by myself|on my own)\b
household | {u} lives with {v3}
    whole       I live with (?P<v>(?:my|two|three|four|an?|\d) (?!dreams|pain|fear|decision|
                  question)[\w'-]+(?: (?!but\b|so\b|in\b|because\b|who\b)[\w'-]+){0,4})

[possession 0.6]
- | {u} has {v}
    pets        I(?:'ve)? (?:have|own|adopted|got|bought|rescued|foster|keep)
car | {u} drives {v}
    whole       I drive (?P<v>(?:an? |my )(?:old |new |\d{4} )?(?-i:[A-Z])[\w-]*(?: (?-i:[A-Z0-9])[\w-]*){0,3})
    whole       I drive (?P<v>an? \d{4}(?: [\w-]+){1,3})
    whole       I drive (?P<v>an? (?:[\w-]+ )?(?:car|van|pickup|motorbike|motorcycle|tesla|honda|toyota|ford|
                  bmw|audi|volvo|fiat|prius|mini))\b

[work 0.7]
employer | {u} is the {job} of {v}
    organisation I'm the (?P<job>ceo|cto|cfo|head|director|manager|owner|founder|principal|president) (?:of|
                  at)(?= (?-i:[A-Z]))
occupation | {u} is {v}
    whole       I'm (?P<v>retired|unemployed|self[- ]employed|between jobs|out of work|freelancing)<end>
    whole       I(?:'ve)? (?P<v>retired)(?: (?:last|this|in|from|two|a few).*)?$
occupation | {u} is a {v}
    whole       I'm an? (?P<v>stay-at-home (?:mum|mom|dad|parent))
    known_job   I'm(?: currently)?(?: an?| also an?)?
    known_job   I'm the(?= (?:head|lead|chief|senior|executive|assistant|deputy)\b)
    known_job   my (?:job|profession|occupation) is(?: being)?(?: an?)?
occupation | {u} works as a {v}
    any_job     <working> as(?: an?| the)?
- | {p} job is {v}
    whole       my job is (?P<v>(?:teaching|building|selling|driving|writing|designing|managing|repairing|
                  cleaning|making|training|editing|translating)(?: [\w-]+){1,5})$
work.mode | {u} works {v}
    whole       I work (?P<v>from home|remotely|from the office)\b
work.hours | {u} works {v}
    whole       I work (?P<v>(?:part|full)[- ]time|(?:the )?(?:night|day|early|late|double|graveyard) shifts?|
                  nights|weekends|shifts|freelance|nine to five|(?:from )?\d{1,2}(?: ?am)? to \d{1,2}(?: ?pm)?|
                  mondays?,? (?:to|through) \w+days?)\b -> I work
work.field | {u} works in {v}
    fields      <working> in(?: the)?
    whole       I'm in (?P<v>sales|hr|(?-i:IT)|marketing|finance|fintech|banking|tech|insurance|real estate|
                  construction|logistics|advertising|healthcare|retail|consulting)<end>
employer | {u} works in {v}
    whole       <working> (?:in|on) (?P<v>(?:an? |the )(?:[\w-]+ ){0,2}?<workplace>)(?![\w-])
- | {u} {verbs} {v} for a living
    whole       I (?P<verb>(?!do\b)\w+) (?P<v>[\w ]{2,40}?) for a living
employer | {u} works at {v}
    organisation <working> (?:at|for)(?! (?:least|all|home|night)\b)(?!.*\b(?:today|tonight|tomorrow|right now|
                  this (?:week|month|morning|afternoon))\b)
    organisation I drive for(?= (?-i:[A-Z]))
    organisation I've (?:been )?work(?:ed|ing) (?:at|for)(?= .{2,60} (?:for|since)\b)
    organisation I(?:'ve)? (?:got|started|have|found|accepted|landed) (?:a |my )?(?:new |great |
                  summer )*job (?:at|with)
    organisation I (?:joined|started (?:working )?at)(?= (?-i:[A-Z]))(?! (?:facebook|twitter|instagram|tiktok|
                  discord|slack|zoom|reddit|linkedin|netflix|spotify|whatsapp|telegram|teams)\b)
    organisation my (?:employer|company) is(?: called)?(?= (?-i:[A-Z]))
- | {u} runs {v3}
    whole       I (?:run|own|have|opened|manage) (?P<v>(?:an? |the |my own |
                  our own )?(?:[\w-]+ ){0,3}?<business>)(?![\w-])
- | {u} teaches {v}
    subject     I teach
- | {u} graduated from {v}
    organisation I graduated from(?= (?-i:[A-Z]))
study.place | {u} studies at {v}
    organisation I(?: study|'m studying|'m an? (?:\w+ )?student| go to (?:school|college|university|uni)) at
    organisation I(?:'m going)? (?:go )?to(?= (?-i:Harvard|Yale|MIT|Stanford|Oxford|Cambridge|Princeton|UCLA|
                  NYU|Berkeley|Cornell|Columbia|UC \w+|\w+ State)\b)
    organisation I (?:go to|attend)(?= (?:the )?(?:(?-i:[A-Z])[\w.]* ){0,4}(?-i:University|College|School|
                  Academy|Institute|High)\b)
- | {u} is in {v3}
    whole       I'm in (?P<v>(?:my|the) (?:first|second|third|fourth|fifth|final|last|freshman|sophomore|junior|
                  senior) (?:year|semester)(?: (?:of|at) (?:[\w'-]+ ){0,2}?(?:school|college|university|uni|
                  studies|training|[\w'-]+ing|medicine|law|engineering|biology|physics|nursing))?)<end>
study.subject | {u} studies {v}
    subject     I(?: study|'m studying|'m majoring in|'m doing (?:an?|my) (?:degree|phd|masters?|
                  master's) (?:in|on))(?! (?:at|for)\b) -> I study
    subject     my major is -> I study

[interest 0.6]
likes:{key} | {u} is not interested in {v}
    things      I'm (?:not|no longer) (?:interested in|into|keen on)
likes:{key} | {u} is {how} {v3}
    things      I'm (?P<how>interested in|into|passionate about|keen on|fascinated by|obsessed with|fond of|
                  crazy about|curious about)
likes:{key} | {p} hobbies include {v}
    things      my (?:main |biggest |only )?(?:hobby|hobbies|interests|passions?) (?:is|are|includes?)
- | {u} plays {v}
    played      I play(?: the| some)?
- | {u} {vs}
    whole       I (?P<v>knit|crochet|quilt|sew|snowboard|surf|sing in an? (?:\w+ )?(?:choir|band)|
                  write (?:poetry|poems|songs|short stories|fiction|novels)|do (?:karate|judo|ballet|crossfit|
                  pottery|yoga|pilates)|run (?:half )?marathons|make (?:pottery|jewell?ery|music))<end>
- | {u} collects {v}
    things      I collect
- | {u} wants to learn {v}
    languages   I(?:'d (?:like|love)| want| would (?:like|love)) to learn
    played      I(?:'d (?:like|love)| want| would (?:like|love)) to (?:learn|play)(?: to play|
                   how to play)?(?: the)?
- | {u} is learning {v}
    things      I'm (?:learning(?: how)?|teaching myself|taking up)(?! (?:a lot|so much|about))

[preference 0.5]
favorite:{name} | {p} favorite {kind} {is} {v}
    favourite   my (?:all[- ]time |absolute )?favou?rite (?P<k>(?!thing|part|bit|one|moment|
                  way)[\w' ]{2,30}?) (?:is|are|has always been)
    favourite   (?P<v>(?!(?:it|that|this|which|what|these|he|she|they|you|mine|who|there|
                  here)\b)[\w'&-]+(?: [\w'&-]+){0,4}) (?:is|are) my (?:all[- ]time )?favou?rite (?P<k>(?!thing|
                  part|bit|one|moment|way)[\w' ]{2,30})$
- | {u} is {v}
    whole       I'm (?P<v>(?:more of )?an? (?:early bird|homebody|introvert|extrovert|(?:\w+ )?(?:early|morning|
                  night|dog|cat|people|coffee|tea|evening) (?:person|owl|bird|riser|lover|drinker)))\b
likes:{key} | {u} is not a fan of {v}
    things      I'm (?:not|no longer) (?:an? )?(?:big |huge |great |massive |particular )?fan of
likes:{key} | {u} is a fan of {v}
    things      I'm (?:an? )?(?:big |huge |great |massive |lifelong |such an? |avid )*fan of
likes:{key} | {u} doesn't like {v3}
    things      I(?: don't| never| no longer| don't particularly) (?:like|enjoy|care for|love)
    things      I've never (?:liked|enjoyed|cared for)
    things      I can't (?:stand|bear)
likes:{key} | {u} {verbs} {v3}
    things      I(?: always)? (?P<verb>love|like|adore|enjoy|hate|dislike|detest|loathe|despise)
    things      I've always (?P<verb>love|like|adore|enjoy|hate|dislike)(?:d|ed)
likes:{key} | {u} prefers {v3}
    preferred   I (?:much |strongly |generally |usually |always )?prefer
- | {p} best time is {v}
    whole       (?P<v>(?:early |late )?(?:mornings?|afternoons?|evenings?|weekends?|mondays?|tuesdays?|
                  wednesdays?|thursdays?|fridays?|saturdays?|sundays?)) (?:work|suit|are|is)s? (?:me )?(?:best|
                  better)(?: for me)?$

[constraint 0.6]
budget | {p} budget is {v}
    whole       my (?:\w+ )?budget (?:for (?:\w+ ){1,4}?)?(?:is |'s )?(?:about |around |roughly |only |max |
                  up to |between )*(?P<v><money>(?: (?:and|to) <money>)?)
    whole       I can't (?:afford|spend|pay) more than (?P<v><money>)
    whole       I have a (?:\w+ )?budget of (?:about |around |roughly |only |up to )*(?P<v><money>)
- | {u} is not available on {v}
    whole       I can't (?:do|make|manage|work) (?P<v>(?:<weekday>|weekends|mornings|afternoons|evenings)(?:(?:,|
                   and| or) (?:<weekday>|weekends|mornings|afternoons|evenings))*)
- | {u} can't {v}
    whole       I can't (?P<v><cannot>)(?=$|[,.!]| (?:and|but|so|at all|any more)\b)
- | {u} doesn't {v}
    whole       I don't (?P<v>drive|fly|swim|cook)(?=$|[,.!]| (?:and|but|so|at all|any more)\b)
has:{key} | {u} doesn't have {art}{v}
    whole       I don't (?:have|own) (?P<art>an? |any )?(?P<v><has_not>)(?=$|[,.!]| (?:and|but|so|because|
                  at home)\b)
- | {u} is not available on {v}
    whole       I'm (?:not available|unavailable|never free|not free|busy|
                  never available) (?:on )?(?P<v>(?:<weekday>|weekends)(?:(?:,| and| or) (?:<weekday>|
                  weekends))*)
- | {u} is only available {v}
    clip        I'm only (?:free|available)(?= (?:on|after|before|in|at|from|between|during|until)\b)
    clip        I(?: can)? only (?:talk|meet|do calls)(?= (?:on|after|before|in|at|from|between|during|until)\b)
- | {u} only has {v}
    whole       I only have (?P<v>(?:about )?<number> (?:minutes|hours) (?:a|per|each|every) (?:day|week|
                  evening|morning))
- | {u} is afraid of {v3}
    things      I(?:'m (?:afraid|scared|terrified|frightened)| have a (?:fear|phobia)) of

[habit 0.5]
- | {u} {often} {vs}
    habit       I (?P<often>usually|normally|typically|generally|often|always)(?= (?:<doing>)\b)
- | {u} {vs}
    habit       I(?= (?:<doing>) .{0,80}?\b(?:every|each|twice|once|three times|daily|weekly|on weekends|
                  on <weekday>|most (?:days|mornings|weekends|evenings|nights)|\d times)\b)

[identity 0.9]
name | {p} name is {v}
    bare_name   I'm
"""
