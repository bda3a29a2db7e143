from __future__ import annotations

import copy
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from compute.behaviour_records import ContextUse
from compute.behaviour_specs import ContextMeasurement
from compute.errors import MeasurementError
from compute.measure.context_use import measure_context
from compute.measure.tasks import Texts, draw_windows
from compute.models.loading import wrap_model
from compute.records import Measured, from_bytes, to_bytes
from tests.small_models import VOCABULARY, language_model, native_model, regression_model

SPEC = ContextMeasurement(samples=40, length=14, early=3, late=11, around=1, ngrams=9, seed=4)
UNSEEN = VOCABULARY - 1


def texts_of(train, heldout):
    return Texts(train=lambda: train, heldout=lambda: heldout, passage=lambda: heldout[:9])


def skewed_texts():
    """Texts with frequent n-grams; the held-out one has a token that the other has not."""
    generator = np.random.default_rng(0)
    train, heldout = (
        generator.geometric(0.15, size).clip(max=VOCABULARY - 2) for size in (900, 500)
    )
    heldout[::11] = UNSEEN
    return texts_of(train, heldout)


TEXTS = skewed_texts()


def windows_of(texts, spec=SPEC):
    generator = torch.Generator().manual_seed(spec.seed)
    return draw_windows(
        texts.heldout(), samples=spec.samples, length=spec.length, generator=generator
    )


def log_probabilities(module, tokens):
    """``[rows, positions, vocabulary]``, from the whole model's logits."""
    with torch.no_grad():
        result = module(tokens)
    return getattr(result, "logits", result).double().log_softmax(-1).numpy()


def looped_losses(module, tokens):
    """Of each row of tokens, the loss of the token at position 1, 2, .."""
    return [
        [-logs[t, int(row[t + 1])] for t in range(len(row) - 1)]
        for row, logs in zip(tokens, log_probabilities(module, tokens), strict=True)
    ]


def dictionary_of_bigrams(text):
    counted = defaultdict(Counter)
    for current, following in zip(text[:-1].tolist(), text[1:].tolist(), strict=True):
        counted[current][following] += 1
    return {
        current: {y: count / following.total() for y, count in following.items()}
        for current, following in counted.items()
    }


def jackknife(statistic, *samples):
    """A standard error that leaves each sample out; several groups are independent."""
    variance = 0.0
    for group, values in enumerate(samples):
        left_out = []
        for i in range(len(values)):
            rest = [*samples]
            rest[group] = np.delete(np.asarray(values), i, axis=0)
            left_out.append(statistic(*rest))
        variance += (len(values) - 1) * np.var(left_out)
    return math.sqrt(variance)


def with_angles_of_the_first(module):
    """Rotary positions that are all the first one, by asking for it."""

    def run(tokens):
        return module(
            tokens,
            position_ids=torch.zeros_like(tokens),
            attention_mask=torch.ones_like(tokens),
        )

    return run


def with_mean_embeddings(module):
    same = copy.deepcopy(module)
    table = same.pos if hasattr(same, "pos") else same.transformer.wpe
    table.weight[:] = table.weight[: SPEC.length].mean(0)
    return same


