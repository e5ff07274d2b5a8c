"""/api/experiments: what was found by ablating and steering over sets of prompts, beforehand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path

from backend.core.companions.experiments.store import Estimate, ExperimentsStore
from backend.routes.request.kept_route import kept_by
from backend.routes.request.problems import Refusal
from backend.routes.request.served import Served
from backend.schemas import (
    Experiment,
    ExperimentAnswer,
    ExperimentAnswers,
    ExperimentEstimate,
    ExperimentList,
    ExperimentPlace,
    ExperimentTask,
)

router = APIRouter(tags=["experiments"], route_class=kept_by("experiments"))


@router.get("/experiments")
def read_experiments(served: Served) -> ExperimentList:
    """Every arm of every experiment with its figures;
    the claims on reactivation and steering are read from these.
    """
    store = served.build.experiments()
    return ExperimentList(experiments=[_experiment(store, name) for name in store.names()])


@router.get("/experiments/{name}/answers")
def read_answers(
    name: Annotated[str, Path(description="one of the experiments of /api/experiments")],
    served: Served,
) -> ExperimentAnswers:
    """What the model answered, word for word, in every arm whose answers were kept."""
    store = served.build.experiments()
    if name not in store.names():
        ran = ", ".join(store.names())
        raise Refusal(404, f"No experiment {name!r} was run beside this build; there are: {ran}.")
    answers = [ExperimentAnswer(**asdict(one)) for one in store.answers(name)]
    return ExperimentAnswers(experiment=name, answers=answers)


def _experiment(store: ExperimentsStore, name: str) -> Experiment:
    provenance = store.provenance()
    return Experiment(
        name=name,
        prompts=provenance.get("prompt_sets", {}).get(name) or provenance["questions"],
        arms=store.arms(name),
        outcomes=store.outcomes(name),
        estimates=[_estimate(row) for row in store.estimates(name)],
        findings=store.findings(name),
        tasks=[ExperimentTask(**asdict(row)) for row in store.tasks(name)],
        places=[ExperimentPlace(**asdict(row)) for row in store.places(name)],
    )


def _estimate(row: Estimate) -> ExperimentEstimate:
    interval = None if row.low is None or row.high is None else [row.low, row.high]
    return ExperimentEstimate(
        arm=row.arm,
        sae_id=row.sae_id,
        layer=row.layer,
        subject=row.subject,
        outcome=row.outcome,
        value=row.value,
        interval=interval,
        n=row.n,
    )
