"""How much noise there is at a moment, in four languages, and when.

In every language a picture is x = a x_0 + b eps, and a clock says how much
there is of each:

- "ddpm": the step t in 0..T of a schedule, a² = ᾱ_t and b² = 1 - ᾱ_t;
- "sigma": sigma from 0 up, as in Karras et al. (2022), a = 1, b = sigma;
- "flow": t in 0..1, a straight line from x_0 to eps, a = 1 - t and b = t;
- "vp": t from 0 up, as in Song et al. (2021), a² = ᾱ and b² = 1 - ᾱ, where
  ᾱ = exp(-∫ beta) with beta(t) = 0.1 + 19.9 t. Networks are trained up to
  t = 1, but the formula goes on, and other clocks end a little later.

The chain has nothing between two of its steps. As in ``alpha_bar``, log ᾱ
is on a straight line there: the noise of a step comes evenly over its time,
and the chain is "vp" with a beta that is constant within each step.
"""

from math import inf
from typing import Annotated

import torch
from torch import Tensor

from .checks import Clock, InputError, checked, choice, refuse
from .schedule import NoiseSchedule

LANGUAGES = ("ddpm", "sigma", "flow", "vp")
Language = Annotated[str, choice(*LANGUAGES)]
ROUNDING = 1e-9  # what may be missing from a whole step, or beyond an end


@checked
def factors(
    clock: Clock, language: Language, schedule: NoiseSchedule | None = None
) -> tuple[Tensor, Tensor]:
    """a and b of x = a x_0 + b eps at a moment of a language.

    clock: a number, or (B,) of them    returns two of its shape, float64
    schedule: whose steps t are, in "ddpm"
    """
    _check_end(clock, language, schedule)
    if language == "flow":
        return 1 - clock, clock
    if language == "sigma":
        return torch.ones_like(clock), clock
    if language == "vp":
        gathered = 0.1 * clock + 9.95 * clock**2  # ∫ beta
    else:
        gathered = ddpm_gathered(clock, schedule)
    return (-gathered / 2).exp(), (-torch.expm1(-gathered)).sqrt()


def ddpm_gathered(t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """-log ᾱ at the steps t, whole or not: the noise so far, as ∫ beta."""
    low, before, after = _neighbours(t.floor(), schedule)
    share = t - low
    _check_between((share > 0) & (share < 1), after, schedule)
    between = before + share * (after - before)
    return torch.where(share == 0, before, between)


def ddpm_step(ratio: Tensor, schedule: NoiseSchedule) -> Tensor:
    """The step, whole or not, at which b / a is *ratio*.

    What lies beyond the last step of the schedule is refused.
    """
    gathered = torch.log1p(ratio**2).contiguous()
    table = schedule.once(_gathered).cpu()
    low = torch.searchsorted(table, gathered, right=True) - 1
    low, before, after = _neighbours(low, schedule)
    _check_most(ratio, table[-1])
    _check_between((ratio < inf) & (gathered > before), after, schedule)
    share = (gathered - before) / (after - before)
    t = low + torch.where(gathered >= after, 1, share.nan_to_num(0))
    return torch.where((t - t.round()).abs() < ROUNDING, t.round(), t)


def vp_t(ratio: Tensor) -> Tensor:
    """The t at which b / a is *ratio*: ∫ beta = log(1 + ratio²) there."""
    gathered = torch.log1p(ratio**2)
    return 2 * gathered / (0.1 + (0.01 + 39.8 * gathered).sqrt())


def _gathered(schedule: NoiseSchedule) -> Tensor:
    """-log ᾱ at every step, (T + 1,)."""
    return -schedule.alphas_cumprod.log()


def _neighbours(
    low: Tensor, schedule: NoiseSchedule
) -> tuple[Tensor, Tensor, Tensor]:
    """low, within the table, and -log ᾱ at the steps low and low + 1."""
    table = schedule.once(_gathered).cpu()
    low = low.clamp(0, schedule.num_steps - 1).long()
    return low, table[low], table[low + 1]


def known(
    schedule: NoiseSchedule | None, language: str
) -> NoiseSchedule | None:
    """The schedule; refused where it is needed and missing."""
    if language == "ddpm" and schedule is None:
        refuse("schedule", 'a NoiseSchedule where "ddpm" is spoken', None)
    return schedule


def _check_end(
    clock: Tensor, language: str, schedule: NoiseSchedule | None
) -> None:
    """Refuse a moment after the last one."""
    steps = known(schedule, language) and schedule.num_steps
    last = {"ddpm": steps, "flow": 1}.get(language, inf)
    if (clock > last).any():
        refuse("clock", f'in 0..{last} in "{language}"', clock.max().item())


def _check_most(ratio: Tensor, gathered: Tensor) -> None:
    """Refuse more noise than there is at the last step."""
    most = gathered.expm1().sqrt().item()
    if (ratio > most * (1 + ROUNDING)).any():
        raise InputError(
            "at the last step of this schedule noise over signal is "
            f"{most:.6g}; got {ratio.max():.6g} (begin at its last step)"
        )


def _check_between(
    inside: Tensor, after: Tensor, schedule: NoiseSchedule
) -> None:
    """Refuse a moment just before one of pure noise."""
    if (inside & after.isinf()).any():
        last = schedule.num_steps
        raise InputError(
            f"t = {last} of this schedule is pure noise, so nothing can be "
            f"said between t = {last - 1} and t = {last}"
        )
