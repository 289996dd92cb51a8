"""What the reader draws, and what the network makes of it."""

from itertools import pairwise

import pytest
import torch
from sampler_page import DONE, FILM, choose, heavy, prepare, run, start
from torch.testing import assert_close

from diffusion_lessons import (
    Guided,
    ddim_timesteps,
    diffusion_loss,
    from_noised,
    inpaint,
    load_pretrained,
    q_sample,
)

pytestmark = pytest.mark.browser

SAMPLE = """async ({name, x, noises, part, ...settings}) => {
    const network = await diffusionSampler.network(name);
    const drawn = [], film = [];
    const noise = () => { drawn.push(0); return noises.shift(); };
    const run = ddim.sample(
        network.model, x, network, {...settings, noise, part});
    for await (const { t, x, x0Hat } of run)
        film.push({t, x: [...x], x0Hat: [...x0Hat]});
    return {film, drawn: drawn.length};
}"""
BOARD = """() => {
    const { board } = document.querySelector('.dl-sampler').sampler;
    return [...board.pixels];
}"""
SEEN = """() => { const canvas = document.querySelector('.dl-paper canvas');
    const { width, height } = canvas;
    const all = canvas.getContext('2d').getImageData(0, 0, width, height);
    return [...all.data].filter((_, i) => i % 4 === 0); }"""
BOXES = """() => [...document.querySelectorAll(
    '.dl-paper canvas, .dl-runs canvas')]
    .map(e => e.getBoundingClientRect().toJSON())"""
FIELDS = """() => [...document.querySelectorAll(
    '.dl-sampler :is(button, select, canvas, input)')]
    .filter(e => e.checkVisibility() && !e.matches('.dl-runs *'))
    .map(e => e.getBoundingClientRect().toJSON())"""
SETTLED = """() => new Promise(done =>
    requestAnimationFrame(() => requestAnimationFrame(done)))"""
HOLE, WHITE = 16, 15


def flat(tensors):
    return [tensor.flatten().tolist() for tensor in tensors]


def film_of(answer, key, shape):
    return torch.tensor([f[key] for f in answer["film"]]).view(-1, *shape)


# The numbers


@pytest.mark.parametrize(
    ("name", "s", "t"),
    [("digits", 0, 700), ("mnist", 0, 1), ("digits", 300, 350)],
)
def test_the_jump_is_that_of_the_module(name, s, t, tab):
    """q(x_t | x_s), and from s = 0 it is q_sample."""
    net = load_pretrained(name)
    x, noise = torch.randn(
        2, *net.shape, generator=torch.Generator().manual_seed(3)
    )
    if s == 0:
        wanted = q_sample(x[None], t, noise[None], net.schedule)[0]
    else:
        kept = net.schedule.alpha_bar(t) / net.schedule.alpha_bar(s)
        wanted = kept**0.5 * x + (1 - kept) ** 0.5 * noise
    theirs = tab().evaluate(
        "({x, s, t, noise, table}) => ddim.noised(x, s, t, noise, table)",
        {
            "x": x.flatten().tolist(),
            "noise": noise.flatten().tolist(),
            "table": net.schedule.alphas_cumprod.tolist(),
            "s": s,
            "t": t,
        },
    )
    assert_close(
        torch.tensor(theirs).view(net.shape), wanted, atol=1e-6, rtol=0
    )


@pytest.mark.parametrize(
    ("label", "scale", "t", "steps", "eta"),
    [(4, 2, 700, 10, 0), (4, 1, 250, 20, 1), (10, 0, 50, 50, 0.5)],
)
def test_a_noised_drawing_is_sampled_from_where_it_stands(
    label, scale, t, steps, eta, tab
):
    net = load_pretrained("digits")
    random = torch.Generator().manual_seed(5)
    drawing, noise = torch.randn(2, 1, *net.shape, generator=random)
    run = from_noised(
        Guided(net.model, label, net.null, scale),
        drawing,
        t,
        noise,
        net.schedule,
        steps,
        eta=eta,
        predicts=net.predicts,
        generator=random.manual_seed(5),
    )
    ours = torch.cat([step.x for step in run])
    random.manual_seed(5)
    noises = [
        torch.randn(noise.shape, generator=random) for _ in range(steps)
    ]
    x = q_sample(drawing, t, noise, net.schedule)
    answer = tab().evaluate(
        SAMPLE,
        {
            "name": "digits",
            "x": x.flatten().tolist(),
            "noises": flat(noises),
            "label": label,
            "scale": scale,
            "numSteps": steps,
            "eta": eta,
            "from": t,
        },
    )
    path = ddim_timesteps(t, steps)
    assert [f["t"] for f in answer["film"]] == path[1:]
    assert answer["drawn"] == (steps if eta else 0)
    assert_close(
        film_of(answer, "x", net.shape),
        ours,
        atol=1e-3,
        rtol=0,
    )


