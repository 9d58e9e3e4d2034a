"""A small dialog between two named people over three evenings, with questions about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.benchmarks.retrieval_sets import Asked, Corpus, Said

_TALKS = {
    datetime(2024, 3, 2, 19, tzinfo=UTC): """
Nora: Ivo! It has been ages. How is the new flat?
Ivo: Bright, and far too loud. I moved in three weeks ago and the tram runs right under my window.
Nora: Poor you. What about the piano, did it fit through the door?
Ivo: It did not. Four men carried it up by the balcony, and one of them lost a tooth.
Nora: No! Mine would have to go in through the roof.
Ivo: And what are you up to? Still at the bakery?
Nora: I gave notice yesterday. From April I will be driving an ambulance.
Ivo: That is quite a jump. What does your mother say?
Nora: She cried, and then she ironed my uniform.
Ivo: Sounds like her. Have you got a partner on the shifts yet?
Nora: A man called Radek, who hums all day long.
Ivo: I would go mad within the hour.
""",
    datetime(2024, 5, 18, 20, tzinfo=UTC): """
Ivo: So how were the first weeks on the road?
Nora: Hard. Last Tuesday we had a birth on the back seat of a taxi. A girl.
Ivo: Goodness. Did all go well?
Nora: Both fine. They named her after Radek's humming: Melodie.
Ivo: I have news as well. I am giving up the orchestra.
Nora: What? You have wanted that chair since school.
Ivo: My shoulder is done for. The doctor says no more cello for half a year.
Nora: I am so sorry. What will you live on?
Ivo: Lessons for children, and I repair instruments with old Feliks in his cellar.
Nora: You always had good hands. Are you allergic to the varnish still?
Ivo: Only to turpentine. Feliks uses oil of lavender for me.
Nora: A cellar that smells of lavender, I want to see that.
""",
    datetime(2024, 9, 7, 18, tzinfo=UTC): """
Nora: I have been to see the sea at last, two weeks ago, with my niece.
Ivo: Where did you go?
Nora: To Rügen. She found an amber as big as a pea and has not let go of it since.
Ivo: I finished my first violin. It squeaks, but it is one.
Nora: I am proud of you! Who gets it?
Ivo: My sister's boy, he turns six in October.
Nora: And the shoulder?
Ivo: Better. I swim every other morning before work.
Nora: In the lake, in this cold?
Ivo: In the lake. One gets used to it, and there is nobody there but a heron.
Nora: I would rather stay with my night shifts.
Ivo: Is it still Radek who sits beside you?
Nora: No, he moved to the fire brigade. Now it is Teresa, and she talks.
""",
}
_QUESTIONS = (
    ("What job did Nora leave?", "Nora: I gave notice", "single"),
    ("Why is Ivo's new home noisy?", "Ivo: Bright, and", "single"),
    ("How was Ivo's piano brought upstairs?", "Ivo: It did not. Four", "single"),
    ("Who shares the ambulance with Nora now?", "Nora: No, he moved", "single"),
    ("When did Nora help a baby into the world?", "Nora: Hard. Last", "temporal"),
    ("Why did Ivo stop playing?", "Ivo: My shoulder is", "single"),
    ("What does Ivo earn his money with?", "Ivo: Lessons for", "single"),
    ("What can Ivo not stand in the workshop?", "Ivo: Only to turp", "single"),
    ("Where did Nora travel in summer 2024?", "Nora: To Rügen", "temporal"),
    ("Who will Ivo give his violin to?", "Ivo: My sister's", "single"),
    ("What sport does Ivo do for his health?", "Ivo: Better. I swim", "single"),
    ("What did Nora's mother think of the new job?", "Nora: She cried", "single"),
    ("When did Ivo move?", "Ivo: Bright, and", "temporal"),
    ("What did Nora's niece find?", "Nora: To Rügen", "single"),
)


def dialog() -> Corpus:
    """The turns, a minute apart, and the questions, each with its one turn."""
    said: list[Said] = []
    for number, (start, text) in enumerate(_TALKS.items(), 1):
        for place, line in enumerate(text.strip().splitlines()):
            speaker, _, words = line.partition(": ")
            at = start + timedelta(minutes=place)
            said.append(Said(f"{number}-{place}", f"evening-{number}", at, "user", speaker, words))
    asked = []
    for question, begins, kind in _QUESTIONS:
        (gold,) = [one.id for one in said if f"{one.speaker}: {one.text}".startswith(begins)]
        asked.append(Asked(question, kind, (gold,), datetime(2024, 12, 1, tzinfo=UTC)))
    return Corpus("dialog", tuple(said), tuple(asked))
