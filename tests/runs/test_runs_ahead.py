"""What is drawn early is what would have been drawn in time."""

import threading

import pytest
from tiny_runs import CPU, begun, same, tiny

from diffusion_lessons.runs import ahead
from diffusion_lessons.runs.ahead import Ahead
from diffusion_lessons.runs.ranks import Ranks
from diffusion_lessons.runs.step import take_step

RANKS = Ranks(CPU)


def both(tmp_path, **settings):
    """A state that draws in time, one that draws early, their settings."""
    settings = {"batch_size": 400, "p_uncond": 0.5} | settings
    in_time, config = begun(tiny(tmp_path, **settings))
    early, _ = begun(tiny(tmp_path, **settings))
    early.draw = Ahead(early.batches)
    return in_time, early, config


def draws_of(state):
    """All that the next draws depend on."""
    return state.batches.state_dict(), state.generator.get_state()


def step(state, config):
    with state.whole_step():
        return take_step(state, config, RANKS)


def test_the_steps_are_the_same_and_so_is_what_is_saved_after_each(
    tmp_path,
):
    """Two batches of 400 make a pass over 1,077 pictures."""
    in_time, early, config = both(tmp_path)
    for _ in range(5):
        assert step(early, config) == step(in_time, config)
        assert same(early.state_dict(), in_time.state_dict())


def test_a_run_that_is_loaded_draws_from_where_it_was_saved(tmp_path):
    in_time, early, config = both(tmp_path)
    saved = in_time.state_dict()
    losses = [step(in_time, config) for _ in range(3)]
    step(early, config)  # what follows has been drawn by now
    early.load_state_dict(saved)
    assert [step(early, config) for _ in range(3)] == losses


OTHER = {  # what may have changed since
    "noise": lambda state: state.generator.manual_seed(5),
    "orders": lambda state: state.batches._generator.manual_seed(5),
    "order": lambda state: setattr(
        state.batches, "_order", state.batches._order.flip(0)
    ),
    "place": lambda state: setattr(state.batches, "_position", 1),
}


@pytest.mark.parametrize("what", OTHER)
def test_what_was_drawn_from_another_state_is_not_taken(tmp_path, what):
    in_time, early, config = both(tmp_path)
    for state in (in_time, early):
        step(state, config)
        OTHER[what](state)
    assert step(early, config) == step(in_time, config)
    assert same(draws_of(early), draws_of(in_time))


def test_a_step_that_is_cut_short_leaves_the_draws_to_the_next(
    tmp_path, monkeypatch
):
    in_time, early, config = both(tmp_path)
    step(in_time, config), step(early, config)
    before = draws_of(early)
    with monkeypatch.context() as patched:
        patched.setattr(early, "advance", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            step(early, config)
    assert same(draws_of(early), before)
    for _ in range(2):
        assert step(early, config) == step(in_time, config)


def test_only_the_first_step_waits_for_its_draws(tmp_path, monkeypatch):
    drawn_in = []

    def draw(*given):
        drawn_in.append(threading.current_thread())
        return usual(*given)

    usual = ahead.draw
    monkeypatch.setattr(ahead, "draw", draw)
    _, early, config = both(tmp_path)
    for _ in range(3):
        step(early, config)
    early.draw._early.result()
    here = threading.main_thread()
    assert [t is here for t in drawn_in] == [True, False, False, False]


def test_what_goes_wrong_in_the_other_thread_is_told(tmp_path, monkeypatch):
    _, early, config = both(tmp_path)
    step(early, config)
    early.draw._early.result()
    monkeypatch.setattr(ahead, "draw", lambda *_: 1 / 0)
    step(early, config)  # which was drawn before
    with pytest.raises(ZeroDivisionError):
        step(early, config)


@pytest.mark.gpu
def test_on_a_gpu_a_run_draws_early(tmp_path):
    early, _ = begun(tiny(tmp_path, device="cuda"))
    assert isinstance(early.draw, Ahead)


def test_on_a_cpu_a_run_draws_in_time(tmp_path):
    state, _ = begun(tiny(tmp_path))
    assert state.draw is ahead.draw
