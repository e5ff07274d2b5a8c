"""The paper's printed losses give its group sizes."""

import pytest

from backend.core.companions.consolidation.paper import (
    PRINTED_FINALS,
    TRANSITIONS,
    curve,
    group_shares,
    loss_shares,
)


def test_shares_solved_by_hand() -> None:
    # x = (3 - 0.4 * 1 - 0.6 * 4) / (5 + 2 - 1 - 4) = 0.2 / 2
    shares = group_shares({"ff": 1.0, "fc": 5.0, "cf": 2.0, "cc": 4.0, "all": 3.0})
    assert shares == pytest.approx({"ff": 0.3, "fc": 0.1, "cf": 0.1, "cc": 0.5})


def test_the_papers_finals_give_its_groups() -> None:
    small, large = (group_shares(PRINTED_FINALS[model]) for model in ("1.5B", "8B"))
    for shares in (small, large):
        found = {name: round(100 * share, 1) for name, share in shares.items()}
        assert found == pytest.approx({"ff": 14.5, "fc": 25.5, "cf": 25.5, "cc": 34.5}, abs=0.2)
        assert sum(shares.values()) == pytest.approx(1.0)
    assert small["ff"] == pytest.approx(0.144, abs=5e-4)
    assert large["ff"] == pytest.approx(0.146, abs=5e-4)


def test_the_mean_of_the_groups_is_the_printed_mean() -> None:
    for finals in PRINTED_FINALS.values():
        shares = group_shares(finals)
        assert sum(shares[t] * finals[t] for t in TRANSITIONS) == pytest.approx(finals["all"])


def test_f_to_c_is_not_the_largest_part_of_the_loss_in_the_small_model() -> None:
    small = loss_shares(PRINTED_FINALS["1.5B"], group_shares(PRINTED_FINALS["1.5B"]))
    assert small["fc"] == pytest.approx(0.377, abs=1e-3)
    assert small["cc"] == pytest.approx(0.384, abs=1e-3)
    large = loss_shares(PRINTED_FINALS["8B"], group_shares(PRINTED_FINALS["8B"]))
    assert large["fc"] == pytest.approx(0.382, abs=1e-3)
    assert large["cc"] == pytest.approx(0.375, abs=1e-3)


def test_losses_without_a_solution_are_refused() -> None:
    with pytest.raises(ValueError, match="does not depend"):
        group_shares({"ff": 1.0, "fc": 2.0, "cf": 2.0, "cc": 3.0, "all": 2.0})
    with pytest.raises(ValueError, match="no shares"):
        group_shares({"ff": 1.0, "fc": 5.0, "cf": 2.0, "cc": 4.0, "all": 9.0})


def test_read_curves_end_at_the_printed_values() -> None:
    for model, finals in PRINTED_FINALS.items():
        for transition, final in finals.items():
            steps, losses = curve(model, transition)
            assert len(steps) == len(losses) >= 15
            assert steps == sorted(steps)
            assert losses[-1] == pytest.approx(final, abs=0.05)
    assert curve("8B", "cc")[0][0] == 3000  # hidden behind another curve before
