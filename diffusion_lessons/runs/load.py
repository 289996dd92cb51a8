"""A run that was trained, as a network that samplers take."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

from torch import Tensor, nn

from ..checkpoint import load_checkpoint
from ..checks import Count, FilePath, InputError, checked, choice
from ..conditioning import TimeUNet
from ..files import DamagedFile
from ..networks import bare_names, misfit
from ..schedule import NoiseSchedule
from .config import NAME as CONFIG
from .config import read_config
from .folder import RunFolder

Weights = Annotated[str, choice("ema", "live")]
NEEDED = ("network", "shape", "classes", "predicts", "schedule")


class LoadedRun(NamedTuple):
    """A network that was trained by a run, and what is known of it."""

    model: nn.Module  # (x, t, label) -> output, in eval mode
    schedule: NoiseSchedule  # it was trained with
    predicts: str  # "eps", "x0" or "v"
    null: int  # the label that means "no class"
    shape: tuple[int, int, int]  # (C, H, W) of a picture
    classes: tuple[str, ...]  # their names, in the order of the labels
    step: int  # steps it was trained for
    config: dict[str, Any]  # all that config.json says


@checked
def load_run(
    path: FilePath, *, weights: Weights = "ema", step: Count | None = None
) -> LoadedRun:
    """The network of a run that ``train`` wrote, ready to sample from.

    Nine pictures, as far as the run has come::

        run = load_run("runs/cats")
        x_T = torch.randn(9, *run.shape)
        ddim_sample(run.model, x_T, run.schedule, 50, predicts=run.predicts)

    Args:
        path: the folder of the run.
        weights: "ema", the averaged ones, or "live", those in training.
        step: of a checkpoint that was kept; None for the last one.

    Raises InputError for a folder without a run, and DamagedFile if one
    bit of the checkpoint is another than was written.
    """
    config = read_run(path)
    saved = _checkpoint(path, step)
    model = built(config, path)
    fill(model, _chosen(saved, weights, path), path)
    return LoadedRun(
        model,
        _schedule(config, saved),
        config["predicts"],
        model.null_label,
        tuple(config["shape"]),
        tuple(config["classes"]),
        saved.get("step", 0),
        config,
    )


def built(config: dict[str, Any], path: Path) -> TimeUNet:
    """The network that config.json describes, without its weights."""
    try:
        return TimeUNet(**config["network"])
    except TypeError as error:
        raise InputError(
            f"the network in {path / CONFIG} is of another version of this "
            f"package: {error}"
        ) from error


def is_run(path: Path) -> bool:
    """Is this the folder of a run?"""
    try:
        return bool(read_run(path))
    except InputError:
        return False


def read_run(path: Path) -> dict[str, Any]:
    """What config.json in the folder of a run says."""
    file = path / CONFIG
    config = read_config(path) if file.is_file() else None
    if config is None:
        raise InputError(f"{path} holds no run: {_why_none(path)}")
    missing = [name for name in NEEDED if name not in config]
    if missing:
        raise InputError(
            f"{file} is not that of a run: it does not say {missing[0]!r}"
        )
    return config


def _why_none(path: Path) -> str:
    """What is there in place of a run, in words."""
    if path.is_file():
        return (
            "it is a file, and a run is a folder (load_checkpoint reads "
            "a checkpoint, and doctor examines it)"
        )
    if not path.is_dir():
        return "there is no such folder"
    inside = sorted(p.parent.name for p in path.glob(f"*/{CONFIG}"))
    if inside:
        return f"but there are runs in it, as {path / inside[0]}"
    return f"there is no {CONFIG}, which train --out writes"


def _checkpoint(path: Path, step: int | None) -> dict[str, Any]:
    """The state of the run at a step, or the last one."""
    kept = RunFolder(path).kept_steps()
    others = f"; kept are the steps {_listed(kept)}" if kept else ""
    if step is not None and step in kept:
        return load_checkpoint(kept[step])
    last = RunFolder(path).last
    if not last.is_file():
        raise InputError(f"the run in {path} has not saved yet{others}")
    try:
        saved = load_checkpoint(last)
    except DamagedFile as error:
        raise DamagedFile(f"{error}{others}") from error
    if step is not None and step != saved.get("step"):
        raise InputError(
            f"step {step} was not kept: there is the last, "
            f"{saved.get('step')}{others}"
        )
    return saved


def _listed(steps: dict[int, Path]) -> str:
    """Them all, or the first and the last few."""
    names = [str(step) for step in sorted(steps)]
    if len(names) > 6:
        names[3:-2] = ["…"]
    return ", ".join(names)


def _chosen(
    saved: dict[str, Any], weights: str, path: Path
) -> dict[str, Tensor]:
    """The weights that were asked for."""
    if "model" not in saved:
        raise InputError(f"the checkpoint in {path} holds no model")
    if weights == "live":
        return saved["model"]
    if not saved.get("ema"):
        raise InputError(
            f'the run in {path} averaged no weights; take weights="live"'
        )
    return saved["ema"]["model"]


def fill(
    model: TimeUNet, weights: dict[str, Tensor], path: Path
) -> TimeUNet:
    """The network with these weights, in eval mode."""
    weights = bare_names(weights)
    if wrong := misfit(weights, model):
        raise InputError(
            f"the weights in {path} are not those of the network that its "
            f"{CONFIG} describes: {wrong}"
        )
    model.load_state_dict(weights)
    return model.eval()


def _schedule(
    config: dict[str, Any], saved: dict[str, Any]
) -> NoiseSchedule:
    """The one the run was trained with, to the last digit."""
    if "betas" in saved:
        return NoiseSchedule(saved["betas"])
    make = getattr(NoiseSchedule, config["schedule"], None)
    if make is None or "num_steps" not in config:
        raise InputError(
            f"schedule: the run has none that is known; its {CONFIG} says "
            f"{config['schedule']!r}"
        )
    return make(config["num_steps"])
