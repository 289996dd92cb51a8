"""Faults to look at: a healthy network or sampler, one thing made wrong.

Every wrapper is again a model, (x, t) or (x, t, label) -> output, so that
nothing has to be trained to see what a mistake does.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import (
    Count,
    Images,
    Labels,
    Model,
    Noise,
    Pictures,
    Times,
    checked,
)
from ..clocks import as_flow
from ..exact import ExactModel
from ..mixture import GaussianMixture
from ..prediction import Predicts, x0_and_eps
from ..sampling import (
    Snapshot,
    ddim_sample,
    noise_like,
)
from ..schedule import NoiseSchedule

LAST = 0.999  # a time of a flow at which a little of x_0 is left


class Wrapped(nn.Module):
    """A model that asks another one; by itself it changes nothing.

    model: (x, t) or (x, t, label) -> output
    """

    @checked
    def __init__(self, model: Callable):
        super().__init__()
        self.model = model
        self.null_label = getattr(model, "null_label", None)
        self.training = getattr(model, "training", False)  # and no part

    @checked
    def forward(
        self, x: Images, t: Times, label: Labels | None = None
    ) -> Tensor:
        """(B, …) at the steps t to (B, …)."""
        t = torch.as_tensor(t, device=x.device).expand(len(x))
        return self.answer(x, t, () if label is None else (label,))

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """What is told to the network, and what becomes of its answer."""
        return self.model(x, t, *label)


class ShiftedTime(Wrapped):
    """The network is told t + *by*: an index that counts from elsewhere."""

    def __init__(self, model: Callable, by: int = 1):
        super().__init__(model)
        self.by = by

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """At t + by, but not below 0."""
        return self.model(x, (t + self.by).clamp(min=0), *label)


class ScaledTime(Wrapped):
    """The network is told *factor* t, rounded: 1/T, or T, for t itself."""

    def __init__(self, model: Callable, factor: float):
        super().__init__(model)
        self.factor = factor

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """At factor t, a whole number."""
        told = (t.double() * self.factor).round().long()
        return self.model(x, told, *label)


class Untold(Wrapped):
    """The network is told the same step *t* whatever the noise is."""

    def __init__(self, model: Callable, t: int):
        super().__init__(model)
        self.t = t

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """At the step that never changes."""
        return self.model(x, torch.full_like(t, self.t), *label)


class Unlabelled(Wrapped):
    """The label is taken and goes nowhere."""

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """As if no label had been told."""
        return self.model(x, t)


class Activated(Wrapped):
    """The output passes through an activation, as a hidden layer does."""

    def __init__(self, model: Callable, activation: Callable = F.silu):
        super().__init__(model)
        self.activation = activation

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """SiLU of the output, say: never below -0.278."""
        return self.activation(self.model(x, t, *label))


class SwappedHalves(Wrapped):
    """Guidance with its two halves swapped: away from the class.

    output = conditional + scale (null - conditional)
    """

    def __init__(self, model: Callable, null: int, scale: float = 2.0):
        super().__init__(model)
        self.null, self.scale = null, scale

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """Both halves, put together the wrong way round."""
        with_it = self.model(x, t, *label)
        without = self.model(x, t, self.null)
        return with_it + self.scale * (without - with_it)


class Dropping(Wrapped):
    """A network with dropout at its output, which only training should use.

    p: the share of the values that are dropped in training mode
    """

    def __init__(self, model: Callable, p: float = 0.3):
        super().__init__(model)
        self.dropout = nn.Dropout(p)

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """In eval mode as it is, in training mode with holes."""
        return self.dropout(self.model(x, t, *label))


class AsEps(Wrapped):
    """A network read as one of eps, and rounded to about 1 %.

    The rounding stands for the error that every network of eps has. Where
    little is left of x_0, it is divided by almost nothing: the reason why
    samplers clip.

    schedule, predicts: of the network inside
    """

    @checked
    def __init__(
        self, model: Callable, schedule: NoiseSchedule, predicts: Predicts
    ):
        super().__init__(model)
        self.schedule, self.predicts = schedule, predicts

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """The noise that the network sees in x, rounded."""
        output = self.model(x, t, *label)
        _, eps = x0_and_eps(output, x, t, self.schedule, self.predicts)
        digits, power = torch.frexp(eps)
        return torch.ldexp((32 * digits).round() / 32, power)


class AsFlow(Wrapped):
    """The network asked as a flow asks: (1 - t) x_0 + t eps, t of 0 to 1.

    Its answer is a velocity. What a flow makes of a larger t nobody
    knows; here its clock stands still just before 1.

    schedule, predicts: of the network inside
    """

    @checked
    def __init__(
        self, model: Callable, schedule: NoiseSchedule, predicts: Predicts
    ):
        super().__init__(model)
        self.asked = as_flow(model, schedule, predicts)

    @checked
    def forward(
        self, x: Images, t: Tensor, label: Labels | None = None
    ) -> Tensor:
        """(B, …) at the times t, (B,), to (B, …), a velocity."""
        told = () if label is None else (label,)
        return self.asked(x, t.clamp(0, LAST), *told)


class Memory(Wrapped):
    """The perfect network of a few pictures: it can draw nothing else.

    It predicts "x0": E[x_0 | x_t], were these all the pictures there are.

    images: (N, …) the pictures    std: of what is left around each
    """

    @checked
    def __init__(
        self, images: Pictures, schedule: NoiseSchedule, std: float = 0.01
    ):
        bells = GaussianMixture(images.flatten(1), std)
        super().__init__(ExactModel(bells, schedule))

    def answer(self, x: Tensor, t: Tensor, label: tuple) -> Tensor:
        """A mean of the pictures, by how well each explains x."""
        return self.model(x.flatten(1), t).view_as(x)


@checked
def forgotten(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy of the network with new random weights: nothing is learnt."""
    model = deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for part in model.modules():
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()
    return model


@checked
def with_nan(model: nn.Module) -> nn.Module:
    """A copy of the network with one weight that is no number."""
    model = deepcopy(model)
    last = [p for p in model.parameters() if p.requires_grad][-1]
    with torch.no_grad():
        last.view(-1)[0] = torch.nan
    return model


@checked
def noisy_end_sample(
    model: Model,
    x_T: Noise,
    schedule: NoiseSchedule,
    num_steps: Count = 10,
    *,
    predicts: Predicts = "eps",
    clip: float | None = 1.0,
    generator: torch.Generator | None = None,
) -> Iterator[Snapshot]:
    """Sampling that adds noise at the last step as at all the others.

    x_0 = x0_hat + sqrt(1 - ᾱ_t) noise, t the last step before 0, where
    there should be none.
    """
    how = {"predicts": predicts, "clip": clip, "generator": generator}
    t = schedule.num_steps
    for shot in ddim_sample(model, x_T, schedule, num_steps, eta=1, **how):
        x = shot.x
        if shot.t == 0:
            _, sigma = schedule.signal_and_sigma(t, x)
            x = x + sigma * noise_like(x, generator)
        t = shot.t
        yield shot._replace(x=x)
