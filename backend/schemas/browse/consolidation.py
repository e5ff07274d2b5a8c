"""The wire of /api/consolidation:
loss by transition, features, coverage and predictions along training.

Every answer carries all checkpoints of all runs, so that a page can move its cursor without asking
again.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from backend.schemas.base import Interval, Response
from backend.schemas.naming import TokenRef
from backend.schemas.queries import Query

Transition = Literal["ff", "fc", "cf", "cc", "all"]
Baseline = Literal["none", "unigram", "bigram"]
Split = Literal["none", "word", "decile", "position"]
Recipe = Literal["fixed", "equal_score", "width"]
Stage = Literal["random", "function_tokens", "local_phrases", "long_range"]
CUT = (
    "who is a function token: 0.20, 0.25 … 0.60 (the most frequent tokens that make that share "
    "of text), top10, top20, top50, top100, top122, top200 (that many most frequent tokens), "
    "punctuation, or closed (punctuation and closed-class words, English and Chinese)"
)


class LossQuery(Query):
    cut: str = Field(default="0.40", max_length=20, description=CUT)
    by: Split = Field(
        default="none",
        description="split each transition by word start or continuation, frequency decile of "
        "the target, or position",
    )
    baseline: Baseline = Field(default="none", description="what `excess` is measured from")


class CheckpointFeaturesQuery(Query):
    cut: str = Field(default="0.40", max_length=20, description=CUT)
    recipe: Recipe | None = Field(default=None, description="only these SAEs; left out: all")


class CheckpointCoverageQuery(CheckpointFeaturesQuery):
    pass


class GenerationsQuery(Query):
    cut: str = Field(default="0.40", max_length=20, description=CUT)


class TrainingRun(Response):
    """One training run: a series of checkpoints of one model from one seed."""

    model: str = Field(description="name of the model; runs that differ in the seed alone share it")
    seed: int = Field(description="seed of the random weights")
    title: str = Field(description="what a legend says")
    n_layers: int = Field(description="decoder layers")
    n_parameters: int = Field(description="weights, a tied embedding counted once")
    tokens_per_step: int | None = Field(
        description="training tokens of one step; null where not known"
    )
    steps: list[int] = Field(description="every checkpoint measured, ascending; 0 = random weights")


class LossRow(Response):
    model: str = Field(description="name of the model")
    seed: int = Field(description="seed of the random weights")
    step: int = Field(description="optimiser steps before this checkpoint")
    transition: Transition = Field(
        description="class of the current token, then of the target; all = every target"
    )
    group: str | None = Field(
        default=None, description="value of `by`, one of `groups`; null without a split"
    )
    loss: float = Field(description="mean next-token loss, nats per token")
    interval: Interval | None = Field(
        description="95 % bootstrap over document shards; null where `by` is given and the cut "
        "is none of effective.interval_cuts, whose sums by shard are kept"
    )
    n_tokens: int = Field(description="targets in this row")
    share_of_tokens: float = Field(description="n_tokens / all targets scored")
    share_of_loss: float = Field(description="summed loss of this row / summed loss of all targets")
    share_interval: Interval | None = Field(description="95 % bootstrap of share_of_loss")
    excess: float | None = Field(
        default=None, description="loss - the baseline's on the same targets, nats"
    )
    excess_interval: Interval | None = Field(default=None, description="95 % bootstrap of excess")


class BaselineRow(Response):
    baseline: Literal["unigram", "bigram"] = Field(
        description="counted on the training rows; `smoothing` says how"
    )
    transition: Transition = Field(description="as in rows")
    group: str | None = Field(default=None, description="as in rows")
    loss: float = Field(description="mean loss of the baseline on the same targets, nats per token")
    n_tokens: int = Field(description="targets")


class PaperCurve(Response):
    """One curve of the paper's Figure 9, read off the picture."""

    model: str = Field(description="1.5B or 8B, as the paper names them")
    transition: Transition = Field(description="as in rows")
    steps: list[int] = Field(description="optimiser steps")
    losses: list[float] = Field(description="read off the figure, nats; see `error`")
    printed_final: float = Field(description="the value that the figure prints, nats")
    share_of_tokens: float = Field(
        description="solved from the printed finals with 40 % function tokens; all = 1"
    )
    share_of_loss: float = Field(
        description="share_of_tokens x printed_final / the sum over transitions; all = 1"
    )


