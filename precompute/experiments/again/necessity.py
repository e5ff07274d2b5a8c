"""`functionscope precompute necessity`: is what was reactivated at the last function token needed
for the answer?

Prompts of task files, one a subject. The features that fire at the question's last function token
and fired before in it are ablated there: change of the right answer's loss, beside as many features
that are new there, and as many at content tokens. Intervals resample prompts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from backend.core.tasks import Tasks
from precompute.experiments import necessity
from precompute.experiments.again.asked import add_prompt_arguments, asked_prompts, refuse_few
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened
from precompute.experiments.result import Result
from precompute.experiments.tasked import run_on_tasks

NAME = "necessity"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute necessity`."""
    add_prompt_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ablate in every prompt, print and publish."""
    refuse_few(args)
    return run_on_tasks(args, NAME, measure, {"prompts": args.prompts})


def measure(opened: Opened, tasks: Sequence[Tasks], settings: dict[str, Any], kept: Kept) -> Result:
    """All arms in every SAE and in all together. Minutes: `kept` is not needed."""
    asked = asked_prompts(opened.subject, tasks, settings["prompts"])
    usable = [one for one in asked if one.of_class("function") and one.of_class("content")]
    return necessity.run(opened.subject, usable)
