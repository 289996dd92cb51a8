"""Check that what a requirements file pins is what is installed.

usage: python tools/release/colab_versions.py requirements-colab.txt

Run after the module was installed with its dependencies: if every pin still
stands, installing it on Colab replaces nothing there.
"""

import sys
from importlib.metadata import version
from pathlib import Path


def pins(text: str) -> dict[str, str]:
    """Read the ``name==version`` lines of a requirements file."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return dict(line.split("==") for line in lines if "==" in line)


def main(requirements: str) -> int:
    """Print a table of versions; return 1 if one was replaced."""
    replaced = 0
    for name, wanted in pins(Path(requirements).read_text()).items():
        # torch's builds carry a local part, such as 2.11.0+cpu.
        found = version(name).split("+")[0]
        verdict = "kept" if found == wanted else f"replaced by {found}"
        replaced += found != wanted
        print(f"{name:14} {wanted:10} {verdict}")
    return 1 if replaced else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
