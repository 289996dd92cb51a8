"""first.py: alone in its file, right by the module, and good enough."""

import ast
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageStat
from sklearn.datasets import load_digits

from diffusion_lessons import (
    NoiseSchedule,
    count_parameters,
    features_and_labels,
    first,
    load_classifier,
    load_images,
    q_posterior,
    q_sample,
)

FILE = Path(first.__file__)
STEPS = torch.arange(first.T + 1)
CORE_SECONDS = 25


@pytest.fixture(scope="module")
def schedule():
    return NoiseSchedule.cosine(first.T)


@pytest.fixture
def pictures():
    images, _ = load_images("digits")
    noise = torch.randn(
        len(STEPS), 1, 8, 8, generator=torch.Generator().manual_seed(0)
    )
    return images[: len(STEPS)], noise


# One file


def test_it_has_eighty_lines_at_most():
    assert len(FILE.read_text(encoding="utf-8").splitlines()) <= 80


def test_it_needs_torch_and_the_digits_and_nothing_of_ours():
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    needs = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            needs |= {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            needs.add(node.module.split(".")[0])
    assert needs == {"torch", "torchvision", "sklearn"}


# Right, by the module's formulas


def test_its_noising_is_the_modules(pictures, schedule):
    images, noise = pictures
    found = first.add_noise(images, STEPS, noise)
    assert found.dtype == torch.float32
    wanted = q_sample(images, STEPS, noise, schedule)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert torch.equal(found[0], images[0])


@pytest.mark.parametrize("t", STEPS[1:].tolist())
def test_its_step_back_is_a_draw_of_the_posterior(pictures, schedule, t):
    images, noise = pictures
    xt, fresh = noise[:4], noise[4:8]
    mean, variance = q_posterior(images[:4], xt, t, schedule)
    found = first.step_back(xt, images[:4], t, fresh)
    wanted = mean + variance.sqrt() * fresh
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


def test_its_last_step_back_arrives_at_the_guess(pictures):
    images, noise = pictures
    found = first.step_back(noise, images, 1, 100 * noise)
    torch.testing.assert_close(found, images)


# The network and the loop


@pytest.fixture(scope="module")
def fresh():
    torch.manual_seed(0)
    return first.Network()


def test_the_network_is_as_large_as_its_page_says(fresh):
    assert count_parameters(fresh) == 52_657


def test_the_guess_depends_on_the_picture_t_and_the_digit(fresh):
    x = torch.zeros(1, 1, 8, 8)
    t, digit = torch.tensor([50]), torch.tensor([3])
    guess = fresh(x, t, digit)
    assert guess.shape == x.shape
    assert not torch.allclose(guess, fresh(x + 0.1, t, digit))
    assert not torch.allclose(guess, fresh(x, t + 1, digit))
    assert not torch.allclose(guess, fresh(x, t, digit + 1))


def test_each_picture_is_told_its_own_t_and_digit(fresh):
    x = torch.randn(3, 1, 8, 8)
    t, digit = torch.tensor([1, 50, 100]), torch.tensor([3, 1, 4])
    together = fresh(x, t, digit)
    for i in range(3):
        alone = fresh(x[i : i + 1], t[i : i + 1], digit[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone)


def test_training_asks_for_the_clean_picture_of_the_named_digit(capsys):
    class Spy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))
            self.seen, self.weights = [], []

        def forward(self, xt, t, digit):
            self.seen.append((xt, t, digit))
            self.weights.append(self.weight.item())
            return self.weight * torch.ones_like(xt)

    spy = Spy()
    torch.manual_seed(0)
    first.train(spy, 200)
    xt, t, digit = map(torch.cat, zip(*spy.seen, strict=True))
    assert set(t.tolist()) == set(range(1, first.T + 1))
    pixels, names = map(torch.tensor, load_digits(return_X_y=True))
    early = t <= 3  # hardly any noise: the nearest picture is x_0
    gaps = torch.cdist(xt[early].flatten(1), pixels.float() / 8 - 1)
    assert len(gaps) > 100
    assert torch.equal(names[gaps.argmin(1)], digit[early])
    assert -0.3 < spy.weight < -0.1  # on its way to the pixels' mean, -0.39
    moves = torch.tensor(spy.weights).diff().abs()
    assert moves[-1] < 0.1 * moves[0]  # and slower and slower
    assert "step 200/200" in capsys.readouterr().out


def test_sampling_takes_every_step_back_in_the_order_asked(monkeypatch):
    asked, steps, noises = [], [], []

    def network(x, t, digit):
        asked.append((t.tolist(), digit.tolist()))
        return torch.ones_like(x)

    original = first.step_back

    def step_back(xt, x0, t, noise):
        steps.append(t)
        noises.append(noise)
        return original(xt, x0, t, noise)

    monkeypatch.setattr(first, "step_back", step_back)
    found = first.sample(network, torch.tensor([7, 2]))
    assert steps == list(range(100, 0, -1))
    assert asked == [([t, t], [7, 2]) for t in steps]
    torch.testing.assert_close(found, torch.ones(2, 1, 8, 8))
    assert abs(torch.stack(noises).std() - 1) < 0.05  # each step its own
    assert not torch.equal(noises[0], noises[1])


# Good enough


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_its_digits_are_read_as_asked(seed, capsys):
    torch.manual_seed(seed)
    network = first.Network()
    first.train(network, steps=1200)
    asked = torch.arange(500) % 10
    drawn = first.sample(network, asked).clamp(-1, 1)
    read = features_and_labels(load_classifier("digits"), drawn).labels
    assert (read == asked).double().mean() >= 0.95
    assert drawn.std(0).mean() > 0.3  # and they are not all the same


@pytest.mark.slow
def test_the_command_draws_first_png_within_its_time(tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    run = subprocess.run(
        [sys.executable, "-m", "diffusion_lessons.first"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(FILE.parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert run.stderr == ""
    assert run.stdout.endswith("first.png is written\n")
    assert "step 1200/1200" in run.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["first.png"]
    with Image.open(tmp_path / "first.png") as picture:
        assert picture.size == (10 * 50 + 2, 5 * 50 + 2)
        grey = ImageStat.Stat(picture.convert("L"))
        assert grey.extrema == [(0, 255)]
        assert 55 < grey.mean[0] < 90  # as of real digits, 72 with frames
    assert (
        spent < 2 * CORE_SECONDS
    )  # a busy core counts up to twice as much
