from __future__ import annotations

import dataclasses
import itertools

import pytest

from compute.errors import BadRecord, SettingsError
from compute.runs import Run, coarse_to_fine
from tests.samples import a_run


def test_a_run_survives_bytes():
    run = a_run()
    assert Run.from_bytes(run.to_bytes()) == run


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"name": "x"}', b'{"steps": 1}'])
def test_bytes_that_are_no_run_are_refused(data):
    with pytest.raises(BadRecord):
        Run.from_bytes(data)


@pytest.mark.parametrize("name", ["", "a/b", "../up", " ", "-x", "x" * 65, "ü", "a\n"])
def test_names_that_cannot_stand_in_a_key_are_refused(name):
    with pytest.raises(SettingsError):
        a_run(name)


def test_a_recipe_that_cannot_stand_in_an_address_is_refused():
    with pytest.raises(SettingsError):
        dataclasses.replace(a_run(), recipe="a/b")


def test_negative_tokens_per_step_are_refused():
    with pytest.raises(SettingsError):
        dataclasses.replace(a_run(), tokens_per_step=-1)


@pytest.mark.parametrize("steps", [(2, 1), (1, 1)])
def test_steps_out_of_order_are_refused(steps):
    with pytest.raises(SettingsError):
        dataclasses.replace(a_run(), steps=steps)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 100, 154])
def test_coarse_to_fine_visits_every_step_once(count):
    steps = tuple(range(10, 10 + count))
    assert sorted(coarse_to_fine(steps)) == list(steps)


@pytest.mark.parametrize("count", [9, 64, 154])
def test_every_prefix_of_coarse_to_fine_covers_the_run_evenly(count):
    order = coarse_to_fine(tuple(range(count)))
    for seen in range(3, count):
        taken = sorted(order[:seen])
        gaps = [b - a for a, b in itertools.pairwise(taken)]
        assert (taken[0], taken[-1]) == (0, count - 1)
        # A perfect spread would have gaps of (count - 1) / (seen - 1).
        assert max(gaps) <= 4 * (count - 1) / (seen - 1)
