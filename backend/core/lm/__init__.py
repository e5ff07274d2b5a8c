"""The language model: read and edited at its residual stream."""

from backend.core.lm.model import LanguageModel, top_next_tokens

__all__ = ["LanguageModel", "top_next_tokens"]
