"""The command ``ontogeny``.

Here is what can be said; `compute.commands` does it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from compute import choices, commands, settings
from compute.errors import OntogenyError

REFUSED = 2
INTERRUPTED = 130

_FETCHED = ("checkpoints", "checkpoint_disk", "keep_checkpoints")
_COMPUTE = ("data", "workers", "scheduler", *_FETCHED)
_EVERY = tuple(setting.name for setting in settings.SETTINGS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 if something failed, 2 if it was refused."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except OntogenyError as error:
        print(f"ontogeny: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="ontogeny", description="Scrub through the training of a transformer."
    )
    names = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[Any], int], text: str, *options: str) -> Any:
        sub = names.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        if options:
            settings.add_options(sub, *options)
        return sub

    sub = add("serve", commands.serve, "serve the pages and measure what they ask for", *_EVERY)
    sub.add_argument("--no-compute", action="store_true", help="serve only; measure nothing")
    sub = add("add", commands.add_run, "enter a run into the catalogue", "data")
    sub.add_argument("location", help="a folder with checkpoints, or owner/name with --hub")
    sub.add_argument("--name", help="what to call it (default: the end of the location)")
    sub.add_argument("--hub", action="store_true", help="the revisions of a Hugging Face model")
    sub.add_argument("--text", type=Path, metavar="FILE", help="the text it is measured on")
    sub.add_argument("--recipe", metavar="NAME", help="runs of one recipe are shown together")
    sub.add_argument(
        "--tokens-per-step", type=int, metavar="N", help="to compare runs by tokens seen"
    )
    sub = add("compute", commands.compute, "measure what a run still misses", *_COMPUTE)
    sub.add_argument("run", help="the run's name")
    choices.add_options(sub)
    sub.add_argument("--retry-failed", action="store_true", help="try again what has failed")
    sub = add(
        "calibrate", commands.calibrate, "try settings of the LLC, and choose the ones to trust",
        *_COMPUTE,
    )  # fmt: skip
    sub.add_argument("run", help="the run's name")
    choices.add_calibration_options(sub)
    sub = add("train", commands.train, "train a development that this project ships", "data")
    sub.add_argument("name", help="such as stdlib_lm")
    sub.add_argument("--until", type=int, metavar="N", help="stop after this step")
    sub.add_argument("--runs-folder", type=Path, default=Path("runs"), metavar="FOLDER")
    sub = add(
        "export", commands.export, "write a run's records into a folder, to be shipped", "data"
    )
    sub.add_argument("run", help="the run's name")
    sub.add_argument("folder", type=Path)
    sub = add(
        "import", commands.import_, "read records that were exported, or curves in a CSV file",
        "data",
    )  # fmt: skip
    sub.add_argument("folder_or_run", help="the exported folder; with a file, the run's name")
    sub.add_argument("file", nargs="?", type=Path, help="CSV of step, name, value and error")
    sub.add_argument("--source", metavar="TEXT", help="whence the curves (default: file's name)")
    sub = add(
        "check", commands.check, "read every record; list what is damaged, failed, missing", "data"
    )
    sub.add_argument("run", nargs="?", help="the run's name (default: every run)")
    sub.add_argument("--repair", action="store_true", help="remove damaged records")
    sub = add("service", commands.service, "measure for a store's queue, without pages", *_COMPUTE)
    sub.add_argument("--with-parent", action="store_true", help="stop when standard input closes")
    sub = add("jobs", commands.jobs, "list, cancel or retry jobs", "data")
    sub.add_argument("action", nargs="?", choices=("list", "cancel", "retry"), default="list")
    sub.add_argument("job", nargs="?", help="the job's id")
    add("version", commands.version, "print the version")
    return parser


def commands_table() -> str:
    """Return the table of commands for the README, in Markdown."""
    parser = build_parser()
    (choices,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    rows = []
    for name, sub in choices.choices.items():
        wanted = (a for a in sub._actions if not a.option_strings)
        names = (f"[{a.dest.upper()}]" if a.nargs == "?" else a.dest.upper() for a in wanted)
        rows.append(f"| `{' '.join(['ontogeny', name, *names])}` | {sub.description} |")
    return "\n".join(["| command | |", "|---|---|", *rows])


if __name__ == "__main__":
    sys.exit(main())
