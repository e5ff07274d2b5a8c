"""The text model inside a multimodal checkpoint: its own class, and every weight of it.

Of text alone it computes what the whole does, to the last bit; what sees pictures is not read.
"""

from __future__ import annotations

import re
from typing import Any

from transformers import PreTrainedConfig

KINDS = ("gemma3",)  # model_type of the whole
# what a weight is called in the whole -> in the text model alone
_NAMES = {
    r"^(language_model\.model|model\.language_model)\.": "model.",
    r"^language_model\.lm_head\.": "lm_head.",
}
SEEING = re.compile(r"^(model\.)?(vision_tower|multi_modal_projector)\.")


def text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    """The text model's; the same where there is nothing else, or nothing that is read."""
    return config.get_text_config() if config.model_type in KINDS else config


def names_inside(config: PreTrainedConfig) -> dict[str, Any]:
    """Options of `load_weights` by which the text model finds its weights in the whole."""
    if config.model_type not in KINDS:
        return {}
    return {"key_mapping": _NAMES, "beside": SEEING}
