"""`functionscope fetch`: what a preset names, or one SAE folder made readable."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add = parser.add_argument
    add("preset", nargs="?", help="`functionscope presets` lists them")
    add("--saes-only", action="store_true", help="leave the model out")
    add("--folder", type=Path, help="convert this SAE folder, as any sae-lens saved it, instead")
    add("--out", type=Path, help="where the converted folder is written")
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help="of it (%(default)s)")


def run(args: argparse.Namespace) -> None:
    """Fetch or convert. ValueError, ModelUnavailable, OSError or ImportError says why not."""
    if (args.preset is None) == (args.folder is None) or (args.folder is None) != (
        args.out is None
    ):
        raise ValueError(
            "give the name of a preset, or --folder OLD --out NEW to convert an SAE folder."
        )
    import torch

    from backend.core.own import find_preset
    from precompute.fetching.convert import convert_folder
    from precompute.fetching.fetch import fetch_preset

    if args.folder is None:
        fetch_preset(find_preset(args.preset), report=print, model=not args.saes_only)
    else:
        made = convert_folder(args.folder, args.out, dtype=getattr(torch, args.dtype))
        print(f"converted to {made}")
