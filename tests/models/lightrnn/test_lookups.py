"""Joint look-ups give the vectors and the gradient of separate ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rescorer.models.lightrnn.lookups import look_up

ROWS, WIDTH, PART = 5, 6, 2


def separate(table: Tensor, rows: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of the table, and parts of rows, by torch's look-up."""
    whole = nn.functional.embedding(rows, table)
    return whole, nn.functional.embedding(parts, table.view(-1, PART))


def test_vectors_and_gradient_are_those_of_separate_look_ups() -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(ROWS, WIDTH, generator=generator)
    rows = torch.tensor([[0, 3], [3, 3]])  # a repeated row gets the sum of the gradients
    parts = torch.tensor([0, 14, 14, 7])
    joint, apart = values.clone().requires_grad_(), values.clone().requires_grad_()
    found = look_up(joint, (WIDTH, rows), (PART, parts))
    expected = separate(apart, rows, parts)
    weights = [torch.randn(each.shape, generator=generator) for each in expected]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
    for table, vectors in ((joint, found), (apart, expected)):
        products = [(each * by).sum() for each, by in zip(vectors, weights, strict=True)]
        torch.stack(products).sum().backward()
        assert table.grad is not None
    torch.testing.assert_close(joint.grad, apart.grad)
