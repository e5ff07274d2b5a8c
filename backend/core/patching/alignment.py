"""Which position of prompt A answers to which of prompt B.

Two prompts of one length answer position by position. Of two lengths, they may differ in one span
(the subject): what stands before it answers from the left, what stands behind it from the right,
and the span itself from the right too, since its last token is where a model gathers the whole;
the surplus of the longer span answers to nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True)
class Alignment:
    """`pairs`: (position in B, position in A) from the first difference on, ascending.

    `subject`: positions of B, among the pairs, where the prompts differ. `unmatched`: of B's span,
    without a state.
    """

    pairs: tuple[tuple[int, int], ...]
    subject: tuple[int, ...]
    unmatched: tuple[int, ...]

    @property
    def start(self) -> int:
        """The first position of B that may differ; before it both prompts are the same."""
        return min(self.pairs[0][0], *self.unmatched) if self.unmatched else self.pairs[0][0]

    @property
    def positions(self) -> tuple[int, ...]:
        """Positions of B that have a counterpart, ascending."""
        return tuple(b for b, _ in self.pairs)


def align(a: Sequence[int], b: Sequence[int]) -> Alignment:
    """Token ids of both prompts. ValueError, in one sentence, for prompts that cannot be
    aligned."""
    if list(a) == list(b):
        raise ValueError("Both prompts have the same tokens: nothing differs that could travel.")
    before = _same(a, b)
    if len(a) == len(b):
        subject = tuple(p for p in range(before, len(b)) if a[p] != b[p])
        return Alignment(tuple((p, p) for p in range(before, len(b))), subject, ())
    shorter = min(len(a), len(b))
    behind = min(_same(a[::-1], b[::-1]), shorter - before)
    span_a, span_b = a[before : len(a) - behind], b[before : len(b) - behind]
    lengths = f"Prompt A has {len(a)} tokens and prompt B {len(b)}"
    if behind == 0:
        raise ValueError(
            f"{lengths}, and they end differently: give prompts that end in the same tokens."
        )
    if not span_a or not span_b:
        raise ValueError(
            f"{lengths}, and one of them only has tokens more: give a subject in both."
        )
    if _common_run(span_a, span_b) > 1:
        raise ValueError(
            f"{lengths}, and they differ in more than one place: give prompts that differ in one "
            "span."
        )
    shift, first = len(a) - len(b), before + max(0, len(span_b) - len(span_a))
    pairs = tuple((p, p + shift) for p in range(first, len(b)))
    subject = tuple(p for p in range(first, before + len(span_b)))
    return Alignment(pairs, subject, tuple(range(before, first)))


def from_the_end(
    other: Sequence[int], b: Sequence[int], positions: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """(position in B, position in `other` as far from its end). ValueError where `other` is too
    short.

    Its position 0 is not used: most models keep a state of giant size there.
    """
    shift = len(other) - len(b)
    if min(positions) + shift < 1:
        needed = len(b) - min(positions) + 1
        raise ValueError(
            f"The unrelated prompt has {len(other)} tokens; {needed} are needed, one for each "
            "position."
        )
    return tuple((p, p + shift) for p in positions)


def _same(a: Sequence[int], b: Sequence[int]) -> int:
    """Tokens that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _common_run(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the longest run of tokens that both hold."""
    longest, row = 0, [0] * (len(b) + 1)
    for x in a:
        row = [0, *(row[j] + 1 if x == y else 0 for j, y in enumerate(b))]
        longest = max(longest, *row)
    return longest
