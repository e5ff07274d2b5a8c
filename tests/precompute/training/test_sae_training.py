"""Training from text: what lies on disk, what a kill leaves, and what is said about the result."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.building.corpus import Shard, load_shard
from precompute.cli import main
from precompute.training import activations as held
from precompute.training.activations import Harvest, run_harvest, shard_activations
from precompute.training.dictionaries import (
    QuickBatchTopK,
    Recipe,
    Training,
    pool_shards,
    train_all,
)
from precompute.training.export import scored_rows
from precompute.training.measure import variance
from tests.precompute.conftest import write_corpus

SHARDS = 20


@pytest.fixture(scope="module")
def work(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of a finished training of two SAEs, 20 shards."""
    folder = tmp_path_factory.mktemp("training")
    assert main(command(tiny_folder, folder)) == 0
    return folder


def command(tiny_folder: Path, folder: Path, *more: str) -> list[str]:
    corpus = folder / "corpus.jsonl"
    if not corpus.exists():
        write_corpus(corpus)
    given = [
        "train-sae",
        "--model",
        tiny_folder / "model",
        "--corpus",
        corpus,
        "--work",
        folder / "work",
    ]
    given += [
        "--out",
        folder / "saes",
        "--layers",
        0,
        2,
        "--d-sae",
        64,
        96,
        "--k",
        4,
        6,
        "--tokens",
        5000,
    ]
    given += ["--ctx-len", 32, "--shards", SHARDS, "--batch", 64]
    return [*map(str, given), *more]


def test_saes_load_with_the_asked_l0_and_say_how_they_were_measured(work: Path) -> None:
    for layer, d_sae, k in ((0, 64, 4), (2, 96, 6)):
        sae = Sae.load(work / "saes" / f"layer_{layer}")
        stated = json.loads((work / "saes" / f"layer_{layer}" / "cfg.json").read_text())["metadata"]
        assert (sae.layer, sae.d_sae) == (layer, d_sae)
        assert stated["l0"] == pytest.approx(k, abs=0.1)
        assert {
            "explained_variance",
            "reconstruction_score",
            "top_dimension_share",
            "left_out",
        } <= stated.keys()


