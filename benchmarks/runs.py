"""What a store of many pictures costs: memory, and time for a batch."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from diffusion_lessons.runs.store import Header, write_store

from .budget import Options

SIDE, BATCH = 64, 64
COUNTS = (1_000, 10_000, 100_000)
ONE_PASS = """
import json, resource, sys, time, torch
from pathlib import Path
torch.set_num_threads(1)
from diffusion_lessons import NoiseSchedule, TimeUNet, diffusion_loss
from diffusion_lessons.runs.store import Store

path, steps = sys.argv[1:]
store, model = Store(path), TimeUNet(3, 8, patch=4)
schedule = NoiseSchedule.cosine(1000)
optimizer = torch.optim.AdamW(model.parameters())
order = store.training[torch.randperm(len(store.training))].split(64)
reading, start = 0.0, time.perf_counter()
for i, places in enumerate(order):
    before = time.perf_counter()
    x0 = store.images(places)
    reading += time.perf_counter() - before
    if i < int(steps):
        t, noise = torch.randint(1, 1001, (len(x0),)), torch.randn_like(x0)
        optimizer.zero_grad()
        diffusion_loss(model, x0, t, noise, schedule).backward()
        optimizer.step()
words = Path("/proc/self/status").read_text().split()
print(json.dumps({
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "own": int(words[words.index("RssAnon:") + 1]) / 1024,
    "read": reading / len(order),
}))
"""


def made_up(count: int) -> Iterator[np.ndarray]:
    """Noise in colour, cheap to make and impossible to compress."""
    random = np.random.default_rng(0)
    some = random.integers(0, 256, (999, 3, SIDE, SIDE), dtype=np.uint8)
    for i in range(count):
        yield np.roll(some[i % 999], i // 999, axis=2)


def rows(_: Options) -> Iterator[tuple[str, str, str]]:
    """One pass over 1,000 to 100,000 pictures, beside 64 of them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pictures"
        least = _pass_over(path, 2 * BATCH)
        yield f"a run on {2 * BATCH} pictures", _words(least), ""
        for count in COUNTS:
            found = _pass_over(path, count)
            more = found["peak"] - least["peak"]
            on_disk = count * 3 * SIDE**2 / 2**20
            yield (
                f"a run on {count:,} pictures, {SIDE} x {SIDE}",
                _words(found),
                f"{found['read'] / least['read']:.2f}",
            )
            yield (
                "  memory above that : the same pictures as bytes",
                f"{more:.0f} : {on_disk:.0f} MB",
                f"{more / on_disk:.2f}",
            )


def _pass_over(path: Path, count: int) -> dict[str, float]:
    write_store(path, Header([], "made up", ""), made_up(count))
    command = [sys.executable, "-c", ONE_PASS, str(path), "20"]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


def _words(found: dict[str, float]) -> str:
    return f"{found['peak']:.0f} MB, {1000 * found['read']:.1f} ms a batch"
