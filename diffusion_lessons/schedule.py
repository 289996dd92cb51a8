"""How much noise each step adds: betas, alphas, alphas_cumprod."""

from collections.abc import Callable
from itertools import pairwise
from math import pi
from typing import Annotated

import torch
from torch import Tensor

from .checks import (
    INTEGERS,
    Count,
    Device,
    Images,
    InputError,
    NotNegative,
    Rows,
    Steps,
    checked,
    ends,
    images,
    real,
    refuse,
    spoken,
)
from .frozen import Frozen, frozen, plain

DDPM_STEPS = 1000  # the T for which the linear betas were published
Beta = Annotated[float, real(0, 1, ends="()")]
LastBeta = Annotated[float, real(0, 1, ends="(]")]


@checked
def linear_betas(
    num_steps: Count = DDPM_STEPS,
    beta_start: Beta = 1e-4,
    beta_end: Beta = 0.02,
) -> Tensor:
    """beta_1 … beta_T on a straight line, as in Ho et al. (2020), sec. 4.

    Returns (T,) float64. The two ends were chosen for T = 1000; with a
    smaller T the chain stops before the signal is gone, which is what
    ``NoiseSchedule.linear`` fixes.
    """
    return torch.linspace(
        beta_start, beta_end, num_steps, dtype=torch.float64
    )


@checked
def cosine_betas(
    num_steps: Count = DDPM_STEPS,
    s: NotNegative = 0.008,
    max_beta: LastBeta = 0.999,
) -> Tensor:
    """beta_1 … beta_T of Nichol & Dhariwal (2021), eq. 17.

    Returns (T,) float64. alphas_cumprod falls along a squared cosine; *s*
    keeps the first steps from being too small, *max_beta* keeps the last
    one below 1.
    """
    u = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    alphas_cumprod = torch.cos((u + s) / (1 + s) * pi / 2) ** 2
    ratio = alphas_cumprod[1:] / alphas_cumprod[:-1]
    return (1 - ratio).clamp(max=max_beta)


