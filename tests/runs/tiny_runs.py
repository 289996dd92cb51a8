"""Runs that take a moment, on digits, shared by the tests of runs."""

import csv
import os
import subprocess
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch

from diffusion_lessons import load_checkpoint
from diffusion_lessons.runs.begin import completed, state_of
from diffusion_lessons.runs.config import RunConfig
from diffusion_lessons.runs.pictures import open_pictures
from diffusion_lessons.runs.ranks import Ranks
from diffusion_lessons.runs.step import take_step
from diffusion_lessons.runs.train import train_run

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]
TINY = RunConfig(
    "digits",
    "nowhere",
    network={"base_channels": 8},
    steps=6,
    batch_size=7,
    warmup=2,
    save_every=2,
    sample_every=0,
    log_every=1,
    device="cpu",
)
UNCHOSEN = RunConfig("digits", "nowhere").network


def tiny(out, **settings):
    """The settings of a tiny run in the folder *out*."""
    return replace(TINY, out=out, **settings)


def finish(config, **options):
    """Run to the end: its losses."""
    return [step.loss for step in train_run(config, **options)]


def stopped_after(step, config, **options):
    """Stop after a step, as Ctrl-C does: the losses so far."""
    done = []
    run = train_run(config, stop=lambda: len(done) + 1 == step, **options)
    for each in run:
        done.append(each.loss)
    return done


def same(a, b):
    """Are two trees of tensors and numbers the same, bit for bit?"""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def last(out):
    """The last checkpoint of the run in *out*."""
    return load_checkpoint(Path(out) / "last.safetensors")


def rows(out):
    """log.csv as dicts."""
    with (Path(out) / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def options(config):
    """The tiny run's settings as a command line."""
    return [
        *("train", config.pictures, "--out", str(config.out)),
        *("--network", "base_channels=8", "--device", config.device),
        *("--steps", str(config.steps), "--warmup", str(config.warmup)),
        *("--batch-size", str(config.batch_size)),
        *("--save-every", str(config.save_every)),
        *("--sample-every", str(config.sample_every)),
        *("--log-every", str(config.log_every)),
    ]


def start(*words, processes=0, **options):
    """Start the command as a process of its own, or several of them."""
    way = ["-m", "diffusion_lessons"]
    if processes:
        way = [
            *("-m", "torch.distributed.run", "--standalone"),
            f"--nproc-per-node={processes}",
            *("--monitor-interval=0.1", *options.pop("torchrun", ())),
            *way,
        ]
    known = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *way, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=known,
        **options,
    )


def in_a_child(work, *given):
    """Start *work* in a process of its own, which starts in a moment.

    It is forked from a server that has imported everything already.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["tiny_runs", "sklearn.datasets"])
    child = context.Process(target=_alone, args=(work, *given))
    child.start()
    return child


def _alone(work, *given):
    torch.set_num_threads(1)
    work(*given)


def saved(config):
    """The step of the last checkpoint, 0 without one."""
    there = (config.out / "last.safetensors").exists()
    return last(config.out)["step"] if there else 0


def assert_as_if_unbroken(broken, whole):
    """The same weights, moments, place and draws, and the same log."""
    assert same(last(broken.out), last(whole.out))
    tables = [
        [(r["step"], r["loss"], r["lr"]) for r in rows(c.out)]
        for c in (broken, whole)
    ]
    assert tables[0] == tables[1]
    assert not list(broken.out.rglob("*.unfinished"))


def begun(config):
    """The state of a run before its first step, and all its settings."""
    config = completed(config, store := open_pictures("digits"))
    place = torch.device(config.device)
    return state_of(config, store, Ranks(place)), config


def gradients(config, rank=0, count=1):
    """One process's part of the loss of a step, and of its gradient."""
    state, config = begun(config)
    torch.manual_seed(0)
    for p in state.model.parameters():  # zeros would hide the most
        torch.nn.init.normal_(p, std=0.1)
    state.advance = lambda: None
    loss = take_step(state, config, Ranks(CPU, rank, count))
    return loss, torch.cat(
        [p.grad.flatten() for p in state.model.parameters()]
    )
