"""Execute notebooks in place: the only writer of their outputs.

usage: python tools/book/refresh.py book/01_forward_chain.ipynb [more]

The same notebook gives the same bytes on every run, so that a diff shows
what changed and nothing else. For this, every kernel computes on one CPU
thread (as in `make test`; two threads add in another order), times and
widget state are left out, and pictures are stored with a palette of at most
256 colours. A notebook is written whole, or, if a cell fails, not at all.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)
from nbformat import NotebookNode
from small_png import squeeze_png
from traitlets import default
from whole_file import write_whole

CELL_METADATA = {"tags", "mystnb", "jupyter", "cellView"}
NOTEBOOK_METADATA = {"accelerator", "colab", "mystnb"}
KERNEL = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    # This lexer lets a page show %pip without a warning.
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
LINE_AGAIN = re.compile(r"[^\n]*\r(?!\n)")  # what a terminal wrote over
ADDRESS = re.compile(r"0x[0-9a-f]{8,}")
TERMINAL_COLOUR = re.compile(r"\x1b\[[\d;]*m")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
STOPPED = (CellExecutionError, CellTimeoutError, DeadKernelError)


class NotebookError(Exception):
    """A cell and what is wrong with it, in words for the author."""

    def __init__(self, index: int, reason: str) -> None:
        """Count cells from 1, as a reader does."""
        super().__init__(f"cell {index + 1}: {reason}")


class OwnKernel(AsyncKernelManager):
    """A kernel of the Python that runs this, whatever else is installed."""

    @default("kernel_spec_manager")
    def _search_nowhere(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run every cell in order on a fresh kernel."""
    client = NotebookClient(
        notebook,
        kernel_manager_class=OwnKernel,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        timeout=600,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,  # or their cuts would depend on the time
        resources={"metadata": {"path": str(folder)}},
    )
    started = []
    client.on_cell_start = lambda cell, cell_index: started.append(
        cell_index
    )
    try:
        client.execute(env=os.environ | ONE_THREAD)
    except STOPPED as error:
        plain = TERMINAL_COLOUR.sub("", str(error))
        raise NotebookError(started[-1], plain) from error


def clean_output(output: NotebookNode, tags: list[str]) -> bool:
    """Make one output repeatable; False where it must not be kept."""
    if output.get("name") == "stderr":
        raise ValueError(f"writes to stderr: {output.text}")
    if "text" in output:
        output["text"] = LINE_AGAIN.sub("", output["text"])
    data = output.get("data", {})
    if data.pop(WIDGET_VIEW, None) and set(data) <= {"text/plain"}:
        if "nbval-ignore-output" in tags:
            return False
        raise ValueError(
            "shows a widget, dead on a page: tag the cell "
            "nbval-ignore-output if it is a progress bar"
        )
    if "image/png" in data:
        data["image/png"] = squeeze_png(data["image/png"])
    if "text/plain" in data:
        data["text/plain"] = ADDRESS.sub("0x0", data["text/plain"])
    return True


def tidy(notebook: NotebookNode) -> None:
    """Keep what an author set and a run repeats; drop everything else."""
    keep_keys(notebook.metadata, NOTEBOOK_METADATA)
    notebook.metadata |= KERNEL
    for index, cell in enumerate(notebook.cells):
        keep_keys(cell.metadata, CELL_METADATA)
        if cell.cell_type != "code":
            continue
        tags = cell.metadata.get("tags", [])
        try:
            cell.outputs = [
                o for o in cell.outputs if clean_output(o, tags)
            ]
        except ValueError as error:
            raise NotebookError(index, str(error)) from error


def keep_keys(metadata: NotebookNode, names: set[str]) -> None:
    """Remove the entries that are not named."""
    for name in set(metadata) - names:
        del metadata[name]


def refresh(path: Path) -> bool:
    """Run one notebook and save it; tell whether its bytes changed."""
    notebook = nbformat.read(path, as_version=4)
    execute(notebook, path.parent)
    tidy(notebook)
    text = nbformat.writes(notebook) + "\n"
    changed = text != path.read_text(encoding="utf-8")
    if changed:
        write_whole(path, text)
    return changed


def main() -> int:
    """Refresh the notebooks named on the command line, one by one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    failures = 0
    for path in parser.parse_args().notebooks:
        start = time.perf_counter()
        try:
            state = "changed" if refresh(path) else "unchanged"
        except NotebookError as error:
            failures += 1
            print(f"{path}: not written: {error}", file=sys.stderr)
            continue
        print(f"{path}: {state} ({time.perf_counter() - start:.1f} s)")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
