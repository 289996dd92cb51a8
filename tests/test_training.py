"""The loss, and a training run that repeats and resumes bit for bit."""

import pickle
from itertools import islice
from math import prod

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from diffusion_lessons import (
    EMA,
    BasicUNet,
    Batches,
    IgnoreTime,
    NoiseSchedule,
    clean_image_loss,
    diffusion_loss,
    load_checkpoint,
    loss_by_t,
    q_sample,
    save_checkpoint,
    steps_for,
    target,
    train,
)
from diffusion_lessons.training import (
    draw_t_and_noise,
    lr_factor,
    overfit_one_batch,
)

SCHEDULE = NoiseSchedule.cosine(20)
PREDICTIONS = ["eps", "x0", "v"]
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
SEEDED = torch.Generator().manual_seed(0)
SIGNAL = SCHEDULE.sqrt_alphas_cumprod
SIGMA = SCHEDULE.sqrt_one_minus_alphas_cumprod


def tiny_run(steps=9, seed=0, schedule=SCHEDULE, **options):
    """A network of 10 weights on 10 images, 3 to a batch."""
    images = torch.linspace(-1, 1, 160).view(10, 1, 4, 4)
    torch.manual_seed(0)
    model = IgnoreTime(nn.Conv2d(1, 1, 3, padding=1))
    batches = Batches(images, batch_size=3)
    return train(
        model, batches, schedule, num_steps=steps, seed=seed, **options
    )


class Labelled(nn.Module):
    """A network of 26 weights that is told one of 15 classes, or none."""

    null_label = 15

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.classes = nn.Embedding(16, 1)
        self.seen = []

    def forward(self, x, t, label):
        self.seen.append(label)
        return self.conv(x) + self.classes(label)[:, :, None, None]


def labelled_run(steps=9, batch_size=4, model=None, **options):
    """Labelled on 15 images, each of its own class."""
    images = torch.linspace(-1, 1, 240).view(15, 1, 4, 4)
    torch.manual_seed(0)
    model = model or Labelled()
    batches = Batches(images, torch.arange(15), batch_size=batch_size)
    return train(model, batches, SCHEDULE, num_steps=steps, **options)


def seen_labels(run):
    """All labels that the network was shown in a run, (steps, B)."""
    *_, step = run
    return torch.stack(step.state.model.seen)


def weights(state):
    return torch.cat([p.flatten() for p in state.model.parameters()])


def sum_of_weights(model, *_):
    """A loss with slope 1 in every weight."""
    return sum(p.sum() for p in model.parameters())


def finish(run):
    """All losses of a run, and its last weights."""
    steps = list(run)
    return [s.loss for s in steps], weights(steps[-1].state).tolist()


def oracle(predicts, x0):
    """A network that knows the image, and so the noise in x_t."""

    def model(xt, t):
        signal, sigma = (s[t].view(-1, 1) for s in (SIGNAL, SIGMA))
        eps = (xt - signal * x0) / sigma
        v = signal * eps - sigma * x0
        return {"eps": eps, "x0": x0, "v": v}[predicts]

    return model


def data():
    """x_0, t, noise for six images of four pixels."""
    x0, noise = torch.randn(2, 6, 4, dtype=torch.float64)
    return x0, torch.tensor([1, 2, 5, 10, 15, 20]), noise


# The loss


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_a_perfect_network_has_no_loss(predicts):
    x0, t, noise = data()
    model = oracle(predicts, x0)
    loss = diffusion_loss(model, x0, t, noise, SCHEDULE, predicts=predicts)
    assert loss.item() == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("predicts", PREDICTIONS)
@pytest.mark.parametrize("other", PREDICTIONS)
def test_a_network_is_judged_by_the_target_it_has(predicts, other):
    x0, t, noise = data()
    model = oracle(other, x0)
    loss = diffusion_loss(model, x0, t, noise, SCHEDULE, predicts=predicts)
    assert (loss < 1e-20) == (predicts == other)


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_a_silent_network_loses_the_mean_square_of_its_target(predicts):
    x0, t, noise = data()
    loss = diffusion_loss(
        lambda x, t: 0 * x, x0, t, noise, SCHEDULE, predicts=predicts
    )
    wanted = target(predicts, x0, noise, t, SCHEDULE)
    assert_close(loss, (wanted**2).mean())


def test_a_silent_network_has_loss_1_on_noise():
    x0, noise = torch.randn(2, 100, 1000)
    loss = diffusion_loss(lambda x, t: 0 * x, x0, 5, noise, SCHEDULE)
    assert loss.item() == pytest.approx(1, abs=0.02)


