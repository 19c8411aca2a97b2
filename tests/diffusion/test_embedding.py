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


def test_the_timestep_embedding_takes_whole_numbers_and_learns() -> None:
    module = TimestepEmbedding(16)
    out = module(torch.tensor([0, 500]))
    assert out.shape == (2, 16)
    out.sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in module.parameters())
