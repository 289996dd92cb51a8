"""Runs of one's own on disk, as the doctor examines them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from ..checkpoint import load_checkpoint
from ..checks import InputError
from ..runs.folder import RunFolder
from ..runs.load import built, fill, is_run, read_run
from ..runs.pictures import open_pictures
from ..sampling import ddim_sample
from ..schedule import NoiseSchedule

MOST = 2000  # pictures that are looked at


def home_of_run(path: Path) -> Path | None:
    """The folder of the run that this is, or that this is a part of."""
    if path.is_dir() and RunFolder(path).last.is_file():
        return path  # whatever its config says
    homes = [path] if path.is_dir() else list(path.parents)[:2]
    return next(filter(is_run, homes), None)


def of_run(home: Path, path: Path) -> dict[str, Any]:
    """The last checkpoint of a run, or another one in its folder."""
    config = read_run(home)
    file = RunFolder(home).last if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"the run in {home} has not saved yet")
    saved = load_checkpoint(file)
    live, average = (
        weights and fill(built(config, home), weights, home)
        for weights in (
            saved["model"],
            (saved.get("ema") or {}).get("model"),
        )
    )
    schedule = NoiseSchedule(saved["betas"])
    return {
        "model": live,
        "ema": average,
        "schedule": schedule,
        "predicts": config["predicts"],
        "sampler": sampler_for(schedule),
        "side": config["shape"][-1],
        "classes": bool(config["classes"]),
    }


def own_pictures(home: Path) -> dict[str, Any]:
    """What a run was trained on, and what was held out."""
    config = read_run(home)
    place = RunFolder(home).store
    store = open_pictures(config["pictures"], config["size"], place=place)
    seen, unseen = _some(store.training), _some(store.held_out)
    return {
        "images": store.images(seen),
        "labels": store.labels[seen] if config["classes"] else None,
        "held_out": store.images(unseen) if len(unseen) else None,
    }


def _some(places: Tensor) -> Tensor:
    """At most MOST of them, of all parts of a store."""
    return (
        places[:: 1 + (len(places) - 1) // MOST] if len(places) else places
    )


def sampler_for(schedule: NoiseSchedule) -> Callable:
    """DDIM in fifty steps, or all there are."""
    return partial(ddim_sample, num_steps=min(50, schedule.num_steps))
