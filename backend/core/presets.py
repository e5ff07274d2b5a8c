"""Models, SAEs, prompts and demonstrations by name. The data is `presets.toml`; this reads it."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from backend.core.memory import ITEMSIZE, sae_bytes
from backend.core.opening import Opening, read_opening
from backend.core.packages import Packaged

PRESETS_FILE = Path(__file__).with_name("presets.toml")
SHIPPED = Path(__file__).parents[2] / "precompute"  # holds the folders of shipped presets
DEFAULT_PRESET = "gemma-3-270m"  # what is served where none is named
DEFAULT_HOME = Path("~/.cache/functionscope")
PROMPT_FORMATS = ("plain", "chat")

# a name that is safe in a link
SAE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class SaeSource:
    """Where an SAE comes from (SAELens release and id, when public) and where it lies here."""

    sae_id: str  # our name: safe in a URL
    layer: int | None  # 0-based decoder layer whose output it reads; None: not fetched yet
    path: Path  # folder with cfg.json and sae_weights.safetensors
    release: str | None = None
    id: str | None = None  # the SAE's id within the release
    use: str = "browse"  # "browse", "steer" or "both"
    d_sae: int | None = None  # width, as the preset states it
    l0: float | None = None  # mean firings per token as published; None: not published


@dataclass(frozen=True)
class Demonstration:
    """A steering experiment to start from.

    `positions`: "last_function", "last", "all" or absolute ones.
    """

    title: str
    prompt: str
    sae_id: str
    feature_index: int
    mode: str
    value: float
    positions: str | tuple[int, ...]
    note: str
    prefix: str = ""  # before the prompt; the preset's own where the entry says nothing
    stop: tuple[str, ...] = ()  # likewise


@dataclass(frozen=True)
class Preset:
    """Everything that a start by name alone needs."""

    name: str
    title: str
    model: str  # a folder, or a hub id
    revision: str | None
    dtype: str  # of model and SAE weights: "float32" or "bfloat16"
    saes: tuple[SaeSource, ...]
    build: Path
    default_prompt: str
    prompts: tuple[tuple[str, str], ...]  # pairs to lay side by side
    demonstrations: tuple[Demonstration, ...]
    checkpoints: tuple[str, ...]  # further revisions: training checkpoints, oldest first
    n_parameters: int  # tied weights once
    d_model: int
    prompt_format: str  # "plain", or "chat": through the tokenizer's chat template
    corpus: str  # the text that its build counts
    opening: Opening = field(default_factory=Opening)  # what the live pages open with
    # where `precompute --corpus` takes that text: hf:NAME:split:column
    corpus_source: str | None = None
    # JSON {"prompts": [text, …]}: what is measured over many prompts
    prompts_file: Path | None = None
    # the model in packages; `model` is then where else it may be had
    weights: Packaged | None = None
    fallback: str | None = None  # the preset that is served where the weights cannot be had
    note: str = ""  # why it is served instead of the one that was asked for
    # results along training of another model, for Consolidation, and whose they are
    training: Path | None = None
    training_of: str = ""
    licence: str = ""  # the notice that must be read before the model is used
    origin: str = ""  # what the weights are, where that is not what the model's name says

    def model_bytes(self) -> int:
        """The model's weights in `dtype`, without activations and cache."""
        return self.n_parameters * ITEMSIZE[self.dtype]

    def saes_bytes(self) -> int:
        """The weights of all its SAEs in `dtype` (sae_bytes says what is kept);
        an unstated width counts as 0.
        """
        return sum(
            sae_bytes(self.d_model, sae.d_sae or 0, ITEMSIZE[self.dtype]) for sae in self.saes
        )

    def prompt_set(self) -> tuple[str, ...]:
        """The pairs and the file's prompts, each text once, in order."""
        pairs = [text for pair in self.prompts for text in pair]
        listed: list[str] = []
        if self.prompts_file is not None:
            listed = json.loads(self.prompts_file.read_text(encoding="utf-8"))["prompts"]
        return tuple(dict.fromkeys([*pairs, *listed]))


def preset_names() -> list[str]:
    """In the file's order."""
    return list(_file())


