"""What was counted along prompts and their shuffles, on the wire."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from backend.core.reactivation.baseline import Spread
from backend.core.reactivation.index import IndexSummary
from backend.routes.live.prompting import Prompt
from backend.schemas import ReactivationIndex, ReactivationRequest, ReactivationSetRequest

COUNTS = ("firing", "new", "reactivated", "carried")


def rows_of(shuffled: Tensor, prompt: Prompt, kept: set[int]) -> list[dict[str, Any]]:
    """int64 [n, pos, 4] of the shuffles as ShuffledSplit has it, after the prefix."""
    spread = Spread.over_shuffles(shuffled)
    mean, low, high = spread.mean.tolist(), spread.low.tolist(), spread.high.tolist()
    return [
        {
            "position": p,
            "kept": p in kept,
            **{
                name: {"mean": mean[p][k], "interval": [low[p][k], high[p][k]]}
                for k, name in enumerate(COUNTS)
            },
        }
        for p in range(len(mean))
        if p >= prompt.prefix_length and prompt.tokens[p].token_class != "special"
    ]


def shuffling(request: ReactivationRequest | ReactivationSetRequest) -> dict[str, Any]:
    """How the shuffles were made, for `effective`."""
    return {
        "shuffles": request.shuffles,
        "seed": request.seed,
        "shuffled": "tokens trade places within their class; special tokens, the prefix and "
        "kept_positions stay",
        "interval": "2.5th to 97.5th percentile of the shuffles",
    }


def index_of(summary: IndexSummary) -> ReactivationIndex:
    """The core's summary as the wire has it."""
    classes = [
        {**vars(one), **dict(zip(COUNTS, one.observed, strict=True))} for one in summary.classes
    ]
    fields = {"n_prompts": summary.n_prompts, "n_shuffles": summary.n_shuffles}
    return ReactivationIndex.model_validate(
        {
            "classes": [_plain(one) for one in classes],
            "difference": _plain(vars(summary.difference)),
            **fields,
        }
    )


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Tuples as the lists that JSON has."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()
    }
