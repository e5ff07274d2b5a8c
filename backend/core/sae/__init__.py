"""Sparse autoencoders: read, encoded, and paged where they do not all fit."""

from backend.core.sae.firings import Firings
from backend.core.sae.sae import CPU_BLOCK, GPU_BLOCK, Sae

__all__ = ["CPU_BLOCK", "Firings", "GPU_BLOCK", "Sae"]
