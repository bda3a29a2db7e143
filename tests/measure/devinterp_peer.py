"""An independent LLC: devinterp 2.0.1 on the same loss, data and settings as ours.

Its step is ours: ``w - (lr/2) [n_beta grad L + localization (w - w*)] + N(0, lr)``, so that lr,
n_beta and localization are step_size, nbeta and gamma without a factor. What differs is what it
keeps: it measures a loss *before* the step that the same minibatch then makes. Its loss of step s,
counted from 0, is thus that of the position after s steps; that of step 0 belongs to the centre.
Our first draw is the position after ``burn_in + 1`` steps: with as many burn-in steps its draws
stand where ours do.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from devinterp.slt.llc import compute_llc
from devinterp.slt.sampling import sample
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from compute.llc_specs import LLCSpec

VOCABULARY, CONTEXT = 128, 64


class Peer(NamedTuple):
    """What devinterp found.

    Attributes
    ----------
    burn_in
        Losses at the centre, and at the positions of our burn-in.
    losses
        At the positions of our draws, each on its chain's next minibatch.
    minibatches
        Rows of those.
    initial
        Loss at the centre.
    nbeta
        As in the spec.
    reported
        The LLC that devinterp itself reports: it averages over the burn-in, and the centre, too.
    """

    burn_in: Float[ndarray, "chains steps"]
    losses: Float[ndarray, "chains draws"]
    minibatches: Int[ndarray, "chains draws batch positions"]
    initial: float
    nbeta: float
    reported: float

    @property
    def per_chain(self) -> Float[ndarray, " chains"]:
        """Each chain's LLC without its burn-in."""
        return self.nbeta * (self.losses.mean(axis=1, dtype=np.float64) - self.initial)

    @property
    def llc(self) -> float:
        """The LLC without burn-in."""
        return float(self.per_chain.mean())

    @property
    def standard_error(self) -> float:
        """Of `llc`, from the spread between chains."""
        return _error(self.per_chain)

    def paired(self, loss_at_center: Callable[[Tensor], float]) -> tuple[float, float]:
        """Return the LLC with the centre's loss on the same minibatches, and its error."""
        baselines = [
            [loss_at_center(torch.as_tensor(rows)) for rows in chain] for chain in self.minibatches
        ]
        per_chain = self.nbeta * (self.losses - np.array(baselines)).mean(axis=1)
        return float(per_chain.mean()), _error(per_chain)


def _error(per_chain: Float[ndarray, " chains"]) -> float:
    return float(per_chain.std(ddof=1)) / math.sqrt(len(per_chain))


def estimate_by_devinterp(
    model: nn.Module,
    rows: Tensor,
    spec: LLCSpec,
    *,
    seed: int = 100,
    initial_batches: int | None = None,
    loss: Callable[[nn.Module, Tensor], Tensor] | None = None,
) -> Peer:
    """Return what devinterp makes of ``spec``.

    Parameters
    ----------
    model
        Dropout must be zero: devinterp puts its copies into training mode.
    rows
        Integers ``[samples, positions]``. Each chain goes through them in an order of its own, and
        through all before any comes again; then in that same order. Ours draws every minibatch
        anew: enough rows that no chain comes to the end make the two alike.
    seed
        That of the first chain; the others count on from it.
    initial_batches
        How many minibatches the loss at the centre is the mean of; None for all of the data.
    loss
        ``loss(model, rows)``: of every predicted position, ``[batch, positions - 1]``; None for
        next-token cross-entropy.
    """
    if initial_batches is None:
        initial_batches = len(rows) // spec.batch_size
    with tempfile.TemporaryDirectory() as folder:
        samples = sample(
            model,
            Rows(rows),  # type: ignore[arg-type]
            {},
            lr=spec.step_size,
            n_beta=spec.nbeta,
            localization=spec.gamma,
            num_chains=spec.chains,
            num_draws=spec.draws,
            num_burnin_steps=spec.burn_in + 1,
            batch_size=spec.batch_size,
            num_init_loss_batches=initial_batches,
            init_seed=seed,
            match_sampling_input_ids_across_chains=False,
            device="cpu",
            output_path=Path(folder) / "samples.zarr",
            loss_fn=loss,
        )
        report = compute_llc(samples)
        trace, first = report.loss_trace.values, spec.burn_in + 1
        return Peer(
            burn_in=trace[:, :first],
            losses=trace[:, first:],
            minibatches=samples.sampling_input_ids_micro.values[:, first:],
            initial=float(report.init_loss),
            nbeta=spec.nbeta,
            reported=float(report.llc_mean),
        )


class Rows(Dataset[dict[str, Tensor]]):
    """A tensor's rows in the form that devinterp reads; faster than a data set of `datasets`."""

    def __init__(self, rows: Tensor) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"input_ids": self._rows[index]}


def small_transformer() -> GPTNeoXForCausalLM:
    """Return a GPT-NeoX of 46,368 parameters: 3 layers, 4 heads, width 32."""
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    return GPTNeoXForCausalLM(config).eval()


def markov_text(samples: int, length: int, seed: int = 0) -> Tensor:
    """Return sequences of a chain in which each token has a handful of likely successors."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(9))
    transition = (3 * weights).softmax(-1)
    tokens = [torch.randint(VOCABULARY, (samples,), generator=generator)]
    for _ in range(length - 1):
        tokens.append(torch.multinomial(transition[tokens[-1]], 1, generator=generator)[:, 0])
    return torch.stack(tokens, dim=1)


def train(model: GPTNeoXForCausalLM, tokens: Tensor, *, steps: int, batch_size: int) -> None:
    """Train a model a little, so that its centre lies lower than what is around it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        batch = tokens[torch.randint(len(tokens), (batch_size,), generator=generator)]
        optimizer.zero_grad()
        model(batch, labels=batch, use_cache=False).loss.backward()
        optimizer.step()