class NoiseSchedule:
    """The fixed noise levels of the forward process, eq. 2-4 of DDPM.

    Index = the t of the equations: t = 0 is the clean image, t = T the end
    of the chain. Every tensor here has shape (T + 1,) and dtype float64;
    ``betas[0] == 0`` and ``alphas_cumprod[0] == 1``.

    betas: (T,) the variances beta_1 … beta_T, each strictly inside (0, 1);
    the last may be 1, which leaves nothing of x_0 in x_T.
    """

    @checked
    def __init__(self, betas: Rows):
        betas = betas.to(torch.float64)
        if betas.ndim != 1 or len(betas) == 0:
            raise InputError(
                "betas must be one value per step, shape (T,); "
                f"got shape {tuple(betas.shape)}"
            )
        allowed = (betas > 0) & (betas < 1)
        allowed[-1] |= betas[-1] == 1
        if not allowed.all():
            raise InputError(
                "betas must lie strictly between 0 and 1 (the last may be "
                f"1); got values from {betas.min():.4g} to "
                f"{betas.max():.4g}"
            )
        self._betas = torch.cat([betas.new_zeros(1), betas])
        self._alphas_cumprod = (1 - self._betas).cumprod(0)
        self._signal_and_sigma = torch.stack(
            [self._alphas_cumprod.sqrt(), (1 - self._alphas_cumprod).sqrt()]
        )
        self._alpha_bars = self._alphas_cumprod.tolist()
        self._once: dict[Callable, Tensor] = {}

    @property
    def betas(self) -> Frozen:
        """The variance of the noise that each step adds, (T + 1,)."""
        return frozen(self._betas)

    @property
    def alphas(self) -> Frozen:
        """1 - betas, (T + 1,)."""
        return frozen(1 - self._betas)

    @property
    def alphas_cumprod(self) -> Frozen:
        """The product of the alphas up to each t, (T + 1,)."""
        return frozen(self._alphas_cumprod)

    @property
    def sqrt_alphas_cumprod(self) -> Frozen:
        """How much of x_0 is left in x_t, (T + 1,)."""
        return frozen(self._signal_and_sigma[0])

    @property
    def sqrt_one_minus_alphas_cumprod(self) -> Frozen:
        """The standard deviation of the noise in x_t, (T + 1,)."""
        return frozen(self._signal_and_sigma[1])

    def alpha_bar(self, t: int | float) -> float:
        """alphas_cumprod at one t in 0..T, as a number.

        Between two steps its logarithm is a straight line: the noise of a
        step comes evenly over the time of the step.
        """
        if type(t) not in (int, float) or not 0 <= t <= self.num_steps:
            refuse("t", f"an int in 0..{self.num_steps}", t)
        if type(t) is int:
            return self._alpha_bars[t]
        n = min(int(t), self.num_steps - 1)
        before, after = self._alpha_bars[n : n + 2]
        return before * (after / before) ** (t - n)

    @classmethod
    @checked
    def linear(cls, num_steps: Count = DDPM_STEPS) -> "NoiseSchedule":
        """The linear schedule at any T, ending in noise at every T.

        Each of the T steps does the work of 1000/T steps of DDPM:
        1 - beta_t = (1 - b_t)^(1000/T), b = linear_betas(T). At T = 1000
        these are DDPM's own betas; a single step takes the middle one.
        """
        b = linear_betas(num_steps)
        if num_steps == 1:
            b = linear_betas(3)[1:2]
        return cls(1 - (1 - b) ** (DDPM_STEPS / num_steps))

    @classmethod
    @checked
    def cosine(cls, num_steps: Count = DDPM_STEPS) -> "NoiseSchedule":
        """The cosine schedule of Nichol & Dhariwal (2021) at any T."""
        return cls(cosine_betas(num_steps))

    @property
    def num_steps(self) -> int:
        """T, the number of noising steps."""
        return len(self._alpha_bars) - 1

    def snr(self) -> Tensor:
        """alphas_cumprod / (1 - alphas_cumprod), (T + 1,); inf at t = 0."""
        return self.alphas_cumprod / (1 - self.alphas_cumprod)

    @checked
    def respaced(self, num_steps: Count) -> "NoiseSchedule":
        """A schedule of fewer steps through the same noise levels.

        Keeps the first and the last alphas_cumprod and evenly spaced ones
        between them; the new betas follow from the ratios.
        """
        if num_steps > self.num_steps:
            takes = f"a whole number in 1..{self.num_steps}"
            refuse("num_steps", takes, num_steps)
        kept = evenly(0, self.num_steps, num_steps)
        alphas_cumprod = self._alphas_cumprod[kept]
        return NoiseSchedule(1 - alphas_cumprod[1:] / alphas_cumprod[:-1])

    @checked
    def through(self, moments: Rows) -> "NoiseSchedule":
        """A schedule whose steps 1, 2, … end at these moments of this one.

        moments: (n,) numbers in 0..T, not 0, rising; see ``alpha_bar``.
        With it, all that takes a step t is known between two steps too.
        """
        if moments.ndim != 1 or not len(moments):
            refuse("moments", "a row of at least one number", moments)
        kept = [1.0, *map(self.alpha_bar, moments.double().tolist())]
        falls = all(a > b for a, b in pairwise(kept))
        if not falls:
            refuse("moments", "numbers that rise from above 0", moments)
        return NoiseSchedule([1 - b / a for a, b in pairwise(kept)])

    def zero_terminal_snr(self) -> "NoiseSchedule":
        """The same schedule, bent so that x_T is nothing but noise.

        Lin et al. (2024), algorithm 1: sqrt(alphas_cumprod) is shifted to 0
        at t = T and stretched to keep its value at t = 1. beta_T becomes 1,
        and a network that predicts "eps" cannot be read there.
        """
        if self.num_steps == 1:
            return NoiseSchedule(torch.ones(1))
        signal = self._signal_and_sigma[0, 1:]
        first, last = signal[0], signal[-1]
        signal = (signal - last) * first / (first - last)
        alphas_cumprod = torch.cat([signal.new_ones(1), signal**2])
        return NoiseSchedule(1 - alphas_cumprod[1:] / alphas_cumprod[:-1])

    @checked
    def to(self, device: Device) -> "NoiseSchedule":
        """The same schedule with its tensors on *device*.

        Itself, if they are there.
        """
        if self._betas.device == device:
            return self
        moved = object.__new__(NoiseSchedule)
        try:
            for name, value in vars(self).items():
                tensor = isinstance(value, Tensor)
                moved.__dict__[name] = value.to(device) if tensor else value
        except (AssertionError, RuntimeError) as error:
            raise InputError(
                f"device must be one that is here; got {device} ({error})"
            ) from error
        moved._once = {}
        return moved

    def once(self, make: Callable[["NoiseSchedule"], Tensor]) -> Tensor:
        """``make(self)``, tables for every t, computed once.

        Not to be handed out: whoever writes into them changes every step.
        """
        if make in self._once:
            return self._once[make]
        with torch.inference_mode(False):  # others may want a gradient
            tables = plain(make(self))
        in_a_graph = torch.compiler.is_compiling()
        if type(tables) is Tensor and not in_a_graph:
            self._once[make] = tables
        return tables

    def beta_at(self, t: Steps, like: Images) -> Tensor:
        """beta_t for t in 1..T, shaped to multiply *like*; see ``at``."""
        (beta,) = self.at(self._betas[None], t, like, lowest=1)
        return beta

    def signal_and_sigma(
        self, t: Steps, like: Images, lowest: int = 0
    ) -> tuple[Tensor, ...]:
        """The two factors of x_t = signal x_0 + sigma noise, as ``at``."""
        return self.at(self._signal_and_sigma, t, like, lowest)

    def at(
        self, tables: Tensor, t: Steps, like: Images, lowest: int = 0
    ) -> tuple[Tensor, ...]:
        """``table[t]`` of every table, shaped to multiply *like* (B, …).

        tables: (n, T + 1)    t: an int, or (B,) integers in lowest..T
        Returns n new tensors, (1, 1, …, 1) or (B, 1, …, 1), in the dtype
        and on the device of *like*: the one place where float64 is rounded.
        """
        like = images(like, "like")
        self.check_t(t, like, lowest)
        if isinstance(t, int):
            picked = tables[:, t]
        else:
            picked = tables[:, t.reshape(-1).long().to(tables.device)]
        picked = picked.to(like, copy=True)
        ones = (1,) * (like.ndim - 1)
        return picked.view(len(tables), -1, *ones).unbind()

    def check_t(self, t: Steps, like: Images, lowest: int) -> None:
        """Refuse a t that is no step in lowest..T."""
        if isinstance(t, Tensor) and t.dtype in INTEGERS:
            if t.ndim == 0 or t.shape == like.shape[:1]:
                low, high = ends(t) or (lowest, lowest)
                if lowest <= low and high <= self.num_steps:
                    return
                got = f"values from {low} to {high}"
            else:
                got = f"shape {tuple(t.shape)} for {tuple(like.shape)}"
        elif isinstance(t, int) and not isinstance(t, bool):
            if lowest <= t <= self.num_steps:
                return
            got = str(t)
        else:
            got = spoken(t)
        raise InputError(
            "t must be an int or a (B,) tensor of integers in "
            f"{lowest}..{self.num_steps}; got {got}"
        )

    def __repr__(self) -> str:
        return (
            f"NoiseSchedule(T={self.num_steps}, "
            f"beta {self._betas[1]:.4g}…{self._betas[-1]:.4g}, "
            f"signal left {self._signal_and_sigma[0, -1]:.4f})"
        )


def evenly(first: int, last: int, num_steps: int) -> Tensor:
    """num_steps + 1 whole numbers from *first* to *last*, evenly spaced."""
    spaced = torch.linspace(first, last, num_steps + 1, dtype=torch.float32)
    return spaced.round().long()
