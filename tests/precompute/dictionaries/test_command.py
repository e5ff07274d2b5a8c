"""`precompute dictionaries` on the tiny model: against plain loops, killed and started again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from math import comb
from pathlib import Path

import numpy as np
import pytest

from backend.core.companions.experiments.store import Estimate, ExperimentsStore
from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.store import Store
from backend.core.tasks import read_tasks
from backend.core.tasks.prompts import read_prompt
from precompute.building import edges
from precompute.dictionaries import words
from precompute.experiments import carry_read
from precompute.experiments.carry_read import Reader
from precompute.experiments.demonstrating import asking
from precompute.experiments.subject import Subject
from tests.precompute.conftest import CTX_LEN
from tests.precompute.dictionaries.conftest import LAYER, Case, K

NAME = words.NAME
Firing = tuple[int, int]  # token, feature


def value(store: ExperimentsStore, arm: str, outcome: str, sae_id: str, subject: str) -> Estimate:
    rows = store.estimates(NAME, arm=arm, outcome=outcome, sae_id=sae_id)
    return next(row for row in rows if row.subject == subject)


def positions(case: Case, lm: LanguageModel, sae: Sae) -> Iterator[tuple[int, dict[int, float]]]:
    """(token, activation of each feature that fires) of every position of the text, row by row with
    the dense encoder; no code of the jobs.
    """
    taken = 0
    for line in case.built.corpus.read_text("utf-8").splitlines():
        if taken >= 2500:
            return
        ids = lm.tokenize(json.loads(line)["text"])[1:]
        taken += len(ids)
        for start in range(0, len(ids), CTX_LEN - 1):
            row = [lm.bos_id or 0, *ids[start : start + CTX_LEN - 1]]
            dense = sae.encode_dense(lm.forward([row], [LAYER]).resid[LAYER][0]).numpy()
            for place, token in enumerate(row):
                if token not in lm.special_ids:
                    fires = np.flatnonzero(dense[place] > 0).tolist()
                    yield token, {f: float(dense[place, f]) for f in fires}


def by_hand(
    fired: list[tuple[int, dict[int, float]]], top: list[int], function: set[int], without: set[int]
) -> tuple[float, float]:
    """(what the top tokens reach, what as many content occurrences are expected to), as shares."""
    kept = [(token, [f for f in found if f not in without]) for token, found in fired]
    active = {f for _, found in kept for f in found}
    reached = {f for token, found in kept if token in top for f in found}
    content = [found for token, found in kept if token not in function]
    drawn = sum(token in top for token, _ in kept)
    times = Counter(f for found in content for f in found)
    n = len(content)
    expected = sum(1 - comb(n - f, drawn) / comb(n, drawn) for f in times.values())
    return len(reached) / len(active), expected / len(active)


def test_coverage_is_that_of_plain_loops(
    ran: ExperimentsStore, case: Case, lm: LanguageModel
) -> None:
    """At Table 1's setting, with all features and without the dense ones, in every dictionary."""
    build = Store.open(case.built.out)
    tokens = build.tokens(limit=lm.vocab_size)[0]
    top = [row.token_id for row in sorted(tokens, key=lambda row: row.rank or 10**9)[:K]]
    function = {row.token_id for row in tokens if row.token_class == "function"}
    seen_dense = 0
    for name, sae in case.saes.items():
        fired = list(positions(case, lm, sae))
        counts = Counter(f for _, found in fired for f in found)
        dense = {f for f, n in counts.items() if n > 0.15 * len(fired)}
        seen_dense += len(dense)
        assert value(ran, words.DICTIONARY, "dense", name, "").value == len(dense)
        l0 = value(ran, words.DICTIONARY, "l0", name, "")
        assert (l0.value, l0.n) == (pytest.approx(counts.total() / len(fired)), len(fired))
        for suffix, without in (("", set[int]()), (words.WITHOUT, dense)):
            subject = words.TABLE_1 + suffix
            own, other = by_hand(fired, top, function, without)
            found = value(ran, words.FREQUENT, "coverage", name, subject)
            assert found.value == pytest.approx(own)
            assert found.n == sum(token in top for token, _ in fired)
            drawn = value(ran, words.DRAWN, "coverage", name, subject)
            assert drawn.value == pytest.approx(other)
            apart = value(ran, words.REACH_APART, "coverage", name, subject)
            assert apart.value == pytest.approx(own - other)
            assert (apart.low or 0) < apart.value < (apart.high or 0)
    assert seen_dense > 0


