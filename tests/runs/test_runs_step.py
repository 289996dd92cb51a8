"""Half precision is for the layers alone; what is no number is told."""

import pytest
import torch
from tiny_runs import CPU, begun, finish, last, stopped_after, tiny

from diffusion_lessons import InputError
from diffusion_lessons.runs.ranks import Ranks
from diffusion_lessons.runs.step import InHalf, take_step

RANKS = Ranks(CPU)


# Half precision


def test_in_bf16_the_losses_agree_within_its_precision(tmp_path):
    single, half = (
        finish(tiny(tmp_path / p, precision=p, steps=3, batch_size=2))
        for p in ("fp32", "bf16")
    )
    assert half == pytest.approx(single, rel=2**-7)
    assert half != single


def test_the_layers_compute_in_half_and_nothing_else_does(tmp_path):
    seen = {}

    class Layers(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(8, 8)

        def forward(self, x, t):
            seen["given"], seen["made"] = x.dtype, self.layer(x).dtype
            return self.layer(x)

    model = InHalf(Layers(), torch.bfloat16)
    output = model(torch.randn(2, 1, 8, 8), torch.tensor([1, 2]))
    assert seen == {"given": torch.float32, "made": torch.bfloat16}
    assert output.dtype == torch.float32


def test_weights_average_and_moments_stay_in_single(tmp_path):
    finish(tiny(tmp_path, precision="bf16", steps=1, batch_size=2))
    saved = last(tmp_path)
    kinds = {x.dtype for x in saved["model"].values()}
    kinds |= {x.dtype for x in saved["ema"]["model"].values()}
    kinds |= {
        m["exp_avg"].dtype for m in saved["optimizer"]["state"].values()
    }
    assert kinds == {torch.float32}


def test_fp16_on_a_cpu_is_refused_by_name(tmp_path):
    words = "precision: fp16 needs a GPU with CUDA, and this run is on cpu"
    with pytest.raises(InputError, match=words):
        finish(tiny(tmp_path, precision="fp16"))


def scaled(state):
    """The state with a scaler that is on, as fp16 has on a GPU."""
    state.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    return state


def test_a_scale_that_is_taken_off_again_leaves_the_step_as_it_was(
    tmp_path,
):
    """The gradients are clipped at their own length, not at the scaled."""
    plain, config = begun(tiny(tmp_path))
    other, _ = begun(tiny(tmp_path))
    losses = [
        [take_step(s, config, RANKS) for _ in range(3)]
        for s in (plain, scaled(other))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    for a, b in zip(
        plain.model.parameters(), other.model.parameters(), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_step_whose_gradients_overflow_moves_nothing(tmp_path):
    state, _ = begun(tiny(tmp_path))
    scaled(state)
    before = [p.detach().clone() for p in state.model.parameters()]
    loss = sum(p.sum() for p in state.model.parameters()) * float("inf")
    state.scaler.scale(loss).backward()
    state.advance()
    assert all(map(torch.equal, before, state.model.parameters()))
    assert state.scaler.get_scale() == 2.0**9
    assert state.step == 1


def test_the_scale_goes_on_where_it_was(tmp_path):
    state, config = begun(tiny(tmp_path))
    take_step(scaled(state), config, RANKS)
    state.scaler.update(8.0)
    other, _ = begun(tiny(tmp_path))
    scaled(other).load_state_dict(state.state_dict())
    assert other.scaler.get_scale() == 8.0


# Ways to compute


def test_compiled_and_channels_last_are_the_same_run(tmp_path, monkeypatch):
    compiled = []

    def compile(model, mode):
        compiled.append(mode)
        return model

    monkeypatch.setattr(torch, "compile", compile)
    plain = finish(tiny(tmp_path / "a"))
    other = tiny(tmp_path / "b", compile=True, channels_last=True)
    assert finish(other) == pytest.approx(plain, abs=1e-5)
    assert compiled == [None]


# On a GPU


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_on_a_gpu_a_run_goes_on_bit_for_bit(tmp_path, precision):
    settings = {"device": "cuda", "precision": precision}
    whole, broken = (tiny(tmp_path / n, **settings) for n in ("a", "b"))
    losses = finish(whole)
    assert stopped_after(3, broken) + finish(broken) == losses
    cpu = finish(tiny(tmp_path / "cpu"))
    assert losses == pytest.approx(cpu, rel=2e-2)


@pytest.mark.gpu
@pytest.mark.parametrize(
    "way",
    [
        {"channels_last": True},
        {"compile": True},
        {"compile": True, "accumulate": 2},
    ],
)
def test_on_a_gpu_other_ways_to_compute_agree(tmp_path, way):
    settings = {"device": "cuda", "precision": "bf16"}
    plain = finish(tiny(tmp_path / "a", **settings))
    other = finish(tiny(tmp_path / "b", **settings | way))
    assert other == pytest.approx(plain, rel=2e-2)


@pytest.mark.gpu
def test_on_a_gpu_fp16_begins_with_a_scale_and_leaves_out_what_overflows(
    tmp_path,
):
    config = tiny(tmp_path, device="cuda", precision="fp16", batch_size=2)
    state, config = begun(config)
    before = [p.detach().clone() for p in state.model.parameters()]
    scale = state.scaler.get_scale()
    assert scale > 1
    loss = sum(p.sum() for p in state.model.parameters()) * float("inf")
    state.scaler.scale(loss).backward()
    state.advance()
    assert all(map(torch.equal, before, state.model.parameters()))
    assert state.scaler.get_scale() == scale / 2
