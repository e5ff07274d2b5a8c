"""Who carries the subject, worked by hand: four subjects, five features, and places at known
distances.
"""

import numpy as np
import pytest
import torch

from backend.core.reactivation.carry import (
    carried,
    foreign,
    matched,
    own_again,
    own_and_others,
    selective,
)

YES, NO = True, False
# features:           0    1    2    3    4
AT_NAME = torch.tensor(
    [
        [YES, NO, NO, NO, YES],  # subject 0: its own feature 0, and 4, which fires for all
        [NO, YES, NO, NO, YES],
        [NO, NO, YES, NO, YES],
        [NO, NO, YES, YES, YES],  # subjects 2 and 3 share feature 2
    ]
)
HERE = torch.tensor(
    [
        [YES, NO, NO, NO, YES],  # 0 is carried by feature 0; 4 is everywhere
        [NO, NO, NO, NO, YES],  # 1 is not: its feature 1 is silent here
        [NO, YES, NO, NO, YES],  # 2 is not, but feature 1, of subject 1's name, fires here alone
        [NO, NO, YES, NO, YES],  # 3 is carried by feature 2, which fires at 2's name too
    ]
)


def test_what_fires_in_few_of_the_others() -> None:
    assert torch.equal(selective(HERE, 0.0), HERE & torch.tensor([YES, YES, YES, YES, NO]))
    two = torch.tensor([[YES, NO], [YES, YES], [NO, NO], [NO, NO]])
    assert torch.equal(selective(two, 0.0), two & torch.tensor([NO, YES]))
    assert torch.equal(selective(two, 1 / 3), two)  # one of the three others is a third, not more
    ten = torch.zeros(11, 1, dtype=torch.bool)
    ten[:2] = True
    assert torch.equal(selective(ten), ten)  # one of ten others: exactly a tenth
    ten[2] = True
    assert not selective(ten).any()


def test_whose_features_fire_again() -> None:
    own = own_again(AT_NAME, HERE, 0.0)
    assert own.nonzero().tolist() == [[0, 0], [3, 2]]
    found = carried(AT_NAME, HERE, 0.0)
    assert found.nonzero().tolist() == [[0, 0], [1, 2], [2, 3], [3, 3]]  # [name, prompt]


def test_a_feature_that_both_names_have_is_not_another_ones() -> None:
    """Feature 2 fires at the names of 2 and of 3: in 3's prompt it is 3's own, though the name 2
    has it too.
    """
    found = foreign(AT_NAME, HERE, 0.0)
    assert found.nonzero().tolist() == [[1, 2]]
    both = HERE.clone()
    both[3, 1] = True  # feature 1, of subject 1's name alone, in 3's prompt too
    assert foreign(AT_NAME, both, 1.0).nonzero().tolist() == [[1, 2], [1, 3]]


def test_own_and_others_are_the_diagonal_and_the_rest() -> None:
    found = carried(AT_NAME, HERE, 0.0).numpy()
    own, others = own_and_others(np.stack([found, np.zeros_like(found)]))
    assert own.tolist() == [[1, 0, 0, 1], [0, 0, 0, 0]]
    assert others.tolist() == [[0, 0, 1 / 3, 1 / 3], [0, 0, 0, 0]]


def test_kinds_are_compared_at_the_same_distance_only() -> None:
    """Distance 1: two function places (1, 0) against one content place (0). Distance 2: one against
    two. Distance 3: function alone, which would have won.
    """
    function = np.array([YES, YES, NO, YES, NO, NO, YES])
    distance = np.array([1, 1, 1, 2, 2, 2, 3])
    values = np.array([[1, 0], [0, 0], [0, 1], [1, 1], [1, 0], [0, 0], [1, 1]], np.float64)
    first, second, used = matched(values, function, ~function, distance)
    assert used == [1, 2]
    assert first.tolist() == [(0.5 + 1) / 2, (0 + 1) / 2]
    assert second.tolist() == [(0 + 0.5) / 2, (1 + 0) / 2]


def test_a_distance_weighs_as_much_as_the_rarer_kind_has_places() -> None:
    function = np.array([YES, YES, NO, NO, NO, YES, NO])
    distance = np.array([1, 1, 1, 1, 1, 2, 2])
    values = np.array([[1], [1], [0], [0], [0], [0], [1]], np.float64)
    first, second, _ = matched(values, function, ~function, distance)
    assert (first.tolist(), second.tolist()) == ([2 / 3], [1 / 3])


def test_without_a_common_distance_there_is_no_number() -> None:
    function = np.array([YES, NO])
    first, second, used = matched(np.ones((2, 3)), function, ~function, np.array([1, 2]))
    assert used == []
    assert np.isnan(first).all()
    assert np.isnan(second).all()


def test_one_subject_has_no_others() -> None:
    with pytest.raises(ValueError, match="two subjects or more"):
        selective(HERE[:1])
    with pytest.raises(ValueError, match="most is 1.5; allowed: 0 to 1"):
        selective(HERE, 1.5)
