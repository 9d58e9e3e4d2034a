"""What counts as a word: stop words, scripts without spaces, long texts cut into pieces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

__all__ = [
    "LONGEST_PIECE_WORDS",
    "STOP_WORDS",
    "as_indexed",
    "informative_words",
    "pieces",
    "plain_words",
    "searchable",
    "without_marks",
    "words_of",
]

STOP_WORDS = frozenset(
    """
    a about above after again against all also am an and any anyone anything are aren around as at be because been
    before being below between both but by can cannot could couldn d did didn do does doesn doing don done down
    during each either else ever every few for from further get gets getting give gives given go goes going gone
    got had hadn has hasn have haven having he her here hers herself him himself his how however i if in into is isn
    it its itself just ll let m many may me might mine more most much must my myself neither no nor not now of off
    on once one ones only onto or other others ought our ours ourselves out over own per please quite rather re
    really s said same say says shall she should shouldn since so some somebody someone something still such t tell
    than that the their theirs them themselves then there these they this those though through to too toward towards
    under until up upon us ve very was wasn we were weren what whatever when whenever where wherever whether which
    while who whoever whom whose why will with within without won would wouldn yes yet you your yours yourself
    yourselves
    """.split()
)

#: Texts up to this many words are indexed whole; longer ones in pieces, so that one apt paragraph is not drowned.
LONGEST_PIECE_WORDS = 100
_PIECE_WORDS = 80
#: A text shorter than this cannot have more than LONGEST_PIECE_WORDS words.
_SURELY_SHORT_CHARS = 2 * LONGEST_PIECE_WORDS

# "C++" and "C#" are words of their own; what follows must not be one.
_SIGNED = r"(?<!\w)[a-z](?:\+\+|#)(?!\w)"
# Said by what divides words, for letters carry marks (Hindi vowels) that \w leaves out; FTS5 has the last word.
_WORD = re.compile(
    _SIGNED
    + "|[^\\s\0-/:-@\\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\u0964\u0965\u2000-\u206f\u2e00-\u2e7f"
    "\u3000-\u3004\u3008-\u3020\ud800-\udfff\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]+"
)
# Han, kana and Hangul, then Thai, Lao, Burmese and Khmer: scripts (or endings) that spaces do not cut into words.
_SYLLABIC = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7a3\U00020000-\U0003ffff"
_UNSPACED = _SYLLABIC + "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff"
_ODD = re.compile(f"[{_UNSPACED}]+|[\ud800-\udfff\0]")
_RUN = re.compile(f"[{_UNSPACED}]+")
_SYLLABLE = re.compile(f"[{_SYLLABIC}]")
# Pictures: a flag is two letters of its own kind.
_PICTURE = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}|[\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
)
_SIGNED_LETTER = re.compile(_SIGNED, re.IGNORECASE)
# Accents and the like (also of Hebrew and Arabic, where they are mostly left out), the skin and the style of pictures.
# Vowels of Indic and Thai script are no such marks: without them it is another word.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u0610-\u061a\u064b-\u065f\u0670"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff]"
)


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]


def _spaced(match: re.Match[str]) -> str:
    run = match.group()
    if "\ud800" <= run <= "\udfff\uffff" or run == "\0":
        return " "
    return f" {' '.join(run)} {' '.join(_pairs(run))} "


def without_marks(text: str) -> str:
    """The text in its plainest letters, as people type it in a hurry: no accents, ligatures or wide forms.

    Args:
        text: Any string.

    Returns:
        The same in Unicode's compatible form without combining marks; upper and lower case stay.

    Example:
        >>> without_marks("Αθήνα, Живёт, ﬁne, １２３, हिन्दी, がく")
        'Αθηνα, Живет, fine, 123, हिन्दी, がく'
    """
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", _MARKS.sub("", apart))


def _named_picture(match: re.Match[str]) -> str:
    return f" pic{'x'.join(f'{ord(sign):x}' for sign in match.group())} "


def _named_letter(match: re.Match[str]) -> str:
    return f"{match.group()[0]}{'sharp' if match.group()[1] == '#' else 'plusplus'}"


def searchable(text: str) -> str:
    """The text as it is indexed: folded, with single characters and pairs in place of runs that no space divides.

    Case, accents and wide forms are folded, pictures get names that are words, and so do "C++" and "C#". What SQLite
    cannot hold (lone surrogates) or would end at (NUL) becomes a space; plain text stays as it is.

    Args:
        text: Any string.

    Returns:
        A string that can be encoded as UTF-8.

    Example:
        >>> searchable("I saw 東京都"), searchable("Straße, C#")
        ('i saw  東 京 都 東京 京都 ', 'strasse, csharp')
    """
    if "++" in text or "#" in text:
        text = _SIGNED_LETTER.sub(_named_letter, text)
    if text.isascii():
        return text.replace("\0", " ") if "\0" in text else text
    folded = without_marks(text).casefold()
    return _PICTURE.sub(_named_picture, _ODD.sub(_spaced, folded))


def plain_words(text: str) -> int:
    """How many words a text has, at most, that is indexed whole and as it stands; 0 where that takes a closer look.

    Example:
        >>> plain_words("I saw Tokyo"), plain_words("C#")
        (3, 0)
    """
    if not text.isascii() or "#" in text or "++" in text or "\0" in text:
        return 0
    spaces = text.count(" ")
    gaps = spaces if len(text) < _SURELY_SHORT_CHARS else spaces + text.count("\n")
    return spaces + 1 if text and gaps < LONGEST_PIECE_WORDS else 0


def as_indexed(word: str) -> str:
    """What a word from `words_of` is called in a text from `searchable`.

    Example:
        >>> as_indexed("c#"), as_indexed("tea")
        ('csharp', 'tea')
    """
    if word.isalnum():
        return word
    return _PICTURE.sub(_named_picture, _SIGNED_LETTER.sub(_named_letter, word)).strip()


def words_of(text: str) -> list[str]:
    """The words of a question in their order, folded; runs of unspaced script give pairs and syllables.

    Args:
        text: Any string.

    Returns:
        Words with repetitions; of a text in an unspaced script, pairs first, then Han and Hangul characters.

    Example:
        >>> words_of("Where's the café?"), words_of("東京都")
        (['where', 's', 'the', 'cafe'], ['東京', '京都', '東', '京', '都'])
    """
    found: list[str] = []
    for word in _WORD.findall(without_marks(text).casefold()):
        if word.isascii():
            found.append(word)
            continue
        if pictures := _PICTURE.findall(word):
            found += _PICTURE.sub(" ", word).split()
            found += pictures
            continue
        if not _RUN.search(word):
            found.append(word)
            continue
        for run in _RUN.findall(word):
            found += _pairs(run) or [run]
            found += _SYLLABLE.findall(run) if len(run) > 1 else []
        found += _RUN.sub(" ", word).split()
    return found


def informative_words(
    words: Iterable[str], *without: Collection[str], may_be_none: bool = False
) -> list[str]:
    """The distinct words of a question that say what it is about, in their order.

    Args:
        words: The question's words, from `words_of`.
        without: Words to leave out besides the stop words; the last collection is taken back first.
        may_be_none: Whether it is right to return nothing.

    Returns:
        Words. Where nothing but stop words and `without` is left, more and more is taken back, so that
        a question such as "who are you" still searches.

    Example:
        >>> asked = words_of("What did Ann say?")
        >>> informative_words([*asked, "garden"], {"ann"}), informative_words(asked, {"ann"})
        (['garden'], ['ann'])
    """
    distinct = list(dict.fromkeys(words))
    telling = [word for word in distinct if word not in STOP_WORDS]
    for count in range(len(without), -1, -1):
        left = [word for word in telling if not any(word in some for some in without[:count])]
        if left:
            return left
        if may_be_none:
            return []
    return distinct


def pieces(text: str) -> list[str]:
    """A text cut into runs of about equal length, none above 100 words; a short text whole, an empty one not at all.

    Args:
        text: Any string.

    Returns:
        The pieces in their order.

    Example:
        >>> [len(piece.split()) for piece in pieces("word " * 200)]
        [67, 67, 66]
    """
    if len(text) < _SURELY_SHORT_CHARS or text.count(" ") + text.count("\n") < LONGEST_PIECE_WORDS:
        return [text] if text else []
    words = text.split()
    if len(words) <= LONGEST_PIECE_WORDS:
        return [text]
    size = -(-len(words) // -(-len(words) // _PIECE_WORDS))
    return [" ".join(words[i : i + size]) for i in range(0, len(words), size)]
