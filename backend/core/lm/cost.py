"""Bytes of device memory that live work needs beside the weights, estimated before it is admitted.

Upper estimates from shapes alone; how many features will fire is not known beforehand, so it is
bounded by `FIRINGS`. On a CPU the answer's own bytes come out of the same memory and are counted
too.
"""

from collections.abc import Sequence

from transformers import DynamicCache

from backend.core.lm.model import LanguageModel
from backend.core.lm.unembedding import is_plain, positions_at_once
from backend.core.sae import CPU_BLOCK, GPU_BLOCK, Sae

FIRINGS = 1024  # per position and SAE, at most: the published SAEs' L0 is below 200
FIRING_BYTES = 2 * 20  # two int64 and a float32, twice while parts are joined
NEXT_BYTES = 100 * 12  # of one position's next tokens: an int64 and a float32 of each
ANSWER_BYTES = 160  # of one firing, as Python numbers and as JSON


def reading_bytes(
    lm: LanguageModel, rows: int, length: int, layers: int, unembedded: int, *, past: int = 0
) -> int:
    """One forward of `rows` × `length` positions, residuals of `layers` kept, next tokens at
    `unembedded` positions.

    The larger of a layer's own tensors (attention scores in float32, as eager attention has them)
    and the logits. Behind `past` positions that were run before, whose keys and values every row
    gets.
    """
    config, size, positions = lm.model.config, lm.dtype.itemsize, rows * length
    heads: int = config.num_attention_heads
    inner: int = getattr(config, "intermediate_size", None) or 4 * lm.d_model
    hidden = positions * lm.d_model * size
    in_layer = (
        8 * hidden
        + 3 * positions * inner * size
        + 3 * rows * heads * length * (length + past) * max(size, 4)
    )
    # keys and values joined to the past's, and a copy of them for each query head
    in_layer += 2 * rows * past * (heads * _head_width(lm) + _key_width(lm)) * size
    # the probabilities, and the logits where they are not float32 already
    in_float32 = 4 if size == 4 else 8
    together = (
        min(unembedded, positions_at_once(lm.vocab_size)) if is_plain(lm.model) else unembedded
    )
    logits = 2 * hidden + together * lm.vocab_size * (size + in_float32) + unembedded * NEXT_BYTES
    grown = rows * past_bytes(lm, past + length) if past else 0
    return hidden * layers + max(in_layer, logits) + grown


def past_bytes(lm: LanguageModel, length: int) -> int:
    """Keys and values of `length` positions that were run; of a sliding layer its window."""
    windows = [
        getattr(layer, "sliding_window", None)
        for layer in DynamicCache(config=lm.model.config).layers
    ]
    kept = sum(
        min(length, window - 1) if window else length for window in windows or [None] * lm.n_layers
    )
    return 2 * kept * _key_width(lm) * lm.dtype.itemsize


def prefix_bytes(lm: LanguageModel, length: int) -> int:
    """Running a prefix that is not kept yet, and keeping it."""
    return reading_bytes(lm, 1, length, 0, 0) + 2 * past_bytes(lm, length) if length else 0


def _key_width(lm: LanguageModel) -> int:
    """Numbers of one position's keys in one layer."""
    config = lm.model.config
    heads: int = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return heads * _head_width(lm)


def _head_width(lm: LanguageModel) -> int:
    width: int = (
        getattr(lm.model.config, "head_dim", None)
        or lm.d_model // lm.model.config.num_attention_heads
    )
    return width


def resuming_bytes(lm: LanguageModel, rows: int, length: int, behind: int) -> int:
    """A prompt of `length` positions run once, and gone on with in `rows` rows from its last
    `behind` positions on.

    Every layer's residuals of the one run; of the rows their own tensors, their attention to the
    whole prompt, the keys and values of every layer, and a distribution each.
    """
    heads: int = lm.model.config.num_attention_heads
    scores = 3 * rows * heads * behind * length * max(lm.dtype.itemsize, 4)
    once = reading_bytes(lm, 1, length, lm.n_layers, 1)
    return once + reading_bytes(lm, rows, behind, 0, rows) + scores + cache_bytes(lm, rows, length)


def cache_bytes(lm: LanguageModel, rows: int, length: int) -> int:
    """Keys and values of every layer."""
    return 2 * lm.n_layers * rows * length * _key_width(lm) * lm.dtype.itemsize


def encoding_bytes(saes: Sequence[Sae], positions: int, *, on_cpu: bool) -> int:
    """The firings of all SAEs, and the dense block of the widest."""
    per_firing = FIRING_BYTES + (ANSWER_BYTES if on_cpu else 0)
    firings = sum(positions * min(sae.d_sae, sae.config.k or FIRINGS) * per_firing for sae in saes)
    widest = max((sae.d_sae for sae in saes), default=0)
    return firings + 6 * min(positions * widest, CPU_BLOCK if on_cpu else GPU_BLOCK)


def generating_bytes(
    lm: LanguageModel,
    arms: int,
    samples: int,
    prompt_length: int,
    new_tokens: int,
    *,
    past: int = 0,
) -> int:
    """The prompt's forward in every arm; keys and values of every text, twice while they are
    copied; its logits.

    `past` positions of the prompt were run before.
    """
    rows = arms * samples
    cache = cache_bytes(lm, rows, prompt_length + new_tokens)
    return (
        2 * cache
        + reading_bytes(lm, arms, prompt_length - past, 0, arms, past=past)
        + 4 * rows * lm.vocab_size * 4
    )
