"""Claims that the companion `consolidation` measures:
what is learned when, how much, and by which depth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backend.core.claims.measures import Measure, Sources
from backend.core.claims.rules import Figure, Measured, NotTested
from backend.core.companions.consolidation.growth import SaeCount, degree_split, feature_interval
from backend.core.companions.consolidation.loss import NAMES, ShardTotals, shard_totals
from backend.core.companions.consolidation.rows import (
    Floats,
    LossTables,
    Run,
    bootstrap_weights,
    interval_of,
)
from backend.core.companions.consolidation.store import ConsolidationStore

KIND = "consolidation"
CUT = "0.40"  # the paper's
TARGETS = "held-out targets"
LOSSES = Figure("consolidation")


class _Losses:
    """Mean losses [transition, draw] of any checkpoint at the paper's cut;
    draws resample document shards.
    """

    def __init__(self, sources: Sources) -> None:
        self.store: ConsolidationStore = sources.companion(KIND)
        self.tables: LossTables = self.store.loss_tables()
        found = shard_totals(self.tables, self.store.cut(CUT), "none", 1)
        if found is None:
            raise NotTested("these results keep no sums by document shard at the 40 % cut")
        self.totals: ShardTotals = found
        n_shards = self.totals.n.shape[-1]
        self.draws = bootstrap_weights(n_shards)
        self.all = np.ones((n_shards, 1))
        self.n_targets = int(self.totals.n[-1].sum())

    @property
    def deep(self) -> Run:
        return self.store.runs()[0]

    @property
    def shallow(self) -> list[Run]:
        """The whole runs of the shallowest model, one per seed;
        NotTested with one depth alone.
        """
        depth = min(run.n_layers for run in self.store.runs())
        runs = [
            run
            for run in self.store.runs()
            if run.n_layers == depth and run.steps[-1:] == self.deep.steps[-1:]
        ]
        if depth == self.deep.n_layers or not runs:
            raise NotTested(
                "needs two runs of different depths, trained for the same number of steps"
            )
        return runs

    def series(self, run: Run, step: int) -> int:
        return self.tables.series.index((run.run, None, step))

    def means(self, run: Run, step: int, weights: Floats) -> dict[str, Floats]:
        """transition -> [draw] mean loss."""
        values = self.totals.means(self.series(run, step), weights)[:, 0]
        return dict(zip(NAMES, values, strict=True))

    def shares(self, run: Run, step: int, weights: Floats) -> dict[str, Floats]:
        values = self.totals.shares(self.series(run, step), weights)[:, 0]
        return dict(zip(NAMES, values, strict=True))


def _bounds(draws: Floats) -> tuple[float, float]:
    low, high = interval_of(draws)
    return float(low), float(high)


def hardest_throughout(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Share of the trained checkpoints at which f→c has the highest mean loss of
    the four transitions.
    """
    losses = _Losses(sources)
    trained = [step for step in losses.deep.steps if step > 0]
    tops = []
    for step in trained:
        means = losses.means(losses.deep, step, losses.all)
        tops.append(max(("ff", "fc", "cf", "cc"), key=lambda name: float(means[name][0])))
    others = [f"{step:,}" for step, top in zip(trained, tops, strict=True) if top != "fc"]
    words = (
        f"another transition is higher at steps {', '.join(others)}"
        if others
        else "at every one of them"
    )
    return Measured(
        tops.count("fc") / len(tops),
        None,
        len(tops),
        "checkpoints after step 0",
        losses.deep.title,
        LOSSES,
        words,
    )


