"""The address holds what the sampler is set to; a grid, and two beside."""

import pytest
import torch
from sampler_page import (
    DONE,
    FILM,
    FRONT,
    choose,
    heavy,
    prepare,
    run,
    small,
    start,
)

pytestmark = pytest.mark.browser

READ = "document.querySelector('.dl-sampler').sampler.read()"
RUNS = """() => document.querySelector('.dl-sampler').sampler.runs.map(
    run => run.frames.map(f => ({t: f.t, x: [...f.x]})))"""
ALONE = """async ({seed, ...settings}) => {
    const network = await diffusionSampler.network('digits');
    const normals = ddim.normals(seed), noise = () => normals(64);
    const run = ddim.sample(network.model, noise(), network,
        {numSteps: 5, eta: 0, scale: 2, noise, ...settings});
    let last; for await (const frame of run) last = frame.x;
    return [...last];
}"""
SET = {
    "network": "digits",
    "label": "4",
    "steps": "5",
    "scale": "3",
    "eta": "0.5",
    "seed": "77",
    "show": "seeds",
    "compare": "scale",
    "second": "0",
}
HASH = "location.hash"


def pixels(numbers):
    return torch.tensor(numbers).view(-1, 8, 8)


# The address


def test_a_link_reproduces_the_picture(tab):
    page = tab()
    for name, value in SET.items():
        choose(page, name, value)
    link = page.evaluate(HASH)
    assert heavy(page) == []
    start(page)
    page.wait_for_function(DONE)
    assert page.evaluate(HASH) == link  # a run changes nothing of it
    other = tab(words=link)
    assert heavy(other) == []
    read = other.evaluate(READ)
    assert {name: read[name] for name in SET} == SET
    start(other)
    other.wait_for_function(DONE)
    assert other.evaluate(RUNS) == page.evaluate(RUNS)
    assert other.complaints == []


def test_a_link_reproduces_a_drawing_with_its_hole(tab):
    page = tab()
    choose(page, "network", "digits")
    choose(page, "start", "hole")
    page.get_by_label("Draw me a").select_option("5")
    page.get_by_label("Cut out the").select_option("left")
    choose(page, "passes", 2)
    assert page.evaluate(HASH).count("drawing=") == 1
    other = tab(words=page.evaluate(HASH))
    drawn = (
        "[...document.querySelector('.dl-sampler').sampler.board.pixels]"
    )
    assert other.evaluate(drawn) == page.evaluate(drawn)
    assert other.locator("[name=passes]").input_value() == "2"
    for each in (page, other):
        start(each)
        each.wait_for_function(DONE)
    assert other.evaluate(FILM) == page.evaluate(FILM)


def test_a_drawing_in_a_link_stands_there_whether_its_noise_came_or_not(
    chromium, server, built
):
    page = chromium.new_page()
    page.route("**/networks.json", lambda route: route.abort())
    words = "#sampler?network=digits&start=drawing&drawing=a24p16a24"
    page.goto(f"{server}/{FRONT}.html{words}")
    page.locator(".dl-status", has_text="networks.json did not").wait_for()
    assert page.locator(".dl-pictures canvas").count() == 2
    drawn = (
        "[...document.querySelector('.dl-sampler').sampler.board.pixels]"
    )
    assert page.evaluate(drawn) == [0] * 24 + [15] * 16 + [0] * 24
    page.unroute("**/networks.json")
    start(page)
    page.wait_for_function(DONE)
    assert page.evaluate(FILM)[0]["t"] == 700
    page.close()


def test_reload_and_back_restore_the_settings(tab, server):
    page = tab()
    prepare(page, label=3)
    choose(page, "seed", 41)
    before = page.evaluate(READ)
    page.reload()
    assert page.evaluate(READ) == before
    page.goto(f"{server}/genindex.html")
    page.go_back()
    assert page.evaluate(READ) == before


