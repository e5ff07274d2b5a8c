"""Every spelling of `cfg.json` is what sae-lens makes of it, or refused: read directly, and
converted.
"""

import json
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from backend import cli
from backend.core.sae import Sae
from precompute.fetching.convert import convert_folder
from tests.sae_cases import NEW, OLD, K, folder_of, residuals
from tests.tiny import D_MODEL, D_SAE

FUNCTIONS: list[dict[str, Any]] = [
    {},
    {"activation_fn": "topk", "activation_fn_kwargs": {"k": K}},
    {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": K}},
    {"activation_fn_str": "topk", "activation_fn_kwargs": {}},
    {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": K}, "k": K + 1},
    {"activation_fn_str": "relu", "activation_fn_kwargs": {"k": K}},
    {"activation_fn_str": "tanh-relu"},
    {"k": K},
    {"k": K, "rescale_acts_by_decoder_norm": True},
]
INPUTS: list[dict[str, Any]] = [
    {},
    {"apply_b_dec_to_input": False},
    {"normalize_activations": "layer_norm"},
    {"normalize_activations": True},
    {"finetuning_scaling_factor": True},
]


def by_sae_lens(folder: Path) -> torch.Tensor | None:
    """[n, d_sae] by sae-lens, in float32; None where it cannot load the folder."""
    from sae_lens import SAE

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sae = SAE.load_from_disk(folder, dtype="float32")
        with torch.no_grad():
            return sae.encode(residuals()).float()
    except Exception:
        return None


def ours(folder: Path) -> torch.Tensor | str:
    """[n, d_sae] by us, or the sentence of the refusal."""
    try:
        return Sae.load(folder).encode_dense(residuals())
    except ValueError as error:
        return str(error)


def converted(folder: Path) -> torch.Tensor | str:
    """The same after `functionscope fetch --folder`."""
    try:
        return ours(convert_folder(folder, folder.with_name("converted"), dtype=torch.float32))
    except ValueError as error:
        return str(error)


def assert_same(mine: torch.Tensor | str, theirs: torch.Tensor | None, what: object) -> None:
    """Where we answer, sae-lens answers, and with the same firings."""
    if isinstance(mine, torch.Tensor):
        assert theirs is not None, (what, "sae-lens refuses it")
        assert torch.equal(mine > 0, theirs > 0), (
            what,
            float((mine > 0).sum()),
            float((theirs > 0).sum()),
        )
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def variants() -> Iterator[tuple[str, dict[str, Any], bool, dict[str, torch.Tensor]]]:
    """(what, cfg.json, whether the file holds thresholds, further arrays): what decides firings."""
    ones, twos = torch.ones(D_SAE), torch.full((D_SAE,), 2.0)
    arrays: list[tuple[bool, dict[str, torch.Tensor]]] = [(False, {}), (True, {})]
    extra = {"scaling_factor": (ones, twos), "finetuning_scaling_factor": (twos,), "b_mag": (ones,)}
    arrays += [(False, {name: array}) for name, found in extra.items() for array in found]
    own = ("activation_fn", "activation_fn_str", "activation_fn_kwargs")
    bases = {
        base: {k: v for k, v in one.items() if k not in own}
        for base, one in (OLD | {"6": NEW}).items()
    }
    for base, function, architecture in product(
        bases, FUNCTIONS, (None, "standard", "topk", "jumprelu", "gated")
    ):
        said = {"architecture": architecture} if architecture else {}
        yield (
            f"{base} {function} {said}",
            bases[base] | function | said,
            architecture == "jumprelu",
            {},
        )
    for base, change, function, (threshold, more) in product(bases, INPUTS, FUNCTIONS[:3], arrays):
        yield (
            f"{base} {change} {function} {threshold} {sorted(more)}",
            bases[base] | change | function,
            threshold,
            more,
        )


def test_every_spelling_is_what_sae_lens_makes_of_it_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Read directly, and converted by `functionscope fetch --folder`."""
    answered: dict[str, int] = {"read": 0, "converted": 0}
    for what, config, threshold, more in variants():
        folder = folder_of(tmp_path_factory.mktemp("sae"), config, threshold=threshold, **more)
        theirs = by_sae_lens(folder)
        for way, mine in (("read", ours(folder)), ("converted", converted(folder))):
            assert_same(mine, theirs, (way, what))
            answered[way] += isinstance(mine, torch.Tensor)
    # not by refusing everything: most of what sae-lens reads without a contradiction is read
    assert answered["read"] > 40
    assert answered["converted"] > 80


@pytest.mark.parametrize("spelling", ["activation_fn", "activation_fn_str"])
def test_a_top_k_sae_of_an_older_layout_is_one(tmp_path: Path, spelling: str) -> None:
    """Four firings a position, not the dozens that a ReLU gives."""
    config = {name: value for name, value in OLD["5.11"].items() if name != "activation_fn_str"}
    folder = folder_of(tmp_path, config | {spelling: "topk", "activation_fn_kwargs": {"k": K}})
    sae = Sae.load(folder)
    assert (sae.architecture, sae.config.k) == ("topk", K)
    assert len(sae.encode(residuals())) == K * 50
    assert_same(ours(folder), by_sae_lens(folder), spelling)


@pytest.mark.parametrize("version", OLD)
def test_a_folder_of_an_older_sae_lens_is_converted_by_the_command_that_the_refusal_names(
    tmp_path: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path, OLD[version])
    told = ours(folder)
    if isinstance(told, str):
        assert f"`functionscope fetch --folder {folder} --out NEW`" in told
    assert cli.main(["fetch", "--folder", str(folder), "--out", str(tmp_path / "new")]) == 0
    assert str(tmp_path / "new") in capsys.readouterr().out
    sae, theirs = Sae.load(tmp_path / "new"), by_sae_lens(folder)
    assert (sae.layer, sae.config.hook_name) == (1, "blocks.1.hook_resid_post")
    assert_same(sae.encode_dense(residuals()), theirs, version)
    assert_same(
        sae.encode_dense(residuals()), by_sae_lens(tmp_path / "new"), "its result, by sae-lens"
    )


@pytest.mark.parametrize("place", ["top", "metadata"])
@pytest.mark.parametrize("version", ["2.1", "5.11", "6"])
def test_a_centred_stream_is_refused_wherever_it_is_said_and_folded_by_the_conversion(
    tmp_path: Path, place: str, version: str
) -> None:
    from sae_lens import SAE

    config = json.loads(json.dumps((OLD | {"6": NEW})[version]))
    config.pop("model_from_pretrained_kwargs", None)
    centred = {"model_from_pretrained_kwargs": {"center_writing_weights": True}}
    plain = folder_of(tmp_path / "plain", config)
    with torch.no_grad():
        resid = residuals() + 2.0
        expected = SAE.load_from_disk(plain, dtype="float32").encode(
            resid - resid.mean(-1, keepdim=True)
        )
    if place == "top":
        config |= centred
    else:
        config["metadata"] = config.get("metadata", {}) | centred
    folder = folder_of(tmp_path, config)
    if version != "2.1":  # 2.1 lacks its architecture, which is said first
        assert "whose mean was subtracted" in str(ours(folder))
    made = convert_folder(folder, tmp_path / "new", dtype=torch.float32)
    torch.testing.assert_close(Sae.load(made).encode_dense(resid), expected, atol=1e-4, rtol=1e-4)


def test_fetch_wants_a_preset_or_a_folder_and_where_to_write_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        [],
        ["lab", "--folder", "x", "--out", "y"],
        ["--folder", "x"],
        ["lab", "--out", "y"],
    ):
        assert cli.main(["fetch", *arguments]) == 2
        assert "--folder OLD --out NEW" in capsys.readouterr().err
    assert cli.main(["fetch", "--folder", str(tmp_path), "--out", str(tmp_path / "new")]) == 2
    assert "cfg.json: an SAE is a folder with" in capsys.readouterr().err


@pytest.mark.parametrize(
    "kind", ["standard", "gated", "topk", "jumprelu", "batchtopk", "matryoshka_batchtopk"]
)
@pytest.mark.parametrize("whole", [False, True])
def test_what_sae_lens_saves_after_training_is_read_as_it_reads_it(
    tmp_path: Path, kind: str, whole: bool
) -> None:
    """Its inference folder is read; the folder of a training is, where it is not another SAE."""
    from sae_lens.registry import SAE_TRAINING_CLASS_REGISTRY

    trained, settings = SAE_TRAINING_CLASS_REGISTRY[kind]
    own = {"k": K} if "topk" in kind else {}
    own |= {"matryoshka_widths": [D_SAE // 2, D_SAE]} if kind.startswith("matryoshka") else {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sae = trained(settings(d_in=D_MODEL, d_sae=D_SAE, **own))
    sae.cfg.metadata.hook_name = "blocks.1.hook_resid_post"
    folder = tmp_path / "sae"
    (sae.save_model if whole else sae.save_inference_model)(folder)
    mine = ours(folder)
    assert_same(mine, by_sae_lens(folder), (kind, whole))
    assert isinstance(mine, str) == (whole and "batchtopk" in kind)
