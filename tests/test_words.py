"""The word pairs that the lab of docs/articles/svd.md looks into."""

import pytest
import torch

from snippets.words import docstrings, pair_counts, reference, vocabulary

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


@pytest.mark.refusal
def test_refuses_what_holds_no_words() -> None:
    with pytest.raises(ValueError, match="least must be at least 1, got 0"):
        vocabulary(TEXT, least=0)
    with pytest.raises(ValueError, match="least must be the count of some word, got 99"):
        vocabulary(TEXT, least=99)
    with pytest.raises(ValueError, match=r"words must be some, all different, got \['a', 'a'\]"):
        pair_counts(TEXT, ["a", "a"])