def test_the_link_is_copied(tab):
    page = tab()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    prepare(page)
    page.get_by_role("button", name="Copy link").click()
    page.locator(".dl-status", has_text="The link is copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.url
    assert "#sampler?network=digits&label=7&steps=5" in copied


def test_where_nothing_can_be_copied_the_link_stands_in_the_address(tab):
    page = tab()
    page.evaluate("""() => { navigator.clipboard.writeText = async () => {
        throw new Error('not allowed'); }; }""")
    page.get_by_role("button", name="Copy link").click()
    page.locator(".dl-status", has_text="in the address line").wait_for()
    assert "#sampler?network=mnist" in page.url


def test_an_anchor_of_the_page_stays_one(tab):
    page = tab("book/08_sampling_ddim")
    anchor = page.locator("article section section[id]").last
    name = anchor.get_attribute("id")
    page.evaluate("name => { location.hash = name; }", name)
    page.wait_for_timeout(300)
    top = "e => Math.abs(e.getBoundingClientRect().top)"
    assert anchor.evaluate(top) < 300
    choose(page, "seed", 5)
    assert page.evaluate(HASH).startswith("#sampler?")
    page.go_back()
    assert page.evaluate(HASH) == f"#{name}"
    assert page.locator("[name=seed]").input_value() == "5"
    assert page.complaints == []


def test_a_link_leads_to_the_sampler_even_where_a_question_waits(
    chromium, server, built
):
    page = chromium.new_page()
    page.goto(
        f"{server}/book/08_sampling_ddim.html#sampler?network=digits&seed=8"
    )
    host = page.locator(".dl-sampler")
    page.wait_for_function("""document.querySelector('.dl-sampler')
        .getBoundingClientRect().top < innerHeight""")
    assert host.evaluate("e => !e.closest('.dl-veiled')")
    assert page.locator("[name=seed]").input_value() == "8"
    page.close()


def test_another_link_on_the_same_page_is_followed(tab):
    page = tab()
    small(page)
    page.evaluate(
        "location.hash = 'sampler?network=digits&steps=5&label=2&seed=6'"
    )
    page.wait_for_function(f"!({DONE})")
    page.wait_for_function(DONE)
    last = page.evaluate(FILM)[-1]["x"]
    assert last == page.evaluate(ALONE, {"seed": 6, "label": 2})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("steps=7", "steps = 7; it can be 5, 10, 20, 50, 100"),
        ("network=faces", "network = faces; it can be mnist, digits"),
        ("seed=-3", "seed = -3; it can be a whole number from 0 to 9999"),
        ("start=drawing&drawing=a3", "not one of 28 × 28 pixels"),
        ("start=drawing&drawing=%3Cb%3E", "not one of 28 × 28 pixels"),
        ("second=9&compare=scale", "second = 9; it can be 0, 1, 1.5"),
    ],
)
def test_what_an_address_cannot_ask_for_is_told(words, told, tab):
    page = tab(words=f"#sampler?label=4&{words}")
    assert told in page.locator(".dl-status").inner_text()
    assert page.locator("[name=label]").input_value() == "4"
    assert page.locator("[name=steps]").input_value() == "20"
    assert page.locator("[name=seed]").input_value() == "0"
    assert page.complaints == []


def test_what_it_does_not_know_in_an_address_is_nothing(tab):
    page = tab(words="#sampler?constructor=1&t0String=2&label=4&%")
    assert page.locator("[name=label]").input_value() == "4"
    assert "MB" in page.locator(".dl-status").inner_text()
    assert page.complaints == []


def test_two_samplers_of_a_page_have_each_their_own_words(
    chromium, server, built
):
    page = chromium.new_page()
    two = '<div class="dl-sampler" data-network="digits"></div>'
    page.route(
        f"**/{FRONT}.html",
        lambda route: route.fulfill(
            body=route.fetch()
            .text()
            .replace(
                '<div class="dl-sampler"', f'{two}<div class="dl-sampler"'
            ),
            content_type="text/html",
        ),
    )
    page.goto(f"{server}/{FRONT}.html")
    hosts = page.locator(".dl-sampler")
    assert hosts.count() == 2
    for i, seed in ((0, "3"), (1, "4"), (0, "5")):
        hosts.nth(i).locator("[name=seed]").fill(seed)
        hosts.nth(i).locator("[name=seed]").press("Enter")
    page.reload()
    seeds = [hosts.nth(i).locator("[name=seed]") for i in range(2)]
    assert [field.input_value() for field in seeds] == ["5", "4"]
    networks = [hosts.nth(i).locator("[name=network]") for i in range(2)]
    assert [n.input_value() for n in networks] == ["digits", "mnist"]
    page.close()


# A grid, and two runs


def test_twelve_seeds_are_twelve_pictures_as_each_alone(tab):
    page = tab()
    small(page, show="seeds", seed=9995, label=6)
    last = pixels(page.evaluate(FILM)[-1]["x"])
    assert len(last) == 12
    for i, seed in ((0, 9995), (4, 9999), (5, 0), (11, 6)):
        alone = page.evaluate(ALONE, {"seed": seed, "label": 6})
        assert (last[i] - pixels(alone)[0]).abs().max() < 1e-4
    choose(page, "compare", "seed")
    choose(page, "second", 5)
    page.get_by_role("button", name="Again").click()
    assert page.locator("[name=seed]").input_value() == "7"  # twelve on
    assert page.locator("[name=second]").input_value() == "17"


