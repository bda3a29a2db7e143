from __future__ import annotations

import pytest
import torch
from torch import nn

from compute.measure import logits
from compute.measure.logits import (
    log_normalizer,
    logit_factor,
    logit_stand_in,
    next_token_losses,
)


def test_the_stand_in_has_the_angles_and_lengths_of_the_logits():
    torch.manual_seed(0)
    for bias in (False, True):
        unembed = nn.Linear(16, 300, bias=bias)
        x, y = torch.randn(2, 50, 16)
        factor = logit_factor(unembed)
        u, v = logit_stand_in(factor, x), logit_stand_in(factor, y)
        torch.testing.assert_close(u.norm(dim=-1), unembed(x).norm(dim=-1), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            torch.cosine_similarity(u, v), torch.cosine_similarity(unembed(x), unembed(y)),
            rtol=1e-5, atol=1e-5,
        )  # fmt: skip


def test_losses_of_copies_are_compared_with_the_same_tokens():
    torch.manual_seed(0)
    unembed = nn.Linear(8, 20, bias=False)
    tokens = torch.randint(20, (3, 6))
    final = torch.randn(2 * 3, 6, 8)
    losses = next_token_losses(unembed, final, tokens, first_scored=4)
    row = 4  # copy 1 of prompt 1
    expected = torch.nn.functional.cross_entropy(unembed(final[row, 3:5]), tokens[1, 4:6])
    torch.testing.assert_close(losses[row], expected)


@pytest.mark.parametrize("bias", [False, True])
def test_the_normalizer_does_not_depend_on_the_pieces_it_is_summed_in(bias, monkeypatch):
    torch.manual_seed(0)
    unembed = nn.Linear(8, 20, bias=bias)
    final = 30 * torch.randn(5, 8)
    monkeypatch.setattr(logits, "_TILE", (2, 3))
    torch.testing.assert_close(log_normalizer(unembed, final), unembed(final).logsumexp(-1))
