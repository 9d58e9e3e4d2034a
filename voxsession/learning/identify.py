"""Which language a text is in, by its script and its little words; None where it cannot be told."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["language_of"]

_LONGEST = 2000
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
#: Scripts that one language, or nearly one, is written in; the first that holds half of the letters decides.
_SCRIPTS: Final = (
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("ta", re.compile("[\u0b80-\u0bff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
)
_KANA = re.compile("[\u3040-\u30ff]")
_HAN = re.compile("[\u3400-\u9fff]")
_ARABIC = re.compile("[\u0600-\u06ff]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
#: Of a script that several share: letters that only one of them has, the common one last.
_OF_ARABIC: Final = (("ur", "ٹڈڑےں"), ("fa", "پچژگ"), ("ar", ""))
_OF_CYRILLIC: Final = (("uk", "іїєґ"), ("ru", ""))
#: Letters that give away a language in Latin script.
_OF_LATIN: Final = {
    "de": "ß", "es": "ñ¿¡", "pt": "ãõ", "pl": "łżźśćęą", "tr": "ğşı", "cs": "řěů", "hu": "őű", "ro": "țșă",
}  # fmt: skip
#: The little words of languages in Latin script; a word that several have speaks for each of them.
_LITTLE: Final = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and is are was you i my me it to of in for on with that this what how do can have not please be a",
        "de": """der die das und ist nicht ich du sie wir ihr ein eine einen mit auf für von zu dem den des im am sich
            auch wie kann kannst bitte danke hallo wo wer wann warum mir mich dir dich habe hat sind bin war wird noch
            nur aber oder wenn mein meine es heute morgen gut was""",
        "es": """el los las y es no yo tú una un por para con del al lo se que como más pero sí hola gracias qué dónde
            cómo está estoy son tengo tiene puedo quiero muy también me mi de la en hoy mañana bien favor usted eres""",
        "fr": """le la les un une des et est pas je tu il elle nous vous dans pour avec sur que qui ne ce cette mon
            ma mes bonjour merci oui où quand comment pourquoi aussi mais très bien fait suis êtes de en au plaît""",
        "it": """il lo la gli i di che non io lui lei noi voi sono sei è per come ma sì ciao grazie dove quando perché
            questo questa della un una con mi ti si molto anche bene oggi domani""",
        "pt": """o a os as um uma não eu ele ela você com em na no da do dos das mais mas sim olá obrigado obrigada
            onde quando porque que de é para por meu minha muito também hoje""",
        "nl": "het een en niet ik jij zij wij van voor met op te dat deze naar hoe wat waar wie waarom de is graag",
        "sv": "och är inte jag det att som på med för av den till har vad var hur du en ett tack hej vi kan",
        "da": "og er ikke jeg det at som på med for af den til har hvad hvor hvordan du en et tak hej vi kan",
        "pl": "nie jest i w na się to że do jak co czy mam gdzie kiedy dlaczego proszę dziękuję cześć dzień dobry",
        "tr": "bir ve bu için ne nasıl evet hayır merhaba ben sen çok var yok mi mı teşekkürler lütfen",
        "cs": "je se na že v a to jak co kde kdy proč prosím děkuji ahoj dobrý den ne ano mám",
        "fi": "on ja ei että se en hän mitä missä miksi kiitos hei minä sinä kyllä olen",
    }.items()
}


def language_of(text: str) -> str | None:
    """The code of the language that a text is written in.

    Args:
        text: any string; of a long one the beginning is looked at.

    Returns:
        A code such as `de`; None where nothing, or as much, speaks for another one.

    Example:
        >>> language_of("Wie ist das Wetter heute?"), language_of("明日は雨ですか？"), language_of("Okay 42")
        ('de', 'ja', None)
    """
    text = text[:_LONGEST]
    letters = len(_LETTER.findall(text))
    if not letters:
        return None
    if not text.isascii() and (found := _by_script(text, letters / 2)):
        return found
    return _by_words(text.lower())


def _by_script(text: str, most: float) -> str | None:
    kana, han = len(_KANA.findall(text)), len(_HAN.findall(text))
    if kana + han >= most:
        # Kana is between the characters of any Japanese sentence.
        return "ja" if kana else "zh"
    for language, script in _SCRIPTS:
        if len(script.findall(text)) >= most:
            return language
    for script, members in ((_ARABIC, _OF_ARABIC), (_CYRILLIC, _OF_CYRILLIC)):
        if len(script.findall(text)) >= most:
            return next((code for code, own in members if any(c in text for c in own)), members[-1][0])
    return None


def _by_words(text: str) -> str | None:
    words = _WORD.findall(text)
    scores = {
        language: 1.0 * sum(1 for word in words if word in little) for language, little in _LITTLE.items()
    }
    for language, own in _OF_LATIN.items():
        scores[language] = scores.get(language, 0.0) + 1.5 * any(letter in text for letter in own)
    first, second = sorted(scores, key=lambda language: -scores[language])[:2]
    enough = scores[first] >= min(2.0, 0.4 * len(words))
    return first if enough and scores[first] > scores[second] else None
