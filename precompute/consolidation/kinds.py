"""What kind of token: the counterpart, by form, of the classes by frequency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

OTHER, PUNCTUATION, DIGIT, CLOSED = 0, 1, 2, 3
KIND_NAMES = ("other", "punctuation or line break", "digit", "closed-class word")

# English: determiners, pronouns, prepositions, conjunctions, auxiliaries, particles. Chinese:
# particles, prepositions, conjunctions, pronouns and the copula, of one character.
CLOSED_CLASS = frozenset(Path(__file__).with_name("closed_class.txt").read_text("utf-8").split())


def is_word_character(character: str) -> bool:
    """A letter of an alphabet: Han characters are words of their own."""
    return character.isalpha() and not "\u2e80" <= character <= "\u9fff"


def kind_of(text: str) -> int:
    """Kind of a token from its text; a token with both letters and other signs is `other`."""
    bare = text.strip(" ")
    if not bare or not any(c.isalnum() or c == "\ufffd" for c in bare):
        return PUNCTUATION
    if all(c.isdigit() for c in bare):
        return DIGIT
    return (
        CLOSED
        if bare.lower() in CLOSED_CLASS and (text != bare or not _may_be_piece(bare))
        else OTHER
    )


def _may_be_piece(bare: str) -> bool:
    """A lower-case alphabetic token without its space goes on a word
    (`the` in `bathe`), or begins a text.
    """
    return is_word_character(bare[0]) and bare[0].islower()


def kinds_of(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """[vocab] kinds."""
    return np.array([kind_of(text) for text in texts], dtype=np.int64)


def letter_edges(texts: Sequence[str]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """([vocab] begins with a letter, [vocab] ends with one):
    a target continues a word where both hold.
    """
    begins = np.array([bool(text) and is_word_character(text[0]) for text in texts])
    ends = np.array([bool(text) and is_word_character(text[-1]) for text in texts])
    return begins, ends
