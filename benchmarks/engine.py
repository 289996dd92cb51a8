"""What a run costs beside the lessons' loop, and what a kill costs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from csv import DictReader
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from diffusion_lessons import (
    Batches,
    NoiseSchedule,
    TimeUNet,
    count_parameters,
    diffusion_loss,
    load_checkpoint,
    train,
)
from diffusion_lessons.runs.config import RunConfig
from diffusion_lessons.runs.pictures import open_pictures
from diffusion_lessons.runs.train import train_run

from .budget import Options
from .contestants import PEERS
from .shared import (
    BATCH,
    LAUNCH,
    MANY,
    network,
    seconds_among,
    step_of,
)
from .timing import medians, spoken

ROOT = Path(__file__).resolve().parents[1]
NETWORK = {"base_channels": 24}
ROUNDS = 60
TRAIN = ("-m", "diffusion_lessons", "train", "digits")


def rows(options: Options) -> Iterator[tuple[str, str, str]]:
    """A step beside the lessons', processes, the start, and a kill."""
    with TemporaryDirectory() as name:
        place = Path(name)
        yield _beside_the_lessons(place / "own", options)
        yield from _beside_peers(options)
        yield from _processes(place)
        yield _killed(place / "killed")


def _beside_the_lessons(
    place: Path, options: Options
) -> tuple[str, str, str]:
    """The same steps, by the run and by train."""
    config = RunConfig(
        "digits",
        place,
        network=NETWORK,
        steps=MANY,
        batch_size=BATCH,
        device=options.device.type,
    )
    run = train_run(config)
    own, theirs = medians(
        partial(next, run), partial(next, _lesson(options)), rounds=ROUNDS
    )
    run.close()
    return (
        f"step of TimeUNet(24), {BATCH}×1×8×8, train : run",
        f"{spoken(theirs)} : {spoken(own)}",
        f"{theirs / own:.2f}",
    )


def _lesson(options: Options) -> Iterator:
    """The lessons' loop with what a run does as well."""
    store = open_pictures("digits")
    return train(
        TimeUNet(1, num_classes=10, **NETWORK).to(options.device),
        Batches(
            store.images(store.training),
            store.labels[store.training],
            batch_size=BATCH,
        ),
        NoiseSchedule.cosine(),
        loss=partial(diffusion_loss, predicts="v"),
        num_steps=MANY,
        warmup=100,
        p_uncond=0.1,
        ema=0.999,
        max_norm=1.0,
    )


def _beside_peers(options: Options) -> Iterator[tuple[str, str, str]]:
    """A step of each peer's network and of ours as large, in one loop."""
    for peer in PEERS:
        both = [network(peer.name, whose) for whose in ("ours", "theirs")]
        size = count_parameters(both[1][0]) // 1000
        steps = [step_of(m.to(options.device), loss) for m, loss in both]
        one = medians(*steps, rounds=5)
        two = [seconds_among(2, peer.name, w) for w in ("ours", "theirs")]
        for processes, (own, other) in {"1 process": one, "2": two}.items():
            yield (
                f"step of {peer.name}, {size} thousand weights, "
                f"{processes} : ours",
                f"{spoken(other)} : {spoken(own)}",
                f"{other / own:.1f}",
            )


def _started(place: Path, processes: int = 0, **given: int):
    """The command as a process of its own, or several."""
    words = [f"--{k}={v}" for k, v in given.items()]
    several = (*LAUNCH, f"--nproc-per-node={processes}")
    way = (*(several if processes else ()), *TRAIN)
    known = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [
            *(sys.executable, *way, "--out", str(place)),
            *("--network=base_channels=24", "--sample-every=0"),
            *("--log-every=1", f"--batch-size={BATCH}", *words),
        ],
        env=known,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _table(place: Path) -> list[dict]:
    """The rows of a log, as far as it has come."""
    try:
        with (place / "log.csv").open(newline="") as file:
            return list(DictReader(file))
    except FileNotFoundError:
        return []


def _until(place: Path, step: int) -> float:
    """Seconds until the log shows a step."""
    start = perf_counter()
    while not any(int(r["step"]) >= step for r in _table(place)):
        sleep(0.02)
    return perf_counter() - start


def _processes(place: Path) -> Iterator[tuple[str, str, str]]:
    """From the command to the first step; pictures a second."""
    one = None
    for count in (1, 2):
        folder = place / str(count)
        process = _started(folder, count if count > 1 else 0, steps=150)
        first = _until(folder, 1)
        process.wait()
        speed = median(
            float(r["pictures_per_second"]) for r in _table(folder)[50:]
        )
        name = f"{count} process{'es' * (count > 1)}"
        yield (
            f"from the command to the first step, {name}",
            spoken(first),
            "",
        )
        ratio = f"{speed / one:.2f}" if one else ""
        one = one or speed
        yield f"pictures a second, {name}", f"{speed:,.0f}", ratio


def _killed(place: Path) -> tuple[str, str, str]:
    """Seconds until a killed run is where it was."""
    settings = {"steps": 100_000, "save-every": 100}
    process = _started(place, **settings)
    _until(place, 250)
    process.kill()
    process.wait()
    step = int(_table(place)[-1]["step"])
    kept = load_checkpoint(place / "last.safetensors")["step"]
    (place / "log.csv").unlink()  # so that a row of this step is a new one
    process = _started(place, **settings)
    lost = _until(place, step)
    process.kill()
    process.wait()
    words = f"killed at step {step}, back there ({step - kept} steps again)"
    return words, spoken(lost), ""
