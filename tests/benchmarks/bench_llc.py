"""Chains as a tensor axis against one chain at a time, at stdlib_lm's shape."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from compute.llc_specs import LANGUAGE_LLC
from compute.measure.llc import estimate_llc
from compute.measure.model_loss import functional_loss

pytestmark = pytest.mark.bench
REPEATS = 5
DRAWS = 8
SPEC = LANGUAGE_LLC.llc


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute as a worker does: on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def stdlib_lm_shape() -> GPTNeoXForCausalLM:
    config = GPTNeoXConfig(
        vocab_size=512,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=0,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    return GPTNeoXForCausalLM(config).eval()


def draws_by_vmap(model: nn.Module, tokens: Tensor, tick: Callable[[], None]) -> None:
    """Make `DRAWS` draws of all chains by the measurement itself."""
    loss, params = functional_loss(model, "language")
    spec = dataclasses.replace(SPEC, burn_in=0, draws=DRAWS)
    generator = torch.Generator().manual_seed(0)
    estimate_llc(loss, params, tokens, spec, generator, on_draw=lambda done, total: tick())


def draws_by_loop(model: nn.Module, tokens: Tensor, tick: Callable[[], None]) -> None:
    """Make the same in plain PyTorch: chain by chain, tensor by tensor, with fused attention."""
    center = {name: value.detach() for name, value in model.named_parameters()}
    chains = [
        {name: value.clone().requires_grad_(True) for name, value in center.items()}
        for _ in range(SPEC.chains)
    ]

    def loss(params: dict[str, Tensor], batch: Tensor) -> Tensor:
        logits = functional_call(model, params, (batch,), {"use_cache": False}).logits
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())

    for _ in range(DRAWS):
        for w in chains:
            batch = tokens[torch.randperm(len(tokens))[: SPEC.batch_size]]
            gradients = torch.autograd.grad(loss(w, batch), list(w.values()))
            with torch.no_grad():
                loss(center, batch)
                for (name, value), gradient in zip(w.items(), gradients, strict=True):
                    drift = SPEC.nbeta * gradient + SPEC.gamma * (value - center[name])
                    value += torch.randn_like(value) * SPEC.step_size**0.5
                    value -= SPEC.step_size / 2 * drift
        tick()


def milliseconds_a_chain_draw(
    draws: Callable[[nn.Module, Tensor, Callable[[], None]], None], model: nn.Module, tokens: Tensor
) -> float:
    """Return the median cost of a draw after the first, in processor time, for one chain."""
    ticks: list[float] = []
    draws(model, tokens, lambda: ticks.append(time.process_time()))
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    return 1000 * statistics.median(steps) / SPEC.chains


@pytest.mark.usefixtures("one_thread")
def test_chains_as_a_tensor_axis_against_a_loop(capsys: pytest.CaptureFixture[str]) -> None:
    model = stdlib_lm_shape()
    tokens = torch.randint(512, (256, 128), generator=torch.Generator().manual_seed(0))
    rows = [
        [
            milliseconds_a_chain_draw(draws, model, tokens)
            for draws in (draws_by_vmap, draws_by_loop)
        ]
        for _ in range(REPEATS)
    ]
    ratios = [loop / vmapped for vmapped, loop in rows]
    names = ("all chains at once", "one after the other")
    with capsys.disabled():
        print(
            f"\nstdlib_lm's shape, {SPEC.chains} chains, {SPEC.batch_size} x 128 tokens, one "
            "thread: processor time of a chain's draw with its paired baseline"
        )
        for name, column in zip(names, zip(*rows, strict=True), strict=True):
            print(
                f"  {name:20} {statistics.median(column):6.1f} ms"
                f"   (spread {min(column):.1f} to {max(column):.1f})"
            )
        print(
            f"  ratio                {statistics.median(ratios):6.2f}"
            f"      (spread {min(ratios):.2f} to {max(ratios):.2f})"
        )
