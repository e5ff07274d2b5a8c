"""Who carries a subject, by each dictionary: the job `carry` in all of them at once, and once more
without their dense features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tqdm import tqdm

from backend.core.tasks import Tasks
from precompute.dictionaries.words import CARRIES, NAME, WITHOUT
from precompute.experiments.carry import OUTCOMES
from precompute.experiments.carry_kinds import compare, comparison_arms
from precompute.experiments.carry_read import Read, Reader, groups, read_group
from precompute.experiments.kept import Kept
from precompute.experiments.result import Result
from precompute.experiments.subject import Subject

Dense = Mapping[str, Sequence[int]]  # sae_id -> its dense features


def carry(
    result: Result,
    subject: Subject,
    tasks: Sequence[Tasks],
    dense: Dense,
    most: int | None,
    kept: Kept,
) -> None:
    """Function against content positions at equal distances from the name, set by set."""
    readers = {
        sae.sae_id: [
            Reader(sae, sae.sae_id),
            Reader(sae, sae.sae_id + WITHOUT, tuple(dense[sae.sae_id])),
        ]
        for sae in subject.saes
    }
    every = [one for pair in readers.values() for one in pair]
    listed = [group for one in tasks for group in groups(one, most)]
    total = sum(len(group.questions) for group in listed)
    read = list[Read]()
    with tqdm(total=total, unit="prompt", desc=f"{NAME}: carry") as progress:
        for group in listed:
            read.append(read_group(subject, group, kept, every))
            progress.update(len(group.questions))
    for name in dict.fromkeys(group.name for group in listed):
        of_name = [one for one in read if one.group.name == name]
        for sae_id, (whole, without) in readers.items():
            _record(result, whole, sae_id, name, name, of_name)
            _record(result, without, sae_id, name, name + WITHOUT, of_name)


def _record(
    result: Result, reader: Reader, sae_id: str, name: str, subject: str, read: Sequence[Read]
) -> None:
    """What `compare` says of function and content positions, under the dictionary's own name."""
    made = Result(NAME, result.seed, arm=comparison_arms(), outcome=dict(OUTCOMES))
    compare(made, reader, name, read)
    for row in made.estimate:
        if row["arm"] in CARRIES and row["outcome"] in result.outcome:
            result.estimate.append(row | {"sae_id": sae_id, "subject": subject})