def test_at_several_firings_an_edge_counts_them(
    ran: ExperimentsStore, case: Case, lm: LanguageModel
) -> None:
    """The opening setting of the build, from its own rule; θ is a quantile of the firings in the
    first shard.
    """
    build = Store.open(case.built.out)
    opening = build.provenance()["coverage_opening"]
    rows = sorted(build.tokens(limit=lm.vocab_size)[0], key=lambda row: row.rank or 10**9)
    top = [row.token_id for row in rows[:K]]
    assert opening["min_count"] > 1
    assert opening["theta_ordinal"] == 1
    for name, sae in case.saes.items():
        fired = list(positions(case, lm, sae))
        theta = value(ran, words.DICTIONARY, "theta", name, words.OPENING).value
        strengths = sorted(a for _, found in fired for a in found.values())
        assert strengths[2 * len(strengths) // 5] < theta < strengths[3 * len(strengths) // 5]
        counted = Counter((t, f) for t, found in fired for f, a in found.items() if a > theta)
        active = {f for _, found in fired for f in found}
        reached = {f for (t, f), n in counted.items() if t in top and n >= opening["min_count"]}
        found = value(ran, words.FREQUENT, "coverage", name, words.OPENING)
        assert found.value == pytest.approx(len(reached) / len(active))


def test_every_measure_of_every_dictionary_has_its_control(
    ran: ExperimentsStore, case: Case
) -> None:
    wanted = [
        (arm, "coverage", subject + suffix)
        for arm in (words.FREQUENT, words.DRAWN, words.REACH_APART)
        for subject in (words.OPENING, words.TABLE_1)
        for suffix in ("", words.WITHOUT)
    ]
    wanted += [
        (arm, outcome, f"places{suffix}")
        for arm in words.CARRIES
        for outcome in ("own", "another", "exchanged", "net")
        for suffix in ("", words.WITHOUT)
    ]
    wanted += [(arm, "shown", "Small") for arm in words.EDITED[:2]]
    for name in case.saes:
        there = {(row.arm, row.outcome, row.subject) for row in ran.estimates(NAME, sae_id=name)}
        assert not set(wanted) - there
    assert value(ran, words.DICTIONARY, "d_sae", "half", "").value == case.saes["half"].d_sae
    measured = value(ran, words.DICTIONARY, "explained_variance", "base", words.HERE)
    assert measured.value < 1
    assert {row.layer for row in ran.estimates(NAME) if row.sae_id} == {LAYER}
    said = ran.findings(NAME)
    assert any("Table 1: " in one and "of 3 dictionaries reach more" in one for one in said)
    assert (
        "2,500 tokens of corpus.jsonl; Places (places, few-shot)"
        in (ran.provenance()["prompt_sets"][NAME])
    )


def test_without_its_dense_features_an_sae_reads_as_if_they_never_fired(
    case: Case, lm: LanguageModel
) -> None:
    """Leaving out all but one feature leaves what that one carries."""
    sae = case.saes["base"]
    subject = Subject(lm, [sae], np.zeros(lm.vocab_size, np.int8), 0)
    (group, *_) = carry_read.groups(read_tasks(case.folder / "places.toml"), None)
    prompts = [read_prompt(lm, group.tasks, one) for one in group.questions]
    alone = [
        carry_read.fired(
            subject,
            prompts,
            [Reader(sae, "one", tuple(f for f in range(sae.d_sae) if f != feature))],
        )["one"]
        for feature in range(sae.d_sae)
    ]
    together = carry_read.fired(subject, prompts, [Reader(sae, "all")])["all"]
    assert together[0].any()
    assert (np.any([one[0] for one in alone], axis=0) == together[0]).all()


def test_killed_and_started_again_it_gives_the_same(
    ran: ExperimentsStore, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of the text, then while answers are asked for; nothing is read twice."""
    shards: list[int] = []
    real, answer = edges.extract_shard, asking.all_answers

    def dies_at(limit: int | None):  # type: ignore[no-untyped-def]
        def extract(job, lm, saes, task, report):  # type: ignore[no-untyped-def]
            if limit is not None and len(shards) >= limit:
                raise KeyboardInterrupt
            shards.append(task.shard)
            return real(job, lm, saes, task, report)

        return extract

    def never(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(edges, "extract_shard", dies_at(7))
    assert case.run("killed") == 130
    assert not case.out("killed").exists()
    monkeypatch.setattr(edges, "extract_shard", dies_at(None))
    monkeypatch.setattr(asking, "all_answers", never)
    assert case.run("killed") == 130
    assert sorted(shards) == list(range(20))
    monkeypatch.setattr(edges, "extract_shard", never)
    monkeypatch.setattr(carry_read, "fired", never)
    monkeypatch.setattr(asking, "all_answers", answer)
    assert case.run("killed") == 0
    for table in ("estimate", "finding", "arm", "outcome", "task"):
        assert case.store("killed").rows(table) == ran.rows(table)


def test_wrong_commands_say_what_is_needed(
    case: Case, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    base = case.saes["base"].folder
    bare = tmp_path / "bare.toml"
    bare.write_text('format = 1\ntitle = "x"\nquestions.test = [["Why?", "x"]]\n', "utf-8")
    layer_0 = next(one.folder for one in case.built.saes if one.layer == 0)
    for wrong, said in (
        (["--sae", f"{base}"], f"--sae is '{base}'; allowed: NAME=FOLDER"),
        (["--sae", f"base={base}"], "two dictionaries are called 'base'"),
        (["--sae", f"other={layer_0}"], "reads the residual stream after layer 0; --layer is 2"),
        (["--k", "0"], "--k is 0; allowed: 1 to "),
        (["--dense", "0"], "--dense is 0; allowed: above 0, at most 1."),
        (["--shards", "3"], "--shards is 3; allowed: 20"),
        (["--draws", "0"], "--draws is 0; allowed: 1 and more."),
        (["--subjects", "1"], "--subjects is 1; allowed: 2 and more."),
        (["--trait", "Red"], "--trait is 'Red'; allowed: Small."),
        (["--tasks", str(bare)], "bare.toml has neither subjects nor traits"),
    ):
        assert case.run("wrong", *wrong) == 2
        assert said in capsys.readouterr().err
    alone = list(case.given)
    place = alone.index("--sae")
    alone[place + 1 : place + 4] = [f"base={base}"]
    one = Case(case.folder, alone, case.saes, case.built)
    assert one.run("wrong") == 2
    assert "--sae names one dictionary; needed: two or more" in capsys.readouterr().err