class HeldOut(Response):
    """The text that was scored: no document of it was trained on."""

    n_tokens: int = Field(description="targets scored")
    n_documents: int = Field(description="documents")
    n_shards: int = Field(description="document shards, the units of the bootstrap")
    taken: str = Field(
        description="which documents, and how it was checked that none was trained on"
    )
    smoothing: str = Field(description="how the baselines were estimated")
    counts: str = Field(description="where the token frequencies behind the classes come from")
    arithmetic: str = Field(
        default="", description="number formats in which the losses were computed"
    )


class LossResponse(Response):
    rows: list[LossRow] = Field(description="every run, checkpoint, transition and group")
    runs: list[TrainingRun] = Field(description="the runs, the deepest model first")
    groups: list[str] = Field(description="values of `group` in order; empty without a split")
    baselines: list[BaselineRow] = Field(description="both baselines, with the same cut and split")
    paper: list[PaperCurve] = Field(
        description="the paper's curves, for an overlay on a normalised axis"
    )
    paper_error: str = Field(description="how far the read-off values may be wrong")
    held_out: HeldOut = Field(description="what was scored")
    n_function: int = Field(description="function tokens at this cut")
    effective: dict[str, Any] = Field(description="the query as applied, and the cuts that exist")


class CheckpointFeaturesRow(Response):
    model: str = Field(description="name of the model")
    model_seed: int = Field(description="seed of the model's random weights")
    step: int = Field(description="checkpoint; 0 = random weights")
    sae_id: str = Field(description="names run, checkpoint, recipe, width and seed of this SAE")
    layer: int = Field(description="residual stream after this decoder layer, 0-based")
    recipe: Recipe = Field(
        description="fixed: one k everywhere; equal_score: k chosen for one reconstruction "
        "score; width: other d_sae"
    )
    k: float = Field(
        description="mean number of firing features that the SAE was trained and calibrated for"
    )
    seed: int = Field(description="seed of the SAE")
    n_features: int = Field(description="features that fire at least once on the sample")
    interval: Interval = Field(
        description="95 %, by leaving out one document shard of the sample at a time"
    )
    d_sae: int = Field(description="width of the dictionary")
    share_of_dictionary: float = Field(
        description="n_features / d_sae: near 1 the count can grow no further"
    )
    l0: float = Field(description="firings per position of the sample")
    reconstruction_score: float = Field(
        description="(H0 - H*) / (H0 - Horig): 1 = nothing lost, 0 = layer zeroed; means "
        "something only where zeroing_cost is above 0, which in a model of random "
        "weights it is not"
    )
    zeroing_cost: float = Field(
        description="H0 - Horig: what zeroing the layer adds to the loss, nats per token"
    )
    n_positions: int = Field(description="positions of the sample; the same ones for every SAE")
    trained_positions: int = Field(description="activations that the SAE was trained on")
    n_edges: int = Field(description="token-feature pairs with a firing on the sample")
    function_share: float = Field(
        description="share of those edges whose token is a function token at this cut"
    )
    function_interval: Interval = Field(
        description="95 %, by leaving out one document shard at a time"
    )
    function_degree: float = Field(
        description="mean number of features that a seen function token has an edge to"
    )
    content_degree: float = Field(description="the same of content tokens seen in the sample")


class CheckpointFeatures(Response):
    rows: list[CheckpointFeaturesRow] = Field(description="one per SAE")
    runs: list[TrainingRun] = Field(description="the runs")
    target_score: float | None = Field(description="the score that recipe equal_score aims at")
    n_function: int = Field(description="function tokens at this cut")
    effective: dict[str, Any] = Field(description="the query as applied, and the cuts that exist")