def test_ten_classes_are_drawn_from_one_noise(tab):
    page = tab()
    small(page, show="classes", seed=3)
    film = page.evaluate(FILM)
    first, last = pixels(film[0]["x"]), pixels(film[-1]["x"])
    assert len(last) == 10
    assert (first == first[0]).all()
    for label in (0, 4, 9):
        alone = page.evaluate(ALONE, {"seed": 3, "label": label})
        assert (last[label] - pixels(alone)[0]).abs().max() < 1e-4
    assert page.locator("[name=label]").is_disabled()
    told = page.locator(".dl-status").inner_text()
    assert told == "Done: asked for all ten classes, 5 steps."


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"label": 7}, "a 7, 5 steps"),
        ({"label": 8}, "an 8, 5 steps"),
        ({"label": ""}, "any digit, 5 steps"),
        (
            {"label": 7, "compare": "label", "second": 8},
            "a 7 and an 8, 5 steps, two runs",
        ),
        (
            {"label": 3, "compare": "steps", "second": 10},
            "a 3, 5 and 10 steps, two runs",
        ),
    ],
)
def test_it_says_what_was_asked_for_and_does_not_judge(settings, told, tab):
    page = tab()
    small(page, **settings)
    status = page.locator(".dl-status").inner_text()
    assert status == f"Done: asked for {told}."


def test_a_grid_shows_every_picture_in_its_place(tab):
    page = tab()
    small(page, show="classes", seed=3)
    last = pixels(page.evaluate(FILM)[-1]["x"]).clamp(-1, 1)
    shown = page.evaluate("""() => { const canvas =
            document.querySelector('.dl-pictures canvas');
        const { width, height } = canvas;
        const all = canvas.getContext('2d').getImageData(
            0, 0, width, height);
        return {width, height, grey: [...all.data].filter(
            (_, i) => i % 4 === 0)}; }""")
    assert (shown["width"], shown["height"]) == (4 * 9 - 1, 3 * 9 - 1)
    grey = torch.tensor(shown["grey"]).view(26, 35)
    for i in range(10):
        y, x = 9 * (i // 4), 9 * (i % 4)
        wanted = (last[i] + 1) * 127.5
        assert (grey[y : y + 8, x : x + 8] - wanted).abs().max() <= 1


@pytest.mark.parametrize(
    ("compare", "second", "other"),
    [
        ("label", "2", {"label": 2}),
        ("label", "", {"label": 10, "scale": 1}),
        ("scale", "5", {"scale": 5}),
        ("seed", "8", {"seed": 8}),
        ("steps", "10", {"numSteps": 10}),
    ],
)
def test_two_runs_differ_in_what_is_compared(compare, second, other, tab):
    page = tab()
    small(page, compare=compare, second=second)
    one, two = (run[-1]["x"] for run in page.evaluate(RUNS))
    usual = {"seed": 0, "label": 7}
    assert one == page.evaluate(ALONE, usual)
    assert two == page.evaluate(ALONE, usual | other)
    titles = page.locator(".dl-title").all_inner_texts()
    assert len(set(titles)) == 2
    assert page.locator(".dl-pictures canvas").count() == 4


def test_the_shorter_of_two_runs_is_never_ahead(tab):
    page = tab()
    small(page, steps=20, compare="steps", second="5")
    long, short = page.evaluate(RUNS)
    assert (len(long), len(short)) == (21, 6)
    slider = page.get_by_label("step of the sampler")
    names = page.locator(".dl-pictures canvas")
    for step in (0, 3, 4, 19, 20):
        slider.fill(str(step))
        page.locator(
            ".dl-track output", has_text=f"step {step} of 20"
        ).wait_for()
        t = [
            int(names.nth(i).get_attribute("aria-label").split("t = ")[1])
            for i in (0, 2)
        ]
        assert t == [long[step]["t"], short[step // 4]["t"]]
        assert t[1] >= t[0]


def test_one_more_run_is_taken_away_again(tab):
    page = tab()
    small(page, compare="seed", second=4)
    choose(page, "compare", "")
    page.wait_for_function(DONE)
    assert page.locator(".dl-pictures canvas").count() == 2
    assert page.locator(".dl-title:visible").count() == 0
    assert "compare" not in page.evaluate(HASH)
    assert run(page).inner_text() == "Run"
