"""What every test file may use."""

import pytest
import torch

from diffusion_lessons import NoiseSchedule

torch.set_num_threads(1)  # faster than two for networks this small


@pytest.fixture(params=["linear", "cosine"])
def schedule(request):
    return getattr(NoiseSchedule, request.param)(60)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
