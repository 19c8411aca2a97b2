import math

import torch

from genlab.diffusion.embedding import TimestepEmbedding, sinusoidal_embedding


def test_it_is_the_formula() -> None:
    t, dim = torch.tensor([0, 1, 7, 999]), 12
    embedding = sinusoidal_embedding(t, dim)
    assert embedding.shape == (4, dim)
    assert embedding.dtype == torch.float32
    for row, time in zip(embedding.tolist(), t.tolist(), strict=True):
        for i in range(dim // 2):
            angle = time * 10_000 ** (-i / (dim // 2))
            assert math.isclose(row[i], math.cos(angle), abs_tol=1e-4)
            assert math.isclose(row[i + dim // 2], math.sin(angle), abs_tol=1e-4)


def test_every_timestep_has_its_own_vector_of_one_length() -> None:
    embedding = sinusoidal_embedding(torch.arange(1000), 128)
    torch.testing.assert_close(embedding.norm(dim=1), torch.full((1000,), 8.0))
    distances = torch.cdist(embedding, embedding) + 10 * torch.eye(1000)
    assert distances.min() > 0.1


def test_a_shift_in_time_is_a_rotation() -> None:
    """The inner product of two embeddings depends on the distance in time alone."""
    products = [sinusoidal_embedding(torch.tensor([t, t + 10]), 64) for t in (0, 5, 300)]
    inner = torch.stack([pair[0] @ pair[1] for pair in products])
    torch.testing.assert_close(inner, inner[:1].expand(3), atol=1e-3, rtol=0)


def test_close_times_get_close_vectors() -> None:
    embedding = sinusoidal_embedding(torch.tensor([500, 501, 700]), 64)
    assert (embedding[0] - embedding[1]).norm() < (embedding[0] - embedding[2]).norm()


def test_the_timestep_embedding_takes_whole_numbers_and_learns() -> None:
    module = TimestepEmbedding(16)
    out = module(torch.tensor([0, 500]))
    assert out.shape == (2, 16)
    out.sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in module.parameters())
