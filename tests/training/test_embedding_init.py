import numpy as np
import pytest
import torch

from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.embedding_init import init_embeddings, project

ROWS, COLUMNS, OWN, FACTORS, WORDS = 30, 3, 2, 8, 80


def network(**settings: object) -> tuple[LightRNN, np.ndarray]:
    """A network of 80 words in 90 cells, from random vectors; rows 0 and 1 have similar words."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(WORDS, FACTORS)).astype(np.float32)
    vectors[1::ROWS] = vectors[0::ROWS]
    ranks = np.arange(WORDS)
    vocabulary = Vocabulary(
        ("</s>", "<unk>", *[f"w{n}" for n in range(WORDS - 2)]), 1000 // (ranks + 1), "as-is"
    )
    torch.manual_seed(1)
    model = LightRNN(
        LightRNNSettings(hidden_dim=400, residual_dim=300, residual_columns=OWN, **settings),
        vocabulary,
        WordTable(ROWS, COLUMNS, ranks % ROWS * COLUMNS + ranks // ROWS),
    )
    init_embeddings(model, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return model, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def cosines(vectors: np.ndarray) -> np.ndarray:
    """[n, n] cosines of vectors [n, D] around their mean."""
    around = vectors - vectors.mean(0)
    around = around / np.linalg.norm(around, axis=1, keepdims=True)
    return around @ around.T


@pytest.mark.parametrize("tied", [True, False])
def test_rows_are_as_similar_as_the_means_of_their_words(tied: bool) -> None:
    model, vectors = network(tied=tied)
    counts = model.vocabulary.counts
    means = np.stack(
        [
            np.sum([vectors[word] * np.sqrt(counts[word] + 1) for word in row if word >= 0], 0)
            for row in model.table.words
        ]
    )
    expected = cosines(means / np.linalg.norm(means, axis=1, keepdims=True))
    assert expected[0, 1] > 0.99
    for parameter in (model.row_in.weight, model.row_out.weight):
        found = parameter.detach().numpy()
        assert cosines(found) == pytest.approx(expected, abs=1e-3)
        assert found[0] == pytest.approx(found[1], abs=0.05) and found.std() == pytest.approx(
            0.1, rel=1e-4
        )
        assert found.mean(0) == pytest.approx(np.zeros(400), abs=1e-6)


@pytest.mark.parametrize("tied", [True, False])
def test_residual_embeddings_are_as_similar_as_the_words(tied: bool) -> None:
    model, vectors = network(tied=tied)
    words = model.table.words[:, :OWN].flatten()
    for parameter in (model.residual_in, model.residual_out):
        found = parameter.detach().numpy().reshape(ROWS * OWN, -1)
        assert cosines(found) == pytest.approx(cosines(vectors[words]), abs=1e-3)
        assert found.std() == pytest.approx(0.1, rel=1e-4)


def test_narrow_embeddings_keep_the_principal_components() -> None:
    generator = np.random.default_rng(3)
    wide = generator.normal(size=(50, 6)) * [9, 7, 5, 0.5, 0.1, 0.1]
    found = project(torch.as_tensor(wide, dtype=torch.float32), 3).numpy()
    assert found.shape == (50, 3) and cosines(found) == pytest.approx(cosines(wide[:, :3]), abs=0.2)
    assert found.var(0).min() > 0.2 * found.var(0).max()  # turned: no dimension has it all


def test_cells_without_a_word_have_zero_residual_embeddings() -> None:
    model, _ = network()
    wide = LightRNN(
        LightRNNSettings(hidden_dim=8, residual_dim=4, residual_columns=3),
        model.vocabulary,
        model.table,
    )
    # all alike: nothing tells them apart
    init_embeddings(wide, np.ones((WORDS, FACTORS), np.float32))
    assert not wide.residual_out.any() and torch.isfinite(wide.row_out.weight).all()
    init_embeddings(wide, np.random.default_rng(0).normal(size=(WORDS, FACTORS)).astype(np.float32))
    own = wide.residual_out.detach().view(ROWS, 3, 4)
    assert ((own == 0).all(-1).numpy() == (model.table.words < 0)).all()


def test_the_paper_s_network_has_embeddings_of_rows_only() -> None:
    vocabulary = Vocabulary(("</s>", "<unk>", "a", "b"), np.array([4, 3, 2, 1]), "as-is")
    settings = LightRNNSettings(hidden_dim=16, residual_dim=0, cell_bias=False, two_step=True)
    model = LightRNN(settings, vocabulary, WordTable(2, 2, np.arange(4)))
    columns = model.column_out.weight.detach().clone()
    init_embeddings(model, np.eye(4, dtype=np.float32))
    first, second = model.row_out.weight.detach()
    assert first.numpy() == pytest.approx(-second.numpy()) and torch.equal(
        model.column_out.weight, columns
    )
