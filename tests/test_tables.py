"""The word pairs that the lab of docs/articles/svd.md looks into."""

import numpy as np
import pytest
import torch

from snippets.tables import (
    best_gaps,
    block_table,
    docstrings,
    found_again,
    frequency,
    hide,
    pair_counts,
    reference,
    truncation,
    vocabulary,
)

TEXT = "The cat sat. The cat ran, the dog\nsat.\n\nDog-cat: a cat's tail 7 cat"


def test_vocabulary_is_common_words_commonest_first() -> None:
    assert vocabulary(TEXT, least=2) == ["cat", "the", "sat", "dog"]
    assert "tail" in vocabulary(TEXT, least=1)
    assert "a" not in vocabulary(TEXT, least=1)


def test_pairs_stop_at_punctuation_digits_and_paragraphs() -> None:
    """By hand: `cat sat`, `the cat` twice, `the dog`, `dog sat`, `dog-cat`, and no other."""
    counts = pair_counts(TEXT, ["cat", "the", "sat", "dog"])
    expected = [[0, 0, 1, 0], [2, 0, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0]]
    assert torch.equal(counts, torch.tensor(expected, dtype=torch.float32))


def test_the_texts_are_there() -> None:
    text = reference()
    assert len(text) > 300_000
    words = vocabulary(text)
    assert words[0] == "the"
    counts = pair_counts(text, words)
    assert counts.sum() > 20_000
    assert counts[words.index("of"), words.index("the")] > 100
    assert len(docstrings()) > 300_000


def test_blocks_are_of_four_kinds_and_none_is_alone() -> None:
    for seed in range(20):
        allowed = block_table(60, 50, generator=torch.Generator().manual_seed(seed))
        assert allowed.shape == (60, 50)
        assert len(allowed.unique(dim=0)) <= 4
        assert len(allowed.T.unique(dim=0)) <= 4
        assert torch.linalg.matrix_rank(allowed.double()) <= 4
        assert allowed.any()


def test_hiding_takes_a_share_of_what_is_there() -> None:
    table = torch.arange(40.0).reshape(8, 5)
    left = hide(table, 1 / 3, generator=torch.Generator().manual_seed(0))
    gone = (left == 0) & (table != 0)
    assert gone.sum() == 13
    assert torch.equal(left[~gone], table[~gone])
    assert torch.equal(hide(table, 0), table)
    assert not hide(table, 1).any()


def test_hidden_cells_are_found_again_by_whoever_knows_them() -> None:
    table = (torch.rand(60, 60, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    assert found_again(lambda _: table, table, [1, 2]).tolist() == [100, 100]
    assert found_again(lambda _: -table, table, [1]).tolist() == [0]


def test_scores_are_a_truncation_and_a_product_of_margins() -> None:
    """By NumPy's outer product and SVD."""
    table = torch.rand(6, 5, generator=torch.Generator().manual_seed(0)).mul(9).floor()
    margins = np.outer(table.numpy().sum(1), table.numpy().sum(0))
    np.testing.assert_allclose(frequency(table).numpy(), margins)
    u, s, vh = np.linalg.svd(np.log1p(table.numpy()))
    np.testing.assert_allclose(truncation(2)(table).numpy(), u[:, :2] * s[:2] @ vh[:2], atol=1e-5)


def test_best_gaps_are_zeros_in_the_order_of_their_scores() -> None:
    table = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    scores = torch.tensor([[3.0, 9.0, 1.0], [-1.0, 4.0, 8.0]])
    assert best_gaps(scores, table, 3).tolist() == [[1, 1], [0, 0], [0, 2]]


@pytest.mark.refusal
def test_refuses_what_holds_no_words() -> None:
    with pytest.raises(ValueError, match="least must be at least 1, got 0"):
        vocabulary(TEXT, least=0)
    with pytest.raises(ValueError, match="least must be the count of some word, got 99"):
        vocabulary(TEXT, least=99)
    with pytest.raises(ValueError, match=r"words must be some, all different, got \['a', 'a'\]"):
        pair_counts(TEXT, ["a", "a"])
    with pytest.raises(ValueError, match=r"share must be 0 to 1, got 1\.5"):
        hide(torch.ones(2, 2), 1.5)
    with pytest.raises(ValueError, match="count must be 1 to 1 gaps, got 2"):
        best_gaps(torch.ones(2, 2), torch.tensor([[1.0, 1.0], [1.0, 0.0]]), 2)
    with pytest.raises(ValueError, match="rows must be at least 1, got 0"):
        block_table(0, 3)
