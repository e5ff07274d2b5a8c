"""Series of checkpoints: folders and hub revisions; one clear error for what is missing."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from backend.core.hub import ModelUnavailable
from precompute import cli
from precompute.consolidation import series as series_module
from precompute.consolidation.features import make_sample
from precompute.consolidation.series import claim_run, folder_checkpoints, hub_checkpoints, step_of
from precompute.consolidation.text import load_text
from precompute.job import BadInput
from tests.consolidation_case import STEPS, Case, make_case


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return make_case(tmp_path_factory.mktemp("case"))


def test_steps_are_the_digits_at_the_end() -> None:
    assert [step_of(name, 7) for name in ("step_000512", "step1000", "checkpoint-5", "main")] == [
        512,
        1000,
        5,
        7,
    ]


def test_a_folder_gives_its_checkpoints_in_order_of_steps(case: Case) -> None:
    assert [one.step for one in folder_checkpoints(case.checkpoints)] == list(STEPS)
    some = folder_checkpoints(case.checkpoints, ["step_000020", "step_000000"])
    assert [one.step for one in some] == [0, 20]


def test_a_missing_checkpoint_is_named_with_those_that_exist(case: Case, tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match="no checkpoint step_000007; it has step_000000, step_000005, step_000020"
    ):
        folder_checkpoints(case.checkpoints, ["step_000005", "step_000007"])
    with pytest.raises(BadInput, match="holds no saved model"):
        folder_checkpoints(tmp_path)
    with pytest.raises(BadInput, match="no folder of checkpoints"):
        folder_checkpoints(tmp_path / "none")


def test_one_step_twice_is_refused(case: Case, tmp_path: Path) -> None:
    for name in ("step5", "step_05"):
        shutil.copytree(case.checkpoints / "step_000005", tmp_path / name)
    with pytest.raises(BadInput, match="step 5 is there twice"):
        folder_checkpoints(tmp_path)


@pytest.fixture
def hub(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A hub cache with revisions step0 and step5 of a model, and no network."""
    repository = tmp_path / "hub" / "models--some--model"
    for revision in ("step0", "step5"):
        snapshot = repository / "snapshots" / revision
        shutil.copytree(case.checkpoints / f"step_{int(revision[4:]):06d}", snapshot)
        shutil.copytree(case.model, snapshot, dirs_exist_ok=True)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / revision).write_text(revision)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", str(tmp_path / "hub"))

    def unreachable(source: str) -> None:
        raise ModelUnavailable(f"{source} is not on this machine")

    monkeypatch.setattr(series_module, "require_hub", unreachable)
    return "some/model"


def test_revisions_of_a_hub_model_load_by_name(hub: str, case: Case) -> None:
    found = hub_checkpoints(hub, ["step5", "step0"])
    assert [(one.step, one.revision) for one in found] == [(0, "step0"), (5, "step5")]
    made = series_module.Series(hub, 0, "", None, hub, found)
    weights = [
        made.load(one, torch.float32, "cpu").model.get_input_embeddings().weight for one in found
    ]
    local = case.series()
    expected = [
        local.load(one, torch.float32, "cpu").model.get_input_embeddings().weight
        for one in local.checkpoints
    ]
    assert torch.equal(weights[0], expected[0])
    assert torch.equal(weights[1], expected[1])


def test_a_missing_revision_is_one_clear_error(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelUnavailable, match="some/model at step7, step9 is not on this machine"):
        hub_checkpoints(hub, ["step0", "step7", "step5", "step9"])
    # reached: the hub does not know it either
    monkeypatch.setattr(series_module, "require_hub", lambda source: None)
    monkeypatch.setattr(series_module, "_on_hub", lambda model, revision: False)
    with pytest.raises(BadInput, match="some/model has no revision step7 on huggingface"):
        hub_checkpoints(hub, ["step0", "step7"])
    with pytest.raises(BadInput, match="--model needs --revisions"):
        hub_checkpoints(hub, [])


def test_checkpoints_that_were_trained_anew_are_refused(case: Case, tmp_path: Path) -> None:
    claim_run(case.series(), tmp_path)
    other = json.loads((tmp_path / "runs" / "tiny.0" / "run.json").read_text())
    other["weights"]["5"] = "of another training"
    (tmp_path / "runs" / "tiny.0" / "run.json").write_text(json.dumps(other))
    with pytest.raises(BadInput, match=r"other files \(weights at step 5\)"):
        claim_run(case.series(), tmp_path)


def test_fused_attention_gives_the_same_losses(case: Case) -> None:
    made = case.series()
    lm = made.load(made.checkpoints[1], torch.float32, "cpu")
    assert lm.model.config._attn_implementation == "sdpa"
    tokens = torch.randint(3, 300, (2, 40), generator=torch.Generator().manual_seed(0))
    fused = lm.per_token_loss(tokens)
    lm.model.config._attn_implementation = "eager"
    torch.testing.assert_close(fused, lm.per_token_loss(tokens), atol=2e-5, rtol=0)


def run_cli(*arguments: str | Path) -> int:
    return cli.main(["consolidation", *map(str, arguments)])


def test_the_whole_way_by_command_line(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    text = (
        "--corpus",
        case.corpus,
        "--training-rows",
        case.rows,
        "--tokens",
        "6000",
        "--ctx-len",
        "96",
    )
    assert run_cli("text", "--work", work, "--tokenizer", case.model, *text) == 0
    run = (
        "--work",
        work,
        "--checkpoints",
        case.checkpoints,
        "--tokenizer",
        case.model,
        "--name",
        "tiny",
    )
    assert run_cli("loss", *run) == 0
    assert run_cli("stages", *run, "--revisions", "step_000005") == 0
    out = tmp_path / "a.consolidation.duckdb"
    assert (
        run_cli(
            "publish",
            "--work",
            work,
            "--tokenizer",
            case.model,
            "--counts",
            case.rows,
            "--out",
            out,
        )
        == 0
    )
    assert out.stat().st_size > 10_000
    assert "published" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("loss", "--work", "w"), "give one of --checkpoints DIR, and --model NAME"),
        (
            ("loss", "--work", "w", "--checkpoints", "nowhere"),
            "no folder of checkpoints at nowhere",
        ),
        (
            ("text", "--work", "w", "--tokenizer", "t", "--corpus", "none.jsonl"),
            "no file at none.jsonl",
        ),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run_cli(*(str(tmp_path / a) if a == "w" else a for a in arguments)) == 2
    assert said in capsys.readouterr().err


def test_the_sample_and_the_score_rows_do_not_overlap(case: Case, tmp_path: Path) -> None:
    case.text(tmp_path)
    text = load_text(tmp_path)
    sample, score_rows = make_sample(text, 1, 4)
    assert not {row.tobytes() for row in sample.rows} & {row.tobytes() for row in score_rows}
    assert len(sample.token) == len(sample.shard) > 0
