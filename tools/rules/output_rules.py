"""What the saved outputs of a notebook keep, as functions that complain.

The same form as `notebook_rules`: a notebook goes in, complaints come out.
"""

import html
import re

from nbformat import NotebookNode
from notebook_rules import code_cells, is_scrubber, named, output_data, tags

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SHORTEST_ALT = 40


def clean_outputs(notebook: NotebookNode) -> list[str]:
    """No error, no warning and no line written over is saved."""
    return [
        f"{named(cell)} has saved {output.get('name', 'an error')}"
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "error"
        or output.get("name") == "stderr"
        or "\r" in output.get("text", "")
    ]


def no_widget_state(notebook: NotebookNode) -> list[str]:
    """A page has no kernel, so a saved widget would be dead on it."""
    complaints = [
        f"{named(cell)} has saved a widget"
        for cell in code_cells(notebook)
        for data in output_data(cell)
        if WIDGET_VIEW in data
    ]
    if "widgets" in notebook.metadata:
        complaints.append("the notebook's metadata hold widgets")
    return complaints


def outputs_present(notebook: NotebookNode) -> list[str]:
    """A page shows results, and listings where it shows the source."""
    cells = code_cells(notebook)
    complaints = [
        f"{named(cell)} shows no listing"
        for cell in cells
        if cell.source.startswith(("show_source(", "show_lines("))
        and not any("text/markdown" in data for data in output_data(cell))
    ]
    if not any(cell.outputs for cell in cells):
        complaints.append("no cell has an output")
    return complaints


def weak_alt(alt: str) -> bool:
    """Tell whether a text for those who cannot see says too little."""
    begins = alt.lower().removeprefix("a ").removeprefix("an ")
    return len(alt) <= SHORTEST_ALT or begins.startswith(
        ("image of", "plot of", "picture of", "figure of")
    )


def pictures_described(notebook: NotebookNode) -> list[str]:
    """Each picture has alt text and, unless a solution, a caption."""
    complaints = []
    for cell in code_cells(notebook):
        pictures = [
            data
            for data in output_data(cell)
            if "image/png" in data and not is_scrubber(data)
        ]
        if not pictures:
            continue
        mystnb = cell.metadata.get("mystnb", {})
        figure = mystnb.get("figure", {})
        if len(pictures) > 1:
            complaints.append(f"{named(cell)} shows more than one picture")
        if weak_alt(mystnb.get("image", {}).get("alt", "")):
            complaints.append(f"{named(cell)} has no telling alt text")
        if "hide-cell" in tags(cell):
            continue
        if not figure.get("caption"):
            complaints.append(f"{named(cell)} has no caption")
        if not figure.get("name", "").startswith("fig-"):
            complaints.append(f"{named(cell)} has no name fig-…")
    return complaints


def scrubbers_described(notebook: NotebookNode) -> list[str]:
    """Each Scrubber carries its alt text and its caption."""
    complaints = []
    for cell in code_cells(notebook):
        for data in filter(is_scrubber, output_data(cell)):
            page = data["text/html"]
            alt = re.search(r'\salt="([^"]*)"', page)
            if alt is None or weak_alt(html.unescape(alt[1])):
                complaints.append(f"{named(cell)} has no telling alt text")
            if not re.search(r'class="dl-caption">\s*[^<\s]', page):
                complaints.append(f"{named(cell)} has no caption")
    return complaints


OUTPUTS = [
    clean_outputs,
    no_widget_state,
    outputs_present,
    pictures_described,
    scrubbers_described,
]
