"""Heun, and the flow: the page draws what the module draws."""

import pytest
import torch
from pages import CHAPTERS
from sampler_page import FILM, choose, heavy, prepare, small
from torch.testing import assert_close

from diffusion_lessons import (
    Guided,
    ddim_timesteps,
    flow_sample,
    heun_sample,
    load_flow,
    load_pretrained,
    sigma_at,
    translate,
)

pytestmark = pytest.mark.browser

SAMPLE = """async ({name, xT, ...settings}) => {
    const network = await diffusionSampler.network(name);
    let calls = 0;
    const model = (...inputs) => (calls++, network.model(...inputs));
    const film = [];
    const run = ddim.sample(model, xT, network, {eta: 0, ...settings});
    for await (const { t, x, x0Hat } of run)
        film.push({t, x: [...x], x0Hat: [...x0Hat]});
    return {film, calls};
}"""
STATUS = ".dl-status"
# A three, and for a hole its lower half; and what is known of it.
DRAW = """async start => {
    const { sampler } = document.querySelector('.dl-sampler');
    sampler.board.digit(3);
    if (start === 'hole') sampler.board.cut('bottom');
    clearTimeout(sampler.breath);
    await sampler.restart();
}"""
ENDED = """() => {
    const { sampler } = document.querySelector('.dl-sampler');
    return sampler.going && !sampler.running
        && sampler.shown === sampler.last;
}"""
KNOWN = """() => [...document.querySelector('.dl-sampler')
    .sampler.board.picture]"""


def noise(shape):
    random = torch.Generator().manual_seed(1)
    return torch.randn(1, *shape, generator=random)


def drawn(page, name, x_T, **settings):
    """The film of the page, as [(t, x, x0_hat)], and the calls it took."""
    told = {"name": name, "xT": x_T.flatten().tolist(), **settings}
    found = page.evaluate(SAMPLE, told)
    pictures = [
        (f["t"], *(torch.tensor(f[k]).view_as(x_T) for k in ("x", "x0Hat")))
        for f in found["film"]
    ]
    return pictures, found["calls"]


def heun_steps(schedule, num_steps, first=None):
    """Even steps from where sigma is 80, or from *first* below it."""
    T = schedule.num_steps if first is None else first
    start = next(t for t in range(T, 0, -1) if sigma_at(t, schedule) <= 80)
    return ddim_timesteps(start, num_steps)


@pytest.mark.parametrize(
    ("name", "label", "scale", "steps"),
    [
        ("digits", 3, 2, 10),
        ("digits", 8, 1, 50),
        ("digits", 10, 0, 20),
        ("mnist", 7, 1.5, 5),
    ],
)
def test_heun_draws_the_picture_of_the_module(
    name, label, scale, steps, tab
):
    net = load_pretrained(name)
    x_T = noise(net.shape)
    ours = list(
        heun_sample(
            Guided(net.model, label, net.null, scale),
            x_T,
            net.schedule,
            heun_steps(net.schedule, steps),
            predicts=net.predicts,
        )
    )
    settings = {"label": label, "scale": scale, "numSteps": steps}
    film, calls = drawn(tab(), name, x_T, solver="heun", **settings)
    assert calls == 2 * steps - 1
    assert [t for t, *_ in film] == [s.t for s in ours]
    for (_, x, x0_hat), mine in zip(film, ours, strict=True):
        assert_close(x, mine.x, atol=5e-4, rtol=0)
        assert_close(x0_hat, mine.x0_hat, atol=5e-4, rtol=0)
    assert_close(x, ours[-1].x, atol=1e-4, rtol=0)


def test_heun_begins_where_sigma_is_80_or_below_with_a_drawing(tab):
    net = load_pretrained("digits")
    x_T = noise(net.shape)
    settings = {"label": 3, "scale": 1, "numSteps": 5, "solver": "heun"}
    for first in (1000, 400):
        film, _ = drawn(tab(), "digits", x_T, **settings, **{"from": first})
        steps = heun_steps(net.schedule, 5, first)
        assert [t for t, *_ in film] == steps[1:]


