"""From the command line to a series of checkpoints."""

from __future__ import annotations

import argparse

import torch

from precompute.consolidation.series import Series, folder_checkpoints, hub_checkpoints
from precompute.job import BadInput


def series_of(args: argparse.Namespace) -> Series:
    """The run that --checkpoints, or --model with --revisions, name;
    BadInput for what is missing.
    """
    torch.set_num_threads(args.threads)
    names = [name for name in (args.revisions or "").split(",") if name]
    if bool(args.checkpoints) == bool(args.model):
        raise BadInput(
            "give one of --checkpoints DIR, and --model NAME with --revisions step0,step1000,…."
        )
    if args.checkpoints:
        checkpoints = folder_checkpoints(args.checkpoints, names)
        name = args.name or args.checkpoints.resolve().parent.name
    else:
        checkpoints, name = hub_checkpoints(args.model, names), args.name or args.model
    tokenizer = args.tokenizer or checkpoints[0].source
    return Series(
        name, args.run_seed, args.title or name, args.tokens_per_step, tokenizer, checkpoints
    )