def test_the_network_is_shown_x_t_and_t():
    x0, t, noise = data()
    seen = []
    diffusion_loss(
        lambda *args: seen.extend(args) or x0, x0, t, noise, SCHEDULE
    )
    assert torch.equal(seen[0], q_sample(x0, t, noise, SCHEDULE))
    assert torch.equal(seen[1], t)
    assert len(seen) == 2


def test_a_label_is_handed_to_the_network():
    x0, t, noise = data()
    label, seen = torch.arange(6), []

    def model(x, t, label):
        seen.append(label)
        return x

    diffusion_loss(model, x0, t, noise, SCHEDULE, label=label)
    assert torch.equal(seen[0], label)


def test_an_output_that_would_broadcast_is_refused():
    x0, t, noise = data()
    got = r"shape \(6, 4\); got \(6, 1\)"
    with pytest.raises(ValueError, match=got):
        diffusion_loss(lambda x, t: x[:, :1], x0, t, noise, SCHEDULE)


def test_the_first_guess_mixes_in_t_of_T_uniform_noise():
    x0, t, noise = data()
    uniform = torch.distributions.Normal(0, 1).cdf(noise)
    share = (t.double() / 20)[:, None]
    loss = clean_image_loss(lambda x, t: x, x0, t, noise, SCHEDULE)
    mixed = (1 - share) * x0 + share * uniform
    assert_close(loss, ((mixed - x0) ** 2).mean())


def test_the_first_guess_has_no_loss_for_a_network_that_knows():
    x0, t, noise = data()
    loss = clean_image_loss(lambda x, t: x0, x0, t, noise, SCHEDULE)
    assert loss == 0


# What is drawn


def test_t_covers_1_to_T_and_both_ends():
    schedule = NoiseSchedule.linear(5)
    t, _ = draw_t_and_noise(torch.zeros(500, 2), schedule, SEEDED)
    assert t.unique().tolist() == [1, 2, 3, 4, 5]
    assert t.bincount()[1:].min() > 60


def test_every_image_gets_its_own_standard_noise():
    _, noise = draw_t_and_noise(torch.zeros(200, 500), SCHEDULE, SEEDED)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert noise.std().item() == pytest.approx(1, abs=0.02)
    assert len(noise[:, 0].unique()) == 200


# A run


def test_a_run_with_the_same_seed_is_bit_identical():
    assert finish(tiny_run()) == finish(tiny_run())


def test_a_run_with_another_seed_differs():
    assert finish(tiny_run())[0] != finish(tiny_run(seed=1))[0]


def test_a_run_leaves_the_global_random_numbers_alone():
    run = tiny_run()
    before = torch.get_rng_state()
    finish(run)
    assert torch.equal(torch.get_rng_state(), before)


def test_steps_are_counted_from_1():
    steps = list(tiny_run(4))
    assert [s.step for s in steps] == [1, 2, 3, 4]
    assert steps[-1].state.step == 4


def test_nothing_runs_until_a_step_is_asked_for():
    calls = []

    def loss(model, *args):
        calls.append(1)
        return diffusion_loss(model, *args)

    run = tiny_run(loss=loss)
    assert len(calls) == 0
    next(run)
    assert len(calls) == 1


def test_the_first_step_moves_the_weights_by_the_learning_rate():
    """AdamW moves every weight by lr, save what it decays them by."""
    model = IgnoreTime(nn.Conv2d(1, 1, 3))
    before = nn.utils.parameters_to_vector(model.parameters()).detach()
    batches = Batches(torch.zeros(3, 1, 4, 4), batch_size=3)
    run = train(model, batches, SCHEDULE, lr=0.01, loss=sum_of_weights)
    moved = before - weights(next(run).state)
    assert_close(moved, torch.full((10,), 0.01), rtol=0.02, atol=0)


def test_the_reported_loss_is_the_one_before_the_step():
    values = []

    def loss(model, *args):
        values.append(diffusion_loss(model, *args))
        return values[-1]

    losses, _ = finish(tiny_run(loss=loss))
    assert losses == [v.item() for v in values]


def test_the_learning_rate_falls_to_0_along_a_cosine():
    rates = [
        s.state.optimizer.param_groups[0]["lr"]
        for s in tiny_run(20, lr=0.5)
    ]
    assert rates[9] == pytest.approx(0.25)
    assert rates[-1] == pytest.approx(0, abs=1e-12)


