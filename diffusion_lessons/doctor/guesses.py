"""The two stupid baselines: what can be guessed without any network.

Both are models, (x, t) -> output, so their loss by t is that of a model.
"""

import torch
from torch import Tensor

from ..checks import Images, Pictures, Times, checked
from ..prediction import Predicts, target
from ..schedule import NoiseSchedule
from .exact import as_output


class MeanGuess:
    """Guesses the mean image and no noise, whatever it is shown.

    images: (N, …) whose mean it is
    """

    @checked
    def __init__(
        self, images: Pictures, schedule: NoiseSchedule, predicts: Predicts
    ):
        self.mean = images.mean(0, keepdim=True)
        self.schedule, self.predicts = schedule, predicts

    @checked
    def __call__(self, x: Images, t: Times) -> Tensor:
        """(B, …) at the steps t to (B, …)."""
        mean = self.mean.expand_as(x)
        nothing = torch.zeros_like(x)
        return target(self.predicts, mean, nothing, t, self.schedule)


class LinearGuess:
    """The best guess that is linear in each pixel by itself.

    Of x_t = s x_0 + σ ε it makes m + s var / (s² var + σ²) (x_t - s m),
    with the mean m and the variance of that pixel.

    images: (N, …) whose pixels they are
    """

    @checked
    def __init__(
        self, images: Pictures, schedule: NoiseSchedule, predicts: Predicts
    ):
        self.mean = images.mean(0, keepdim=True)
        self.variance = images.var(0, correction=0, keepdim=True)
        self.schedule, self.predicts = schedule, predicts

    @checked
    def __call__(self, x: Images, t: Times) -> Tensor:
        """(B, …) at the steps t to (B, …)."""
        t = torch.as_tensor(t).expand(len(x))
        signal, sigma = self.schedule.signal_and_sigma(t, x)
        seen = signal**2 * self.variance + sigma**2
        slope = signal * self.variance / seen
        x0_hat = self.mean + slope * (x - signal * self.mean)
        return as_output(x0_hat, x, t, self.schedule, self.predicts)
