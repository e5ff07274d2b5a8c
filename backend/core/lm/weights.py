"""A model's weights from a folder or the hub: every one of them read from there, or none.

transformers fills what a checkpoint lacks with random numbers, and leaves out what it has no place
for, with a warning. Here both are refused, so that two loads of a model are the same model.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from transformers import PreTrainedModel

from backend.core.hub import ModelUnavailable, explain_hub_error

SHOWN = 3
# a constant that GPT-2's and GPT-NeoX's older files hold for their attention mask
_CONSTANT = re.compile(r"\.masked_bias$")

_LOG = logging.getLogger("transformers.modeling_utils")


class CheckpointRefused(ModelUnavailable):
    """The checkpoint is of a kind that this program does not read, however often it is fetched."""


class WrongWeights(CheckpointRefused):
    """The files are here, and are not the weights of the model that config.json describes."""


def load_weights(
    kind: Any,
    source: str,
    *,
    called: str | None = None,
    beside: re.Pattern[str] = _CONSTANT,
    **options: Any,
) -> PreTrainedModel:
    """kind: a transformers class with `from_pretrained`, which gets the options. `called`: its name
    in messages. `beside`: names of weights that belong to something else in the checkpoint.

    ModelUnavailable, in one sentence, where it cannot be had; WrongWeights where weights are
    missing, left over or of another shape than config.json describes. A weight that is tied to one
    that is there is not missing.
    """
    _LOG.addFilter(_is_no_report)
    try:
        model, report = kind.from_pretrained(
            source, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    except (OSError, ValueError) as error:
        raise ModelUnavailable(explain_hub_error(called or source, error)) from error
    finally:
        _LOG.removeFilter(_is_no_report)
    _refuse_incomplete(called or source, report, beside)
    loaded: PreTrainedModel = model
    return loaded


def _is_no_report(record: logging.LogRecord) -> bool:
    """Lets all pass but the table of what is read from the report below, which says that it was
    made up.
    """
    return "LOAD REPORT" not in record.getMessage()


def _refuse_incomplete(source: str, report: dict[str, Any], beside: re.Pattern[str]) -> None:
    """WrongWeights naming what transformers reports of the loading."""
    left_over = [
        name
        for name in report["unexpected_keys"]
        if not (_CONSTANT.search(name) or beside.search(name))
    ]
    shapes = [
        f"{name} {tuple(held)} for {tuple(wanted)}"
        for name, held, wanted in report["mismatched_keys"]
    ]
    found = {
        "lack": report["missing_keys"],
        "hold, without a place for them,": left_over,
        "hold in another shape": shapes,
        "could not be read:": report["error_msgs"],
    }
    said = [f"{what} {_listed(names)}" for what, names in found.items() if names]
    if said:
        raise WrongWeights(
            f"{source} could not be loaded: its weights are not those of the model that "
            "config.json describes, they "
            f"{'; they '.join(said)}. Fetch or copy it again."
        )


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
