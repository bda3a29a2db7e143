from __future__ import annotations

import pytest
import torch
from torch import nn

from compute.measure import logits
from compute.measure.logits import (
    all_logits,
    log_normalizer,
    logit_changes,
    logit_factor,
    logit_stand_in,
    next_token_losses,
    next_token_scores,
    score_gradients,
)
from compute.models.anatomy import Unembedding


def unembedding(width, vocabulary, *, bias=False, **settings):
    return Unembedding(linear=nn.Linear(width, vocabulary, bias=bias), **settings)


def test_the_stand_in_has_the_angles_and_lengths_of_the_logits():
    torch.manual_seed(0)
    for bias in (False, True):
        unembed = unembedding(16, 300, bias=bias)
        x, y = torch.randn(2, 50, 16)
        factor = logit_factor(unembed)
        u, v = logit_stand_in(factor, x), logit_stand_in(factor, y)
        torch.testing.assert_close(
            u.norm(dim=-1), all_logits(unembed, x).norm(dim=-1), rtol=1e-5, atol=1e-5
        )
        logits_x, logits_y = all_logits(unembed, x), all_logits(unembed, y)
        torch.testing.assert_close(
            torch.cosine_similarity(u, v), torch.cosine_similarity(logits_x, logits_y),
            rtol=1e-5, atol=1e-5,
        )  # fmt: skip


def test_losses_of_copies_are_compared_with_the_same_tokens():
    torch.manual_seed(0)
    unembed = unembedding(8, 20)
    tokens = torch.randint(20, (3, 6))
    final = torch.randn(2 * 3, 6, 8)
    losses = next_token_losses(unembed, final, tokens, first_scored=4)
    row = 4  # copy 1 of prompt 1
    expected = torch.nn.functional.cross_entropy(
        all_logits(unembed, final[row, 3:5]), tokens[1, 4:6]
    )
    torch.testing.assert_close(losses[row], expected)


@pytest.mark.parametrize("bias", [False, True])
def test_the_normalizer_does_not_depend_on_the_pieces_it_is_summed_in(bias, monkeypatch):
    torch.manual_seed(0)
    unembed = unembedding(8, 20, bias=bias)
    final = 30 * torch.randn(5, 8)
    monkeypatch.setattr(logits, "_TILE", (2, 3))
    torch.testing.assert_close(
        log_normalizer(unembed, final), all_logits(unembed, final).logsumexp(-1)
    )


def test_the_centered_stand_in_has_the_angles_of_logits_less_their_mean():
    torch.manual_seed(0)
    unembed = unembedding(16, 300, bias=True)
    x, y = torch.randn(2, 50, 16)
    factor = logit_factor(unembed, centered=True)
    u, v = logit_stand_in(factor, x), logit_stand_in(factor, y)
    centered = [
        lx - lx.mean(-1, keepdim=True) for lx in (all_logits(unembed, x), all_logits(unembed, y))
    ]
    torch.testing.assert_close(
        torch.cosine_similarity(u, v), torch.cosine_similarity(*centered), rtol=1e-4, atol=1e-5
    )


def test_changes_of_capped_logits_are_summed_over_the_whole_vocabulary(monkeypatch):
    torch.manual_seed(0)
    unembed = unembedding(8, 20, scale=0.5, cap=2.0)
    clean, ablated = 3 * torch.randn(4, 5, 8), 3 * torch.randn(2, 4, 5, 8)
    monkeypatch.setattr(logits, "_TILE", (2, 3))
    before, after = (2 * (unembed.linear(v) / 4).tanh() for v in (clean, ablated))
    expected = ((after - before) * before, (after - before).square(), before.square())
    for found, products in zip(logit_changes(unembed, clean, ablated), expected, strict=True):
        torch.testing.assert_close(found, products.sum(-1))


@pytest.mark.parametrize("settings", [{}, {"bias": True}, {"scale": 0.5, "cap": 2.0}])
def test_gradients_are_those_of_the_scores(settings):
    torch.manual_seed(0)
    unembed = unembedding(8, 20, **settings)
    tokens = torch.randint(20, (3, 9))
    mask = torch.ones(3, 9, dtype=torch.bool)
    mask[0, :4] = mask[1, 7:] = False
    final = torch.randn(3, 9, 8, requires_grad=True)
    all_of_it = all_logits(unembed, final)
    loss = torch.nn.functional.cross_entropy(
        all_of_it[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
    ).view(3, 8)
    right = all_of_it[:, :-1].gather(2, tokens[:, 1:, None])[..., 0]
    scored = mask[:, 1:] & mask[:, :-1] & (torch.arange(1, 9) >= 3)
    found = score_gradients(unembed, final, tokens, first_scored=3, mask=mask)
    scores = next_token_scores(unembed, final.detach(), tokens, first_scored=3, mask=mask)
    for values, gradient, score in zip((loss, right), found, scores, strict=True):
        mean = (values * scored).sum(1) / scored.sum(1)
        torch.testing.assert_close(score, mean)
        expected = torch.autograd.grad(mean.sum(), final, retain_graph=True)[0]
        torch.testing.assert_close(gradient, expected)
