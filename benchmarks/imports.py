"""What importing the module costs above importing torch."""

import subprocess
import sys
from collections.abc import Iterator

from .budget import Options
from .timing import medians, spoken


def rows(_: Options) -> Iterator[tuple[str, str, str]]:
    """What was measured, the times, the ratio."""
    ours, torch_alone = medians(
        lambda: _fresh("import diffusion_lessons"),
        lambda: _fresh("import torch"),
        rounds=5,
    )
    yield (
        "import diffusion_lessons : import torch",
        f"{spoken(ours)} : {spoken(torch_alone)}",
        f"{ours / torch_alone:.2f}",
    )


def _fresh(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)
