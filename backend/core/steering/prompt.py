"""A prompt as a model reads it: its tokens, the class of each, and what is read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past, held_of


@dataclass(frozen=True)
class ReadPrompt:
    """`texts` and `classes`: of every position. A class is None in the prefix, which no class
    counts, and where none is known; `classified` is False where no class could be known at all.

    The first `prefix_length` positions are the prefix: run once, and not edited.
    """

    token_ids: list[int]
    texts: list[str]
    classes: list[str | None]
    prefix_length: int = field(default=0, kw_only=True)
    classified: bool = field(default=True, kw_only=True)

    def of_class(self, name: str) -> list[int]:
        """Positions of that class, ascending."""
        return [position for position, one in enumerate(self.classes) if one == name]

    @property
    def unseen_positions(self) -> list[int]:
        """What fires there is no earlier firing of the prompt: special tokens, and the prefix."""
        return sorted({*self.of_class("special"), *range(self.prefix_length)})

    @property
    def last_function(self) -> int | None:
        """Position of the last function token after the prefix; special tokens never are one. None:
        no such token.
        """
        return max(self.of_class("function"), default=None)


def residuals(
    lm: LanguageModel, prompt: ReadPrompt, layers: Sequence[int], past: Past | None = None
) -> dict[int, Tensor]:
    """[pos, d_model] by layer, from the end of the prefix on. Blocks."""
    held = held_of(past, prompt.token_ids)
    found = lm.resid_post([prompt.token_ids[held:]], layers, past=past)
    return {layer: rows[0, prompt.prefix_length - held :] for layer, rows in found.items()}
