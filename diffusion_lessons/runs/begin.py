"""How a run begins, and how it goes on where another process left it."""

import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import nn

from ..checks import InputError
from ..conditioning import TimeUNet
from ..ema import EMA
from ..schedule import NoiseSchedule
from .ahead import Ahead
from .config import RunConfig, read_config
from .draws import PictureBatches
from .origin import Origin, take_over
from .ranks import Ranks
from .step import RunState


def completed(
    config: RunConfig, store: Any, origin: Origin | None = None
) -> RunConfig:
    """*config* with what pictures and weights decide of the network."""
    decided = {
        "in_channels": store.shape[0],
        "num_classes": len(store.classes),
    }
    chosen = origin.network if origin else config.network
    return replace(config, network=chosen | decided)


def facts_of(
    config: RunConfig, store: Any, override: dict, step: int
) -> dict:
    """What config.json says beside the settings.

    Refuses pictures that are not those of the run, unless they are an
    override.
    """
    before = read_config(config.out) or {}
    found = before.get("fingerprint", store.fingerprint)
    if found != store.fingerprint and "pictures" not in override:
        raise InputError(
            f"pictures: those in {config.pictures} have changed since the "
            f"run began (--override pictures={config.pictures} goes on "
            "with them as they are; name another folder for another run)"
        )
    history = before.get("overrides", [])
    if override:
        history = [*history, {"step": step} | override]
    return {
        "shape": list(store.shape),
        "classes": list(store.classes),
        "fingerprint": store.fingerprint,
        "held_out": len(store.held_out),
        "training": len(store.training),
        "overrides": history,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Of what a run depends on."""
    try:
        own = version("diffusion_lessons")
    except PackageNotFoundError:  # run from its folder
        own = "not installed"
    return {
        "diffusion_lessons": own,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def state_of(
    config: RunConfig,
    store: Any,
    ranks: Ranks,
    origin: Origin | None = None,
) -> RunState:
    """The state of a run before its first step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = TimeUNet(**config.network).to(ranks.device)
    if origin:
        take_over(model, origin, store.classes)
    if config.channels_last:
        model = model.to(memory_format=torch.channels_last)
    recipe = config.recipe
    schedule = getattr(NoiseSchedule, config.schedule)(config.num_steps)
    state = RunState(
        _dressed(model, config, ranks),
        _optimizer(model, config),
        PictureBatches(
            store, batch_size=config.batch_size, seed=config.seed
        ),
        torch.Generator().manual_seed(config.seed),
        schedule.to(ranks.device),
        recipe,
        None if recipe.ema is None else EMA(model, recipe.ema),
        scaler=torch.amp.GradScaler(
            ranks.device.type, enabled=config.precision == "fp16"
        ),
    )
    if ranks.device.type == "cuda":
        state.draw = Ahead(state.batches)
    state.set_rate()
    return state


def _dressed(
    model: nn.Module, config: RunConfig, ranks: Ranks
) -> nn.Module:
    """The network as it is trained: compiled, shared among processes."""
    if config.compile:
        model = torch.compile(model, mode=_mode(config, ranks))
    return ranks.shared(model)


def _mode(config: RunConfig, ranks: Ranks) -> str | None:
    """A GPU alone replays all its operations at one word of the CPU.

    What is replayed writes its gradients to the same place each time. So
    it is not for parts of a batch, which add theirs up, or for processes
    that send them to each other.
    """
    alone = ranks.count == config.accumulate == 1
    on_gpu = ranks.device.type == "cuda"
    return "reduce-overhead" if on_gpu and alone else None


def _optimizer(
    model: nn.Module, config: RunConfig
) -> torch.optim.Optimizer:
    """AdamW, in one sweep over all weights where there is such a thing."""
    fused = next(model.parameters()).device.type != "mps"
    return torch.optim.AdamW(model.parameters(), config.lr, fused=fused)


def fitting(saved: dict, config: RunConfig, override: dict) -> dict:
    """A saved state as a run with other settings can go on with it."""
    batches = dict(saved.get("batches", {}))
    if "batch_size" in override:
        batches["batch_size"] = config.batch_size
    if "pictures" in override:  # other places: a new pass
        batches |= {
            "order": torch.empty(0, dtype=torch.int64),
            "position": 0,
        }
    return saved | {"batches": batches}
