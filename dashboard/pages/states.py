"""Pages that have nothing to draw, and say what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from compute.runs import Run


def empty_store() -> html.Main:
    """Return the page of a store without runs: how to get one."""
    return _message(
        "No runs yet",
        [
            html.P("Ontogeny shows how a transformer develops. Give it a training run:"),
            _commands(
                ("ontogeny import data/stdlib_lm", "a development that ships, measured already"),
                ("ontogeny add FOLDER", "your own: checkpoint-N or stepN folders"),
                ("ontogeny add OWNER/NAME --hub", "revisions on the Hugging Face hub"),
                ("ontogeny train stdlib_lm", "train a small one here"),
            ),
            html.P(["then ", html.Code("ontogeny compute RUN"), " and reload this page."]),
        ],
    )


def unknown_run(name: str, runs: Sequence[Run], prefix: str) -> html.Main:
    """Return the page of a run that the store does not have: the ones it has."""
    links = [html.Li(html.A(r.name, href=f"{prefix}?run={r.name}")) for r in runs]
    return _message(f"No run named “{name}”", [html.P("This store has:"), html.Ul(links)])


def unknown_page(prefix: str) -> html.Main:
    """Return the page of an address that is none of ours."""
    return _message("No such page", [html.P(html.A("To the Development page", href=prefix))])


def trouble(reason: str) -> html.Main:
    """Return the page of a store that cannot be read, with the reason."""
    return _message("This store cannot be read", [html.P(reason)])


def broken() -> html.Main:
    """Return the page that stands where a page of ours has a fault; the log has the rest."""
    reason = "Something went wrong in the server; its log says what. Reload the page."
    return _message("This page could not be made", [html.P(reason)])


def _message(title: str, body: Sequence[Any]) -> html.Main:
    return html.Main(
        html.Section([html.H1(title), *body], className="panel message"),
        id="main",
        className="page",
    )


def _commands(*rows: tuple[str, str]) -> html.Dl:
    parts = [(html.Dt(html.Code(command)), html.Dd(what)) for command, what in rows]
    return html.Dl([part for pair in parts for part in pair], className="commands")
