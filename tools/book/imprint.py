"""Which book this is, on every page: a small Sphinx extension.

At the foot stand the version, the date of the last change and a download of
everything. Both are facts of the source, so that the same source builds the
same pages. The front page bears the book's name, and once is enough.
"""

import html
import subprocess
import tomllib
from datetime import date
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

ROOT = Path(__file__).resolve().parents[2]


def version(root: Path = ROOT) -> str:
    """The package's."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["version"]


def last_change(root: Path = ROOT) -> date | None:
    """The day of the last commit; None where there is no git to ask."""
    try:
        told = subprocess.run(
            ["git", "log", "-1", "--format=%cs"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return date.fromisoformat(told.stdout.strip())


def in_words(day: date) -> str:
    """As 1 July 2026."""
    return f"{day.day} {day:%B %Y}"


def imprint(release: str, day: date | None, repository: str) -> str:
    """The line at the foot of every page."""
    of = f" of {in_words(day)}" if day else ""
    address = html.escape(repository)
    return (
        f'<p class="dl-imprint">Version {html.escape(release)}{of}. '
        f'<a href="{address}/archive/refs/heads/main.zip">'
        "Download everything</a>: pages, code and networks, as a zip.</p>"
    )


def sign(app: Sphinx, config: Config) -> None:
    """Put the line where the theme has a place for one."""
    options = config.html_theme_options
    line = imprint(version(), last_change(), options["repository_url"])
    options["extra_footer"] = line


def name_once(app: Sphinx, name: str, _template, context, _tree) -> None:
    """The front page is called as the book, not twice."""
    if name == app.config.root_doc:
        logo = context.get("theme_logo") or {}
        context["theme_logo"] = logo | {"text": context["docstitle"]}
        context["docstitle"] = ""  # what a title ends with


def setup(app: Sphinx) -> dict[str, bool]:
    """Be heard after the theme, which prepares the logo."""
    app.connect("config-inited", sign, priority=900)
    app.connect("html-page-context", name_once, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
