"""Pictures of runs: their losses, their rates, what many have shown."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..recipe import lr_factor
from .plots import plot_curves

SMOOTH = 25  # steps that are averaged


def plot_losses(losses: Sequence[float], log: list[dict[str, str]]) -> None:
    """The loss of every step, smoothed, and the held-out loss of a log.

    losses: (N,), N at least 25    log: the rows of log.csv
    """
    step = torch.arange(SMOOTH, len(losses) + 1)
    smooth = torch.tensor(losses).unfold(0, SMOOTH, 1).mean(1)
    seen = [row for row in log if row["held_out_loss"]]
    at = torch.tensor([int(row["step"]) for row in seen])
    held = torch.tensor([float(row["held_out_loss"]) for row in seen])
    curves = [
        ("trained on", step, smooth, "prediction"),
        ("held out", at, held, "truth"),
    ]
    plot_curves({"loss on $v$": curves}, xlabel="training step")


def plot_rates(num_steps: int, warmups: dict[str, int]) -> None:
    """The learning rate of two runs, as a share of its highest value."""
    step, curves = torch.arange(num_steps), []
    for (name, warmup), role in zip(
        warmups.items(), ("truth", "x0"), strict=True
    ):
        share = [lr_factor(k, num_steps, warmup) for k in range(num_steps)]
        curves.append((name, step, torch.tensor(share), role))
    plot_curves({"share of the rate": curves}, xlabel="training step")


def plot_rounded(betas: Tensor, kind: torch.dtype) -> None:
    """What is left of the picture, in float64 and in another type.

    betas: (T,) from t = 1 on
    """
    t, curves = torch.arange(1, len(betas) + 1), []
    for each, role in ((torch.float64, "truth"), (kind, "prediction")):
        left = (1 - betas.to(each)).cumprod(0).double()
        name = str(each).removeprefix("torch.")
        curves.append((name, t, left, role))
    plot_curves({r"$\bar\alpha_t$": curves})


def plot_copying(rows: Sequence[Any]) -> None:
    """Losses, and the share of samples that are near to the run's own.

    rows: of ``measured.copying()``
    """
    pictures, own, other, nearer = (
        torch.tensor([getattr(row, name) for row in rows])
        for name in ("pictures", "own_loss", "other_loss", "nearer")
    )
    chance = torch.full_like(nearer, 0.5)
    panels = {
        "loss on $v$": [
            ("its own", pictures, own, "prediction"),
            ("others", pictures, other, "truth"),
        ],
        "share of samples": [
            ("nearer", pictures, nearer, "prediction"),
            ("chance", pictures, chance, "truth"),
        ],
    }
    plot_curves(panels, xlabel="pictures trained on", xscale="log")


def plot_tuned(rows: Sequence[Any]) -> None:
    """The loss from shipped and from random weights, on so many pictures.

    rows: of ``measured.fine_tuned()``
    """
    pictures, shipped, random = (
        torch.tensor([getattr(row, name) for row in rows])
        for name in ("pictures", "shipped", "random")
    )
    curves = [
        ("shipped", pictures, shipped, "x0"),
        ("random", pictures, random, "noise"),
    ]
    plot_curves({"loss on $v$": curves}, xlabel="pictures", xscale="log")
