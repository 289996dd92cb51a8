"""How far a run has come: samples, and the loss on held-out pictures."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from ..guidance import Guided
from ..loss import diffusion_loss, loss_by_t
from ..networks import home_of, in_mode, unwrapped
from ..sampling import ddim_sample
from .config import RunConfig
from .grid import write_png
from .step import RunState

COUNT, COLUMNS, STEPS = 32, 8, 50  # samples, and steps of DDIM for each
MOST = 256  # held-out pictures
MOMENTS = 8  # values of t at which they are judged


def best_of(state: RunState) -> nn.Module:
    """The averaged network, or the network itself."""
    return state.ema.model if state.ema else unwrapped(state.model)


def draw_samples(state: RunState, config: RunConfig, path: Path) -> None:
    """The same noise each time, so that one sees what has changed."""
    model, store = best_of(state), state.batches.store
    generator = torch.Generator().manual_seed(config.seed)
    x_T = torch.randn(COUNT, *store.shape, generator=generator)
    x_T = x_T.to(home_of(model)[0])
    asked = model
    if classes := config.network["num_classes"]:
        label = torch.arange(COUNT, device=x_T.device) % classes
        asked = Guided(model, label, model.null_label)
    with in_mode(model, training=False):
        *_, last = ddim_sample(
            asked, x_T, state.schedule, STEPS, predicts=config.predicts
        )
    write_png(path, last.x.cpu(), COLUMNS)


def held_out_loss(state: RunState, config: RunConfig) -> float | None:
    """The mean loss on pictures that are not trained on; None without."""
    store = state.batches.store
    places = torch.as_tensor(store.held_out)[:MOST]
    if not len(places):
        return None
    label = None if store.labels is None else store.labels[places]
    last = state.schedule.num_steps
    moments = torch.linspace(1, last, MOMENTS).round().int().tolist()
    return (
        loss_by_t(
            best_of(state),
            store.images(places),
            state.schedule,
            moments,
            loss=_told(config, label),
            seed=config.seed,
        )
        .mean()
        .item()
    )


def _told(config: RunConfig, label: Tensor | None) -> Callable:
    """The loss of a run, on pictures with these labels."""

    def loss(model, x0, t, noise, schedule):
        known = None if label is None else label.to(x0.device)
        return diffusion_loss(
            model,
            x0,
            t,
            noise,
            schedule,
            predicts=config.predicts,
            label=known,
        )

    return loss