@pytest.mark.parametrize(
    ("passes", "eta"), [(1, 0), (1, 1), (3, 0), (4, 0.5)]
)
def test_a_hole_is_filled_as_the_module_fills_it(passes, eta, tab):
    net, steps = load_pretrained("digits"), 6
    random = torch.Generator().manual_seed(passes)
    x, known = torch.randn(2, 1, *net.shape, generator=random)
    mask = (torch.rand(1, *net.shape, generator=random) < 0.6).float()
    run = inpaint(
        Guided(net.model, 3, net.null, 2),
        x,
        known,
        mask,
        net.schedule,
        steps,
        passes=passes,
        eta=eta,
        predicts=net.predicts,
        generator=random.manual_seed(passes),
    )
    ours = torch.cat([step.x for step in run])
    random.manual_seed(passes)
    draws = passes * steps * bool(eta) + passes * (steps - 1)
    draws += (passes - 1) * steps  # for going back
    noises = [torch.randn(x.shape, generator=random) for _ in range(draws)]
    answer = tab().evaluate(
        SAMPLE,
        {
            "name": "digits",
            "x": x.flatten().tolist(),
            "noises": flat(noises),
            "label": 3,
            "scale": 2,
            "numSteps": steps,
            "eta": eta,
            "part": {
                "known": known.flatten().tolist(),
                "mask": mask.flatten().tolist(),
                "passes": passes,
            },
        },
    )
    theirs = film_of(answer, "x", net.shape)
    assert answer["drawn"] == draws
    assert_close(theirs, ours, atol=1e-3, rtol=0)
    where = mask.bool()
    assert_close(theirs[-1:][where], known[where], atol=0, rtol=0)


# The board


def board(page):
    """What is drawn, as rows of levels."""
    pixels = torch.tensor(page.evaluate(BOARD))
    side = round(len(pixels) ** 0.5)
    return pixels.view(side, side)


def drawing(tab, how="drawing", **look):
    """A page with an empty board."""
    page = tab(**look)
    choose(page, "start", how)
    page.get_by_role("button", name="Clear").click()
    assert board(page).sum() == 0
    return page


def test_an_empty_board_says_where_to_draw(tab):
    page = drawing(tab)
    canvas = page.locator(".dl-paper canvas")
    here = page.get_by_text("draw here")
    assert here.is_visible()
    assert here.get_attribute("aria-hidden") == "true"
    paper, words = canvas.bounding_box(), here.bounding_box()
    assert paper == pytest.approx(words, abs=1)
    assert set(page.evaluate(SEEN)) == {0}  # it is not in the picture
    page.locator(".dl-paper").scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    assert not here.is_visible()  # while it is still being drawn
    page.mouse.up()
    page.get_by_role("button", name="Clear").click()
    assert here.is_visible()


def test_the_help_says_when_it_runs(tab):
    page = drawing(tab)
    said = page.get_by_text("runs each time the pen is lifted")
    assert said.is_visible()


def tool(page, name):
    page.get_by_role("radio", name=name, exact=True).check(force=True)


def drag(page, *points):
    """A stroke of the mouse through points, in shares of the board."""
    box = page.locator(".dl-paper canvas").bounding_box()
    for i, (x, y) in enumerate(points):
        page.mouse.move(
            box["x"] + x * box["width"],
            box["y"] + y * box["height"],
            steps=5,
        )
        if i == 0:
            page.mouse.down()
    page.mouse.up()


def test_a_stroke_is_painted_wiped_cut_and_undone(tab):
    page = drawing(tab, "hole")
    page.locator(".dl-paper").scroll_into_view_if_needed()
    drag(page, (0.2, 0.5), (0.8, 0.5))
    line = board(page)
    middle = line[13:15, 7:21]
    assert (middle == WHITE).all()  # whole where the brush went,
    assert line[:10].sum() == line[18:].sum() == 0  # and nowhere else
    assert (line[12:16, 6:22] > 0).sum() > middle.numel()  # softly
    tool(page, "Rubber")
    drag(page, (0.5, 0.3), (0.5, 0.7))
    wiped = board(page)
    assert wiped[:, 13:15].sum() == 0
    assert (wiped[13:15, 7:10] == WHITE).all()
    tool(page, "Hole")
    drag(page, (0.25, 0.3), (0.25, 0.7))
    cut = board(page)
    assert (cut[9:19, 6:8] == HOLE).all()
    assert not (wiped == HOLE).any()
    seen = torch.tensor(page.evaluate(SEEN)).view(112, 112)
    pattern = seen[10 * 4 : 18 * 4, 6 * 4 : 8 * 4]
    assert set(pattern.flatten().tolist()) == {0x8A, 0xB8}
    for before in (wiped, line, 0 * line):
        page.get_by_role("button", name="Undo").click()
        assert torch.equal(board(page), before)
    page.get_by_role("button", name="Undo").click()  # what was cleared
    assert board(page).sum() > 0