class CheckpointCurve(Response):
    """Coverage and degree by frequency rank for the features of one SAE."""

    model: str = Field(description="name of the model")
    model_seed: int = Field(description="seed of the model's random weights")
    step: int = Field(description="checkpoint")
    sae_id: str = Field(description="as in /api/consolidation/features")
    recipe: Recipe = Field(description="as in /api/consolidation/features")
    seed: int = Field(description="seed of the SAE")
    d_sae: int = Field(description="width of the dictionary")
    n_features: int = Field(
        description="features that fire on the sample: the denominator of `coverage`"
    )
    coverage: list[float] = Field(
        description="share of n_features reached by the first `ranks[i]` tokens"
    )
    degree: list[float] = Field(
        description="mean degree of the tokens of ranks above ranks[i-1], up to ranks[i]"
    )
    seen: list[int] = Field(description="of those tokens, how many occur in the sample")


class CheckpointCoverage(Response):
    ranks: list[int] = Field(description="frequency ranks at which the curves are given, ascending")
    curves: list[CheckpointCurve] = Field(description="one per SAE")
    n_function: int = Field(description="function tokens at this cut: where to draw the line")
    effective: dict[str, Any] = Field(description="the query as applied")


class Predictions(Response):
    """What one checkpoint expects after each token of a sentence."""

    model: str = Field(description="name of the model")
    seed: int = Field(description="seed of the random weights")
    step: int = Field(description="checkpoint")
    token_ids: list[list[int]] = Field(
        description="[position][k] most probable next tokens; look up in vocabulary"
    )
    probabilities: list[list[float]] = Field(description="[position][k] their probabilities")
    target: list[float | None] = Field(
        description="probability of the token that does follow; null after the last"
    )


class Sentence(Response):
    text: str = Field(description="a sentence of our own")
    token_ids: list[int] = Field(description="its tokens, BOS first")
    predictions: list[Predictions] = Field(description="every run and checkpoint")


class Continuation(Response):
    model: str = Field(description="name of the model")
    seed: int = Field(description="seed of the random weights")
    step: int = Field(description="checkpoint")
    token_ids: list[int] = Field(description="greedy continuation, prompt left out")


class PromptContinuations(Response):
    text: str = Field(description="the prompt")
    token_ids: list[int] = Field(description="its tokens, BOS first")
    continuations: list[Continuation] = Field(description="every run and checkpoint")


class StageRow(Response):
    """A label given by `rule`, and the numbers that it was given by."""

    model: str = Field(description="name of the model")
    seed: int = Field(description="seed of the random weights")
    step: int = Field(description="checkpoint")
    stage: Stage = Field(description="by the stated rule; never set by hand")
    loss: float = Field(description="mean loss on the held-out set, nats")
    function_predictions: float = Field(
        description="share of most probable next tokens that are function tokens"
    )
    distinct_predictions: int = Field(description="different tokens among those predictions")
    context_gain: float = Field(
        description="nats by which the whole context beats the last few tokens alone, same targets"
    )
    context_interval: Interval = Field(description="95 % bootstrap over document shards")
    n_tokens: int = Field(description="predictions behind function_predictions")
    n_targets: int = Field(description="targets behind context_gain")


class Generations(Response):
    sentences: list[Sentence] = Field(
        description="fixed sentences, with what each checkpoint expects along them"
    )
    prompts: list[PromptContinuations] = Field(
        description="fixed prompts, with each checkpoint's continuation"
    )
    vocabulary: list[TokenRef] = Field(
        description="every token that is named above, with its class at this cut"
    )
    stages: list[StageRow] = Field(description="one per run and checkpoint")
    rule: str = Field(description="how a stage is decided, in words with its thresholds")
    runs: list[TrainingRun] = Field(description="the runs")
    effective: dict[str, Any] = Field(description="the query as applied")
