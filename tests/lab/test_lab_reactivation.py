"""A country's own feature at the newline, worked by hand."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer

from backend.core.reactivation.carry import own_again
from precompute.lab.questions import LAB
from precompute.lab.reactivation import countries, names_its_country, question
from precompute.training.sae import read_rows


def test_a_feature_is_a_countrys_own_where_it_fires_at_the_name_and_at_few_other_newlines() -> None:
    n = 21
    at_name, at_newline = torch.zeros(n, 5, dtype=torch.bool), torch.zeros(n, 5, dtype=torch.bool)
    at_name[0, :4] = True  # of the first country: features 0 to 3
    at_newline[:, 0] = True  # at every newline
    at_newline[:3, 1] = True  # at its own and two others: a tenth of the twenty others
    at_newline[:4, 2] = True  # at three others: too many
    at_newline[0, 4] = True  # at its newline, not at its name; feature 3 never again
    own = own_again(at_name, at_newline)
    assert own.nonzero().tolist() == [[0, 1]]
    # nobody's neighbour fires again
    assert own_again(at_name.roll(-1, 0), at_newline).nonzero().tolist() == []


def test_a_newline_names_its_country_when_no_other_name_is_nearer() -> None:
    # what all share does not count
    name = 10 + torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    # the second is nearer to the first's name
    newline = 5 + torch.tensor([[2.0, 0.1], [3.0, 0.2], [-5.0, -0.3]])
    assert names_its_country(name, newline).tolist() == [True, False, True]


def test_the_name_ends_three_tokens_before_the_end() -> None:
    assert len(countries()) == 64
    lab = AutoTokenizer.from_pretrained(LAB / "model")
    for name in countries():
        ids = lab.encode(question(name), add_special_tokens=False)
        assert [lab.decode([i]) for i in ids[-2:]] == ["?", "\n"]
        assert name.endswith(lab.decode([ids[-3]]).strip())


def test_rows_of_several_streams_come_in_equal_parts(tmp_path: Path) -> None:
    for name, n in (("a", 5), ("b", 3)):
        np.save(tmp_path / f"{name}.npy", np.full((n, 2), n, np.uint16))
    rows = read_rows([tmp_path / "a.npy", tmp_path / "b.npy"])
    assert rows.tolist() == [[5, 5]] * 3 + [[3, 3]] * 3
    assert len(read_rows([tmp_path / "a.npy"])) == 5
