"""`functionscope precompute reactivation`: does more fire again at function tokens than the same
tokens make fire again in another order?

Prompts of task files, one a subject. Per SAE the share of the firings at function and at content
tokens that fired before in the same question, less the same in shuffles in which tokens trade
places within their class. Few-shot examples are no context. Intervals resample prompts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from backend.core.lm.prefixes import Prefixes
from backend.core.tasks import Tasks
from precompute.experiments.again.asked import add_prompt_arguments, asked_prompts, refuse_few
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened
from precompute.experiments.reactivation import counted, index_of
from precompute.experiments.result import Result
from precompute.experiments.tasked import run_on_tasks

NAME = "reactivation"
ROOM = 1 << 28  # bytes of the prefixes' keys and values


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute reactivation`."""
    add_prompt_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Count every prompt, print and publish."""
    refuse_few(args)
    return run_on_tasks(args, NAME, measure, {"prompts": args.prompts})


def measure(opened: Opened, tasks: Sequence[Tasks], settings: dict[str, Any], kept: Kept) -> Result:
    """The index of both classes in every SAE. Minutes: `kept` is not needed."""
    subject = opened.subject
    asked = asked_prompts(subject, tasks, settings["prompts"])
    prefixes = Prefixes(subject.lm, ROOM)
    counts = [
        counted(subject, one, prefixes.of(one.token_ids[: one.prefix_length]))
        for one in tqdm(asked, unit="prompt", desc=NAME)
    ]
    return index_of(subject, counts)
