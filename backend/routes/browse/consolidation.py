"""/api/consolidation: what is learned when; every answer carries all checkpoints of all runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query

from backend.core.companions.consolidation import growth, paper
from backend.core.companions.consolidation.loss import Entry
from backend.core.companions.consolidation.rows import Cut, Run
from backend.core.companions.consolidation.store import ConsolidationStore
from backend.routes.browse.paper_curves import paper_curves
from backend.routes.request.kept_route import kept_by
from backend.routes.request.problems import refuse_value
from backend.routes.request.served import Served
from backend.schemas import (
    BaselineRow,
    CheckpointCoverage,
    CheckpointCoverageQuery,
    CheckpointCurve,
    CheckpointFeatures,
    CheckpointFeaturesQuery,
    CheckpointFeaturesRow,
    Continuation,
    Generations,
    GenerationsQuery,
    HeldOut,
    LossQuery,
    LossResponse,
    LossRow,
    Predictions,
    PromptContinuations,
    Sentence,
    StageRow,
    TokenRef,
    TrainingRun,
)

router = APIRouter(
    prefix="/consolidation", tags=["consolidation"], route_class=kept_by("consolidation")
)
T = TypeVar("T")


def _refusing(query: Any, ask: Callable[[], T]) -> T:
    """A ValueError of the core as a 422 that names the parameter."""
    try:
        return ask()
    except ValueError as error:
        raise refuse_value(error, query.model_dump()) from error


@router.get("/loss")
def read_loss(query: Annotated[LossQuery, Query()], served: Served) -> LossResponse:
    """Loss by transition, and by `by` if given,
    at every checkpoint of every run; nats per token.
    """
    store = served.build.consolidation()
    found = _refusing(query, lambda: store.loss(query.cut, query.by, query.baseline))
    cut, names, runs = store.cut(query.cut), store.splits(query.by), _by_number(store)
    series = store.loss_tables().series
    rows, baselines = [], []
    for entry in found:
        run, baseline, step = series[entry.series]
        group = names[entry.value] if names else None
        if run is None:
            fields = {"baseline": baseline, "transition": entry.transition, "group": group}
            baselines.append(
                BaselineRow.model_validate(fields | {"loss": entry.loss, "n_tokens": entry.n})
            )
        else:
            rows.append(_loss_row(entry, runs[run], step, group))
    views = sorted({view[0] for view in store.loss_tables().views if view[1] == query.by})
    return LossResponse(
        rows=rows,
        runs=_runs(store),
        groups=names,
        baselines=baselines,
        paper=paper_curves(),
        paper_error=paper.READING_ERROR,
        held_out=HeldOut.model_validate(store.provenance()["held_out"]),
        n_function=cut.n_function,
        effective=_effective(store, query, cut) | {"interval_cuts": views},
    )


def _loss_row(entry: Entry, run: Run, step: int, group: str | None) -> LossRow:
    return LossRow(
        model=run.model,
        seed=run.seed,
        step=step,
        transition=entry.transition,  # type: ignore[arg-type]
        group=group,
        loss=entry.loss,
        interval=_list(entry.interval),
        n_tokens=entry.n,
        share_of_tokens=entry.share_of_tokens,
        share_of_loss=entry.share_of_loss,
        share_interval=_list(entry.share_interval),
        excess=entry.excess,
        excess_interval=_list(entry.excess_interval),
    )


@router.get("/features")
def read_features(
    query: Annotated[CheckpointFeaturesQuery, Query()], served: Served
) -> CheckpointFeatures:
    """How many features fire at each checkpoint, with what moves such a count beside it."""
    store = served.build.consolidation()
    cut = _refusing(query, lambda: store.cut(query.cut))
    tables, runs = store.growth(), _by_number(store)
    rows = [_features_row(tables, sae, cut, runs[sae.run]) for sae in _chosen(tables, query.recipe)]
    return CheckpointFeatures(
        rows=rows,
        runs=_runs(store),
        target_score=tables.target_score,
        n_function=cut.n_function,
        effective=_effective(store, query, cut),
    )


def _chosen(tables: growth.GrowthTables, recipe: str | None) -> list[growth.SaeCount]:
    return [sae for sae in tables.saes if recipe in (None, sae.recipe)]


def _features_row(
    tables: growth.GrowthTables, sae: growth.SaeCount, cut: Cut, run: Run
) -> CheckpointFeaturesRow:
    split = growth.degree_split(tables, sae, cut)
    return CheckpointFeaturesRow(
        **_sae_key(sae, run),
        layer=sae.layer,
        k=sae.k,
        n_features=sae.n_features,
        interval=list(growth.feature_interval(sae)),
        share_of_dictionary=sae.n_features / sae.d_sae,
        l0=sae.n_firings / tables.n_positions,
        reconstruction_score=sae.score,
        zeroing_cost=sae.loss_zeroed - sae.loss,
        n_positions=tables.n_positions,
        trained_positions=sae.trained_positions,
        n_edges=sae.n_edges,
        function_share=split.share,
        function_interval=list(split.interval),
        function_degree=split.function_degree,
        content_degree=split.content_degree,
    )


def _sae_key(sae: growth.SaeCount, run: Run) -> dict[str, Any]:
    return {
        "model": run.model,
        "model_seed": run.seed,
        "step": sae.step,
        "sae_id": sae.sae_id,
        "recipe": sae.recipe,
        "seed": sae.seed,
        "d_sae": sae.d_sae,
    }


@router.get("/coverage")
def read_coverage(
    query: Annotated[CheckpointCoverageQuery, Query()], served: Served
) -> CheckpointCoverage:
    """Coverage and degree by frequency rank at each checkpoint."""
    store = served.build.consolidation()
    cut = _refusing(query, lambda: store.cut(query.cut))
    tables, runs = store.growth(), _by_number(store)
    seen = [int(n) for n in growth.seen_between(tables)]
    curves = [
        CheckpointCurve(
            **_sae_key(sae, runs[sae.run]),
            n_features=sae.n_features,
            coverage=growth.coverage(sae),
            degree=growth.degrees(tables, sae),
            seen=seen,
        )
        for sae in _chosen(tables, query.recipe)
    ]
    return CheckpointCoverage(
        ranks=[int(rank) for rank in tables.ranks],
        curves=curves,
        n_function=cut.n_function,
        effective=_effective(store, query, cut),
    )


@router.get("/generations")
def read_generations(query: Annotated[GenerationsQuery, Query()], served: Served) -> Generations:
    """What each checkpoint predicts along fixed sentences and writes after fixed
    prompts, and its stage.
    """
    store = served.build.consolidation()
    cut = _refusing(query, lambda: store.cut(query.cut))
    runs = _by_number(store)
    texts = store.texts()
    return Generations(
        sentences=[_sentence(store, text, runs) for text in texts if not text.is_prompt],
        prompts=[_prompt(store, text, runs) for text in texts if text.is_prompt],
        vocabulary=[
            TokenRef(
                token_id=token.token_id,
                text=token.text,
                token_class=store.class_of(token, cut),  # type: ignore[arg-type]
            )
            for token in store.named_tokens()
        ],
        stages=_stages(store, cut, runs),
        rule=store.stage_rule(),
        runs=_runs(store),
        effective=_effective(store, query, cut),
    )


def _sentence(store: ConsolidationStore, text: Any, runs: dict[int, Run]) -> Sentence:
    predictions = [
        Predictions(
            model=runs[one.run].model,
            seed=runs[one.run].seed,
            step=one.step,
            token_ids=one.token_ids,
            probabilities=one.probabilities,
            target=[*one.target, None],
        )
        for one in store.along()
        if one.sentence == text.sentence
    ]
    return Sentence(text=text.text, token_ids=text.token_ids, predictions=predictions)


def _prompt(store: ConsolidationStore, text: Any, runs: dict[int, Run]) -> PromptContinuations:
    made = [
        Continuation(model=runs[run].model, seed=runs[run].seed, step=step, token_ids=ids)
        for run, step, sentence, ids in store.continuations()
        if sentence == text.sentence
    ]
    return PromptContinuations(text=text.text, token_ids=text.token_ids, continuations=made)


def _stages(store: ConsolidationStore, cut: Cut, runs: dict[int, Run]) -> list[StageRow]:
    losses = store.mean_loss()
    return [
        StageRow(
            model=runs[one.run].model,
            seed=runs[one.run].seed,
            step=one.step,
            stage=store.stage_of(one, cut),  # type: ignore[arg-type]
            loss=losses[one.run, None, one.step],
            function_predictions=one.function_share(cut),
            distinct_predictions=one.distinct_predictions,
            context_gain=one.context_gain,
            context_interval=list(one.gain_interval()),
            n_tokens=int(one.predicted.sum()),
            n_targets=int(one.n.sum()),
        )
        for one in store.stages()
        if (one.run, None, one.step) in losses
    ]


def _runs(store: ConsolidationStore) -> list[TrainingRun]:
    return [
        TrainingRun(
            model=run.model,
            seed=run.seed,
            title=run.title,
            n_layers=run.n_layers,
            n_parameters=run.n_parameters,
            tokens_per_step=run.tokens_per_step,
            steps=list(run.steps),
        )
        for run in store.runs()
    ]


def _by_number(store: ConsolidationStore) -> dict[int, Run]:
    return {run.run: run for run in store.runs()}


def _effective(store: ConsolidationStore, query: Any, cut: Cut) -> dict[str, Any]:
    cuts = [one.name for one in store.loss_tables().cuts]
    asked: dict[str, Any] = query.model_dump()
    return asked | {"cut": cut.name, "n_function": cut.n_function, "cuts": cuts}


def _list(pair: tuple[float, float] | None) -> list[float] | None:
    return None if pair is None else list(pair)
