"""What every test file may use."""

import pytest
import torch
from hypothesis import settings

from diffusion_lessons import NoiseSchedule

torch.set_num_threads(1)  # faster than two for networks this small

# The same values in every run: what is found once is found again.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")


@pytest.fixture(params=["linear", "cosine"])
def schedule(request):
    return getattr(NoiseSchedule, request.param)(60)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
