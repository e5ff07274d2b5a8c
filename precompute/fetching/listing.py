"""`functionscope saes`: what the installed sae-lens knows, read from its own list, without the
network.

The list says where an SAE lies, seldom how it is built: layer and width are those that its names
state. sae-lens itself is not imported, which would take seconds.
"""

import argparse
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LIST = "pretrained_saes.yaml"
HEADINGS = ("RELEASE:ID", "MODEL", "LAYER", "WIDTH", "L0")
UNKNOWN = "-"
_LAYER = re.compile(
    r"(?:layers?[_.]?|blocks\.|resid_post_|(?:^|[/_-])l(?=\d+[a-z]?[_/]))(\d+)", re.I
)
_WIDTHS = (
    re.compile(r"(?:width[_-]|[_-]w)(2pow\d+|\d+[km]?)(?=$|[/_-])", re.I),
    re.compile(r"(?:^|[/_-])(\d+k)(?=$|[/_-])", re.I),
    re.compile(r"(?:^|[/_-])(\d+x)(?=$|[/_-])", re.I),
)
_PRE = re.compile(r"blocks\.(\d+)\.hook_resid_pre", re.I)
_ELSEWHERE = re.compile(
    r"att|mlp|transcoder|clt|crosscoder|hook_z|resid[_-]mid|tc(?=$|[_-])|l\d+[am]_|-lxa|_lx[amt]_",
    re.I,
)


@dataclass(frozen=True)
class Known:
    """An SAE as the list states it; `layer` is the decoder layer whose output it reads."""

    release: str
    sae_lens_id: str
    model: str
    layer: int | None
    width: str | None
    l0: float | None
    residual: bool  # as far as its names say

    def row(self) -> tuple[str, ...]:
        return (
            f"{self.release}:{self.sae_lens_id}",
            self.model,
            UNKNOWN if self.layer is None else str(self.layer),
            self.width or UNKNOWN,
            UNKNOWN if self.l0 is None else f"{self.l0:g}",
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--model", help="hub id or name of a model; default: every model")
    parser.add_argument(
        "--all", action="store_true", help="those of attention and MLPs too, which are not read"
    )


def listing(parsed: argparse.Namespace) -> str:
    """A line for each SAE. ValueError where sae-lens is not installed, or knows none."""
    every = list(of_model(known(read_list()), parsed.model))
    shown = [one for one in every if one.residual or parsed.all]
    rows = [HEADINGS, *(one.row() for one in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    hidden = len(every) - len(shown)
    if hidden:
        lines.append(f"{hidden} that read attention, MLPs or other places are left out: --all")
    return "\n".join(lines)


def read_list() -> dict[str, Any]:
    """release -> what the list says of it. ValueError where there is no sae-lens."""
    found = find_spec("sae_lens")
    if found is None or found.origin is None:
        raise ValueError("this needs sae-lens: pip install 'functionscope[precompute]'.")
    import yaml  # comes with sae-lens

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with (Path(found.origin).parent / LIST).open(encoding="utf-8") as file:
        listed: dict[str, Any] = yaml.load(file, loader)
    return listed


def known(listed: Mapping[str, Any]) -> Iterator[Known]:
    """Each SAE of the list, in its order."""
    for release, about in listed.items():
        for one in about["saes"]:
            sae_lens_id, path = str(one["id"]), str(one["path"])
            names = f"{release} {sae_lens_id} {path}"
            yield Known(
                release,
                sae_lens_id,
                str(about["model"]),
                _layer(sae_lens_id, path),
                _width(sae_lens_id, path, release),
                float(one["l0"]) if one.get("l0") else None,  # 0 stands for unknown
                not _ELSEWHERE.search(names) and "blocks.0.hook_resid_pre" not in names,
            )


def of_model(saes: Iterator[Known], wanted: str | None) -> Iterator[Known]:
    """Those of a model by the last part of its name, or of all whose name holds it.

    ValueError, naming the nearest, where there is none.
    """
    every = list(saes)
    if wanted is None:
        return iter(every)
    short = _short(wanted)
    same = [one for one in every if _short(one.model) == short]
    found = same or [one for one in every if short in _short(one.model)]
    if not found:
        names = sorted({one.model for one in every})
        raise ValueError(
            f"sae-lens knows no SAE of {wanted!r}; it knows {len(names)} models, for instance "
            f"{', '.join(_near(short, names))}."
        )
    return iter(found)


def _near(short: str, names: Sequence[str]) -> list[str]:
    by_short = {_short(name): name for name in names}
    near = difflib.get_close_matches(short, by_short, n=4, cutoff=0.4)
    return [by_short[one] for one in near] or list(names[:4])


def _short(model: str) -> str:
    return model.rstrip("/").split("/")[-1].lower()


def _layer(*names: str) -> int | None:
    for name in names:
        if before := _PRE.search(name):  # the output of the layer before; of none for the first
            return int(before[1]) - 1 if int(before[1]) else None
        if found := _LAYER.search(name):
            return int(found[1])
    return None


def _width(sae_lens_id: str, path: str, release: str) -> str | None:
    """A release's name may hold the size of the model, as in pythia-70m."""
    tried = [(name, pattern) for name in (sae_lens_id, path) for pattern in _WIDTHS]
    tried += [(release, _WIDTHS[0]), (release, _WIDTHS[2])]
    found = (pattern.search(name) for name, pattern in tried)
    return next((one[1].lower() for one in found if one), None)
