"""Kinds of tokens by what they are made of,
beside the classes by frequency (the paper's reviewers, point 1).

Only the token's own text decides: no tagger, and no context. So a kind is a spelling, not a part of
speech: `can` the verb and `can` the tin are one token, and both are called closed-class.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

KINDS = ("punctuation", "closed_class", "other_word", "word_piece", "digits", "han", "other")

# English words of the closed classes: articles and determiners, pronouns, prepositions,
# conjunctions, auxiliaries, negation and the commonest adverbs of place and degree.
_CLOSED = """
    a an the this that these those each every either neither some any no all both half such what
    which whose
    another other much many more most few fewer less least several enough own same
    i me my mine myself you your yours yourself he him his himself she her hers herself it its
    itself
    we us our ours ourselves they them their theirs themselves one who whom whoever someone
    something
    anyone anything everyone everything nobody nothing none
    of in to for with on at by from about as into like through after over between out against during
    without
    before under around among within along upon toward towards across behind beyond near since until
    till
    above below beside besides despite except inside outside off onto per via up down
    and or but nor so yet if because although though while when where whether than unless once
    whereas lest
    be am is are was were been being have has had having do does did done doing will would shall
    should
    can could may might must ought
    not n't there here then now too very also only just even still how why again ever never
"""
CLOSED_CLASS = frozenset(_CLOSED.split())


def kind_of(text: str) -> str:
    """One of KINDS for a token's text.

    punctuation: nothing but punctuation, symbols and white space (line breaks too); digits:
    numbers;
    han: Chinese characters, with or without punctuation; closed_class: a word of CLOSED_CLASS that
    stands at the start of a word; other_word: other letters at the start of a word; word_piece:
    letters that go on a word (no space before them, lower case); other: the rest, mixtures and
    broken UTF-8 among it.
    """
    bare = text.strip()
    signs = {_sign(character) for character in bare}
    if not signs or signs == {"mark"}:
        return "punctuation" if text else "other"
    if signs <= {"digit", "mark"}:
        return "digits"
    if signs <= {"han", "mark"}:
        return "han"
    if signs != {"letter"}:
        return "other"
    starts = text[0].isspace() or bare[0].isupper()
    if starts and bare.lower() in CLOSED_CLASS:
        return "closed_class"
    return "other_word" if starts else "word_piece"


def _sign(character: str) -> str:
    if character == "\ufffd":
        return "broken"
    category = unicodedata.category(character)
    if category[0] in "PSZ":
        return "mark"
    if category[0] == "N":
        return "digit"
    if "CJK UNIFIED" in unicodedata.name(character, ""):
        return "han"
    return "letter" if category[0] in "LM" else "control"


def kinds_of(texts: Sequence[str]) -> npt.NDArray[np.int8]:
    """[tokens] places in KINDS."""
    return np.array([KINDS.index(kind_of(text)) for text in texts], dtype=np.int8)
