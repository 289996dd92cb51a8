"""Models on disk for the doctor: folders of diffusers, runs of ours."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint import load_checkpoint
from ..checks import InputError
from ..conditioning import TimeUNet
from ..data import load_images
from ..diffusers import FromDiffusers
from ..files import kind_of, read_tensors
from ..networks import bare_names, misfit
from ..schedule import NoiseSchedule
from .examine import examine
from .own_runs import home_of_run, of_run, own_pictures, sampler_for
from .report import Report

OURS = "TimeUNetModel"  # what to_diffusers writes
UNETS = ("UNet2DModel", OURS)  # of diffusers, that are told x and t


def examine_path(
    path: str | Path,
    images: str | None = None,
    predicts: str | None = None,
) -> Report:
    """Examine what is saved at *path*.

    Args:
        path: the folder of a run, or a checkpoint in it; a folder that
            diffusers saved, with a UNet2DModel and its scheduler; or a
            file that ``save_checkpoint`` or ``save_weights`` wrote, with a
            TimeUNet.
        images: the data set that it was trained on, by its name; without
            it the run's own pictures, and elsewhere "digits".
        predicts: what it was asked for, where the file does not say so;
            without it "eps".
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is nothing at {path}")
    home = home_of_run(path)
    if home:
        given = of_run(home, path)
    else:
        given = _of_folder(path) if path.is_dir() else _of_file(path)
    if predicts is not None:
        given["predicts"] = predicts
    side, classes = given.pop("side"), given.pop("classes")
    if home and images is None:
        given |= own_pictures(home)
    else:
        given["images"], labels = load_images(images or "digits", size=side)
        given["labels"] = labels if classes else None
    return examine(**given)


def _of_folder(folder: Path) -> dict[str, Any]:
    """What diffusers saved: the network and its scheduler."""
    diffusers = _diffusers()
    unet = _part(folder, "unet", "config.json")
    scheduler = _part(folder, "scheduler", "scheduler_config.json")
    kind = _class_of(unet / "config.json")
    if kind not in UNETS:
        raise InputError(
            f"{unet} holds a {kind}; the doctor knows {', '.join(UNETS)}"
        )
    tables = _class_of(scheduler / "scheduler_config.json")
    known = tables.endswith("Scheduler") and hasattr(diffusers, tables)
    if not known:
        raise InputError(f"{scheduler} holds no scheduler, but {tables!r}")
    local = {"local_files_only": True}
    model = _class(kind).from_pretrained(unet, **local).eval()
    return {
        "model": FromDiffusers(model).eval(),
        "schedule": getattr(diffusers, tables).from_pretrained(
            scheduler, **local
        ),
        "side": model.config.sample_size,
        "classes": bool(
            getattr(model.config, "num_class_embeds", None)
            or getattr(model.config, "num_classes", 0)
        ),
    }


def _class(kind: str) -> Any:
    """The class of a network in such a folder."""
    if kind == OURS:
        from ..runs.in_diffusers import TimeUNetModel

        return TimeUNetModel
    return getattr(_diffusers(), kind)


def _diffusers() -> Any:
    """The library, which only this needs."""
    try:
        import diffusers
    except ImportError as error:
        raise InputError(
            "to read this folder: pip install diffusers"
        ) from error
    return diffusers


def _part(folder: Path, name: str, file: str) -> Path:
    """Where a part of a pipeline lies: in its own folder, or beside."""
    for place in (folder / name, folder):
        if (place / file).is_file():
            return place
    raise InputError(
        f"{folder} holds no {name}: there is no {name}/{file} (a folder "
        "that a pipeline's save_pretrained wrote has both)"
    )


def _class_of(file: Path) -> str:
    """Which class a config of diffusers is of."""
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        return str(config["_class_name"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is no config of diffusers") from error


def _of_file(path: Path) -> dict[str, Any]:
    """A checkpoint of a run, or weights that say how to build them."""
    with path.open("rb") as file:
        plain = kind_of(file.read(64)) == "safetensors"
    facts = read_tensors(path)[1] if plain else {}
    found = _weights(path, facts) if "config" in facts else _run(path)
    return {"sampler": sampler_for(found["schedule"]), **found}


def _weights(path: Path, facts: dict) -> dict[str, Any]:
    """What save_weights wrote: it says all that is to be known."""
    if "schedule" not in facts:
        raise InputError(f"{path} holds a classifier, and no model")
    make = getattr(NoiseSchedule, facts["schedule"])
    model = TimeUNet(**facts["config"])
    model.load_state_dict(read_tensors(path)[0])
    return {
        "model": model.eval(),
        "schedule": make(facts["num_steps"]),
        "predicts": facts["predicts"],
        "side": facts["shape"][-1],
        "classes": model.num_classes > 0,
    }


def _run(path: Path) -> dict[str, Any]:
    """What save_checkpoint wrote: live weights, averaged ones, betas."""
    saved = load_checkpoint(path)
    if "model" not in saved or "betas" not in saved:
        raise InputError(f"{path} holds no run with its model and betas")
    live = _filled(path, saved["model"])
    average = saved.get("ema")
    return {
        "model": live,
        "ema": average and _filled(path, average["model"]),
        "schedule": NoiseSchedule(saved["betas"]),
        "side": None,
        "classes": live.num_classes > 0,
    }


def _filled(path: Path, weights: dict[str, Tensor]) -> TimeUNet:
    """The TimeUNet whose weights these are, by their shapes."""
    weights = bare_names(weights)
    stem = weights.get("stem.weight")
    if not isinstance(stem, Tensor) or stem.ndim != 4:
        raise InputError(f"{path} holds no TimeUNet")
    few, pixels = stem.shape[:2]
    patch = 2 if pixels % 4 == 0 else 1
    rows = weights.get("classes.weight", torch.empty(1, 0))
    model = TimeUNet(pixels // patch**2, few, len(rows) - 1, patch)
    if wrong := misfit(weights, model):
        raise InputError(f"{path} holds no TimeUNet: {wrong}")
    model.load_state_dict(weights)
    return model.eval()
