"""The language model: read and edited at its residual stream."""

from backend.core.lm.chat import NoChat, NoSystem, Turn
from backend.core.lm.model import LanguageModel, top_next_tokens

__all__ = ["LanguageModel", "NoChat", "NoSystem", "Turn", "top_next_tokens"]
