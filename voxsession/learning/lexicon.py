"""The English words and word pairs that carry formality and technical level, with their weights.

Weights are in one unit for each scale: 1.0 is a clear sign, 2.0 one that hardly
ever misleads, negative towards informal or plain. Words are in lower case and
stand for their regular inflections too.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COMMON", "EVERYDAY", "FOREIGN", "FORMALITY", "PAIRS", "TECHNICAL"]


def _weights(*groups: tuple[float, str]) -> dict[str, float]:
    """Word -> weight; a later group wins."""
    return {word: weight for weight, words in groups for word in words.split()}


def _pairs(*groups: tuple[float, str]) -> dict[tuple[str, str], float]:
    """Two words in a row -> weight; the pairs are divided by commas."""
    found = {}
    for weight, phrases in groups:
        for phrase in phrases.split(","):
            first, second = phrase.split()
            found[first, second] = weight
    return found


FORMALITY: Final = _weights(
    (
        -2.0,
        """
        gonna wanna gotta kinda sorta dunno lemme gimme ain't y'all yeah yep yup nah nope hey heya hiya yo
        sup lol lmao omg wtf btw idk imo imho tbh fyi asap thx tnx pls plz ur u r ya gotcha cuz coz cos
        'cause dude bro bruh buddy mate guys folks awesome cool sucks suck sucked crap crappy damn dang
        heck hell freaking stuff kid kids mom mum dad grandma grandpa wow ugh huh oops yikes yay haha
        hahaha hehe ok okay okey bucks loads tons bunch totally super chill ditch screwed dodgy busted
        legit nuts lousy pissed wacky whatnot whatever stuffed gig ripoff chat chatting congrats cheers
        tummy doc info nope gross yummy lame dumb messed cranky booze grub pal
        wdym idc ngl smh hmu tysm nvm gtg omw brb ikr ttyl lmk tho thru prolly finna cya ppl thnx ive dont cant
        """,
    ),
    (
        -1.0,
        """
        promise hi hello thanks sorry like really pretty just way get got gets getting big lot lots thing
        things guy anyway plus maybe nice great bad good okay sick tired boss cop cops phone photo bike
        fridge tv ad ads exam quick huge tiny cheap job folk ask asked tell told wrong right sure honestly
        actually basically literally obviously guess fix grab pick figure kick hang drop mess knock keep
        let try start stop use buy want need show help look turn bit sec till about so but because too fun
        funny crazy silly weird scared mad glad happy tough fine broke broken done stay put went go come
        goes coming going place enough again soon now before after still
        """,
    ),
    (
        1.0,
        """
        wonder wondering discover eliminate investigate tolerate postpone cancel raise abandon continue
        compensate superior inferior improved numerous sufficiently initially ultimately thereafter regard
        evident apparent challenging fortunate desire attempt select permit prohibit perspire beverage
        inexpensive elderly animated observe repair inform resume respiration repeatedly occasionally
        unsatisfactory satisfactory unpleasant acceptable unacceptable manager individual requirement
        conduct contribute delay replied afraid please would may shall therefore thus hence although
        whether regarding concerning upon which whom whose request require receive provide inform contact
        assist assistance obtain purchase possess reside commence begin conclude complete several numerous
        considerable considerably significant significantly additional sufficient insufficient appropriate
        available unavailable unable necessary essential advisable possible individual customer client
        employee colleague physician vehicle residence appointment arrangement position application
        applicant inquire enquire inquiry enquiry respond response reply confirm confirmation consider
        consideration decision matter issue procedure proposal policy document information schedule
        experience opportunity possibility difficulty understand believe appreciate apologise apologize
        apology accept decline offer invite invitation attend attendance arrive arrival depart departure
        remain retain refrain ensure verify review indicate demonstrate explain discuss establish examine
        determine occur increase decrease reduce prefer intend participate respondent expected
        approximately immediately currently previously frequently shortly recently entirely extremely
        exceptionally somewhat thoroughly thorough excellent adequate inadequate satisfied dissatisfied
        dissatisfaction disappointed pleased delighted sincere sincerely respectfully yours doctor
        professor madam sir mr mrs ms dr father mother children person persons apartment conversation
        discussion evening morning comprehensible accurately correctly responsible approval permission
        further majority situated located forward unfortunately regret matter manner
        """,
    ),
    (
        2.0,
        """
        assure inconvenience rectify alleviate relinquish cognisant cognizant expeditious proficient
        apprehensive beneficial permissible kindly hereby herewith furthermore moreover nevertheless
        nonetheless notwithstanding consequently accordingly regrettably whereas thereby thereof wherein
        pursuant aforementioned hitherto henceforth albeit lest grateful appreciated requested obliged
        compelled honoured honored endeavour endeavor facilitate utilise utilize ascertain elucidate
        terminate cease acquire procure render deem constitute implement mandatory compulsory prior
        subsequent subsequently dear esteemed cordially faithfully condolences correspondence merit
        premature undersigned sought expedite remuneration reimbursement commencement cessation
        discontinue
        """,
    ),
)

_FORMALITY_PAIRS: Final = _pairs(
    (
        -1.5,
        """
        kind of,sort of,get together,get in,find out,found out,brought up,bring up,gone up,go up,help out,
        helping out,looking into,put up,came across,come across,pick out,wait for,talk to,cut down,
        carry on,carried on,point out,feel free,let's just,wanna know,get it,just a,give me,for ages,
        so much,thanks for,thanks so,how about,letting you,a lot,lots of,a bunch,no way,what's up,
        get back,find out,set up,put off,look into,get rid,pick up,hang on,hang up,figure out,figured out,
        come up,check out,sort out,mess up,messed up,run into,turn down,turned down,give up,show up,
        call off,drop out,drop by,kick off,kicked off,kick in,hold on,turns out,turned out,make sure,
        no idea,no problem,guess what,how come,way too,way more,way better,you guys,let me,a sec,a bit,
        me and,in like,go ahead,went ahead,get it,got it,get to,have to,got to,has to,had to,fill out,
        end up,mix up,went on,cut off,look like,looks like,sounds like,took a,pretty good,not sure,
        any chance,catch up,stick to,stick with,the guy
        """,
    ),
    (-0.5, "can i,can you,do you,want to,if you're,let us"),
    (0.7, "could you,could i,if you,be able,not be,must be,we would"),
    (
        1.5,
        """
        was wondering,wonder if,wondering if,afraid that,am afraid,assure you,would you,at present,
        in connection,with whom,greatly appreciate,in question,would like,should like,would appreciate,
        would be,due to,owing to,prior to,in order,with regard,with respect,as per,at your,
        earliest convenience,in accordance,in addition,in advance,on behalf,such as,may i,might i,
        would you,we regret,i regret,i wish,we wish,i am,we are,it is,do not,does not,did not,is not,
        are not,was not,will not,have not,has not,cannot be,should not,would not,could not,i have,we have,
        i would,we would,i will,i shall,to whom,of which,in which,for which,look forward,hesitate to,
        subject to,in view,in light,in my,please find,please be,be advised,be aware,thank you,should you,
        have been,has been,had been,was conducted,was made,is required,are required
        """,
    ),
)

TECHNICAL: Final = _weights(
    (
        1.0,
        """
        server client network computer software hardware program programming code database file data
        system app website internet browser memory disk processor engine device battery sensor signal
        circuit voltage current energy power interest rate market stock bond budget tax contract law legal
        clause court medicine dose drug disease infection virus vaccine cell blood pressure diagnosis
        therapy treatment clinical patient surgery symptom protein gene temperature velocity acceleration
        mass force frequency wave angle ratio percent percentage average mean statistic statistics
        probability equation formula theorem proof calculate calculation measure measurement design model
        method function process analysis test version update release error bug log debug cache index query
        table column row key value type class object list array string number integer loop branch commit
        merge push pull request response token session user login password encryption protocol port
        address interface library package module framework plugin script command terminal shell path
        directory folder config configuration parameter variable argument option flag setting default
        input output stream buffer queue thread task job service container cluster node cloud storage
        backup architecture performance latency throughput bandwidth capacity efficiency metric threshold
        baseline benchmark optimise optimize material metal plastic chemical reaction acid solution oxygen
        carbon hydrogen species plant climate geology orbit planet lens camera pixel resolution render
        theory hypothesis experiment sample survey research study variance deviation significance
        correlation inflation revenue asset liability equity debt
        """,
    ),
    (
        2.0,
        """
        api apis sdk http https tcp udp ip dns tls ssl ssh ftp html css json xml yaml csv sql nosql orm
        url uri rest graphql grpc webhook endpoint backend frontend middleware microservice microservices
        kubernetes docker helm terraform ansible nginx apache linux unix windows kernel initramfs bios
        firmware driver gpu cpu ram vram ssd vlan ipv4 ipv6 subnet gateway router proxy firewall iptables
        packet checksum socket handshake oauth jwt regex parser compiler compile linker interpreter
        bytecode runtime jvm heap stack pointer closure closures recursion recursive polymorphism
        inheritance subclass override constructor decorator generator iterator coroutine async asyncio
        await mutex semaphore deadlock concurrency synchronous asynchronous idempotent consumer producer
        kafka rabbitmq redis postgresql postgres mysql sqlite mongodb schema migration replica replicas
        sharding transaction rollback checkpoint serialise serialize deserialize dataclass struct enum
        lambda refactor refactoring repository rebase squash bisect deploy deployment rollout pipeline
        linter mock assert unittest pytest git github gitlab typescript javascript python rust golang java
        kotlin react vue angular django flask webpack npm debounce viewport utf unicode encoding algorithm
        complexity quicksort hash hashcode hashing tree graph node traversal dynamic quadratic logarithmic
        gradient backpropagation hyperparameter hyperparameters transformer embedding embeddings tokenizer
        regression classifier dataset overfitting regularisation regularization bayesian stochastic
        heteroscedasticity residual residuals eigenvalue eigenvector matrix tensor integral derivative
        differential polynomial logarithm exponential hypotenuse topology manifold fourier laplace
        resistor capacitor inductor transistor diode mosfet inverter rectifier actuator microcontroller
        uart gpio spi impedance inductance capacitance amplitude modulation flux magnetic electromagnetic
        thermodynamic thermodynamics entropy isentropic enthalpy adiabatic hysteresis thermostat
        compressor turbine torque crankshaft camshaft cylinder piston hydraulic pneumatic airfoil
        aerodynamic tensile ductile alloy polymer polymerization substrate catalyst catalyse catalyze
        enzyme hydrolysis oxidation oxidative phosphorylation atp mitochondria mitochondrion chloroplast
        photon photons photosynthesis peptide amino ribosome plasmid genome chromosome allele bacterium
        bacteria pathogen antibody antibodies antibiotic antigen immunoglobulin serotonin dopamine
        inhibitor agonist antagonist receptor titrate titrated intravenous intravenously subcutaneous
        systolic diastolic antihypertensive hypertension myocardial infarction ischemia arrhythmia
        stenosis edema biopsy benign malignant lipoma carcinoma mri ecg ekg eeg hemoglobin metformin
        insulin diazepam dosage contraindication prophylaxis etiology prognosis hydrofluoric sulfuric
        molar isotope spectrometer spectroscopy chromatography absorption quantum observable entanglement
        relativistic boson hadron eccentricity perihelion albedo subduction seismograph tectonic
        amortisation amortization depreciation accrual liquidity volatility sharpe hedging hedge
        derivatives coupon yield arbitrage deferred ebitda churn stakeholder kpi roi indemnification
        arbitration unenforceable statute defendant plaintiff tort litigation jurisdiction affidavit
        fiduciary subpoena hydration levain inoculation modulates contrapuntal minor aperture focal
        shutter sampling stratified quantile percentile confidence deflection inertia kinetic orthogonal
        coefficient isomorphic
        """,
    ),
    (
        -1.0,
        """
        thing things stuff something somehow somewhere anything everything easy easily simple simply kind
        sort bit lot little nice good bad better best really very just like want know get got make makes
        big small fast slow quick strong weak box part parts people somebody someone nobody way start stop
        stops go goes going put keep help wrong right happens happen works work it
        """,
    ),
)

_TECHNICAL_PAIRS: Final = _pairs(
    (
        -2.0,
        """
        plain english,simple terms,layman's terms,for dummies,a beginner,no idea,sort of,kind of,a lot,
        a bit,what's a,new to,the basics,explain simply,in short,the thing,that thing,these things
        """,
    ),
    (
        2.0,
        """
        time complexity,base case,virtual method,rate limit,race condition,pull request,
        dependency injection,event loop,page cache,standard deviation,null hypothesis,square root,
        boiling point,side effects,machine learning,neural network,neural networks,deep learning,
        random forest,interest rate,discount rate,cash flow,balance sheet,blood pressure,immune response,
        double blind,reverse proxy,load balancer,source code,unit test,unit tests,regular expression,
        garbage collector,garbage collection,circuit breaker,ground fault
        """,
    ),
)

#: Two words in a row -> what they add to formality and to technical level.
PAIRS: Final = {
    pair: (_FORMALITY_PAIRS.get(pair, 0.0), _TECHNICAL_PAIRS.get(pair, 0.0))
    for pair in {**_FORMALITY_PAIRS, **_TECHNICAL_PAIRS}
}

#: Long words that everybody knows, which would pass for a specialist's by their length.
EVERYDAY: Final = frozenset(
    """
    afternoon airport already although american animal another anybody apartment appointment automatically
    bathroom beautiful bedroom birthday breakfast brother brothers building business careful certain
    chicken children chocolate christmas clothes college company concert daughter delicious delivery
    different difficult driving easily evening everybody everyone everything exactly excited exercise
    expensive favorite favourite february finally finished flowers following football forward friends
    grandma grandmother grandfather happened happening harming helpful holiday homework hospital however
    hundred husband important information instead interested interesting january kitchen language learning
    library listening looking medicine minutes mountain mushroom mushrooms neighbor neighbour nothing
    november october outside package parents perfect personal picture playing popular possible potato
    present probably problem quickly raining reading recipe reminder restaurant running saturday science
    shopping shoulder sleeping somebody someone something sometimes somewhere speaking special station
    strange student subject summer supermarket swimming talking teacher teaching telephone television
    terrible thinking thousand thursday ticket tonight together training traveling travelling tuesday
    umbrella university usually vacation vegetable vegetables visiting waiting walking watching weather
    wedding wednesday weekend whatever without wonderful working worried writing yourself answers anything
    because believe between bicycle borrow borrowed brought careful changed cleaned cooking dentist enough
    everywhere example feeling forgot forgotten getting holiday imagine husband letters meeting missing
    morning nobody painting perhaps planning presents prices promise pulling pushing quarter sandwich
    seconds sentence several singing sitting sometimes spending starting stopped strongly suddenly suppose
    surprise thought through throughout towards trouble turning wanted warning washing weekend whether
    whenever whoever windows winter wondering worries
    """.split()
)

#: Everyday English: what tells it from other languages, and what is no sign of a specialist.
COMMON: Final = frozenset(
    """
    a about after again all also always am an and any are as at back be because been before but by can
    can't cannot come could did didn't do does doesn't doing don't down each even every few find first for
    from get give go going good got had has have haven't he her here hers him his how i i'd i'll i'm i've
    if in into is isn't it it's its just know last let let's like little long look make many may me more
    most much must my need never new no not now of off oh ok old on one only or other our out over people
    please put really said same say see she should show so some something still such take tell than thank
    thanks that that's the their them then there there's these they they're thing think this those through
    time to today tomorrow too two under until up us use very want was wasn't way we we're well went were
    what what's when where where's which while who why will with without won't work would yes yesterday
    you you'll you're next song movie light lights lamp room door window timer alarm recipe weather news
    radio volume louder street town sun rain snow summer winter eat drink sleep run walk girl boy son
    brother sister mother father baby dinner lunch phone pay cheap funny happy sad tired hungry sick your
    hello hi hey morning evening night help question answer day week month year name house home car dog
    cat book food water friend family man woman child school city country money love great right big small
    open close read write talk speak explain send buy call order book play turn set stop start wait check
    cancel remind repeat
    """.split()
)

#: Frequent little words of other European languages that English does not have.
FOREIGN: Final = (
    frozenset(
        """
        der die das und ist nicht ich du sie wir ihr ein eine einen mit auf für von zu dem den des im am
        sich auch wie kann bitte danke guten tag hallo wo wer wann warum mir mich dir dich haben habe hat
        sind bin bist war wird noch nur aber oder wenn le la les un une des et est pas je tu il elle nous
        vous ils dans pour avec sur que qui ne ce cette mon ma mes votre bonjour merci oui s'il c'est j'ai
        suis êtes sont où quand comment pourquoi aussi mais très bien fait faire el los las y es no yo tú
        él ella nosotros una por para con del al lo su se como más pero sí hola gracias qué dónde cuándo
        cómo está estoy son tengo tiene puedo quiero muy también il gli di che non io lui lei noi voi sono
        sei per come più ma sì ciao grazie dove quando perché questo questa della o os um uma não eu ele
        ela nós você com em na da dos das mais mas sim olá obrigado obrigada onde quando porque het een en
        niet ik jij zij wij van voor met op te dat deze naar hoe wat waar wie waarom dank alsjeblieft och
        är inte jag det att som på med för av den till har vad hvor jeg ikke og er det til nie jest tak
        się na do jak co gdzie kiedy dlaczego proszę dzień dobry cześć bir ve bu için ne nasıl evet hayır
        merhaba
        """.split()
    )
    - COMMON
    - frozenset(
        "bin but comment con dank dat den die door dos hat het mit over per pour son te tag ton van war wit".split()
    )
)
