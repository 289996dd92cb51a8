"""Name the book's repository everywhere, or check that all places agree.

usage: python tools/release/set_repo.py https://github.com/you/your-fork
       python tools/release/set_repo.py --check

The address stands in `_config.yml` (repository: url). It also stands in
each notebook's first cell, in badges, in the package's metadata and in the
address of the published pages; this script is what keeps them equal.
"""

import argparse
import re
import sys
from pathlib import Path

# Not from the module: a fork is renamed before PyTorch is installed.
sys.path.append(str(Path(__file__).resolve().parents[1] / "book"))
from whole_file import write_whole

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = [
    "_config.yml",
    "pyproject.toml",
    "CITATION.cff",
    "*.md",
    "book/*.md",
    "book/**/*.ipynb",
    "diffusion_lessons/**/*.py",
]

OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
REPO = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?"
ADDRESS = re.compile(rf"https://github\.com/({OWNER})/({REPO})")
# Where only the book's own repository can stand, whatever it says now.
OWN_SOURCE = re.compile(
    r"((?:--no-deps \\?\"git\+|repository-code: \"?"
    r"|(?:Repository|Issues) = \")"
    rf"https://github\.com/){OWNER}/{REPO}"
)
OWN_PAGES = re.compile(
    r"((?:baseurl|ogp_site_url): |Homepage = \"|\[Read the book\]\()"
    rf"https://{OWNER}\.github\.io/{REPO}"
)


def split_address(address: str) -> tuple[str, str]:
    """Return owner and repository, or say what an address looks like."""
    match = ADDRESS.fullmatch(address)
    if match is None or match[2].endswith(".git"):
        raise ValueError(
            f"{address!r} is not a repository's address: give one like "
            "https://github.com/you/your-fork, with nothing after it"
        )
    return match[1], match[2]


def current_address(root: Path) -> str:
    """Read the address from the one place that holds it."""
    config = (root / "_config.yml").read_text(encoding="utf-8")
    return re.search(r"^  url: (\S+)", config, flags=re.MULTILINE)[1]


def pages(owner: str, repo: str) -> str:
    """Return the address at which GitHub publishes a repository's pages."""
    return f"https://{owner.lower()}.github.io/{repo}"


def renamed(text: str, old: str, new: str) -> str:
    """Return the text with the book's repository called by its new name."""
    old_owner, old_repo = split_address(old)
    owner, repo = split_address(new)
    old_pages, new_pages = pages(old_owner, old_repo), pages(owner, repo)
    text = re.sub(
        rf"(github(?:\.com)?/){re.escape(f'{old_owner}/{old_repo}')}(?![\w-])",
        rf"\g<1>{owner}/{repo}",
        text,
    )
    text = re.sub(rf"{re.escape(old_pages)}(?![\w-])", new_pages, text)
    text = OWN_SOURCE.sub(rf"\g<1>{owner}/{repo}", text)
    return OWN_PAGES.sub(rf"\g<1>{new_pages}", text)


def stale_files(root: Path, address: str) -> dict[Path, str]:
    """Map each file that names another address to what it should hold."""
    old = current_address(root)
    stale = {}
    for pattern in PATTERNS:
        for path in sorted(root.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            wanted = renamed(text, old, address)
            if wanted != text:
                stale[path] = wanted
    return stale


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Rewrite or check, and say in one line a file what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("address", nargs="?", help="the new address")
    what.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    address = current_address(root) if options.check else options.address
    try:
        stale = stale_files(root, address)
    except ValueError as error:
        print(f"set_repo: {error}", file=sys.stderr)
        return 2
    for path, text in stale.items():
        if options.check:
            print(f"{path.relative_to(root)}: does not say {address}")
        else:
            write_whole(path, text)
            print(f"{path.relative_to(root)}: now {address}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
