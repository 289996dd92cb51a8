"""A run survives kill -9, signals, a full disk and a second run."""

import os
import random
import signal
from dataclasses import replace
from itertools import pairwise
from time import process_time

import pytest
import torch
from PIL import Image
from tiny_runs import (
    assert_as_if_unbroken,
    finish,
    in_a_child,
    last,
    options,
    rows,
    saved,
    start,
    tiny,
)

from diffusion_lessons.runs.pictures import open_pictures
from diffusion_lessons.runs.train import train_run

KILLS = int(os.environ.get("DIFFUSION_LESSONS_KILLS", 6))


# kill -9


def killed_after(seconds, config):
    """Train, and be ended by the system, unasked, in that much CPU time.

    As kill -9 does, but the moment does not depend on what else runs.
    """
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    finish(config)


def test_killed_at_random_moments_it_ends_as_if_unbroken(tmp_path):
    whole = tiny(tmp_path / "a", steps=40, save_every=3)
    broken = replace(whole, out=tmp_path / "b")
    run = train_run(whole)
    next(run)
    before = process_time()
    list(run)
    took = process_time() - before
    chance, codes, steps = random.Random(0), [], [0]
    while len(codes) < KILLS and steps[-1] < 40:
        child = in_a_child(killed_after, chance.uniform(0, took), broken)
        child.join()
        codes.append(child.exitcode)
        steps.append(saved(broken))
    assert all(a <= b for a, b in pairwise(steps))  # nothing saved is lost
    assert -signal.SIGPROF in codes
    finish(broken)
    assert_as_if_unbroken(broken, whole)


def prepared_until(seconds, config):
    """Decode pictures, and be ended by the system in so much time."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    open_pictures(config.pictures, 8, place=config.out / "store")


def test_killed_while_it_prepares_pictures_it_ends_as_if_unbroken(tmp_path):
    for i in range(60):
        place = tmp_path / "in" / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        colours = torch.arange(90 * 90 * 3).view(90, 90, 3) * (i + 3) % 251
        Image.fromarray(colours.byte().numpy()).save(place / f"{i}.png")
    whole = tiny(tmp_path / "x", pictures=str(tmp_path / "in"), size=8)
    broken = replace(whole, out=tmp_path / "y")
    before = process_time()
    open_pictures(whole.pictures, 8)
    took, chance, codes = process_time() - before, random.Random(1), []
    for _ in range(KILLS // 2):
        moment = chance.uniform(0, took)
        child = in_a_child(prepared_until, moment, broken)
        child.join()
        codes.append(child.exitcode)
    assert -signal.SIGPROF in codes
    assert finish(broken) == finish(whole)
    assert_as_if_unbroken(broken, whole)
    stores = [c.out / "store" / "pictures" for c in (broken, whole)]
    assert stores[0].read_bytes() == stores[1].read_bytes()


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_saves_and_says_how_to_go_on(
    tmp_path, number
):
    config = tiny(tmp_path / "run", steps=100_000, save_every=100_000)
    process = start(*options(config))
    while not config.out.exists() or not (config.out / "log.csv").exists():
        assert process.poll() is None
    while len(rows(config.out)) < 2:
        assert process.poll() is None
    process.send_signal(number)
    said, complaints = process.communicate()
    step = last(config.out)["step"]
    assert process.returncode == 128 + number
    assert said == (
        f"{config.out}: stopped at step {step} of 100000 and saved; the "
        "same command goes on\n"
    )
    assert complaints == "\nfinishing this step ...\n"
    assert rows(config.out)[-1]["step"] == str(step)