def test_a_finger_draws_and_the_page_does_not_move(tab):
    page = drawing(
        tab, viewport={"width": 390, "height": 844}, has_touch=True
    )
    canvas = page.locator(".dl-paper canvas")
    canvas.scroll_into_view_if_needed()
    at = page.evaluate("scrollY")
    box = canvas.bounding_box()
    cdp = page.context.new_cdp_session(page)
    for kind, share in (
        ("touchStart", 0.2),
        ("touchMove", 0.5),
        ("touchMove", 0.8),
        ("touchEnd", None),
    ):
        points = (
            []
            if share is None
            else [
                {
                    "x": box["x"] + 0.5 * box["width"],
                    "y": box["y"] + share * box["height"],
                }
            ]
        )
        cdp.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": points},
        )
    assert (board(page)[7:21, 13:15] == WHITE).all()
    assert page.evaluate("scrollY") == at


@pytest.mark.parametrize("how", ["drawing", "hole"])
def test_on_a_phone_board_and_result_are_seen_together(tab, how):
    page = drawing(tab, viewport={"width": 390, "height": 844})
    choose(page, "start", how)
    bar = page.locator(".bd-header-article").bounding_box()["height"]
    (board, *_, result) = page.evaluate(BOXES)
    assert result["bottom"] - board["top"] < 844 - bar
    assert board["width"] >= 200  # to draw with a finger


@pytest.mark.parametrize("width", [390, 1280])
def test_the_keyboard_goes_down_the_sampler_as_the_eye_does(tab, width):
    page = drawing(tab, viewport={"width": width, "height": 844})
    page.set_viewport_size({"width": 1670 - width, "height": 844})
    page.set_viewport_size({"width": width, "height": 844})  # and back
    page.evaluate(SETTLED)
    places = page.evaluate(FIELDS)
    right = [p for p in places if width == 390 or p["left"] > 300]
    tops = [p["top"] for p in right]
    assert len(tops) > 10
    assert all(b > a - 24 for a, b in pairwise(tops))


def test_the_keyboard_draws(tab):
    page = drawing(tab)
    page.locator(".dl-paper canvas").focus()
    page.keyboard.press("Space")
    dot = board(page)
    assert dot[14, 14] == WHITE
    assert (dot > 0).sum() < 16
    page.keyboard.press("ArrowUp")
    assert torch.equal(board(page), dot)  # the brush moves, and is up
    said = page.locator(".dl-paper [aria-live]")
    assert said.inner_text() == "row 14, column 15, white"
    for _ in range(30):  # no further than the edge
        page.keyboard.press("Shift+ArrowLeft")
    line = board(page)
    assert (line[13, :15] == WHITE).all()
    assert said.inner_text() == "row 14, column 1, white"
    page.keyboard.press("Control+z")
    page.keyboard.press("Tab")  # it is no trap
    assert page.evaluate("document.activeElement.tagName") == "INPUT"


def test_the_network_takes_every_ready_digit_for_what_it_is(tab):
    """With its own class the noise in it is guessed best."""
    net = load_pretrained("mnist")
    random = torch.Generator().manual_seed(0)
    t = torch.linspace(300, 800, 8).long()
    noise = torch.randn(len(t), *net.shape, generator=random)
    page = drawing(tab)

    @torch.no_grad()
    def loss(picture, label):
        return diffusion_loss(
            net.model,
            picture.expand(len(t), 1, -1, -1),
            t,
            noise,
            net.schedule,
            predicts=net.predicts,
            label=torch.full_like(t, label),
        )

    for which in range(10):
        page.get_by_label("Draw me a").select_option(str(which))
        picture = board(page).float() / WHITE * 2 - 1
        losses = [loss(picture, label) for label in range(10)]
        assert torch.stack(losses).argmin() == which
        assert page.locator("[name=label]").input_value() == str(which)


@pytest.mark.parametrize("half", ["top", "bottom", "left", "right"])
def test_a_half_is_cut_out(half, tab):
    page = drawing(tab, "hole")
    page.get_by_label("Draw me a").select_option("8")
    page.get_by_label("Cut out the").select_option(half)
    rows = board(page) == HOLE
    if half in ("left", "right"):
        rows = rows.T
    if half in ("bottom", "right"):
        rows = rows.flip(0)
    assert rows[:14].all()
    assert not rows[14:].any()


