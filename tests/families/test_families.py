"""Every family of models with every format of SAE: live by options alone, and built.

Residual streams are those of transformers' own hidden states; firings are those of plain NumPy on
them, and those of sae-lens.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from backend.core import presets
from backend.core.lm import LanguageModel
from backend.core.store import Store
from backend.servers import api_alone
from backend.settings import Settings
from precompute.cli import main
from tests.families.made import (
    FAMILIES,
    FORMATS,
    LAYER,
    WITHOUT_BOS,
    family_dir,
    format_dir,
    plain_firings,
)
from tests.tiny import BOS

PROMPT = "What is the capital of Russia?\nMoscow. The cat sat by the door.\n"


@dataclass(frozen=True)
class Made:
    """A checkpoint, and resid_post [pos, d_model] of the prompt after LAYER by transformers."""

    kind: str
    folder: Path
    token_ids: list[int]
    resid: torch.Tensor


@pytest.fixture(scope="module", params=FAMILIES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp(request.param)
    model = family_dir(folder, request.param)
    token_ids = LanguageModel.load(folder).tokenize(PROMPT)
    with torch.no_grad():
        states = model(input_ids=torch.tensor([token_ids]), output_hidden_states=True)
    return Made(request.param, folder, token_ids, states.hidden_states[LAYER + 1][0])


@pytest.fixture(scope="module")
def saes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("saes")
    return {kind: format_dir(folder, kind) for kind in FORMATS}


def dense(firings: dict[str, list[float]], shape: tuple[int, ...]) -> NDArray[np.float64]:
    found = np.zeros(shape)
    found[firings["position"], firings["feature_index"]] = firings["activation"]
    return found


def test_live_firings_are_those_of_plain_numpy(
    made: Made, saes: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "DEFAULT_HOME", tmp_path)
    own = Settings(
        model=str(made.folder),
        sae=tuple(map(str, saes.values())),
        runs=tmp_path / "runs.sqlite",
        threads=1,
    )
    app = api_alone(own)
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(30)
        answer = client.post("/api/inspect", json={"prompt": PROMPT})
        assert answer.status_code == 200, client.get("/api/health").json()["why"]
    told = answer.json()
    assert [one["token_id"] for one in told["tokens"]] == made.token_ids
    assert (made.token_ids[0] == BOS) == (made.kind not in WITHOUT_BOS)
    assert set(told["firings"]) == {folder.name for folder in saes.values()}
    for kind, folder in saes.items():
        wanted = plain_firings(folder, kind, made.resid)
        found = dense(told["firings"][folder.name], wanted.shape)
        assert ((found > 0) == (wanted > 0)).all(), kind
        assert 0.01 < (wanted > 0).mean() < 0.7, kind
        np.testing.assert_allclose(found, wanted, atol=2e-3, rtol=1e-3, err_msg=kind)


def test_they_are_those_of_sae_lens(made: Made, saes: dict[str, Path]) -> None:
    from sae_lens import SAE

    for kind, folder in saes.items():
        theirs = SAE.load_from_disk(folder).encode(made.resid).detach().double().numpy()
        wanted = plain_firings(folder, kind, made.resid)
        assert ((theirs > 0) == (wanted > 0)).all(), kind
        np.testing.assert_allclose(theirs, wanted, atol=1e-3, rtol=1e-3, err_msg=kind)


BUILT = [("gpt2", ("gated", "topk")), ("qwen3", ("batchtopk",)), ("gemma3", ("standard",))]


@pytest.mark.parametrize(("kind", "formats"), BUILT, ids=[kind for kind, _ in BUILT])
def test_a_build_counts_those_firings(
    kind: str, formats: tuple[str, ...], saes: dict[str, Path], tmp_path: Path
) -> None:
    """`precompute all`: each edge is the number of its firings, every text read by itself."""
    model = family_dir(tmp_path / "model", kind)
    texts = [f"What is the capital of {place}?\nLondon.\n" for place in ("Russia", "UK")] * 20
    corpus = tmp_path / "text.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    given = ["--model", tmp_path / "model", "--corpus", corpus, "--work", tmp_path / "work"]
    given += ["--build", tmp_path / "own.duckdb", "--ctx-len", 64, "--shards", 20]
    given += ["--sequences", 8]
    for one in formats:
        given += ["--sae", saes[one]]
    assert main(["all", *map(str, given)]) == 0
    lm = LanguageModel.load(tmp_path / "model")
    store = Store.open(tmp_path / "own.duckdb")
    for one in formats:
        edges = store.edges(saes[one].name)
        keys = zip(edges.token_id.tolist(), edges.feature_index.tolist(), strict=True)
        found = dict(zip(keys, edges.n_firings.tolist(), strict=True))
        assert found == counted(lm, model, saes[one], one, texts)
    store.close()


def counted(
    lm: LanguageModel, model: torch.nn.Module, sae: Path, kind: str, texts: list[str]
) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for text, times in Counter(texts).items():
        ids = lm.tokenize(text)
        with torch.no_grad():
            states = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
        fires = plain_firings(sae, kind, states.hidden_states[LAYER + 1][0]) > 0
        for position, feature in zip(*np.nonzero(fires), strict=True):
            if ids[position] not in lm.special_ids:
                found[ids[position], int(feature)] += times
    return found
