"""What kind of token: the counterpart, by form, of the classes by frequency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

OTHER, PUNCTUATION, DIGIT, CLOSED = 0, 1, 2, 3
KIND_NAMES = ("other", "punctuation or line break", "digit", "closed-class word")

# English: determiners, pronouns, prepositions, conjunctions, auxiliaries, particles. Chinese: particles,
# prepositions, conjunctions, pronouns and the copula of one character.
CLOSED_CLASS = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "some",
        "any",
        "no",
        "every",
        "each",
        "either",
        "neither",
        "both",
        "all",
        "such",
        "what",
        "which",
        "whose",
        "i",
        "you",
        "he",
        "she",
        "it",
        "we",
        "they",
        "me",
        "him",
        "her",
        "us",
        "them",
        "my",
        "your",
        "his",
        "its",
        "our",
        "their",
        "mine",
        "yours",
        "hers",
        "ours",
        "theirs",
        "myself",
        "yourself",
        "himself",
        "herself",
        "itself",
        "ourselves",
        "themselves",
        "who",
        "whom",
        "one",
        "of",
        "in",
        "to",
        "for",
        "on",
        "with",
        "at",
        "by",
        "from",
        "up",
        "about",
        "into",
        "over",
        "after",
        "under",
        "between",
        "out",
        "against",
        "during",
        "without",
        "before",
        "through",
        "among",
        "within",
        "along",
        "across",
        "behind",
        "beyond",
        "upon",
        "toward",
        "towards",
        "onto",
        "off",
        "above",
        "below",
        "near",
        "since",
        "until",
        "than",
        "as",
        "like",
        "per",
        "via",
        "despite",
        "except",
        "around",
        "down",
        "and",
        "or",
        "but",
        "nor",
        "so",
        "yet",
        "if",
        "because",
        "while",
        "although",
        "though",
        "unless",
        "whether",
        "when",
        "where",
        "why",
        "how",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "have",
        "has",
        "had",
        "having",
        "will",
        "would",
        "can",
        "could",
        "shall",
        "should",
        "may",
        "might",
        "must",
        "not",
        "there",
        "here",
        "also",
        "then",
        "only",
        "just",
        "too",
        "very",
        "more",
        "most",
    ]
) | frozenset("的了在是和与不也这那有他她它我你们以为于之而其及或但所把被从到对就都着过地得等")


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
    return CLOSED if bare.lower() in CLOSED_CLASS and (text != bare or not _may_be_piece(bare)) else OTHER


def _may_be_piece(bare: str) -> bool:
    """A lower-case alphabetic token without its space goes on a word (`the` in `bathe`), or begins a text."""
    return is_word_character(bare[0]) and bare[0].islower()


def kinds_of(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """[vocab] kinds."""
    return np.array([kind_of(text) for text in texts], dtype=np.int64)


def letter_edges(texts: Sequence[str]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """([vocab] begins with a letter, [vocab] ends with one): a target continues a word where both hold."""
    begins = np.array([bool(text) and is_word_character(text[0]) for text in texts])
    ends = np.array([bool(text) and is_word_character(text[-1]) for text in texts])
    return begins, ends
