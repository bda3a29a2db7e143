from __future__ import annotations

import shutil

import pytest

from compute.errors import CheckpointUnreadable, EmptyRun, RunError, RunNotFound, ShapesDiffer
from compute.models import describe_run, open_checkpoint, weights_digest
from compute.models.developments.icl_regression import IclRegression
from compute.models.developments.training import train
from tests.small_models import save_language_model


@pytest.fixture(scope="module")
def trainer_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainer")
    for step in (0, 20, 100):
        save_language_model("gpt_neox", folder / f"checkpoint-{step}", seed=step)
    return folder


@pytest.fixture
def run_folder(trainer_run, tmp_path):
    return shutil.copytree(trainer_run, tmp_path / "run")


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("to be or not to be " * 50)
    return path


def test_a_trainers_folder_is_a_run_whose_steps_are_sorted_as_numbers(run_folder, text):
    run = describe_run(str(run_folder), text=text)
    assert run.steps == (0, 20, 100)
    assert (run.name, run.source, run.family) == ("run", "folder", "language")
    with open_checkpoint(run, 20) as model:
        assert model.components[1].name == "L0H0"
    assert weights_digest(run, 0) != weights_digest(run, 20)


def test_what_a_person_says_of_a_run_goes_into_the_catalogue(run_folder, text):
    run = describe_run(str(run_folder), text=text, recipe="mine", tokens_per_step=2_048)
    assert (run.recipe, run.tokens_per_step, run.seed) == ("mine", 2_048, None)


@pytest.mark.parametrize("name", ["step7", "step_7", "step-7", "global_step7"])
def test_other_names_of_checkpoints(name, tmp_path, text):
    save_language_model("gpt2", tmp_path / name)
    assert describe_run(str(tmp_path), text=text).steps == (7,)


def test_a_missing_folder(tmp_path):
    with pytest.raises(RunNotFound, match="no such folder"):
        describe_run(str(tmp_path / "nowhere"))


def test_a_folder_without_checkpoints(tmp_path):
    with pytest.raises(EmptyRun, match="expected sub-folders named"):
        describe_run(str(tmp_path))


def test_a_text_that_is_not_there(run_folder, tmp_path):
    with pytest.raises(RunError, match="cannot be read"):
        describe_run(str(run_folder), text=tmp_path / "none.txt")


def test_the_text_is_part_of_the_runs_identity(run_folder, text, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("that is the question")
    first = describe_run(str(run_folder), text=text)
    second = describe_run(str(run_folder), text=other)
    assert first.data_digest != second.data_digest


def test_a_checkpoint_of_another_shape_is_refused_and_the_others_open(run_folder, text):
    shutil.rmtree(run_folder / "checkpoint-20")
    save_language_model("gpt2", run_folder / "checkpoint-20")
    run = describe_run(str(run_folder), text=text)
    with (
        pytest.raises(ShapesDiffer, match="model_type is gpt2 here and gpt_neox"),
        open_checkpoint(run, 20),
    ):
        pass
    with open_checkpoint(run, 100) as model:
        assert model.family == "language"


def test_a_checkpoint_that_went_away(run_folder, text):
    run = describe_run(str(run_folder), text=text)
    shutil.rmtree(run_folder / "checkpoint-20")
    with pytest.raises(CheckpointUnreadable, match="step 20 is gone"):
        weights_digest(run, 20)


def test_a_developments_folder_is_known_for_what_it_is(tmp_path):
    train(IclRegression(), tmp_path / "icl", until=2)
    run = describe_run(str(tmp_path / "icl"))
    assert (run.family, run.steps) == ("regression", (0, 1, 2))
    assert "linear" in run.summary
    assert "MIT" in run.licence
