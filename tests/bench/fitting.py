"""What trying every SAE on a short text takes, once the model is live; nobody waits for it, but
whoever comes meanwhile waits for one SAE at most.
"""

import statistics
import time

from backend.core.fit import Readings, Recovered, check_sae
from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from tests.bench.report import Row, judged
from tests.bench.subject import Subject
from tests.bench.timing import median_interval

TARGET = 2.0  # seconds, of all SAEs together


def fit_s(lm: LanguageModel, subject: Subject, rounds: int) -> Row:
    """The first round warms up and is thrown away."""
    saes = [Sae.load(path, sae_id=sae_id) for sae_id, path in subject.saes.items()]
    wall, cpu = [], []
    for _ in range(1 + rounds):
        began, used = time.perf_counter(), time.process_time()
        layers = {sae.layer for sae in saes}
        readings = Readings(lm, layers)
        recovered = Recovered(lm, readings, layers)
        fits = [check_sae(lm, sae, readings, recovered) for sae in saes]
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    value, interval = median_interval(wall[1:])
    holds, rule = judged(value, TARGET, "<=", "seconds")
    note = (
        f"Explained variance, recovered loss and every warning of {len(saes)} SAEs on "
        f"{fits[0].n_positions} positions, as a server tries them; "
        f"{statistics.median(cpu[1:]):.2f} s of CPU time."
    )
    return Row(
        "fit_s",
        value,
        "s",
        None,
        None,
        TARGET,
        holds,
        rule,
        interval,
        rounds,
        subject.name,
        note,
    )
