"""The sampler in the pages draws what the module draws."""

import re

import pytest
import torch
from pages import PHONE
from sampler_page import (
    DONE,
    FILM,
    FRONT,
    WITH_ONE,
    choose,
    heavy,
    megabytes,
    prepare,
    run,
    small,
    start,
)
from torch.testing import assert_close

from diffusion_lessons import (
    Guided,
    ancestral_sample,
    ddim_sample,
    ddim_timesteps,
    load_pretrained,
)

pytestmark = pytest.mark.browser

SLOWLY = """async () => {
    const network = await diffusionSampler.network('digits');
    const model = network.model;
    network.model = async (...inputs) => {
        await new Promise((resolve) => setTimeout(resolve, 150));
        return model(...inputs);
    };
}"""
SAMPLE = """async ({name, xT, noises, ...settings}) => {
    const network = await diffusionSampler.network(name);
    const noise = () => noises.shift();
    const film = [];
    const run = ddim.sample(
        network.model, xT, network, {...settings, noise});
    for await (const { t, x, x0Hat } of run)
        film.push({t, x: [...x], x0Hat: [...x0Hat]});
    return film;
}"""


WATCH = """() => {
    const sampler = document.querySelector('.dl-sampler').sampler;
    const show = sampler.show;
    window.seen = [];
    sampler.show = (which) => {
        seen.push(which);
        show.call(sampler, which);
    };
}"""
PIXELS = """() => [...document.querySelectorAll('.dl-pictures canvas')].map(
    c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]
        .filter((_, i) => i % 4 === 0))"""
ALONE = """async ({seed, ...settings}) => {
    const network = await diffusionSampler.network('digits');
    const normals = ddim.normals(seed), noise = () => normals(64);
    const run = ddim.sample(network.model, noise(), network,
        {numSteps: 5, eta: 0, noise, ...settings});
    let last; for await (const frame of run) last = frame.x;
    return [...last];
}"""


def stacked(film, key, shape):
    return torch.tensor([f[key] for f in film]).view(-1, *shape)


# The numbers


@pytest.mark.parametrize(
    ("name", "label", "scale", "steps", "eta"),
    [
        ("digits", 3, 2, 20, 0),
        ("digits", 8, 1, 50, 0.5),
        ("digits", 10, 0, 10, 1),
        ("digits", 3, 0, 10, 0),  # led to no class, whichever it has
        ("digits", 0, 2, 5, 0),
        ("mnist", 7, 1.5, 10, 0),
    ],
)
def test_the_page_draws_the_picture_of_the_module(
    name, label, scale, steps, eta, tab
):
    net = load_pretrained(name)
    random = torch.Generator().manual_seed(1)
    x_T = torch.randn(1, *net.shape, generator=random)
    later = random.clone_state()
    noises = torch.randn(steps, 1, *net.shape, generator=later)
    ours = list(
        ddim_sample(
            Guided(net.model, label, net.null, scale),
            x_T,
            net.schedule,
            steps,
            eta=eta,
            predicts=net.predicts,
            generator=random,
        )
    )
    film = tab().evaluate(
        SAMPLE,
        {
            "name": name,
            "xT": x_T.flatten().tolist(),
            "noises": noises.flatten(1).tolist(),
            "label": label,
            "scale": scale,
            "numSteps": steps,
            "eta": eta,
        },
    )
    assert [f["t"] for f in film] == [s.t for s in ours]
    for key, mine in (("x", "x"), ("x0Hat", "x0_hat")):
        theirs = stacked(film, key, net.shape)
        wanted = torch.cat([getattr(s, mine) for s in ours])
        assert_close(theirs, wanted, atol=1e-3, rtol=0)


