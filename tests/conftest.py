"""What every test file may use."""

import pytest
import torch

from diffusion_lessons import NoiseSchedule

torch.set_num_threads(1)  # faster than two for networks this small


@pytest.fixture(params=["linear", "cosine"])
def schedule(request):
    return getattr(NoiseSchedule, request.param)(60)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Who runs together: a file, or all that looks at one built page."""
    for item in items:
        page = item.get_closest_marker("of_a_page")
        group = item.callspec.params["name"] if page else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_runtest_setup(item):
    """The tests for a GPU run where there is one: `pytest -m gpu`."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a GPU with CUDA")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