def test_gradients_do_not_pile_up():
    for step in tiny_run(3, loss=sum_of_weights):
        grads = [p.grad for p in step.state.model.parameters()]
        assert all((g == 1).all() for g in grads)


def test_the_network_is_in_training_mode_at_every_step():
    modes = []

    def loss(model, *args):
        modes.append(model.training)
        return diffusion_loss(model, *args)

    for step in tiny_run(4, loss=loss):
        loss_by_t(step.state.model, torch.zeros(2, 1, 4, 4), SCHEDULE, [1])
    assert modes == [True] * 4


def test_training_lowers_the_loss():
    black, white = -torch.ones(16, 1, 8, 8), torch.ones(16, 1, 8, 8)
    batches = Batches(torch.cat([black, white]), batch_size=32)
    model = IgnoreTime(BasicUNet(final_activation=False))
    run = train(model, batches, SCHEDULE, num_steps=80)
    losses = [step.loss for step in run]
    assert 0.5 < sum(losses[:5]) / 5 < 1.5
    assert sum(losses[-20:]) / 20 < 0.4


@pytest.mark.parametrize("device", DEVICES)
def test_a_run_takes_place_where_the_network_is(device):
    model = IgnoreTime(BasicUNet()).to(device)
    images = torch.zeros(4, 1, 8, 8)
    run = train(model, Batches(images, batch_size=2), SCHEDULE, num_steps=2)
    assert all(step.loss > 0 for step in run)
    assert loss_by_t(model, images, SCHEDULE, [1, 20]).device.type == "cpu"
    losses = overfit_one_batch(model, images, SCHEDULE, num_steps=2)
    assert len(losses) == 2


@pytest.mark.parametrize(
    ("device", "steps", "said"),
    [
        ("cpu", 800, ""),
        (torch.device("cpu"), 800, ""),
        ("cuda", 4000, "cuda: 4,000 training steps, on a CPU 800\n"),
        (torch.device("cuda", 1), 4000, "cuda: 4,000 training steps, "),
    ],
)
def test_a_gpu_trains_for_longer_and_says_so(device, steps, said, capsys):
    assert steps_for(device, cpu=800, gpu=4000) == steps
    printed = capsys.readouterr().out
    assert printed.startswith(said)
    assert bool(printed) == bool(said)


def test_every_step_has_the_rate_of_the_curve():
    rates = [
        s.state.optimizer.param_groups[0]["lr"]
        for s in tiny_run(12, lr=0.5, warmup=4)
    ]
    curve = [0.5 * lr_factor(step, 12, warmup=4) for step in range(1, 13)]
    assert rates == pytest.approx(curve)


def test_without_a_warm_up_the_rate_is_torchs_own_cosine():
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
    for step in range(50):
        rate = optimizer.param_groups[0]["lr"]
        assert lr_factor(step, 50) == pytest.approx(rate, abs=1e-12)
        optimizer.step()
        theirs.step()


def test_a_warm_up_rises_evenly_to_the_cosine():
    shares = [lr_factor(s, 100, 9) / lr_factor(s, 100) for s in range(100)]
    assert shares[:9] == pytest.approx([i / 10 for i in range(1, 10)])
    assert shares[9:] == pytest.approx([1] * 91)


def test_with_a_warm_up_the_first_step_is_a_short_one():
    short, full = (weights(next(tiny_run(warmup=w)).state) for w in (9, 0))
    start = weights(next(tiny_run(lr=0.0)).state)
    assert_close(short - start, (full - start) / 10, rtol=1e-3, atol=1e-7)


# Labels


def test_the_network_is_told_the_labels_of_its_images():
    """The images of labelled_run rise with their class."""
    pairs = []

    def loss(model, x0, t, noise, schedule, label):
        pairs.append((x0.mean(dim=(1, 2, 3)), label))
        return diffusion_loss(model, x0, t, noise, schedule, label=label)

    seen = seen_labels(labelled_run(loss=loss))
    classes = torch.linspace(-1, 1, 240).view(15, 16).mean(1)
    for (means, label), shown in zip(pairs, seen, strict=True):
        assert_close(means, classes[label])
        assert torch.equal(label, shown)


def test_without_labels_the_network_is_told_x_and_t_only():
    """tiny_run's network takes no third argument."""
    assert len(list(tiny_run(3))) == 3


