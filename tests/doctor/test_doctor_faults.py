"""The faults themselves: what each of them does, and nothing else."""

import torch

from diffusion_lessons import NoiseSchedule, as_flow, load_pretrained
from diffusion_lessons.doctor import faults as wrong


def line(x, t, label=None):
    """A model whose answer shows what it was told."""
    return x + t.view(-1, 1) + (0 if label is None else label.view(-1, 1))


X = torch.zeros(3, 2)
T = torch.tensor([1, 50, 100])


def told(model):
    return model(X, T)[:, 0].tolist()


def test_a_wrapper_alone_changes_nothing():
    assert told(wrong.Wrapped(line)) == [1, 50, 100]
    assert wrong.Wrapped(line)(X, 7)[:, 0].tolist() == [7, 7, 7]


def test_a_shifted_time_is_another_index_but_none_below_0():
    assert told(wrong.ShiftedTime(line)) == [2, 51, 101]
    assert told(wrong.ShiftedTime(line, -2)) == [0, 48, 98]


def test_a_scaled_time_is_rounded():
    assert told(wrong.ScaledTime(line, 0.02)) == [0, 1, 2]
    assert told(wrong.ScaledTime(line, 10)) == [10, 500, 1000]


def test_an_untold_time_never_changes():
    assert told(wrong.Untold(line, 5)) == [5, 5, 5]


def test_a_label_can_be_lost():
    label = torch.tensor([10, 20, 30])
    assert torch.equal(wrong.Unlabelled(line)(X, T, label), line(X, T))
    kept = wrong.ShiftedTime(line)(X, T, label)
    assert kept[:, 0].tolist() == [12, 71, 131]


def test_swapped_halves_go_away_from_the_class():
    def of_class(x, t, label):
        label = torch.as_tensor(label).expand(len(x))
        return (label == 3).float().view(-1, 1).expand_as(x)

    guided = wrong.SwappedHalves(of_class, 10, 2.0)
    assert guided(X, T, torch.tensor([3, 3, 3])).unique().tolist() == [-1]


def test_new_weights_are_others_and_leave_the_old_alone():
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(3, 3))
    before = model[0].weight.clone()
    new, same = wrong.forgotten(model), wrong.forgotten(model)
    assert torch.equal(model[0].weight, before)
    assert not torch.equal(new[0].weight, before)
    assert torch.equal(new[0].weight, same[0].weight)


def test_one_weight_is_no_number_and_only_in_the_copy():
    model = torch.nn.Linear(3, 3)
    sick = wrong.with_nan(model)
    assert sum(p.isnan().sum() for p in sick.parameters()) == 1
    assert all(p.isfinite().all() for p in model.parameters())


def test_the_last_step_adds_noise_to_what_was_guessed():
    schedule = NoiseSchedule.linear(50)
    x_T = torch.randn(64, 1, 8, 8)
    *_, last = wrong.noisy_end_sample(
        lambda x, t: 0 * x, x_T, schedule, 5, predicts="x0"
    )
    sigma = schedule.sqrt_one_minus_alphas_cumprod[10].item()
    assert last.t == 0
    assert abs(last.x.std().item() / sigma - 1) < 0.05


def test_asked_as_a_flow_it_answers_with_a_velocity():
    net = load_pretrained("digits")
    given = net.schedule, net.predicts
    sick, flow = wrong.AsFlow(net.model, *given), as_flow(net.model, *given)
    x, label = torch.randn(3, 1, 8, 8), torch.tensor([1, 2, 3])
    t, inside = torch.tensor([[0.2, 0.7, 40.0], [0.2, 0.7, 0.999]])
    assert torch.equal(sick(x, t, label), flow(x, inside, label))
    assert not torch.equal(sick(x, t, label), sick(x, t))
