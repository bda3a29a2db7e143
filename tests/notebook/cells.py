"""Runs the cells of a notebook in this process: no kernel, and no Jupyter, is needed."""

from __future__ import annotations

import ast
import base64
import contextlib
import io
from collections.abc import Callable
from typing import Any, TypeAlias

import ontogeny
import pandas as pd
import plotly.graph_objects as go

Notebook: TypeAlias = dict[str, Any]
# Returns a figure as PNG.
Picture: TypeAlias = Callable[[go.Figure], bytes]


def execute(notebook: Notebook, picture: Picture | None = None) -> Notebook:
    """Return the notebook with the outputs of its cells, run from the first to the last."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            outputs = run_cell("".join(cell["source"]), namespace, count, picture)
            cell = cell | {"execution_count": count, "outputs": outputs}
        cells.append(cell)
    # A kernel would end here, and what it opened with it.
    for value in namespace.values():
        if isinstance(value, ontogeny.OpenStore):
            value.close()
    return notebook | {"cells": cells}


def run_cell(
    source: str, namespace: dict[str, Any], count: int, picture: Picture | None
) -> list[dict[str, Any]]:
    """Run one cell and return what it printed, and what its last expression is."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"<cell {count}>", "exec"), namespace)
        shown = last and eval(
            compile(ast.Expression(last.value), f"<cell {count}>", "eval"), namespace
        )
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    if shown is not None:
        outputs.append(
            {
                "output_type": "execute_result",
                "execution_count": count,
                "metadata": {},
                "data": bundle(shown, picture),
            }
        )
    return outputs


def bundle(value: Any, picture: Picture | None) -> dict[str, Any]:
    """Return a value as a notebook shows it."""
    if isinstance(value, go.Figure):
        title = value.layout.title.text.split("</b>")[0].removeprefix("<b>")
        shown: dict[str, Any] = {"text/plain": [f"Figure: {title}"]}
        if picture is not None:
            shown["image/png"] = base64.b64encode(picture(value)).decode()
        return shown
    shown = {"text/plain": repr(value).splitlines(keepends=True)}
    if isinstance(value, pd.DataFrame):
        shown["text/html"] = value.to_html().splitlines(keepends=True)
    return shown