def test_a_share_of_the_labels_is_dropped():
    """Within five standard deviations of a binomial count."""
    run = labelled_run(600, batch_size=15, p_uncond=0.2)
    dropped = seen_labels(run) == Labelled.null_label
    count, wide = dropped.sum().item(), 5 * (9000 * 0.2 * 0.8) ** 0.5
    assert abs(count - 9000 * 0.2) < wide
    assert len(dropped.sum(1).unique()) > 3  # not the same in each batch


@pytest.mark.parametrize(("p", "count"), [(0, 0), (1, 36)])
def test_p_uncond_0_drops_none_and_1_all(p, count):
    seen = seen_labels(labelled_run(p_uncond=p))
    assert (seen == Labelled.null_label).sum() == count


def test_dropping_leaves_the_labels_of_the_data_alone():
    *_, step = labelled_run(p_uncond=0.9)
    assert torch.equal(step.state.batches.labels, torch.arange(15))


def test_a_run_that_drops_labels_is_bit_identical_for_a_seed():
    one, same, other = (
        finish(labelled_run(p_uncond=0.5, seed=s)) for s in (3, 3, 4)
    )
    assert one == same
    assert one != other


def test_a_run_that_drops_leaves_the_global_random_numbers_alone():
    run = labelled_run(p_uncond=0.5)
    before = torch.get_rng_state()
    finish(run)
    assert torch.equal(torch.get_rng_state(), before)


def test_labels_that_are_not_there_cannot_be_dropped():
    batches = Batches(torch.zeros(3, 1, 4, 4), batch_size=3)
    with pytest.raises(ValueError, match="takes batches with labels"):
        train(Labelled(), batches, SCHEDULE, p_uncond=0.1)


def test_labels_are_not_dropped_for_a_network_without_a_null():
    batches = Batches(
        torch.zeros(3, 1, 4, 4), torch.arange(3), batch_size=3
    )
    model = IgnoreTime(nn.Conv2d(1, 1, 1))
    with pytest.raises(ValueError, match="a model with a null_label"):
        train(model, batches, SCHEDULE, p_uncond=0.1)


@pytest.mark.parametrize("p", [-0.5, 1.5])
def test_a_p_uncond_that_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match=rf"in 0\.\.1, got {p}"):
        next(labelled_run(p_uncond=p))


def test_a_warmup_of_less_than_0_steps_is_refused():
    images = torch.zeros(3, 1, 4, 4)
    model = IgnoreTime(nn.Conv2d(1, 1, 1))
    batches = Batches(images, batch_size=3)
    with pytest.raises(ValueError, match="warmup must be 0 or more"):
        train(model, batches, SCHEDULE, warmup=-1)


# The running average


def step_to(model, value):
    """Give every weight of *model* the same value."""
    for p in model.parameters():
        nn.init.constant_(p, value)
    return model


def test_the_average_of_weights_that_stay_is_those_weights():
    model = nn.Linear(2, 3)
    ema = EMA(model)
    for _ in range(20):
        ema.update(model)
    expected = dict(model.named_parameters())
    for name, average in ema.model.named_parameters():
        assert torch.equal(average, expected[name])


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.999])
def test_what_is_left_of_the_start_is_the_product_of_the_decays(decay):
    """From 1 to 0: after k updates d_1 d_2 … d_k is left of the 1."""
    model = step_to(nn.Linear(2, 1).double(), 1.0)
    ema = EMA(model, decay)
    step_to(model, 0.0)
    decays = [min(decay, k / (k + 10)) for k in range(1, 31)]
    for k in range(1, 31):
        ema.update(model)
        left = ema.model.bias.item()
        assert left == pytest.approx(prod(decays[:k]), rel=1e-9)


def test_the_average_is_the_sum_of_the_paths_weights():
    """Σ (1 - d_k) d_(k+1) … d_n w_k, the closed form of the recursion."""
    path = torch.randn(40, dtype=torch.float64)
    model = step_to(nn.Linear(2, 1).double(), 0.0)
    ema = EMA(model, 0.7)
    for value in path:
        ema.update(step_to(model, value.item()))
    decays = [min(0.7, k / (k + 10)) for k in range(1, 41)]
    expected = sum(
        (1 - decays[k]) * prod(decays[k + 1 :]) * path[k] for k in range(40)
    )
    assert ema.model.bias.item() == pytest.approx(expected.item())


def test_the_average_follows_the_network_and_does_not_touch_it():
    model = step_to(nn.Linear(2, 3), 1.0)
    ema = EMA(model, 0.0)
    step_to(ema.model, 5.0)
    assert all((p == 1).all() for p in model.parameters())
    ema.update(model)
    assert all((p == 1).all() for p in model.parameters())
    assert all((p == 1).all() for p in ema.model.parameters())