def test_short_texts_are_trained_on_and_measured(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Chats and questions fill no row: what is measured is measured on the longest."""
    texts = [f"the cat {n} sat on a mat. " * (1 + n % 3) for n in range(300)]
    lines = (json.dumps({"text": text}) for text in texts)
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    assert main(command(tiny_folder, tmp_path, "--ctx-len", "200")) == 0
    told = capsys.readouterr()
    assert "forward passes: 100%" in told.err
    assert "measuring layer_2 on text kept out of training" in told.err
    assert str(tmp_path / "saes" / "layer_2") in told.out
    stated = json.loads((tmp_path / "saes" / "layer_2" / "cfg.json").read_text())["metadata"]
    assert 0 < stated["scored_rows"] <= 24
    assert np.isfinite(stated["reconstruction_score"])


def test_little_text_in_many_shards_is_mixed_until_there_are_steps() -> None:
    """100 shards of 300 positions: four of them hold one batch of 1,024, and a rest of a fifth."""
    pools = list(pool_shards(100, 30_000, 1024))
    assert [len(pool) for pool in pools] == [28, 28, 28, 16]
    assert [shard for pool in pools for shard in pool] == list(range(100))
    assert {len(pool) for pool in pool_shards(100, 6_000_000, 1024)} == {4}


def test_rows_that_are_scored_hold_as_many_positions_as_they_can() -> None:
    def shard(*lengths: int) -> Shard:
        tokens = np.arange(len(lengths) * 8).reshape(-1, 8)
        return Shard(tokens, np.array(lengths), np.arange(len(lengths)))

    full = scored_rows([shard(*[8] * 30, 2, 8, 8)])
    assert full.shape == (24, 8)
    assert len(np.unique(full[:, 0])) == 24
    # two of length 5 are 10 positions, three of 3 nine, four of 2 eight
    assert scored_rows([shard(2, 3), shard(5, 6)]).tolist() == [[0, 1, 2, 3, 4], [8, 9, 10, 11, 12]]


def test_activations_on_disk_are_the_models_own(
    tiny_folder: Path, work: Path, lm: LanguageModel
) -> None:
    """Each position of the shard once, in bfloat16, as products in bfloat16 make them."""
    harvest = Harvest(str(tiny_folder / "model"), work / "work", (0, 2), SHARDS, seed=0)
    for layer in (0, 2):
        mine = shard_activations(lm, work / "work", 3, [layer])[layer]
        mine = mine[mine.norm(dim=-1) <= held.GIANT * harvest.median_norms()[layer]]
        order = np.random.default_rng((0, 3)).permutation(len(mine))
        kept = harvest.read(3, layer).float()
        assert kept.shape == mine.shape
        error = (kept - mine[torch.from_numpy(order)]).norm() / mine.norm()
        assert error < 0.02


def test_giants_padding_and_special_tokens_are_left_out(
    tiny_folder: Path,
    work: Path,
    lm: LanguageModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shard = load_shard(work / "work", 0)
    assert len(shard_activations(lm, work / "work", 0, [0])[0]) == int((shard.lengths - 1).sum())
    (tmp_path / "rows").symlink_to(work / "work" / "rows")
    monkeypatch.setattr(
        held, "GIANT", 1.0
    )  # then half of the first shard is giant, by the median's definition
    harvest = Harvest(str(tiny_folder / "model"), tmp_path, (2,), 1, seed=0)
    run_harvest(harvest)
    assert len(harvest.read(0, 2)) == pytest.approx((shard.lengths - 1).sum() / 2, abs=1)


def test_a_killed_training_ends_with_the_same_weights(
    work: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    """Stopped after two of five pools, and started again: not one weight differs."""
    recipe = Recipe("one", 2, 96, 6.0, batch=64)

    def go(folder: Path, stop_at: int | None) -> dict[str, torch.Tensor]:
        (folder / "activations").symlink_to(work / "work" / "activations")
        harvest = Harvest(str(tiny_folder / "model"), folder, (0, 2), SHARDS, seed=0)

        def wait(shard: int) -> None:
            if shard == stop_at:
                raise KeyboardInterrupt

        if stop_at is not None:
            with pytest.raises(KeyboardInterrupt):
                train_all(harvest, [recipe], 32, 5000, SHARDS, wait)
        sae = train_all(harvest, [recipe], 32, 5000, SHARDS, lambda shard: None)["one"]
        return {name: value.clone() for name, value in sae.state_dict().items()}

    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole, killed = go(tmp_path / "whole", None), go(tmp_path / "killed", 8)
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert [
        path.name for path in sorted((tmp_path / "killed" / "training" / "one").glob("0*"))
    ] == ["00005"]


def test_forward_passes_beside_training_give_the_same_saes(
    work: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    assert main(command(tiny_folder, tmp_path, "--threads", "2")) == 0
    for layer in (0, 2):
        mine, other = (Sae.load(folder / "saes" / f"layer_{layer}") for folder in (tmp_path, work))
        assert torch.equal(mine.W_enc, other.W_enc)
        assert torch.equal(mine.threshold, other.threshold)


def test_the_quick_search_keeps_what_sae_lens_keeps() -> None:
    from sae_lens.saes.batchtopk_sae import BatchTopK

    generator = torch.Generator().manual_seed(0)
    quick, plain = QuickBatchTopK(3.5), BatchTopK(3.5)
    for scale in (
        1.0,
        1.0,
        0.2,
        5.0,
        5.0,
    ):  # a floor learnt at one scale must not mislead at another
        x = torch.randn(64, 80, generator=generator) * scale
        assert torch.equal(quick(x), plain(x))
    few = -torch.ones(4, 80)
    few[0, 0] = 2.0
    assert torch.equal(quick(few), plain(few))


def test_explained_variance_by_hand() -> None:
    """Dimension 0 varies by 8, dimension 1 by 2; errors 2 and 1: 1 - 3/10, and 1 - 1/2 without
    dimension 0.
    """
    resid = torch.tensor([[2.0, 1.0], [-2.0, -1.0]])
    made = variance(resid, resid - torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    assert made == {
        "explained_variance": 0.7,
        "explained_variance_without_top_dimension": 0.5,
        "top_dimension": 0,
        "top_dimension_share": 0.8,
    }


def test_a_frozen_decoder_keeps_its_directions(tmp_path: Path) -> None:
    training = Training(
        Recipe("f", 0, 64, 4.0, batch=64, frozen_decoder=True), 32, 640, tmp_path, "cpu"
    )
    before = training.sae.W_dec.clone()
    encoder = training.sae.W_enc.clone()
    training.learn(torch.randn(640, 32, generator=torch.Generator().manual_seed(0)), lambda n: None)
    assert torch.equal(training.sae.W_dec, before)
    assert not torch.equal(training.sae.W_enc, encoder)


def test_another_seed_of_the_weights_is_of_the_same_activations(
    tiny_folder: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {path: path.stat().st_mtime_ns for path in (work / "work" / "activations").iterdir()}
    refused = main(command(tiny_folder, work, "--seed", "7", "--name", "other_{layer}"))
    assert refused == 2
    assert "other settings (seed)" in capsys.readouterr().err
    assert main(command(tiny_folder, work, "--init-seed", "7", "--name", "other_{layer}")) == 0
    assert {
        path: path.stat().st_mtime_ns for path in (work / "work" / "activations").iterdir()
    } == kept
    folders = [work / "saes" / name for name in ("layer_2", "other_2")]
    first, other = map(Sae.load, folders)
    assert not torch.equal(first.W_enc, other.W_enc)
    seeds = [json.loads((one / "cfg.json").read_text())["metadata"]["seed"] for one in folders]
    assert seeds == [0, 7]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--d-sae", "64", "64", "64"], "--d-sae has 3 numbers"),
        (["--k", "96"], "k is 96"),
        (["--layers", "0", "9"], "layer is 9"),
        (["--shards", "3"], "--shards is 3"),
        (["--batch", "4096"], "1 steps of --batch 4096; needed: 8 steps. Give more text"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(
    more: list[str],
    said: str,
    tiny_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(command(tiny_folder, tmp_path, *more)) == 2
    assert said in capsys.readouterr().err


def test_another_recipe_does_not_go_on_from_an_old_state(
    work: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tiny_folder, work, "--lr", "0.001")) == 2
    assert "holds another training" in capsys.readouterr().err
