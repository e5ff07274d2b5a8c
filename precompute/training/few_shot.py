"""Questions and answers of a corpus in the few-shot form: several of them, a blank line between
two.

A base model is asked in this form, so SAEs that are to be read there must have seen it. Some
questions
carry a tail, so that words stand between the subject and the end of the line, as they do in
prompts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from precompute.building.documents import read_documents

LONGEST = 160  # characters of a question and its answer
PAIRS = (3, 8)  # fewest and most in one text
TAILS = (
    "Answer briefly, please.",
    "Please answer in a few words.",
    "Give the name only.",
    "Reply in one word.",
    "Tell me what you know.",
    "Be brief, and be right.",
)
TAIL_SHARE = 0.4


def pairs(paths: Sequence[Path], keep_out: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """(question, answer) of the documents that are just that, where `keep_out` finds nothing."""
    for path in paths:
        for text in read_documents(path):
            lines = text.strip().split("\n")
            if (
                len(lines) == 2
                and len(text) <= LONGEST
                and all(lines)
                and not keep_out.search(text)
            ):
                yield lines[0].strip(), lines[1].strip()


def few_shot_texts(paths: Sequence[Path], keep_out: re.Pattern[str], seed: int) -> list[str]:
    """All pairs of the files, shuffled, a few to a text; the last text may hold fewer."""
    drawn = random.Random(seed)
    every = list(pairs(paths, keep_out))
    drawn.shuffle(every)
    texts, start = [], 0
    while start < len(every):
        stop = start + drawn.randint(*PAIRS)
        texts.append("\n\n".join(_asked(q, a, drawn) for q, a in every[start:stop]))
        start = stop
    return texts


def _asked(question: str, answer: str, drawn: random.Random) -> str:
    tail = (
        f" {drawn.choice(TAILS)}" if question.endswith("?") and drawn.random() < TAIL_SHARE else ""
    )
    return f"{question}{tail}\n{answer}"
