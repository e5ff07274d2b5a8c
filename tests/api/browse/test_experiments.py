"""/api/experiments over HTTP: what several dictionaries say comes with its controls and words."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from backend.core.companions.experiments.store import KIND
from backend.core.companions.file import build_identity, companion_path
from backend.core.store import Store
from precompute.dictionaries.words import (
    DICTIONARY,
    DRAWN,
    FREQUENT,
    NAME,
    OPENING,
    OUTCOMES,
    REACH_APART,
    arms,
)
from precompute.experiments.publish import publish, stated
from precompute.experiments.result import Result
from tests.api.conftest import Serve
from tests.tiny_build import tiny_preset


def beside(build: Path) -> None:
    """Two dictionaries that disagree."""
    made = Result(NAME, 0, arm=arms(10, 0.1), outcome=dict(OUTCOMES))
    for name, own, other in (("base", 0.5, 0.7), ("another seed", 0.6, 0.2)):
        where: dict[str, Any] = {"sae_id": name, "layer": 2}
        made.exact(DICTIONARY, "d_sae", 64, **where)
        for arm, value in ((FREQUENT, own), (DRAWN, other), (REACH_APART, own - other)):
            ends = (value - 0.05, value + 0.05)
            made.estimated(arm, "coverage", value, ends, 900, subject=OPENING, **where)
    identity = build_identity(Store.open(build).provenance())
    publish(companion_path(build, KIND), [made], identity, stated(NAME, "2,500 tokens", {}))


def test_dictionaries_are_served_and_judged(
    serve: Serve, build_path: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    build = Path(shutil.copytree(build_path.parent, tmp_path / "made")) / build_path.name
    beside(build)
    app = serve(store=Store.open(build), preset=tiny_preset(tiny_folder, build))
    with TestClient(app) as client:
        (found,) = client.get("/api/experiments").json()["experiments"]
        claims = {one["id"]: one for one in client.get("/api/claims").json()["claims"]}
    assert (found["name"], found["prompts"]) == (NAME, "2,500 tokens")
    reached = [row for row in found["estimates"] if row["outcome"] == "coverage"]
    assert [(row["sae_id"], row["arm"], round(row["value"], 6)) for row in reached] == [
        ("base", FREQUENT, 0.5),
        ("base", DRAWN, 0.7),
        ("base", REACH_APART, -0.2),
        ("another seed", FREQUENT, 0.6),
        ("another seed", DRAWN, 0.2),
        ("another seed", REACH_APART, 0.4),
    ]
    assert {row["n"] for row in reached} == {900}
    assert found["arms"][FREQUENT] == "The 10 most frequent tokens of the build."
    claim = claims["beyond-content-in-every-dictionary"]
    assert claim["verdict"] == "inconclusive"
    assert claim["link"] == "/coverage#coverage-dictionaries-panel"
    assert [(one["sae_id"], one["verdict"]) for one in claim["layers"]] == [
        ("base", "not supported"),
        ("another seed", "supported"),
    ]
