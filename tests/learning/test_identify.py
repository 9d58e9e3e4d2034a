"""Which language a text is in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import new_data, talk
from voxsession.learning.adaptation import adaptation_lines
from voxsession.learning.explanation import explain_preference
from voxsession.learning.identify import language_of
from voxsession.learning.languages import LANGUAGES
from voxsession.learning.preferences import learned_preferences

GERMAN = (
    "Wie wird das Wetter heute?",
    "Kannst du mir bitte ein Rezept geben?",
    "Ich habe heute keine Zeit, danke.",
)
SPANISH = (
    "¿Qué tiempo hace hoy en Madrid?",
    "Quiero reservar una mesa, por favor.",
    "No me gusta el pescado.",
)
JAPANESE = ("今日の天気はどうですか？", "東京駅までの行き方を教えてください。", "ありがとうございます。")
ARABIC = ("كيف حال الطقس اليوم؟", "أريد حجز طاولة لشخصين من فضلك", "شكرا جزيلا على المساعدة")
MIXED = (
    "Can you book a table in the Biergarten please?",
    "Ich brauche das bis Freitag, okay?",
    "今日 meeting ある？",
)


@pytest.mark.parametrize(
    ("texts", "code"),
    [(GERMAN, "de"), (SPANISH, "es"), (JAPANESE, "ja"), (ARABIC, "ar")],
    ids=["de", "es", "ja", "ar"],
)
def test_a_language_is_told_from_one_message(texts: tuple[str, ...], code: str) -> None:
    """Script or little words give it away."""
    assert [language_of(text) for text in texts] == [code] * len(texts)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Où est la gare, s'il vous plaît ?", "fr"),
        ("Non mi piace il pesce, grazie", "it"),
        ("Você pode me ajudar com isso?", "pt"),
        ("Waar is het station?", "nl"),
        ("Привет, как дела?", "ru"),
        ("Дякую, їдемо завтра", "uk"),
        ("오늘 날씨 어때요?", "ko"),
        ("今天天气怎么样？", "zh"),
        ("چطور هستید؟ پس کی می‌آیید؟", "fa"),
        ("מה שלומך היום?", "he"),
        ("आज मौसम कैसा है?", "hi"),
        ("", None),
        ("42", None),
        ("😀", None),
        ("Kubernetes", None),
    ],
)
def test_other_languages_too(text: str, code: str | None) -> None:
    """A name or a number alone is in no language."""
    assert language_of(text) == code


@given(st.text(st.characters()))
def test_any_text_has_a_known_language_or_none(text: str) -> None:
    """No text raises, and the code is one that can be named."""
    assert language_of(text) is None or language_of(text) in LANGUAGES


@pytest.mark.parametrize(
    ("texts", "code"),
    [(GERMAN, "de"), (SPANISH, "es"), (JAPANESE, "ja"), (ARABIC, "ar")],
    ids=["de", "es", "ja", "ar"],
)
def test_other_languages_are_learned_without_nonsense(texts: tuple[str, ...], code: str) -> None:
    """The language is known, what only English words tell stays neutral and unsure, lengths are counted."""
    data = talk(texts * 4)
    known = learned_preferences(data)
    assert known["language"] == code
    assert (known["formality_score"], known["technical_level"]) == (0.5, 0.5)
    assert explain_preference(data, "formality")["confidence"] == 0.0
    assert known["avg_message_length"] > 1
    assert f"Answer in {LANGUAGES[code]}." in adaptation_lines(data)


def test_mixed_talk_claims_little() -> None:
    """Who changes between languages is told to have none, and keeps inside the scores."""
    data = talk(MIXED * 5)
    known = learned_preferences(data)
    assert known["language"] in (None, "en")
    assert 0.2 < known["formality_score"] < 0.8
    assert not [line for line in adaptation_lines(data) if "Answer in" in line]


def test_a_change_of_language_is_noticed() -> None:
    """Somebody who goes over to German is answered in German before long."""
    data = talk(["What is the weather like today?"] * 20)
    assert learned_preferences(data)["language"] == "en"
    talk(GERMAN * 14, data, first=20)
    assert learned_preferences(data)["language"] == "de"


def test_the_language_of_the_config_is_not_contradicted() -> None:
    """Where the app fixed a language, what the user writes in makes no instruction."""
    data = new_data()
    data.config["language"] = "fr"
    assert not [line for line in adaptation_lines(talk(GERMAN * 4, data)) if "Answer in" in line]
