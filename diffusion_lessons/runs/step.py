"""One step of a run: in parts, among processes, in half precision."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..checks import InputError
from ..loss import diffusion_loss
from ..state import TrainState
from .config import RunConfig
from .draws import Drawn, PictureBatches, draw
from .ranks import Ranks, parts_of

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class RunState(TrainState):
    """A TrainState of pictures in a store, and what half precision needs.

    Args:
        optimizer: what changes the weights.
        step: how many steps are done.
        scaler: keeps small gradients from being 0 in fp16; else it is off.
        seen: the losses since the last row of the log, and how many.
        draw: draws the pictures, t and the noise of a step.
    """

    batches: PictureBatches
    scaler: torch.amp.GradScaler = field(
        default_factory=lambda: torch.amp.GradScaler("cpu", enabled=False)
    )
    seen: tuple[float, int] = (0.0, 0)
    draw: Callable[..., Drawn] = field(default_factory=lambda: draw)

    def state_dict(self) -> dict:
        """As a TrainState's, and the scale of the gradients.

        Without the state of PyTorch's own generator, which no layer of a
        TimeUNet asks: it would be another in each process.
        """
        own = super().state_dict()
        del own["torch_generator"]
        more = {"scaler": self.scaler.state_dict(), "seen": self.seen}
        return own | more

    def load_state_dict(self, saved: dict) -> None:
        """Become the run that *saved* was taken from."""
        super().load_state_dict(saved)
        if saved.get("scaler"):
            self.scaler.load_state_dict(saved["scaler"])
        self.seen = saved.get("seen", (0.0, 0))

    def is_finite(self) -> bool:
        """Are all weights numbers that one can go on with?"""
        weights = self.model.parameters()
        return all(bool(w.isfinite().all()) for w in weights)

    def move(self) -> None:
        """As a TrainState's; not where gradients overflowed in fp16."""
        self.scaler.unscale_(self.optimizer)
        self.shorten()
        self.scaler.step(self.optimizer)
        self.scaler.update()


class InHalf:
    """A network that computes in half precision what may be, as a model.

    What comes in and goes out are float32, so that the noise, the schedule
    and the loss are: only the layers' products are in half precision.

    Args:
        model: the network; its weights stay float32.
        dtype: bfloat16 or float16.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype):
        self.model, self.dtype = model, dtype

    def __call__(self, x: Tensor, t: Tensor, *label: Tensor) -> Tensor:
        """(B, C, H, W) float32 to the same."""
        with torch.autocast(x.device.type, self.dtype):
            output = self.model(x, t, *label)
        return output.float()


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse what the device has not."""
    if precision == "fp16" and device.type != "cuda":
        raise InputError(
            "precision: fp16 needs a GPU with CUDA, and this run is on "
            f"{device.type}; take fp32, or bf16"
        )


def take_step(state: RunState, config: RunConfig, ranks: Ranks) -> float:
    """One step of Algorithm 1 of DDPM; this process's part of the loss.

    The parts of all processes add up to the loss of the whole batch.
    """
    model, recipe = state.model, state.recipe
    drawn = state.draw(
        state.batches,
        state.schedule,
        state.generator,
        config.network["num_classes"],
        recipe.p_uncond,
    )
    size = len(drawn.places)
    own = parts_of(size, ranks.rank, ranks.count, config.accumulate)
    state.optimizer.zero_grad()
    total = torch.zeros((), device=ranks.device)
    for part in own:
        last = part is own[-1] or ranks.count == 1
        with nullcontext() if last else model.no_sync():
            share = (part.stop - part.start) / size
            value = _loss_of(state, drawn.part(part), config, ranks) * share
            state.scaler.scale(value * ranks.count).backward()
        total += value.detach()
    state.advance()
    return total.item()


def _loss_of(
    state: RunState, drawn: Drawn, config: RunConfig, ranks: Ranks
) -> Tensor:
    """The mean loss of some pictures."""
    x0 = state.batches.store.images(drawn.places)
    x0, t, noise = (
        x.to(ranks.device, non_blocking=True)
        for x in (x0, drawn.t, drawn.noise)
    )
    if config.channels_last:
        x0, noise = (
            x.to(memory_format=torch.channels_last) for x in (x0, noise)
        )
    model = state.model
    if config.precision in HALF:
        model = InHalf(model, HALF[config.precision])
    label = None if drawn.label is None else drawn.label.to(ranks.device)
    return diffusion_loss(
        model,
        x0,
        t,
        noise,
        state.schedule,
        predicts=config.predicts,
        label=label,
    )
