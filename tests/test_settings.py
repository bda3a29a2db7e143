from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compute.errors import SettingsError
from compute.settings import (
    ONE_THREAD,
    SETTINGS,
    add_options,
    calculate_in_one_thread,
    is_loopback,
    resolve,
    settings_table,
)


def chosen(*arguments, environment=None, file=Path("/nowhere/ontogeny.toml")):
    parser = argparse.ArgumentParser()
    add_options(parser)
    return resolve(parser.parse_args(arguments), environment=environment or {}, file=file)


def test_defaults():
    settings = chosen()
    assert (settings.host, settings.port, settings.token) == ("127.0.0.1", 8050, None)
    assert (settings.data, settings.path_prefix) == (Path("store"), "/")
    assert settings.workers >= 1
    assert settings.checkpoints == Path.home() / ".cache" / "ontogeny" / "checkpoints"
    assert (settings.checkpoint_disk, settings.keep_checkpoints) == (10_000_000_000, False)


def test_command_line_wins_over_environment_over_file_over_default(tmp_path):
    file = tmp_path / "ontogeny.toml"
    file.write_text('port = 1\nworkers = 1\npath_prefix = "a"\n')
    environment = {"ONTOGENY_PORT": "2", "ONTOGENY_WORKERS": "2"}
    settings = chosen("--port", "3", environment=environment, file=file)
    assert (settings.port, settings.workers, settings.path_prefix) == (3, 2, "/a/")


def test_folders_of_runs_are_absolute_and_a_colon_parts_them(tmp_path):
    assert chosen().runs_folders == (Path("runs").absolute(),)
    settings = chosen("--runs-folders", f"{tmp_path}:here")
    assert settings.runs_folders == (tmp_path, Path("here").absolute())


def test_an_empty_environment_variable_is_none():
    assert chosen(environment={"ONTOGENY_PORT": ""}).port == 8050


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--port", "x"), "--port: 'x' will not do: it is not a whole number"),
        (("--port", "0"), "1 to 65535"),
        (("--port", "70000"), "1 to 65535"),
        (("--workers", "0"), "at least 1 worker"),
        (("--scheduler", "host:1"), "tcp://"),
        (("--checkpoint-disk", "much"), "not a number of gigabytes"),
        (("--checkpoint-disk", "0"), "more than 0 GB"),
        (("--checkpoint-disk", "nan"), "more than 0 GB"),
    ],
)
def test_values_that_will_not_do_are_refused_with_their_origin(arguments, reason):
    with pytest.raises(SettingsError, match=reason):
        chosen(*arguments)


def test_a_flag_has_no_value_on_the_command_line_and_yes_or_no_elsewhere(tmp_path):
    assert chosen("--keep-checkpoints").keep_checkpoints
    assert chosen(environment={"ONTOGENY_KEEP_CHECKPOINTS": "1"}).keep_checkpoints
    file = tmp_path / "ontogeny.toml"
    file.write_text("keep_checkpoints = true\ncheckpoint_disk = 0.5\n")
    assert chosen(file=file).keep_checkpoints
    assert chosen(file=file).checkpoint_disk == 500_000_000
    assert not chosen(environment={"ONTOGENY_KEEP_CHECKPOINTS": "no"}, file=file).keep_checkpoints
    with pytest.raises(SettingsError, match="KEEP_CHECKPOINTS: 'perhaps' will not do: say yes"):
        chosen(environment={"ONTOGENY_KEEP_CHECKPOINTS": "perhaps"})


def test_the_folder_of_checkpoints_is_whole_since_workers_may_be_elsewhere():
    assert chosen("--checkpoints", "here").checkpoints == Path("here").absolute()
    assert chosen("--checkpoints", "~/there").checkpoints == Path.home() / "there"


def test_a_wrong_variable_is_named():
    with pytest.raises(SettingsError, match="ONTOGENY_PORT: 'x'"):
        chosen(environment={"ONTOGENY_PORT": "x"})


@pytest.mark.parametrize(
    ("text", "reason"), [("colour = 1", "unknown setting 'colour'"), ("port =", "cannot read")]
)
def test_a_wrong_file_is_refused(tmp_path, text, reason):
    file = tmp_path / "ontogeny.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=reason):
        chosen(file=file)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_needs_no_token(host):
    assert is_loopback(host)
    assert chosen("--host", host).token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example", "localhost.evil"])
def test_any_other_host_demands_a_token_and_says_how_to_make_one(host):
    with pytest.raises(SettingsError, match="token_urlsafe"):
        chosen("--host", host)
    with pytest.raises(SettingsError):
        chosen("--host", host, "--token", "")
    assert chosen("--host", host, "--token", "secret").host == host
    assert chosen("--host", host, environment={"ONTOGENY_TOKEN": "s"}).token == "s"


@pytest.mark.parametrize(
    ("text", "prefix"), [("/", "/"), ("", "/"), ("lab", "/lab/"), ("/a/b/", "/a/b/")]
)
def test_a_path_prefix_starts_and_ends_with_a_slash(text, prefix):
    assert chosen("--path-prefix", text).path_prefix == prefix


def test_the_table_for_the_readme_has_every_setting():
    table = settings_table()
    assert all(s.option in table and s.variable in table and s.help in table for s in SETTINGS)


def test_pages_calculate_in_one_thread_unless_somebody_says_otherwise(monkeypatch):
    for name in ONE_THREAD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    calculate_in_one_thread()
    assert [os.environ.pop(name) for name in ONE_THREAD] == ["4", "1", "1"]


def test_the_server_asks_for_one_thread_before_numpy_is_there():
    code = (
        "import sys, compute.commands, compute.serving; "
        "compute.settings.calculate_in_one_thread(); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_sites_that_may_embed_are_origins():
    both = chosen("--embed-origins", "https://wiki.example, http://lab.example:8080/")
    assert both.embed_origins == ("https://wiki.example", "http://lab.example:8080")
    assert chosen().embed_origins == ()


@pytest.mark.parametrize("text", ["wiki.example", "https://a.example/page", "https://a b;c", "*"])
def test_what_is_no_origin_may_not_embed(text):
    with pytest.raises(SettingsError, match="origin"):
        chosen("--embed-origins", text)