@pytest.mark.parametrize("heun", [False, True], ids=["euler", "heun"])
@pytest.mark.parametrize(("steps", "scale"), [(5, 1), (20, 2), (50, 0)])
def test_the_flow_draws_the_picture_of_the_module(steps, scale, heun, tab):
    """The page asks it in DDPM's t, on the table of its own times."""
    net = load_flow("digits")
    x_1 = noise(net.shape)
    model = Guided(net.model, 3, net.null, float(scale))
    ours = list(flow_sample(model, x_1, steps, heun=heun))
    settings = {"label": 3, "scale": scale, "numSteps": steps}
    if heun:
        settings["solver"] = "heun"
    film, calls = drawn(tab(), "digits_flow", x_1, **settings)
    assert calls == (2 * steps - 1 if heun else steps)
    for (t, x, x0_hat), mine in zip(film, ours, strict=True):
        assert t / 1000 == pytest.approx(mine.t)
        x, mine_x = x.double(), mine.x.double()
        size = (mine.t**2 + (1 - mine.t) ** 2) ** 0.5
        assert_close(x, mine_x / size, atol=1e-4, rtol=0)
        assert_close(x0_hat, mine.x0_hat, atol=1e-4, rtol=0)
    again, _ = translate(mine.x, 0, "flow", "sigma")
    assert_close(film[-1][1], again, atol=1e-4, rtol=0)


# The page


def test_heun_tells_its_calls_and_stands_in_the_address(tab):
    page = tab()
    told = small(page, solver="heun", steps=5)
    assert told.inner_text() == "t = 0, step 5 of 5"
    status = page.locator(STATUS).inner_text()
    assert status.endswith("5 steps, 9 calls of the network.")
    choose(page, "seed", 3)
    assert "solver=heun" in page.evaluate("location.hash")
    words = page.evaluate("location.hash")
    again = tab(words=words)
    assert again.locator("[name=solver]").input_value() == "heun"


def test_with_ddim_the_address_and_the_words_are_as_before(tab):
    page = tab()
    small(page, steps=5)
    choose(page, "seed", 3)
    assert "solver" not in page.evaluate("location.hash")
    assert "calls" not in page.locator(STATUS).inner_text()


def test_heun_adds_no_noise_and_says_so(tab):
    page = tab()
    prepare(page, eta=1)
    eta = page.locator("[name=eta]")
    assert eta.is_enabled()
    choose(page, "solver", "heun")
    assert eta.is_disabled()
    plan = "document.querySelector('.dl-sampler').sampler.plans()[0].eta"
    assert page.evaluate(plan) == 0
    choose(page, "compare", "solver")
    assert eta.is_enabled()


def test_two_solvers_stand_side_by_side(tab):
    page = tab()
    small(page, compare="solver", second="heun", steps=5)
    titles = page.locator(".dl-title").all_inner_texts()
    assert titles == ["Solver DDIM", "Solver Heun"]
    status = page.locator(STATUS).inner_text()
    assert "5 and 9 calls of the network" in status


def test_the_flow_is_loaded_when_it_is_asked_for_and_not_before(tab):
    page = tab(CHAPTERS[7])
    assert heavy(page) == []
    small(page, network="digits")
    assert not any("digits_flow" in url for url in heavy(page))
    small(page, network="digits_flow")
    assert sum("digits_flow.onnx" in url for url in heavy(page)) == 1
    last = page.evaluate(FILM)[-1]
    assert last["t"] == 0
    assert max(map(abs, last["x"])) > 0.5


@pytest.mark.parametrize("solver", ["ddim", "heun"])
def test_a_flow_begins_with_a_drawing_and_fills_a_hole(solver, tab):
    page = tab()
    found = []
    for start in ("drawing", "hole"):
        prepare(page, network="digits_flow", solver=solver, start=start)
        page.evaluate(DRAW, start)
        page.wait_for_function(ENDED)
        found.append(torch.tensor(page.evaluate(FILM)[-1]["x"]))
        known = torch.tensor(page.evaluate(KNOWN))
    assert all(x.isfinite().all() for x in found)
    drawn, filled = found
    assert_close(filled[:32], known[:32], atol=1e-6, rtol=0)
    assert (drawn - filled).abs().max() > 0.1
