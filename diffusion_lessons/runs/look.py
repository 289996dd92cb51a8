"""How far a run has come: samples, and the loss on held-out pictures."""

from functools import partial
from pathlib import Path

import torch
from torch import nn

from ..loss import diffusion_loss, loss_by_t
from ..networks import home_of, in_mode, unwrapped
from ..pretrained import Pretrained
from .config import RunConfig
from .draw import Order, draw
from .grid import write_png
from .step import RunState

COUNT, COLUMNS = 32, 8  # samples
MOST = 256  # held-out pictures
MOMENTS = 8  # values of t at which they are judged


def best_of(state: RunState) -> nn.Module:
    """The averaged network, or the network itself."""
    return state.ema.model if state.ema else unwrapped(state.model)


def draw_samples(state: RunState, config: RunConfig, path: Path) -> None:
    """The same noise each time, so that one sees what has changed."""
    model, store = best_of(state), state.batches.store
    facts = config.predicts, model.null_label, store.shape
    net = Pretrained(model, state.schedule, *facts)
    order = Order(COUNT, seed=config.seed, batch=COUNT)
    with in_mode(model, training=False):
        ((_, images),) = draw(net, order)
    write_png(path, images, COLUMNS)


def held_out_loss(state: RunState, config: RunConfig) -> float | None:
    """The mean loss on pictures that are not trained on; None without."""
    store = state.batches.store
    places = torch.as_tensor(store.held_out)[:MOST]
    if not len(places):
        return None
    label = None if store.labels is None else store.labels[places]
    model, last = best_of(state), state.schedule.num_steps
    known = None if label is None else label.to(home_of(model)[0])
    moments = torch.linspace(1, last, MOMENTS).round().int().tolist()
    losses = loss_by_t(
        model,
        store.images(places),
        state.schedule,
        moments,
        loss=partial(diffusion_loss, predicts=config.predicts, label=known),
        seed=config.seed,
    )
    return losses.mean().item()
