from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from compute.errors import CheckpointUnreadable, UnknownArchitecture
from compute.models import open_model
from compute.models.loading import folder_digest
from tests.small_models import LANGUAGE, language_module, save_language_model


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return save_language_model("gpt_neox", tmp_path_factory.mktemp("whole") / "step1")


@pytest.fixture
def checkpoint(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "step1")


@pytest.mark.parametrize("kind", LANGUAGE)
def test_a_saved_model_opens_with_the_same_weights_and_named_components(kind, tmp_path):
    model = open_model(save_language_model(kind, tmp_path / "m"))
    for (name, mine), theirs in zip(
        model.module.named_parameters(), language_module(kind).parameters(), strict=True
    ):
        assert torch.equal(mine, theirs), name
    names = [c.name for c in model.components]
    assert names[:7] == ["EMB", "L0H0", "L0H1", "L0H2", "L0H3", "L0MLP", "L1H0"]
    assert names[-1] == "LOGITS"
    assert model.family == "language"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointUnreadable, match="no such folder"):
        open_model(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path):
    with pytest.raises(CheckpointUnreadable, match="is this a checkpoint"):
        open_model(tmp_path)


def test_a_config_without_weights(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(CheckpointUnreadable, match=r"config\.json without weights"):
        open_model(checkpoint)


def test_a_config_that_is_not_json(checkpoint):
    (checkpoint / "config.json").write_text("{")
    with pytest.raises(CheckpointUnreadable, match="not readable as JSON"):
        open_model(checkpoint)


@pytest.mark.parametrize("keep", [4, 200, 5000])
def test_a_truncated_weights_file(checkpoint, keep):
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointUnreadable, match="truncated") as caught:
        open_model(checkpoint)
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_finite(checkpoint):
    path = checkpoint / "model.safetensors"
    weights = load_file(path)
    name = next(k for k in weights if k.endswith("mlp.dense_h_to_4h.weight"))
    weights[name][0, 0] = torch.nan
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(CheckpointUnreadable, match="not finite"):
        open_model(checkpoint)


def test_a_missing_tensor_is_not_drawn_at_random(checkpoint):
    path = checkpoint / "model.safetensors"
    weights = load_file(path)
    weights.pop(next(k for k in weights if k.endswith("mlp.dense_h_to_4h.weight")))
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(CheckpointUnreadable, match="missing keys"):
        open_model(checkpoint)


def test_weights_of_another_width(checkpoint):
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "hidden_size": 64}))
    with pytest.raises(CheckpointUnreadable):
        open_model(checkpoint)


def test_an_architecture_without_attention_is_refused_by_name(checkpoint):
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "model_type": "mamba"}))
    with pytest.raises(UnknownArchitecture, match=r"'mamba'.*no list of blocks with attention"):
        open_model(checkpoint)


def test_pickled_weights_are_read_without_running_code(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    (checkpoint / "model.safetensors").unlink()
    torch.save(weights, checkpoint / "pytorch_model.bin")
    assert torch.equal(
        next(open_model(checkpoint).module.parameters()),
        next(language_module("gpt_neox").parameters()),
    )


class _Boobytrap:
    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return (open, (str(self.witness), "w"))


def test_a_pickle_that_would_run_code_is_refused(checkpoint, tmp_path):
    (checkpoint / "model.safetensors").unlink()
    witness = tmp_path / "witness"
    torch.save({"w": _Boobytrap(witness)}, checkpoint / "pytorch_model.bin")
    with pytest.raises(CheckpointUnreadable):
        open_model(checkpoint)
    assert not witness.exists()


def test_the_digest_follows_the_weights_and_the_config_and_not_the_place(checkpoint, whole):
    assert folder_digest(checkpoint) == folder_digest(whole)
    path = checkpoint / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert folder_digest(checkpoint) != folder_digest(whole)