def test_the_average_is_no_part_of_the_graph_and_ready_to_sample():
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout()).train()
    ema = EMA(model)
    model(torch.ones(1, 2)).sum().backward()
    ema.update(model)
    assert not any(p.requires_grad for p in ema.model.parameters())
    assert all(p.grad_fn is None for p in ema.model.parameters())
    assert not ema.model.training
    assert model.training
    assert all(p.requires_grad for p in model.parameters())


def test_averaging_changes_nothing_in_the_run():
    run = tiny_run()
    step = next(run)
    ema, losses = EMA(step.state.model), [step.loss]
    for step in run:
        ema.update(step.state.model)
        losses.append(step.loss)
    assert (losses, weights(step.state).tolist()) == finish(tiny_run())


def test_a_saved_average_stays_as_it_was_taken():
    model = step_to(nn.Linear(2, 3), 1.0)
    ema = EMA(model, 0.5)
    saved = ema.state_dict()
    ema.update(step_to(model, 0.0))
    assert saved["updates"] == 0
    assert all((v == 1).all() for v in saved["model"].values())


@pytest.mark.parametrize("decay", [-0.1, 1, 1.5])
def test_a_decay_outside_0_to_1_is_refused(decay):
    with pytest.raises(ValueError, match=f"below 1; got {decay}"):
        EMA(nn.Linear(1, 1), decay)


# One batch by heart


def test_one_batch_can_be_learnt_by_heart():
    x0 = torch.randn(4, 1, 8, 8)
    model = IgnoreTime(BasicUNet(final_activation=False))
    losses = overfit_one_batch(model, x0, SCHEDULE, num_steps=150)
    assert len(losses) == 150
    assert losses[-1] < 0.1 * losses[0]


def test_behind_a_silu_one_batch_cannot_be_learnt():
    """The part of the noise below SiLU's minimum stays as loss."""
    x0 = torch.randn(4, 1, 8, 8)
    _, noise = draw_t_and_noise(
        x0, SCHEDULE, torch.Generator().manual_seed(3)
    )
    floor = ((-0.278465 - noise).clamp(min=0) ** 2).mean()
    model = IgnoreTime(BasicUNet(final_activation=True))
    losses = overfit_one_batch(model, x0, SCHEDULE, num_steps=99, seed=3)
    assert min(losses) > floor
    assert losses[-1] < losses[0]


def test_learning_by_heart_sees_one_t_and_one_noise_per_image():
    seen = []

    def loss(model, x0, t, noise, schedule):
        seen.append((t, noise))
        return sum_of_weights(model)

    x0 = torch.randn(4, 1, 8, 8)
    model = nn.Conv2d(1, 1, 1)
    overfit_one_batch(model, x0, SCHEDULE, num_steps=3, loss=loss)
    assert all(t is seen[0][0] and e is seen[0][1] for t, e in seen)


# Stop and go on


@pytest.mark.parametrize("stop", [1, 2, 3, 5, 8])
def test_a_resumed_run_is_bit_identical(tmp_path, stop):
    """Three batches fill a pass: 1, 2, 5 and 8 stop in the middle."""
    losses, last = finish(tiny_run())
    *_, step = islice(tiny_run(), stop)
    save_checkpoint(tmp_path / "run.pt", step.state)
    saved = load_checkpoint(tmp_path / "run.pt")
    assert finish(tiny_run(seed=7, resume=saved)) == (losses[stop:], last)


def averaged_run(model, ema, count=9, **options):
    """Some steps with all there is; what every number has become."""
    run = labelled_run(model=model, p_uncond=0.5, warmup=5, **options)
    for step in islice(run, count):
        ema.update(step.state.model)
    both = [*model.parameters(), *ema.model.parameters()]
    return step, torch.cat([p.flatten() for p in both]).tolist()


@pytest.mark.parametrize("stop", [1, 3, 4, 8])
def test_a_run_with_labels_drops_and_average_resumes_bit_identical(
    tmp_path, stop
):
    """Three batches fill a pass; the warm-up ends after five steps."""
    start = Labelled().state_dict()

    def begin():
        model = Labelled()
        model.load_state_dict(start)
        return model, EMA(model)

    _, expected = averaged_run(*begin())
    model, ema = begin()
    step, _ = averaged_run(model, ema, stop)
    save_checkpoint(tmp_path / "run.pt", step.state)
    torch.save(ema.state_dict(), tmp_path / "ema.pt")

    model = Labelled()
    ema = EMA(model)
    ema.load_state_dict(torch.load(tmp_path / "ema.pt", weights_only=True))
    saved = load_checkpoint(tmp_path / "run.pt")
    _, resumed = averaged_run(model, ema, seed=7, resume=saved)
    assert resumed == expected