CASES = {
    "gpt2": (language_model, with_mean_embeddings, [0]),
    "gpt_neox": (language_model, with_angles_of_the_first, [0]),
    "gemma2": (language_model, with_angles_of_the_first, [0]),
    "native_capped": (native_model, with_mean_embeddings, []),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """A model, what it is without positions, what is put before n-grams, and its record."""
    make, without, before = CASES[request.param]
    model = make(request.param)
    return model.module, without(model.module), before, measure_context(model, TEXTS, SPEC)


def test_losses_and_in_context_learning_are_those_of_the_loop(case):
    module, _, _, found = case
    losses = np.array(looped_losses(module, windows_of(TEXTS)))
    assert found.loss_by_position.shape == (SPEC.length - 1,)
    for position in range(1, SPEC.length):
        column = losses[:, position - 1]
        assert found.loss_by_position[position - 1] == pytest.approx(column.mean(), abs=1e-5)
        assert found.loss_by_position_error[position - 1] == pytest.approx(
            np.std(column, ddof=1) / math.sqrt(SPEC.samples), abs=1e-5
        )
    gains = [
        np.mean([row[p - 1] for p in (10, 11, 12)]) - np.mean([row[p - 1] for p in (2, 3, 4)])
        for row in losses
    ]
    assert found.icl == pytest.approx(np.mean(gains), abs=1e-5)
    assert found.icl_error == pytest.approx(
        np.std(gains, ddof=1) / math.sqrt(SPEC.samples), abs=1e-5
    )


def test_the_bigram_score_is_that_of_the_loop(case):
    module, _, _, found = case
    bigrams = dictionary_of_bigrams(TEXTS.train())
    assert UNSEEN not in bigrams
    sums = []
    windows = windows_of(TEXTS)
    for window, logs in zip(windows, log_probabilities(module, windows), strict=True):
        crossed, entropy, positions = 0.0, 0.0, 0
        for t in range(SPEC.length - 1):
            if int(window[t]) in bigrams:
                following = bigrams[int(window[t])]
                crossed -= sum(q * logs[t, y] for y, q in following.items())
                entropy -= sum(q * math.log(q) for q in following.values())
                positions += 1
        sums.append((crossed, entropy, positions))
    sums = np.array(sums)
    assert 0 < sums[:, 2].min() < sums[:, 2].max()
    assert found.bigram == pytest.approx(sums[:, 0].sum() / sums[:, 2].sum(), abs=1e-5)
    assert found.bigram_entropy == pytest.approx(sums[:, 1].sum() / sums[:, 2].sum(), abs=1e-9)
    assert found.bigram_error == pytest.approx(
        jackknife(lambda rows: rows[:, 0].sum() / rows[:, 2].sum(), sums), rel=0.1
    )


def starts_of(texts, n, before):
    return torch.tensor([[*before, *window[:n].tolist()] for window in windows_of(texts)])


def test_ngram_scores_are_those_of_the_loop(case):
    module, _, before, found = case
    text = TEXTS.train().tolist()
    assert found.ngrams == (2, 3, 4)
    for place, n in enumerate(found.ngrams):
        counted = Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
        most = sorted(counted, key=lambda ngram: (-counted[ngram], ngram))[: SPEC.ngrams]
        shown = (torch.tensor([[*before, *ngram] for ngram in most]), starts_of(TEXTS, n, before))
        frequent, arbitrary = ([row[-1] for row in looped_losses(module, t)] for t in shown)

        def ratio(above, below):
            return np.mean(above) / np.mean(below)

        assert found.ngram[place] == pytest.approx(ratio(arbitrary, frequent), rel=1e-4)
        assert found.ngram_error[place] == pytest.approx(
            jackknife(ratio, arbitrary, frequent), rel=0.15
        )


def test_positional_dependence_is_that_of_the_loop(case):
    module, without, _, found = case
    windows = windows_of(TEXTS)
    losses = np.stack(
        [np.mean(looped_losses(run, windows), axis=1) for run in (without, module)], axis=1
    )
    expected = losses[:, 0].mean() / losses[:, 1].mean()
    assert abs(expected - 1) > 1e-3
    assert found.positional == pytest.approx(expected, rel=1e-4)
    assert found.positional_error == pytest.approx(
        jackknife(lambda rows: rows[:, 0].mean() / rows[:, 1].mean(), losses), rel=0.1
    )


def test_a_text_of_which_nothing_was_seen_in_training_gives_no_bigram_score():
    train, heldout = np.arange(1, 9).repeat(20), np.full(60, UNSEEN)
    found = measure_context(native_model("native"), texts_of(train, heldout), SPEC)
    assert math.isnan(found.bigram)
    assert math.isnan(found.bigram_entropy)
    assert math.isnan(found.bigram_error)
    assert np.isfinite(found.loss_by_position).all()


def test_positions_that_cannot_be_taken_away_give_no_score():
    model = native_model("native")
    embedding = model.module.tok_embed
    embedding.register_forward_hook(
        lambda module, args, output: output + torch.arange(args[0].shape[1])[:, None] / 10
    )
    found = measure_context(wrap_model(model.module), TEXTS, SPEC)
    assert math.isnan(found.positional)
    assert math.isnan(found.positional_error)
    assert np.isfinite(found.ngram).all()


def test_a_large_vocabulary_is_taken_in_pieces(monkeypatch):
    whole = measure_context(language_model("gpt2"), TEXTS, SPEC)
    monkeypatch.setattr("compute.measure.context_use._TILE", 3 * VOCABULARY)
    monkeypatch.setattr("compute.measure.context_use._TOKENS_IN_FLIGHT", 50)
    pieces = measure_context(language_model("gpt2"), TEXTS, SPEC)
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(pieces, name), value, rtol=1e-5, atol=1e-6)


def test_the_same_seed_gives_the_same_record_and_another_seed_another():
    model = language_model("gpt_neox")
    first, again = (measure_context(model, TEXTS, SPEC) for _ in range(2))
    assert encoded(first) == encoded(again)
    other = ContextMeasurement(**{**vars(SPEC), "seed": 5})
    assert measure_context(model, TEXTS, other).icl != first.icl


def encoded(record: ContextUse) -> bytes:
    return to_bytes(
        Measured(
            spec=SPEC,
            run="run",
            step=1,
            weights_digest="0" * 64,
            data_digest="0" * 64,
            record=record,
            environment={},
            seconds=1.0,
        )
    )


def test_a_record_survives_its_bytes():
    record = measure_context(language_model("gpt_neox"), TEXTS, SPEC)
    back = from_bytes(encoded(record)).record
    assert isinstance(back, ContextUse)
    for name, value in vars(record).items():
        np.testing.assert_array_equal(getattr(back, name), value)


def test_windows_are_as_short_as_the_context_if_the_positions_are_in_it():
    spec = ContextMeasurement(samples=4, length=200, early=6, late=60, around=3)
    found = measure_context(language_model("gpt2"), TEXTS, spec)
    assert found.loss_by_position.shape == (63,)


def test_a_context_that_ends_before_the_positions_is_refused():
    spec = ContextMeasurement(samples=4, length=200, early=6, late=60, around=4)
    with pytest.raises(MeasurementError, match=r"64 tokens ends before position 64.*set late"):
        measure_context(language_model("gpt2"), TEXTS, spec)


def test_a_regression_model_is_refused():
    with pytest.raises(MeasurementError, match="is a regression model; measure 'behaviour'"):
        measure_context(regression_model(), TEXTS, SPEC)
