"""Where an answer travels: states put into another run, positions averaged out, residuals read as
words.

`align` says which position of one prompt answers to which of another; `PatchMap` puts the states
of the one into the other, layer by layer and position by position; `Means` and `keeping_only`
average positions out; `read_words` unembeds what stands at a position after each layer.
"""

from backend.core.patching.ablation import Marked, Means
from backend.core.patching.alignment import Alignment, align, from_the_end
from backend.core.patching.lens import Words, read_words
from backend.core.patching.map import Answers, LayerRow, Outcome, PatchMap
from backend.core.patching.resume import Trunk
from backend.core.patching.unembedding import unembed

__all__ = [
    "Alignment",
    "Answers",
    "LayerRow",
    "Marked",
    "Means",
    "Outcome",
    "PatchMap",
    "Trunk",
    "Words",
    "align",
    "from_the_end",
    "read_words",
    "unembed",
]