def test_a_state_in_memory_stays_as_it_was_taken():
    losses, last = finish(tiny_run())
    run = tiny_run()
    *_, step = islice(run, 4)
    saved = step.state.state_dict()
    finish(run)
    assert finish(tiny_run(resume=saved)) == (losses[4:], last)


def test_a_state_can_be_resumed_twice():
    *_, step = islice(tiny_run(), 4)
    saved = step.state.state_dict()
    first = finish(tiny_run(resume=saved))
    assert finish(tiny_run(resume=saved)) == first


def test_a_finished_run_has_no_more_steps(tmp_path):
    *_, step = tiny_run()
    save_checkpoint(tmp_path / "run.pt", step.state)
    resumed = tiny_run(resume=load_checkpoint(tmp_path / "run.pt"))
    assert list(resumed) == []


def test_a_state_of_a_longer_run_is_refused():
    saved = next(tiny_run(9)).state.state_dict()
    with pytest.raises(ValueError, match=r"9 steps; got num_steps=8"):
        tiny_run(8, resume=saved)


def test_a_failed_save_keeps_the_old_file_and_leaves_no_litter(
    tmp_path, monkeypatch
):
    def half(_, path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    path, state = tmp_path / "run.pt", next(tiny_run()).state
    save_checkpoint(path, state)
    before = path.read_bytes()
    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, state)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_save_replaces_the_old_file_and_leaves_no_litter(tmp_path):
    for step in tiny_run(2):
        save_checkpoint(str(tmp_path / "run.pt"), step.state)
    assert load_checkpoint(str(tmp_path / "run.pt"))["step"] == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"step": print}, tmp_path / "run.pt")
    with pytest.raises(pickle.UnpicklingError):
        load_checkpoint(tmp_path / "run.pt")


# The bar


def test_a_bar_shows_the_loss_when_asked(capsys):
    list(tiny_run(3, progress=True))
    shown = capsys.readouterr()
    assert "training: 100%" in shown.err
    assert "3/3" in shown.err
    assert shown.out == ""


def test_without_a_bar_nothing_is_written(capsys):
    list(tiny_run(3))
    assert capsys.readouterr() == ("", "")


# The loss at each t


def test_loss_by_t_is_the_loss_at_that_t():
    x0 = torch.randn(6, 1, 8, 8)
    model = IgnoreTime(BasicUNet())
    values = loss_by_t(model, x0, SCHEDULE, [1, 10, 20], seed=3)
    noise = torch.randn(
        x0.shape, generator=torch.Generator().manual_seed(3)
    )
    for value, t in zip(values, [1, 10, 20], strict=True):
        assert_close(value, diffusion_loss(model, x0, t, noise, SCHEDULE))
    assert values.shape == (3,)
    assert not values.requires_grad


def test_loss_by_t_takes_another_loss():
    x0 = torch.randn(6, 1, 8, 8)
    model = IgnoreTime(BasicUNet())
    guess = loss_by_t(model, x0, SCHEDULE, [5], loss=clean_image_loss)
    assert not torch.equal(guess, loss_by_t(model, x0, SCHEDULE, [5]))


def test_loss_by_t_measures_without_dropout_and_puts_it_back():
    model = IgnoreTime(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout()))
    x0 = torch.randn(6, 1, 8, 8)
    one, same = (loss_by_t(model, x0, SCHEDULE, [5]) for _ in range(2))
    assert torch.equal(one, same)
    assert model.training


# Refusals


@pytest.mark.parametrize("batches", [[torch.zeros(1)], torch.zeros(3)])
def test_anything_but_batches_is_refused(batches):
    model = IgnoreTime(nn.Conv2d(1, 1, 1))
    with pytest.raises(TypeError, match=r"must be a Batches\(.*got \w+"):
        train(model, batches, SCHEDULE)


@pytest.mark.parametrize("steps", [0, -1, 2.5])
def test_a_run_has_at_least_one_step(steps):
    with pytest.raises(ValueError, match=f"at least 1, got {steps}"):
        tiny_run(steps)