def final_difference(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Mean loss of one transition less another's at the deepest run's last checkpoint."""
    losses = _Losses(sources)
    one, other = parameters["transition"], parameters["other"]
    run, step = losses.deep, losses.deep.steps[-1]
    point, drawn = (losses.means(run, step, weights) for weights in (losses.all, losses.draws))
    return Measured(
        float(point[one][0] - point[other][0]),
        _bounds(drawn[one] - drawn[other]),
        losses.n_targets,
        TARGETS,
        run.title,
        LOSSES,
        f"mean loss of the other, {other[0]}→{other[1]}:",
        float(point[other][0]),
        _bounds(drawn[other]),
        control_unit="nats",
    )


def loss_share(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Share of the total loss that one transition carries at the deepest run's last
    checkpoint, less another's.
    """
    losses = _Losses(sources)
    one, other = parameters["transition"], parameters["other"]
    run, step = losses.deep, losses.deep.steps[-1]
    point, drawn = (losses.shares(run, step, weights) for weights in (losses.all, losses.draws))
    return Measured(
        float(point[one][0] - point[other][0]),
        _bounds(drawn[one] - drawn[other]),
        losses.n_targets,
        TARGETS,
        run.title,
        Figure("consolidation", settings={"measure": "share"}),
        f"{other[0]}→{other[1]} carries",
        float(point[other][0]),
        _bounds(drawn[other]),
    )


def _halfway(losses: _Losses, run: Run, name: str, weights: Floats) -> Floats:
    """[draw] log2 of the step at which a transition's loss has made half of its whole
    fall, interpolated.
    """
    steps = np.log2(np.maximum(np.array(run.steps, np.float64), 0.5))
    curve = np.stack([losses.means(run, step, weights)[name] for step in run.steps])
    half = (curve[0] + curve[-1]) / 2
    first = np.argmax(curve <= half, axis=0)
    draws = np.arange(curve.shape[1])
    before, after = curve[first - 1, draws], curve[first, draws]
    return np.asarray(
        steps[first - 1] + (steps[first] - steps[first - 1]) * (before - half) / (before - after)
    )


def learned_first(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """By how many doublings of the step content targets are later than function targets
    at half their fall.
    """
    losses = _Losses(sources)
    run = losses.deep

    def later(weights: Floats) -> Floats:
        function = (_halfway(losses, run, "ff", weights) + _halfway(losses, run, "cf", weights)) / 2
        content = (_halfway(losses, run, "fc", weights) + _halfway(losses, run, "cc", weights)) / 2
        return content - function

    reached = float(2 ** _halfway(losses, run, "ff", losses.all)[0])
    return Measured(
        float(later(losses.all)[0]),
        _bounds(later(losses.draws)),
        losses.n_targets,
        TARGETS,
        run.title,
        LOSSES,
        "f→f has made half of its fall at step",
        round(reached),
        control_unit="number",
    )


def depth_gain(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """What depth takes off the loss of f→c, less what it takes off c→f's:
    in nats, or as shares of each.

    The shallow model's loss is the mean over its seeds.
    """
    losses = _Losses(sources)
    relative = bool(parameters["relative"])

    def gained(weights: Floats) -> tuple[Floats, Floats]:
        deep = losses.means(losses.deep, losses.deep.steps[-1], weights)
        shallow = [losses.means(run, run.steps[-1], weights) for run in losses.shallow]
        out = []
        for name in ("fc", "cf"):
            before = np.mean([one[name] for one in shallow], axis=0)
            out.append((before - deep[name]) / (before if relative else 1.0))
        return out[0], out[1]

    content, function = gained(losses.all)
    drawn_content, drawn_function = gained(losses.draws)
    seeds = len(losses.shallow)
    return Measured(
        float((content - function)[0]),
        _bounds(drawn_content - drawn_function),
        losses.n_targets,
        TARGETS,
        f"{losses.deep.title} and {losses.shallow[0].model} ({seeds} "
        f"seed{'s' if seeds > 1 else ''})",
        LOSSES,
        "depth takes off c→f",
        float(function[0]),
        _bounds(drawn_function),
        control_unit="share" if relative else "nats",
    )


def _ends(
    sources: Sources, parameters: dict[str, Any]
) -> tuple[ConsolidationStore, Run, SaeCount, SaeCount]:
    """SAEs of one recipe, seed and run (the deepest that has them):
    an early one and the last checkpoint's.

    parameters: `recipe`; `since` is "first" (the first trained checkpoint) or "random" (step 0).
    """
    store: ConsolidationStore = sources.companion(KIND)
    random = parameters["since"] == "random"
    for run in sorted(store.runs(), key=lambda run: -run.n_layers):
        found = [
            sae
            for sae in store.growth().saes
            if sae.run == run.run and sae.recipe == parameters["recipe"]
        ]
        seed = min((sae.seed for sae in found), default=0)
        by_step = {
            sae.step: sae for sae in sorted(found, key=lambda sae: sae.step) if sae.seed == seed
        }
        trained = [sae for step, sae in by_step.items() if step > 0]
        first = by_step.get(0) if random else trained[0] if len(trained) > 1 else None
        if trained and first is not None:
            return store, run, first, trained[-1]
    start = "step 0 and a trained checkpoint" if random else "two trained checkpoints"
    raise NotTested(
        f"these results hold no SAEs of recipe {parameters['recipe']} at {start} of one run"
    )


def features_grow(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Features firing at the last checkpoint less those at an early one; `_ends` says which."""
    store, run, first, last = _ends(sources, parameters)
    (a_low, a_high), (b_low, b_high) = feature_interval(first), feature_interval(last)
    return Measured(
        float(last.n_features - first.n_features),
        (b_low - a_high, b_high - a_low),
        int(store.growth().n_positions),
        f"positions; steps {first.step:,} and {last.step:,}",
        _source(run, last),
        Figure("consolidation", "features"),
        f"of {first.d_sae:,} entries, at step {first.step:,} fire",
        float(first.n_features),
        (a_low, a_high),
        control_unit="number",
    )


def function_degree_grows(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Function tokens' share of the edges at the last checkpoint less that at an early one;
    `_ends` says which.
    """
    store, run, first, last = _ends(sources, parameters)
    growth, cut = store.growth(), store.cut(CUT)
    one, other = degree_split(growth, last, cut), degree_split(growth, first, cut)
    return Measured(
        one.share - other.share,
        (one.interval[0] - other.interval[1], one.interval[1] - other.interval[0]),
        int(growth.n_positions),
        f"positions; steps {first.step:,} and {last.step:,}",
        _source(run, last),
        Figure("consolidation", "degree"),
        f"at step {first.step:,} the share is",
        other.share,
        other.interval,
    )


def _source(run: Run, sae: SaeCount) -> str:
    """The run, and the SAEs of both its checkpoints in words."""
    return f"{run.title}, SAEs after layer {sae.layer}, {sae.d_sae:,} entries, seed {sae.seed}"


CONSOLIDATION_MEASURES: dict[str, Measure] = {
    "hardest_throughout": hardest_throughout,
    "final_difference": final_difference,
    "loss_share": loss_share,
    "learned_first": learned_first,
    "depth_gain": depth_gain,
    "features_grow": features_grow,
    "function_degree_grows": function_degree_grows,
}
