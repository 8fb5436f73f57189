"""The words that instruments are found by: what is stored and what is looked for, made the same.

Lower case, without accents and apostrophes: ``Dončić's`` is ``doncics``. Numbers keep their
decimals and lose their thousands separators: ``$97,250.99`` is ``97250.99``. Initials are one word:
``U.S.`` is ``us``. Anything else between letters and digits separates: a ticker is its parts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+(?:(?<=\d)\.(?=\d)[^\W_]+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_INITIALS = re.compile(r"\b(?:[a-z]\.){2,}")
_APOSTROPHES = "'’ʼ`"

LONGEST_WORD = 200
"""Characters; what is longer is cut. PostgreSQL indexes words of up to 2,046 bytes."""


def words_of(texts: Iterable[str]) -> list[str]:
    """The words of some texts, each once, in the order they first come."""
    text = " ".join(texts).lower()
    # Each of these takes longer than to see that there is nothing for it to do.
    for apostrophe in _APOSTROPHES:
        if apostrophe in text:
            text = text.replace(apostrophe, "")
    if "," in text:
        text = _THOUSANDS.sub("", text)
    if "." in text:
        text = _INITIALS.sub(lambda initials: initials[0].replace(".", ""), text)
    words = _WORD.findall(text if text.isascii() else _composed(text))
    if not all(map(str.isascii, words)):
        words = [plain for word in words for plain in _plain(word)]
    if any(len(word) > LONGEST_WORD for word in words):
        words = [word[:LONGEST_WORD] for word in words]
    return list(dict.fromkeys(words))


def keywords(texts: Iterable[str | None]) -> str:
    """The words of some texts as they are stored: separated by spaces."""
    return " ".join(words_of(text for text in texts if text))


def _composed(text: str) -> str:
    """With each accent and its letter as one character, so that it does not end the word."""
    return unicodedata.normalize("NFC", text)


def _plain(word: str) -> list[str]:
    """A word without accents; one of compatibility characters (``½``) may come apart."""
    if word.isascii():
        return [word]
    letters = [c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c)]
    return _WORD.findall("".join(letters).lower())
