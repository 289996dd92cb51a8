"""How much noise each step adds: betas, alphas, alphas_cumprod."""

from collections.abc import Callable
from functools import lru_cache
from math import inf, pi

import torch
from torch import Tensor

INTEGERS = {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8}
Tables = Tensor | Callable[["NoiseSchedule"], Tensor]  # (n, T + 1)
DDPM_STEPS = 1000  # the T for which the linear betas were published


def linear_betas(
    num_steps: int = DDPM_STEPS,
    beta_start: float = 1e-4,
    beta_end: float = 0.02,
) -> Tensor:
    """beta_1 … beta_T on a straight line, as in Ho et al. (2020), sec. 4.

    Returns (T,) float64. The two ends were chosen for T = 1000; with a
    smaller T the chain stops before the signal is gone, which is what
    ``NoiseSchedule.linear`` mends.
    """
    check_steps(num_steps)
    return torch.linspace(
        beta_start, beta_end, num_steps, dtype=torch.float64
    )


def cosine_betas(
    num_steps: int = DDPM_STEPS, s: float = 0.008, max_beta: float = 0.999
) -> Tensor:
    """beta_1 … beta_T of Nichol & Dhariwal (2021), eq. 17.

    Returns (T,) float64. alphas_cumprod falls along a squared cosine; *s*
    keeps the first steps from being too small, *max_beta* keeps the last
    one below 1.
    """
    check_steps(num_steps)
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

    def __init__(self, betas: Tensor):
        betas = torch.as_tensor(betas, dtype=torch.float64)
        if betas.ndim != 1 or len(betas) == 0:
            raise ValueError(
                "betas must be one value per step, shape (T,); "
                f"got shape {tuple(betas.shape)}"
            )
        allowed = (betas > 0) & (betas < 1)
        allowed[-1] |= betas[-1] == 1
        if not allowed.all():
            raise ValueError(
                "betas must lie strictly between 0 and 1 (the last may be "
                f"1); got values from {betas.min():.4g} to "
                f"{betas.max():.4g}"
            )
        self.betas = torch.cat([betas.new_zeros(1), betas])
        self.alphas = 1 - self.betas
        self.alphas_cumprod = self.alphas.cumprod(0)
        sigma = (1 - self.alphas_cumprod).sqrt()
        self._signal_and_sigma = torch.stack(
            [self.alphas_cumprod.sqrt(), sigma]
        )

    @property
    def sqrt_alphas_cumprod(self) -> Tensor:
        """How much of x_0 is left in x_t, (T + 1,)."""
        return self._signal_and_sigma[0]

    @property
    def sqrt_one_minus_alphas_cumprod(self) -> Tensor:
        """The standard deviation of the noise in x_t, (T + 1,)."""
        return self._signal_and_sigma[1]

    @classmethod
    def linear(cls, num_steps: int = DDPM_STEPS) -> "NoiseSchedule":
        """The linear schedule at any T, ending in noise at every T.

        Each of the T steps does the work of 1000/T steps of DDPM:
        1 - beta_t = (1 - b_t)^(1000/T), b = linear_betas(T). At T = 1000
        these are DDPM's own betas.
        """
        log_alphas = torch.log1p(-linear_betas(num_steps))
        return cls(-torch.expm1(log_alphas * DDPM_STEPS / num_steps))

    @classmethod
    def cosine(cls, num_steps: int = DDPM_STEPS) -> "NoiseSchedule":
        """The cosine schedule of Nichol & Dhariwal (2021) at any T."""
        return cls(cosine_betas(num_steps))

    @property
    def num_steps(self) -> int:
        """T, the number of noising steps."""
        return len(self.betas) - 1

    def snr(self) -> Tensor:
        """alphas_cumprod / (1 - alphas_cumprod), (T + 1,); inf at t = 0."""
        return self.alphas_cumprod / (1 - self.alphas_cumprod)

    def respaced(self, num_steps: int) -> "NoiseSchedule":
        """A schedule of fewer steps through the same noise levels.

        Keeps the first and the last alphas_cumprod and evenly spaced ones
        between them; the new betas follow from the ratios.
        """
        check_steps(num_steps, highest=self.num_steps)
        kept = torch.linspace(0, self.num_steps, num_steps + 1).round()
        alphas_cumprod = self.alphas_cumprod[kept.long()]
        return NoiseSchedule(1 - alphas_cumprod[1:] / alphas_cumprod[:-1])

    def zero_terminal_snr(self) -> "NoiseSchedule":
        """The same schedule, bent so that x_T is nothing but noise.

        Lin et al. (2024), algorithm 1: sqrt(alphas_cumprod) is shifted to 0
        at t = T and stretched to keep its value at t = 1. beta_T becomes 1,
        and a network that predicts "eps" cannot be read there.
        """
        if self.num_steps == 1:
            return NoiseSchedule(torch.ones(1))
        signal = self.sqrt_alphas_cumprod[1:]
        first, last = signal[0], signal[-1]
        signal = (signal - last) * first / (first - last)
        alphas_cumprod = torch.cat([signal.new_ones(1), signal**2])
        return NoiseSchedule(1 - alphas_cumprod[1:] / alphas_cumprod[:-1])

    def to(self, device: torch.device | str) -> "NoiseSchedule":
        """The same schedule with its tensors on *device*.

        Itself, if they are there.
        """
        if self.betas.device == torch.device(device):
            return self
        moved = object.__new__(NoiseSchedule)
        moved.__dict__ = {k: v.to(device) for k, v in vars(self).items()}
        return moved

    def signal_and_sigma(
        self, t: Tensor | int, like: Tensor, lowest: int = 0
    ) -> tuple[Tensor, ...]:
        """The two factors of x_t = signal x_0 + sigma noise, as ``at``."""
        return self.at(_signal_and_sigma, t, like, lowest)

    def at(
        self,
        tables: Tables,
        t: Tensor | int,
        like: Tensor,
        lowest: int = 0,
    ) -> tuple[Tensor, ...]:
        """``table[t]`` of every table, shaped to multiply *like* (B, …).

        tables: (n, T + 1), or the function that makes them of a schedule;
        then its values at an int t are kept, and not to be written into:
        a sampler asks at every step, and would wait here for no reason.
        t: an int, or (B,) integers in lowest..T
        Returns n tensors, (1, 1, …, 1) or (B, 1, …, 1), in the dtype and on
        the device of *like*: the one place where float64 is rounded.
        """
        self._check(t, like, lowest)
        if callable(tables):
            if isinstance(t, int):
                kind = like.dtype, like.device, like.ndim
                return _columns(tables, self, *kind)[t]
            tables = tables(self)
        index = torch.as_tensor(t, device=tables.device).view(-1).long()
        picked = tables.index_select(1, index).to(like)
        ones = (1,) * (like.ndim - 1)
        return picked.view(picked.shape + ones).unbind()

    def _check(self, t: Tensor | int, like: Tensor, lowest: int) -> None:
        """Refuse images that are not floats, and a t that is no step."""
        if not like.is_floating_point():
            raise TypeError(f"images must be floats; got {like.dtype}")
        if isinstance(t, Tensor) and t.dtype in INTEGERS:
            if t.ndim == 0 or t.shape == like.shape[:1]:
                ends = t.aminmax() if t.numel() else (lowest, lowest)
                low, high = map(int, ends)
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
            got = f"{t.dtype} values" if isinstance(t, Tensor) else repr(t)
        raise ValueError(
            "t must be an int or a (B,) tensor of integers in "
            f"{lowest}..{self.num_steps}; got {got}"
        )

    def __repr__(self) -> str:
        return (
            f"NoiseSchedule(T={self.num_steps}, "
            f"beta {self.betas[1]:.4g}…{self.betas[-1]:.4g}, "
            f"signal left {self.sqrt_alphas_cumprod[-1]:.4f})"
        )


def _signal_and_sigma(schedule: NoiseSchedule) -> Tensor:
    return schedule._signal_and_sigma


@lru_cache(maxsize=8)  # 2 MB each at T = 1000
def _columns(
    make: Callable[[NoiseSchedule], Tensor],
    schedule: NoiseSchedule,
    dtype: torch.dtype,
    device: torch.device,
    ndim: int,
) -> list[tuple[Tensor, ...]]:
    """What ``at`` returns for the tables of *make*, for every int t."""
    with torch.inference_mode(False):  # others may want a gradient later
        tables = make(schedule).to(device, dtype)
        shaped = tables.view(tables.shape + (1,) * ndim)
        return list(zip(*map(torch.unbind, shaped), strict=True))


def check_steps(num_steps: int, highest: float = inf) -> None:
    """Refuse a number of steps that is not a whole number in 1..highest."""
    if not isinstance(num_steps, int) or not 1 <= num_steps <= highest:
        takes = "of at least 1" if highest == inf else f"in 1..{highest}"
        raise ValueError(
            f"num_steps must be a whole number {takes}, got {num_steps!r}"
        )
