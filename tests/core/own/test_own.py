"""A preset made of options or of a file of one's own: what it states, its name, what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from backend.core import presets
from backend.core.own import find_preset, known_names, preset_of_options
from backend.core.own.sources import n_parameters
from tests.tiny import D_SAE, tiny_model_dir, tiny_sae_dir

FILE = """
[mine]
model = "model"
saes = ["saes/layer_2", { sae = "some-release:layer_9_width_16k", use = "browse" }]
build = "mine.duckdb"
prompt_format = "chat"
[mine.opening]
stop = ["\\n"]
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, two SAEs, and nothing else of the user's in the way."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("FUNCTIONSCOPE_PRESETS", raising=False)
    monkeypatch.setattr(presets, "DEFAULT_HOME", tmp_path / "home")
    folder = tmp_path / "own"
    tiny_model_dir(folder)
    tiny_sae_dir(folder, 2)
    tiny_sae_dir(folder, 3)
    return folder


def written(folder: Path, text: str = FILE) -> Path:
    path = folder / "presets.toml"
    path.write_text(text)
    return path


def test_options_alone_say_everything(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own)
    preset = preset_of_options("model", ["saes/layer_2", "saes/layer_3"], build=Path("b.duckdb"))
    assert preset.model == str(own / "model")
    assert preset.build == own / "b.duckdb"
    assert [(sae.sae_id, sae.layer, sae.d_sae) for sae in preset.saes] == [
        ("layer_2", 2, D_SAE),
        ("layer_3", 3, D_SAE),
    ]
    assert [sae.path for sae in preset.saes] == [own / "saes" / "layer_2", own / "saes" / "layer_3"]
    assert preset.saes[0].l0 == 10.0
    assert preset.title == "model"


def test_the_name_is_the_same_wherever_it_lies_and_another_for_other_parts(own: Path) -> None:
    def name(folder: Path, *saes: str, revision: str | None = None) -> str:
        given = [str(folder / "saes" / sae) for sae in saes]
        return preset_of_options(str(folder / "model"), given, revision=revision).name

    first = name(own, "layer_2", "layer_3")
    assert first.startswith("model-")
    assert presets.SAE_ID.fullmatch(first)
    assert name(own, "layer_3", "layer_2") == first
    moved = own.with_name("moved")
    shutil.copytree(own, moved)
    assert name(moved, "layer_2", "layer_3") == first
    assert name(own, "layer_2") != first
    config = moved / "saes" / "layer_2" / "cfg.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"apply_b_dec_to_input": False}))
    assert name(moved, "layer_2", "layer_3") != first


def test_a_hub_id_and_a_release_need_nothing_here(own: Path) -> None:
    preset = preset_of_options("EleutherAI/pythia-70m", ["some-release:blocks.3.hook_resid_post"])
    assert preset.model == "EleutherAI/pythia-70m"
    (sae,) = preset.saes
    assert (sae.layer, sae.d_sae) == (None, None)
    assert (sae.release, sae.id) == ("some-release", "blocks.3.hook_resid_post")
    assert sae.path == presets.DEFAULT_HOME / "saes" / "some-release" / "blocks.3.hook_resid_post"
    assert preset.build.parent == presets.DEFAULT_HOME / preset.name
    shutil.copytree(own / "saes" / "layer_3", sae.path)  # as `fetch` would put it there
    again = preset_of_options("EleutherAI/pythia-70m", ["some-release:blocks.3.hook_resid_post"])
    assert again.saes[0].layer == 3
    assert again.name == preset.name