def test_the_steps_are_those_of_the_module(tab):
    counts = [*range(1, 130), 200, 333, 500, 999, 1000]
    theirs = tab().evaluate(
        "n => n.map(n => ddim.timesteps(1000, n))", counts
    )
    assert theirs == [ddim_timesteps(1000, n) for n in counts]


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
def test_all_targets_are_read_as_the_module_reads_them(predicts, tab):
    """With eta = 1, over every step, it is ancestral sampling."""
    schedule = load_pretrained("digits").schedule.respaced(20)
    random = torch.Generator().manual_seed(0)
    x_T = torch.randn(1, 64, generator=random, dtype=torch.float64)
    later = random.clone_state()
    noises = torch.randn(20, 64, generator=later, dtype=torch.float64)
    *_, last = ancestral_sample(
        lambda x, t: 0.3 * x,
        x_T,
        schedule,
        predicts=predicts,
        generator=random,
    )
    theirs = tab().evaluate(
        """async ({table, predicts, xT, noises}) => {
            const network = {alphasCumprod: table, predicts, nullLabel: 0};
            const run = ddim.sample(async (x) => x.map(x => 0.3 * x), xT,
                network, {label: 0, scale: 1, numSteps: 20, eta: 1,
                          noise: () => noises.shift()});
            let last; for await (const frame of run) last = frame.x;
            return [...last];
        }""",
        {
            "table": schedule.alphas_cumprod.tolist(),
            "predicts": predicts,
            "xT": x_T[0].tolist(),
            "noises": noises.tolist(),
        },
    )
    assert_close(torch.tensor(theirs), last.x[0].float(), atol=1e-5, rtol=0)