def test_a_drawing_follows_the_size_of_the_picture(tab):
    page = drawing(tab, "hole")
    page.get_by_label("Draw me a").select_option("1")
    page.get_by_label("Cut out the").select_option("top")
    choose(page, "network", "digits")
    small = board(page)
    assert small.shape == (8, 8)
    assert (small[:4] == HOLE).all()
    assert (small[4:] != HOLE).all()
    assert small[4:7, 3:5].max() > 5
    assert small[4:, :2].sum() == 0


# From the board through the network


def test_the_noised_drawing_is_shown_before_anything_is_run(tab):
    page = drawing(tab)
    choose(page, "network", "digits")
    page.get_by_label("Draw me a").select_option("3")
    assert {url.split("/")[-1] for url in heavy(page)} <= {"networks.json"}
    net = load_pretrained("digits")
    x0 = board(page).view(1, *net.shape) / WHITE * 2 - 1
    normals = page.evaluate("[...ddim.normals(0)(64)]")
    noise = torch.tensor(normals).view(1, *net.shape)
    for t in (50, 500, 1000):
        page.locator("[name=t]").fill(str(t))
        page.locator(".dl-track output", has_text=f"t = {t},").wait_for()
        shown = torch.tensor(page.evaluate(FILM)[0]["x"]).view(
            1, *net.shape
        )
        wanted = q_sample(x0, t, noise, net.schedule)
        assert_close(shown, wanted, atol=1e-4, rtol=0)
    assert (
        page.locator(".dl-times output, .dl-wide output").inner_text()
        == "1000"
    )


def test_a_drawing_is_finished_and_little_noise_keeps_it(tab):
    page = drawing(tab)
    choose(page, "network", "digits")
    choose(page, "label", "3")
    page.get_by_label("Draw me a").select_option("3")
    drawn = board(page).flatten() / WHITE * 2 - 1
    away = []
    for t in (50, 1000):
        page.locator("[name=t]").fill(str(t))
        page.wait_for_function(f"!({DONE})")
        if not away:
            start(page)
        page.wait_for_function(DONE)
        film = page.evaluate(FILM)
        assert film[0]["t"] == t
        assert len(film) == 21
        last = torch.tensor(film[-1]["x"])
        away.append((last - drawn).square().mean())
    assert away[0] < 0.1 < away[1]


def test_a_hole_is_ready_and_filled_and_the_rest_is_kept(tab):
    page = tab()
    prepare(page)
    choose(page, "start", "hole")  # with a digit, and half of it cut
    known = board(page)
    assert (known == HOLE).sum() == 32
    start(page)
    page.wait_for_function(DONE)
    last = torch.tensor(page.evaluate(FILM)[-1]["x"]).view(8, 8)
    wanted = known / WHITE * 2 - 1
    assert_close(last[:4], wanted[:4], atol=1e-6, rtol=0)
    assert last[4:].std() > 0.2
    # What came out can be taken, cut, and filled again.
    page.get_by_role("button", name="Take the result").click()
    taken = board(page) / WHITE * 2 - 1
    assert_close(taken, last.clamp(-1, 1), atol=1 / WHITE + 1e-6, rtol=0)
    assert page.complaints == []


def finished_one(tab):
    """A page where a drawn 1 was noised and finished."""
    page = drawing(tab)
    choose(page, "network", "digits")
    page.get_by_label("Draw me a").select_option("1")
    start(page)
    page.wait_for_function(DONE)
    return page


def test_a_stroke_stops_the_run_and_the_next_begins_from_it(tab):
    page = finished_one(tab)
    before = page.evaluate(FILM)
    page.locator(".dl-paper").scroll_into_view_if_needed()
    drag(page, (0.2, 0.2), (0.8, 0.2))
    page.wait_for_function(f"!({DONE})")
    page.wait_for_function(DONE)
    after = page.evaluate(FILM)
    assert after[0]["x"] != before[0]["x"]
    assert after[-1]["x"] != before[-1]["x"]
    assert run(page).inner_text() == "Run"


def test_run_does_not_wait_for_another_stroke(tab):
    """Nor does the drawing begin a second time when the wait is over."""
    page = finished_one(tab)
    page.evaluate("""() => {
        const sampler = document.querySelector('.dl-sampler').sampler;
        const restart = sampler.restart;
        window.begun = 0;
        sampler.restart = () => { begun += 1; restart.call(sampler); };
        sampler.board.digit(4);
        sampler.run.click();
    }""")
    four = page.evaluate(
        "document.querySelector('.dl-sampler').sampler.board.text"
    )
    assert f"drawing={four}" in page.evaluate("location.hash")
    page.wait_for_timeout(1000)
    page.wait_for_function(DONE)
    assert page.evaluate("begun") == 1