def test_parameters_are_counted_without_reading_them(own: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(own / "model", dtype=torch.float32)
    assert n_parameters("model", own / "model", None) == model.num_parameters()
    (own / "model" / "model.safetensors").write_bytes(b"\xff" * 12)
    assert n_parameters("model", own / "model", None) == 0


def test_a_file_of_ones_own(own: Path) -> None:
    preset = find_preset("mine", written(own))
    assert preset.name == "mine"
    assert preset.model == str(own / "model")
    assert preset.build == own / "mine.duckdb"
    assert preset.prompt_format == "chat"
    assert preset.opening.stop == ("\n",)
    here, there = preset.saes
    assert (here.layer, here.use, there.layer, there.use) == (2, "both", None, "browse")
    assert find_preset("lab", own / "presets.toml") == presets.load_preset("lab")
    assert find_preset(None, own / "presets.toml").name == presets.DEFAULT_PRESET
    assert known_names(own / "presets.toml") == [*presets.preset_names(), "mine"]


def test_the_users_folder_and_the_variable(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "config" / "functionscope"
    folder.mkdir(parents=True)
    text = FILE.replace("saes/", f"{own}/saes/").replace('"model"', f'"{own}/model"')
    (folder / "presets.toml").write_text(text)
    assert find_preset("mine").model == str(own / "model")
    other = written(own, FILE.replace("mine]", "other]").replace("[mine.", "[other."))
    monkeypatch.setenv("FUNCTIONSCOPE_PRESETS", str(other))
    assert known_names()[-2:] == ["mine", "other"]
    with pytest.raises(ValueError, match="There is no preset 'nine'; known: lab, .*, mine, other"):
        find_preset("nine")
    written(own)
    with pytest.raises(ValueError, match="the preset 'mine' is in .*config.* too: rename it"):
        find_preset("mine")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('model = "model"', "", r"\[mine\]: model must be given"),
        ('model = "model"', 'model = "./gone"', "there is no model at './gone'; allowed: a folder"),
        ("saes/layer_2", "./gone", "there is no SAE at './gone'; allowed: a folder with cfg.json"),
        ("saes/layer_2", "gone", "there is no SAE at 'gone'; .* or RELEASE:ID as"),
        ('use = "browse"', 'use = "look"', "use is 'look'; allowed: browse, steer, both"),
        ('use = "browse"', "layer = 3", "an SAE is given as .*'layer': 3.*; allowed: a folder"),
        ("build =", "built =", "there is no entry 'built'; allowed: model, saes, title"),
        ('"chat"', '"shout"', "prompt_format is 'shout'; allowed: plain, chat"),
        ("[mine]", "[lab]", "the preset 'lab' is in .*presets.toml too: rename it"),
        ("[mine]", '["a/b"]', "'a/b' is no preset"),
        ("[mine]", "[mine", "is not TOML"),
    ],
)
def test_what_is_wrong_is_one_sentence(own: Path, old: str, new: str, said: str) -> None:
    path = written(own, FILE.replace(old, new, 1))
    with pytest.raises(ValueError, match=said) as refused:
        find_preset("mine", path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_folders_that_cannot_be_ids_are_refused(own: Path) -> None:
    first = own / "saes" / "layer_2"
    twin = own / "others" / "layer_2"
    shutil.copytree(first, twin)
    with pytest.raises(ValueError, match="two SAEs are called layer_2.*rename one"):
        preset_of_options(str(own / "model"), [str(first), str(twin)])
    spaced = own / "saes" / "my sae"
    shutil.copytree(first, spaced)
    with pytest.raises(ValueError, match="has the name 'my sae'.*rename it"):
        preset_of_options(str(own / "model"), [str(spaced)])
    with pytest.raises(ValueError, match=r"there is no presets file at .*gone.toml"):
        find_preset("lab", own / "gone.toml")


def test_a_presets_name_is_its_model(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its weights, its template and what else is stated of it; a path goes first."""
    monkeypatch.chdir(own)
    stated = presets.load_preset("smollm2-135m-instruct")
    preset = preset_of_options(stated.name, ["saes/layer_2"], build=Path("b.duckdb"))
    assert preset.name.startswith(f"{stated.name}-")
    for field in ("model", "title", "weights", "prompt_format", "n_parameters", "licence", "dtype"):
        assert getattr(preset, field) == getattr(stated, field)
    assert [sae.sae_id for sae in preset.saes] == ["layer_2"]
    other = preset_of_options(stated.model, ["saes/layer_2"])
    assert (other.weights, other.prompt_format) == (None, "plain")
    assert other.name != preset.name
    lab = preset_of_options("lab", ["saes/layer_2"])
    assert lab.model == presets.load_preset("lab").model
    shutil.copytree(own / "model", own / "lab")
    assert preset_of_options("lab", ["saes/layer_2"]).model == str(own / "lab")
    file = written(own, '[mine]\nmodel = "smollm2-135m-instruct"\nsaes = ["saes/layer_2"]\n')
    assert find_preset("mine", file).prompt_format == "chat"