def test_a_seed_gives_normal_numbers_and_the_same_again(tab):
    draw = "seed => [...ddim.normals(seed)(20001)]"
    page = tab()
    one, again, other = (
        torch.tensor(page.evaluate(draw, seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert abs(one.mean()) < 0.03
    assert abs(one.std() - 1) < 0.02
    assert abs((one.abs() < 1).double().mean() - 0.6827) < 0.02
    assert (
        abs(torch.corrcoef(torch.stack([one[1:], one[:-1]]))[0, 1]) < 0.03
    )
    assert abs(torch.corrcoef(torch.stack([one, other]))[0, 1]) < 0.03


# The page


@pytest.mark.parametrize("name", WITH_ONE)
def test_it_is_ready_and_nothing_is_loaded_before_it_is_asked(name, tab):
    page = tab(name)
    assert page.locator(".dl-track output").inner_text().startswith("t = ")
    for control in (run(page), page.locator("[name=label]")):
        assert control.is_visible()
        assert control.is_enabled()
    assert megabytes(page.locator(".dl-status").inner_text()) <= 6
    choose(page, "seed", 3)
    choose(page, "show", "seeds")
    choose(page, "compare", "scale")
    page.get_by_label("step of the sampler").press("End")
    page.wait_for_timeout(100)
    assert (
        page.locator(".dl-track output")
        .inner_text()
        .startswith("t = 1000, step 0")
    )
    assert heavy(page) == []
    assert page.complaints == []


@pytest.mark.parametrize(("name", "side"), [("mnist", 28), ("digits", 8)])
def test_before_it_runs_it_shows_the_noise_of_the_seed(name, side, tab):
    page = tab()
    choose(page, "network", name)
    choose(page, "seed", 11)
    noise, guess = page.evaluate(PIXELS)
    drawn = page.evaluate("n => [...ddim.normals(11)(n)]", side**2)
    grey = (torch.tensor(drawn).clamp(-1, 1) + 1) * 127.5
    assert_close(torch.tensor(noise).float(), grey, atol=1, rtol=0)
    assert set(guess) <= {127, 128}
    assert heavy(page) == []
    start(page)
    assert page.evaluate(FILM)[0]["x"] == drawn


def test_what_is_loaded_is_as_large_as_it_says(tab, html):
    page = tab()
    told = megabytes(page.locator(".dl-status").inner_text())
    start(page)
    folder = html / "_static" / "sampler"
    loaded = {url.split("/")[-1].split("?")[0] for url in heavy(page)}
    size = sum((folder / name).stat().st_size for name in loaded)
    assert told == round(size / 1e6, 1)
    assert all(url.startswith("http://127.0.0.1") for url in heavy(page))


def test_a_seed_draws_a_digit_that_the_module_draws_too(tab):
    page = tab()
    start(page)
    page.wait_for_function(DONE)
    film = page.evaluate(FILM)
    net = load_pretrained("mnist")
    x_T = stacked(film[:1], "x", net.shape)
    model = Guided(net.model, 7, net.null, 2)
    *_, last = ddim_sample(model, x_T, net.schedule, 20, predicts="v")
    theirs = stacked(film[-1:], "x", net.shape)
    assert_close(theirs, last.x, atol=1e-3, rtol=0)
    grey = torch.tensor(page.evaluate(PIXELS)[0]).view(28, 28)
    wanted = (last.x[0, 0].clamp(-1, 1) + 1) * 127.5
    assert_close(grey.float(), wanted, atol=1, rtol=0)
    assert page.complaints == []


def test_new_settings_in_the_middle_of_a_run_leave_nothing_behind(tab):
    page = tab()
    start(page)
    page.evaluate(SLOWLY)
    choose(page, "network", "digits")
    choose(page, "steps", 50)
    page.wait_for_timeout(300)  # in the middle of a pass
    choose(page, "seed", 5)
    page.wait_for_timeout(250)
    slider = page.get_by_label("step of the sampler")
    for key in ("End", "Home", "End"):  # all that is left, and once more
        slider.press(key)
    choose(page, "label", 1)
    page.wait_for_timeout(250)
    choose(page, "steps", 10)
    choose(page, "eta", 1)
    page.wait_for_function(DONE)
    film = page.evaluate(FILM)
    assert [f["t"] for f in film] == ddim_timesteps(1000, 10)
    assert {len(f["x"]) for f in film} == {64}
    assert "a 1, 10 steps" in page.locator(".dl-status").inner_text()
    alone = page.evaluate(
        """async () => {
            const network = await diffusionSampler.network('digits');
            const normals = ddim.normals(5), noise = () => normals(64);
            const run = ddim.sample(network.model, noise(), network,
                {label: 1, scale: 2, numSteps: 10, eta: 1, noise});
            let last; for await (const frame of run) last = frame.x;
            return [...last];
        }"""
    )
    assert film[-1]["x"] == alone
    assert page.complaints == []


def test_it_stops_and_steps_back_and_on(tab):
    page = tab()
    start(page)
    choose(page, "network", "digits")
    page.wait_for_function(DONE)
    told = page.locator(".dl-track output")
    assert told.inner_text() == "t = 0, step 20 of 20"
    page.get_by_label("One step back").click()
    assert told.inner_text() == "t = 50, step 19 of 20"
    page.get_by_label("One step on").click()
    assert told.inner_text() == "t = 0, step 20 of 20"
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    stopped = told.inner_text()
    assert stopped != "t = 0, step 20 of 20"
    page.wait_for_timeout(300)
    assert told.inner_text() == stopped
    before = page.evaluate(FILM)
    page.get_by_role("button", name="Again").click()
    page.wait_for_function(DONE)
    assert page.evaluate(FILM)[-1]["x"] != before[-1]["x"]


def test_both_pictures_are_those_of_the_step(tab):
    """What there is so far, and the guess: at the start there is none."""
    page = tab()
    told = small(page)
    film = page.evaluate(FILM)
    slider = page.get_by_label("step of the sampler")
    canvases = page.locator(".dl-pictures canvas")
    for step in range(6):
        slider.fill(str(step))
        t = film[step]["t"]
        told.get_by_text(f"t = {t}, step {step} of 5").wait_for()
        for i, key in enumerate(("x", "x0Hat")):
            shown = torch.tensor(page.evaluate(PIXELS)[i])
            name = canvases.nth(i).get_attribute("aria-label")
            if film[step][key] is None:
                assert set(shown.tolist()) <= {127, 128}
                assert name.endswith(": nothing yet")
                continue
            wanted = torch.tensor(film[step][key]).clamp(-1, 1)
            grey = (wanted + 1) * 127.5
            assert_close(shown.float(), grey, atol=1, rtol=0)
            assert name.endswith(f", at t = {t}")
    assert page.complaints == []


def test_the_buttons_go_no_further_than_the_first_and_the_last_step(tab):
    page = tab()
    told = small(page)
    back, on = (page.get_by_label(f"One step {w}") for w in ("back", "on"))
    on.click()
    page.wait_for_timeout(100)
    assert told.inner_text() == "t = 0, step 5 of 5"
    assert len(page.evaluate(FILM)) == 6
    page.get_by_label("step of the sampler").press("Home")
    back.click()
    page.wait_for_timeout(100)
    assert told.inner_text() == "t = 1000, step 0 of 5"
    on.click()
    told.get_by_text("step 1 of 5").wait_for()
    assert page.locator(".dl-status").inner_text().startswith("Done")
    assert page.complaints == []


@pytest.mark.parametrize(
    ("before", "motion", "shown"),
    [
        (5, "no-preference", [0, 1, 2, 3, 4, 5]),  # from the start again
        (2, "no-preference", [3, 4, 5]),
        (5, "reduce", [0, 5]),  # nothing moves on the way
        (2, "reduce", [5]),
    ],
)
def test_run_goes_on_from_where_it_is(before, motion, shown, tab):
    page = tab(reduced_motion=motion)
    told = small(page)
    page.get_by_label("step of the sampler").fill(str(before))
    told.get_by_text(f"step {before} of 5").wait_for()
    page.evaluate(WATCH)
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_function(DONE)
    assert page.evaluate("seen") == shown


@pytest.mark.parametrize(
    ("label", "alone", "words", "file"),
    [
        (0, {"label": 0, "scale": 2}, "a 0, 5 steps", "digits-0-"),
        ("", {"label": 10, "scale": 1}, "any digit, 5", "digits-any-"),
    ],
)
def test_zero_is_a_class_and_any_is_none(label, alone, words, file, tab):
    page = tab()
    small(page)
    choose(page, "label", label)
    page.wait_for_function(DONE)
    assert words in page.locator(".dl-status").inner_text()
    assert page.locator("[name=scale]").is_disabled() == (label == "")
    last = page.evaluate(FILM)[-1]["x"]
    assert last == page.evaluate(ALONE, {"seed": 0, **alone})
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    assert download.value.suggested_filename.startswith(file)


@pytest.mark.parametrize("seed", ["", "-1", "10000", "1.5"])
def test_a_seed_that_is_none_becomes_0(seed, tab):
    page = tab()
    small(page)
    choose(page, "seed", 5)
    page.wait_for_function(DONE)
    choose(page, "seed", seed)
    assert page.locator("[name=seed]").input_value() == "0"


def test_new_noise_is_the_next_seed_and_after_the_last_the_first(tab):
    page = tab()
    small(page)
    field = page.locator("[name=seed]")
    for before, after in (("41", "42"), ("9999", "0")):
        choose(page, "seed", before)
        page.get_by_role("button", name="Again").click()
        assert field.input_value() == after
    page.wait_for_function(DONE)
    alone = {"seed": 0, "label": 7, "scale": 2}
    assert page.evaluate(FILM)[-1]["x"] == page.evaluate(ALONE, alone)


@pytest.mark.parametrize("name", WITH_ONE)
def test_it_opens_with_the_settings_of_its_page(name, tab):
    page = tab(name)
    given = page.evaluate(
        "({...document.querySelector('.dl-sampler').dataset})"
    )
    given = {"eta": "0", "seed": "0"} | given
    for field, value in given.items():
        chosen = page.locator(f".dl-sampler [name={field}]").input_value()
        assert chosen == value


def test_it_works_by_keyboard_alone(tab):
    page = tab(reduced_motion="reduce")
    run(page).focus()
    page.keyboard.press("Enter")
    page.wait_for_function(DONE)
    focused = "document.activeElement.textContent"
    assert page.evaluate(focused) == "Run"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    told = page.locator(".dl-track output")
    assert told.inner_text() == "t = 50, step 19 of 20"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Home")
    assert told.inner_text() == "t = 1000, step 0 of 20"
    spoken = page.locator(".dl-track input").get_attribute("aria-valuetext")
    assert spoken == "t = 1000, step 0 of 20"


def test_the_picture_can_be_saved(tab, tmp_path):
    from PIL import Image

    page = tab()
    start(page)
    page.wait_for_function(DONE)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    assert download.value.suggested_filename == "mnist-7-seed-0-t-0.png"
    download.value.save_as(tmp_path / "seven.png")
    picture = Image.open(tmp_path / "seven.png").convert("L")
    assert picture.size == (280, 280)
    assert picture.getextrema()[1] > 200


def test_the_picture_saved_is_the_one_so_far_in_sharp_squares(
    tab, tmp_path
):
    from PIL import Image

    page = tab()
    told = small(page)
    page.get_by_label("step of the sampler").fill("2")
    told.get_by_text("step 2 of 5").wait_for()
    t = page.evaluate(FILM)[2]["t"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    name = f"digits-7-seed-0-t-{t}.png"
    assert download.value.suggested_filename == name
    download.value.save_as(tmp_path / name)
    saved = Image.open(tmp_path / name).convert("L")
    large = torch.tensor(list(saved.tobytes())).view(280, 280)
    shown = torch.tensor(page.evaluate(PIXELS)[0]).view(8, 8)
    wanted = shown.repeat_interleave(35, 0).repeat_interleave(35, 1)
    assert torch.equal(large, wanted)


@pytest.mark.parametrize(
    ("theme", "begin"),
    [("light", "noise"), ("dark", "hole"), ("light", "drawing")],
)
def test_it_fits_a_phone_and_a_finger(theme, begin, tab):
    from axe_playwright_python.sync_playwright import Axe

    page = tab(viewport={"width": PHONE, "height": 800}, color_scheme=theme)
    prepare(page)
    choose(page, "start", begin)
    choose(page, "compare", "seed")
    start(page)
    page.wait_for_function(DONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    controls = page.locator(".dl-sampler :is(button, select, input)")
    sizes = [c.bounding_box() for c in controls.all() if c.is_visible()]
    assert len(sizes) > 15
    for box in sizes:
        assert min(box["width"], box["height"]) >= 43.5
    page.evaluate(Axe().axe_script)
    broken = page.evaluate(
        """async () => (await axe.run('.dl-sampler')).violations
            .map(v => v.id)"""
    )
    assert broken == []


# When it cannot run


def test_a_missing_network_is_told_and_can_be_tried_again(tab):
    page = tab()
    page.route("**/mnist.onnx", lambda route: route.fulfill(status=404))
    run(page).click()
    words = page.locator(".dl-status", has_text="mnist.onnx is missing")
    words.wait_for()
    assert "The film on this page" in words.inner_text()
    film = page.locator("figure:is(.dl-scrub, .dl-pulse)").first
    assert film.is_visible()
    assert page.evaluate("document.activeElement.textContent") == "Run"
    page.unroute("**/mnist.onnx")
    start(page)
    page.wait_for_function(DONE)


def test_while_it_loads_it_says_so_and_cannot_be_pressed_twice(tab):
    page = tab()
    page.route("**/mnist.onnx", lambda route: None)  # never comes
    run(page).click()
    page.locator(".dl-status", has_text="Loading 4.").wait_for()
    asked = len(page.asked)
    bar = page.get_by_role("progressbar")
    assert bar.is_visible()
    page.wait_for_function(  # all but the weights
        """() => Math.abs(document.querySelector('progress').value - 0.8)
            < 0.05"""
    )
    assert run(page).is_disabled()
    asked = len(page.asked)
    run(page).click(force=True)
    page.wait_for_timeout(200)
    assert len(page.asked) == asked
    assert run(page).inner_text() == "Run"


@pytest.mark.parametrize("name", WITH_ONE)
def test_from_disk_it_says_why_not(name, visit, built):
    page = visit(name).page
    words = page.locator(".dl-sampler").inner_text()
    assert "opened from disk" in words
    assert "film on this page" in words
    assert page.locator("figure:is(.dl-scrub, .dl-pulse)").count() > 0


def test_a_build_without_it_says_so(chromium, server):
    page = chromium.new_page()
    page.route(
        "**/intro.html",
        lambda route: route.fulfill(
            body=re.sub(r"data-files=\S+", "", route.fetch().text()),
            content_type="text/html",
        ),
    )
    page.goto(f"{server}/{FRONT}.html")
    assert "data-files" not in page.content()
    words = page.locator(".dl-sampler").inner_text()
    assert "made without npm" in words
    assert page.locator(".dl-sampler :is(button, canvas)").count() == 0
    page.close()