def load_preset(name: str | None, *, home: Path = DEFAULT_HOME) -> Preset:
    """`home` holds what is fetched and built for presets that are not shipped.

    ValueError for an unknown name (listing the known ones) or a malformed entry.
    """
    name = DEFAULT_PRESET if name is None else name
    if name not in _file():
        raise ValueError(f"There is no preset {name!r}; known: {', '.join(preset_names())}.")
    raw = _file()[name]
    root = SHIPPED / raw["shipped"] if "shipped" in raw else home.expanduser() / name
    try:
        return read_entry(name, raw, root)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{PRESETS_FILE}, [{name}]: {type(error).__name__} {error}.") from error
    except ValueError as error:
        raise ValueError(f"{PRESETS_FILE}, [{name}]: {error}") from error


@cache
def _file() -> dict[str, dict[str, Any]]:
    return tomllib.loads(PRESETS_FILE.read_text(encoding="utf-8"))


def read_entry(name: str, raw: dict[str, Any], root: Path) -> Preset:
    """An entry whose folder is `root`. KeyError, TypeError or ValueError for one that is wrong."""
    saes = tuple(_sae(entry, root) for entry in raw["saes"])
    prompts = tuple((pair[0], pair[1]) for pair in raw["prompts"])
    opening = read_opening(
        raw.get("opening", {}),
        pair=next(iter(prompts), ()),
        prompt=raw["default_prompt"],
        sae_ids={sae.sae_id for sae in saes},
    )
    demonstrations = tuple(
        _demonstration(entry, opening) for entry in raw.get("demonstrations", [])
    )
    unknown = {one.sae_id for one in demonstrations} - {one.sae_id for one in saes}
    for entry, allowed in {"dtype": tuple(ITEMSIZE), "prompt_format": PROMPT_FORMATS}.items():
        if raw[entry] not in allowed:
            raise ValueError(f"{entry} is {raw[entry]!r}; allowed: {', '.join(allowed)}.")
    if unknown:
        raise ValueError(f"demonstrations name unknown SAEs {sorted(unknown)}.")
    return Preset(
        name=name,
        title=raw["title"],
        model=_model(raw, root),
        revision=raw.get("revision"),
        dtype=raw["dtype"],
        saes=saes,
        build=root / raw["build"],
        default_prompt=raw["default_prompt"],
        prompts=prompts,
        demonstrations=demonstrations,
        checkpoints=tuple(raw.get("checkpoints", [])),
        n_parameters=raw["n_parameters"],
        d_model=raw["d_model"],
        prompt_format=raw["prompt_format"],
        corpus=raw["corpus"],
        corpus_source=raw.get("corpus_source"),
        opening=opening,
        **_optional(raw, root),
    )


def _model(raw: dict[str, Any], root: Path) -> str:
    """Of a shipped preset a folder beside it, unless its weights are packages."""
    shipped = "shipped" in raw and "weights" not in raw
    return str(root / raw["model"]) if shipped else raw["model"]


def _optional(raw: dict[str, Any], root: Path) -> dict[str, Any]:
    """Fields that not every preset has: its file of prompts, and where its weights come from."""
    stated: dict[str, Any] = {
        name: raw[name] for name in ("fallback", "licence", "origin") if name in raw
    }
    if "prompts_file" in raw:
        stated["prompts_file"] = root / raw["prompts_file"]
    if "training" in raw:
        stated["training"] = root / raw["training"]["file"]
        stated["training_of"] = raw["training"]["of"]
    if "weights" in raw:
        packages = tuple(raw["weights"]["packages"])
        stated["weights"] = Packaged(**{**raw["weights"], "packages": packages})
    return stated


def _sae(raw: dict[str, Any], root: Path) -> SaeSource:
    sae_id = raw["sae_id"]
    if not SAE_ID.fullmatch(sae_id):
        raise ValueError(f"sae_id is {sae_id!r}; allowed: letters, digits, '.', '_' and '-'.")
    return SaeSource(
        sae_id=sae_id,
        layer=raw["layer"],
        path=root / "saes" / sae_id,
        release=raw.get("release"),
        id=raw.get("id"),
        use=raw.get("use", "browse"),
        d_sae=raw["d_sae"],
        l0=raw.get("l0"),
    )


def _demonstration(raw: dict[str, Any], opening: Opening) -> Demonstration:
    positions = raw["positions"]
    own = {"prefix": opening.prefix, **raw, "stop": tuple(raw.get("stop", opening.stop))}
    return Demonstration(
        **{**own, "positions": positions if isinstance(positions, str) else tuple(positions)}
    )
