"""What is chosen before a run of one's own begins, and config.json."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

from ..checks import (
    Count,
    FilePath,
    InputError,
    NotNegative,
    Share,
    checked,
    choice,
    refuse,
    whole,
)
from ..ema import Decay
from ..files import whole_file
from ..prediction import Predicts
from ..recipe import Length, Recipe
from .presets import PRESETS

NAME = "config.json"


def network_of(value: Any, name: str) -> dict[str, Any]:
    """Arguments of TimeUNet: as they are given, or those of a preset."""
    if isinstance(value, str) and value in PRESETS:
        return dict(PRESETS[value].network)
    if not isinstance(value, dict):
        choices = ", ".join(map(repr, PRESETS))
        refuse(name, f"{choices}, or a dict for TimeUNet", value)
    return value


Network = Annotated[dict | str, network_of]
Seldom = Annotated[int, whole(0)]  # every so many steps; 0 for never


@checked
@dataclass(frozen=True)
class RunConfig:
    """All that is chosen before a run; two that are equal are one run."""

    pictures: str  # a folder, or the name of a set of images
    out: FilePath  # the folder of the run
    size: Annotated[int, whole(8, 128)] | None = None  # of a picture's side
    flip: bool = False  # mirrored pictures as well
    network: Network = field(  # a preset, or arguments of TimeUNet
        default_factory=lambda: network_of("small", "network")
    )
    pretrained: str | None = None  # weights to begin with: name or run
    predicts: Predicts = "v"
    schedule: Annotated[str, choice("cosine", "linear")] = "cosine"
    num_steps: Count = 1000  # T of the schedule
    steps: Count = 10_000  # of the training
    batch_size: Count = 64  # of all processes together
    lr: NotNegative = 1e-3  # at its highest; a cosine takes it to 0
    warmup: Annotated[int, whole(0)] = 100  # steps in which it rises
    p_uncond: Share = 0.1  # of the labels dropped, where there are classes
    ema: Decay | None = 0.999  # averages the weights
    max_norm: Length | None = 1.0  # of the gradients
    seed: int = 0  # of weights, order, t, noise and drops
    accumulate: Count = 1  # parts of a batch, one after the other
    precision: Annotated[str, choice("fp32", "bf16", "fp16")] = "fp32"
    device: Annotated[str, choice("auto", "cpu", "cuda", "mps")] = "auto"
    compile: bool = False  # the network, with torch.compile
    channels_last: bool = False  # the order of numbers in memory
    save_every: Count = 500  # steps
    keep: Seldom = 0  # a checkpoint of its own, every so many steps
    sample_every: Seldom = 1000  # steps
    log_every: Count = 10  # steps
    tensorboard: bool = False  # events beside log.csv

    @property
    def recipe(self) -> Recipe:
        """What of it is the recipe of the training loop."""
        own = {f.name for f in fields(Recipe)} - {"num_steps"}
        chosen = {name: getattr(self, name) for name in own}
        return Recipe(num_steps=self.steps, **chosen)


SETTINGS = tuple(f.name for f in fields(RunConfig))
FREE = {  # may be others each time: they do not change the run
    "out",
    "device",
    "save_every",
    "keep",
    "sample_every",
    "log_every",
    "tensorboard",
}
LASTING = {  # what was trained so far would fit no longer
    "size",
    "network",
    "pretrained",
    "predicts",
    "schedule",
    "num_steps",
    "seed",
}
TAKEN = [n for n in SETTINGS if n not in FREE | LASTING]  # by override


def config_of(given: dict[str, Any]) -> RunConfig:
    """The settings of a run by name: those given, or those it had before.

    given: settings of a RunConfig, "out" among them
    """
    before = read_config(given["out"]) or {}
    saved = {name: before[name] for name in SETTINGS if name in before}
    return RunConfig(**(saved | given))


def settled(config: RunConfig, override: dict[str, Any]) -> RunConfig:
    """*config* for the run in its folder, with what is to be otherwise.

    Refuses what the run in the folder has otherwise, by name.
    """
    for name in override:
        if name not in TAKEN:
            raise InputError(
                f"override takes {', '.join(TAKEN)}; got {name!r}"
            )
    before = read_config(config.out) or {}
    decided = _decided(config, before)
    for name in SETTINGS:
        if name in before and name not in FREE | decided | override.keys():
            _check_same(name, getattr(config, name), before[name])
    if "network" in before:
        config = replace(config, network=before["network"])
    return replace(config, **override)


def _decided(config: RunConfig, before: dict[str, Any]) -> set[str]:
    """What the weights that a run begins with decide: the network."""
    if config.pretrained is None:
        return set()
    if config.network == network_of("small", "network"):  # not chosen
        return {"network"}
    if "network" not in before:
        raise InputError(
            "network: with pretrained it is that of the weights; leave "
            "network out"
        )
    return set()


def _check_same(name: str, value: Any, saved: Any) -> None:
    """Refuse a setting that is not the one of the run."""
    same = saved == value
    if isinstance(value, dict):  # the run knows more of its arguments
        same = value.items() <= saved.items()
    if not same:
        way = (
            f"--override {name}={value} goes on with it"
            if name in TAKEN
            else "name another folder for another run"
        )
        raise InputError(
            f"{name}: the run has {saved}; got {value} (leave {name} out "
            f"to go on as before; {way})"
        )


def read_config(out: str | Path) -> dict[str, Any] | None:
    """What config.json in the folder *out* says; None without one."""
    path = Path(out) / NAME
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is not that of a run: no settings in it")
    return config


def write_config(config: RunConfig, facts: dict[str, Any]) -> None:
    """All settings and *facts* as config.json, whole or not at all."""
    text = asdict(config) | {"out": str(config.out)} | facts
    with whole_file(config.out / NAME) as place:
        place.write_text(json.dumps(text, indent=1) + "\n", "utf-8")
