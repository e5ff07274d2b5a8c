"""The language model: read and edited at its residual stream."""

from backend.core.lm.model import LanguageModel, NoChat, top_next_tokens

__all__ = ["LanguageModel", "NoChat", "top_next_tokens"]
