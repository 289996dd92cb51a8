"""The rows about sampling: its start, its steps, its cut, its samples."""

from functools import partial

import torch
from torch import Tensor

from ..copies import nearest, nearest_ratio
from ..sampling import MOST_SIGNAL, ddim_sample
from .case import Case
from .exact import Constant, Exact, drawn
from .report import Question, Row

END = Question(
    "end",
    "what is left of x_0 at t = T",
    f"at most {MOST_SIGNAL}, and eps only where something is left",
)
SAMPLER = Question(
    "sampler",
    "the sampler with the perfect network of three pictures, and of one "
    "wide bell",
    "one of the three, each as often as it should be; the bell as wide",
)
CLIP = Question(
    "clip",
    "the sampler with a network whose guess is far outside",
    "samples within the range of the images",
)
COPIES = Question(
    "copies",
    "samples beside the nearest training images",
    "about as far from them as they are from each other",
)
SHARES = [0.5, 0.3, 0.2]  # of the three pictures
DRAWS, LEAST = 192, 64  # samples, and numbers in each
FEW, FEWEST = 10, 3  # steps: not to be asked for much, or at all
LEFT, MUCH_LEFT = 0.005, 0.1  # of noise, in spreads of the images
OFF = 0.2  # of the shares, in all
NARROW, WIDE = 0.4, 1.3  # few steps make the bell narrower
OUTSIDE = 0.01  # of all values may leave the images' range
FAR = 0.1  # ranges beyond the range
NEARER = 0.35  # of the images' own distance: copies
TRAINING = 500  # images to compare with


def end_row(case: Case) -> Row:
    """x_T is noise, which is what samples are made from."""
    signal = case.schedule.alpha_bar(case.schedule.num_steps) ** 0.5
    found = f"{signal:.4f} of x_0 is left at t = T"
    if signal == 0 and case.predicts == "eps":
        found += ", where eps says nothing of x_0"
        return END.ill(found, 'let it predict "v" or "x0"')
    remedy = "NoiseSchedule.linear(T) or .cosine(T) end in noise"
    return END.judge(signal > MOST_SIGNAL, found, remedy)


def sampler_row(case: Case) -> Row:
    """No noise is left, and what comes out is what was put in."""
    if case.sampler is None:
        return SAMPLER.skip("there is no sampler")
    try:
        return _judged(case)
    except Exception as error:  # of any sampler
        return SAMPLER.ill(f"it stops: {error}", "mend that first")


def _judged(case: Case) -> Row:
    left, off, calls = _three_pictures(case)
    width = _width_of_bell(case)
    found = (
        f"{calls} steps, {left:.4f} of noise left, shares off by "
        f"{off:.2f}, the bell {width:.2f} times as wide"
    )
    if calls < FEWEST:
        return SAMPLER.skip(f"in {calls} steps nothing can be drawn")
    few = calls < FEW
    if left > (MUCH_LEFT if few else LEFT):
        remedy = "no noise in the last step, which ends at t = 0"
        return SAMPLER.ill(found, remedy)
    narrow = width < NARROW and not few
    if off > OFF or narrow or width > WIDE:
        remedy = "t from T down to 1; standard deviations, no variances"
        return SAMPLER.ill(found, remedy)
    return SAMPLER.well(found)


def _noise(case: Case, count: int, shape: tuple | None = None) -> Tensor:
    shape = case.images.shape[1:] if shape is None else shape
    return torch.randn(count, *shape, generator=case.generator)


def _three_pictures(case: Case) -> tuple[float, float, int]:
    """What is left of noise, how far the shares are off, and the steps."""
    spread = case.images.std(correction=0).item()
    means = _apart(case, spread)
    model = Exact(
        means, 1e-3 * spread, SHARES, case.schedule, case.predicts
    )
    x_T = _noise(case, DRAWS, means.shape[1:])
    out = drawn(case.sampler, model, x_T, case.schedule, case.predicts)
    found = nearest(out, means)
    left = found.distance.square().mean().sqrt().item()
    left /= spread * out[0].numel() ** 0.5
    counts = found.index.bincount(minlength=len(SHARES)) / len(out)
    off = (counts - torch.tensor(SHARES)).abs().sum().item() / 2
    return left, off, model.calls


def _apart(case: Case, spread: float) -> Tensor:
    """Three of the images that are far from each other.

    Points of few numbers are too near to each other for a sampler of few
    steps; in their place stand corners of a large cube.
    """
    x = case.images.clamp(-1, 1) if case.pictures else case.images
    if x[0].numel() < LEAST:
        signs = torch.randint(
            2, (len(SHARES), LEAST), generator=case.generator
        )
        return spread * (2.0 * signs - 1)
    flat = x[:TRAINING].flatten(1).double()
    chosen = [(flat - flat.mean(0)).square().sum(1).argmax().item()]
    while len(chosen) < len(SHARES):
        gaps = torch.cdist(flat, flat[chosen]).min(1).values
        chosen.append(gaps.argmax().item())
    return x[chosen]


def _width_of_bell(case: Case) -> float:
    """The spread of samples of a wide bell, in spreads of the true one."""
    spread = 0.25 if case.pictures else case.images.std().item() / 3
    middle = torch.zeros(1, *case.images.shape[1:])
    model = Exact(middle, spread, None, case.schedule, case.predicts)
    given = (_noise(case, DRAWS), case.schedule, case.predicts)
    return drawn(case.sampler, model, *given).std().item() / spread


def clip_row(case: Case) -> Row:
    """Guesses are cut to where images live, and no image is."""
    if case.sampler is None:
        return CLIP.skip("there is no sampler")
    low, high = case.images.min().item(), case.images.max().item()
    far = 3 * max(abs(low), abs(high))
    try:
        cut = _cut(case, far)
    except Exception as error:  # of any sampler
        return CLIP.skip(f"the sampler stops: {error}")
    if cut > 0.9 * far:
        return _uncut(case, low, high)
    lost = (case.images.abs() > cut + 0.01).double().mean().item()
    found = (
        f"guesses are cut at {cut:.2f}, {lost:.1%} of the data with them"
    )
    remedy = "clip=None, or the data into [-1, 1]"
    return CLIP.judge(lost > OUTSIDE, found, remedy)


def _cut(case: Case, far: float) -> float:
    """Where a sampler cuts guesses of x_0 that are as large as *far*."""
    model = Constant(far, case.schedule, case.predicts)
    given = (_noise(case, 4), case.schedule, case.predicts)
    return drawn(case.sampler, model, *given).median().item()


def _uncut(case: Case, low: float, high: float) -> Row:
    """Without a cut it must do without; points may lie anywhere."""
    if not case.pictures:
        return CLIP.well("nothing is cut, as is right for points")
    try:
        out = samples_of(case, case.sampler, 16)
    except Exception as error:  # of any sampler, any model
        return CLIP.skip(f"no samples: {error}")
    margin = FAR * (high - low)
    inside = (out > low - margin) & (out < high + margin)
    outside = 1 - inside.double().mean().item()
    found = f"nothing is cut, and {outside:.1%} of the samples are outside"
    remedy = f"clip={max(abs(low), abs(high)):.2g} (clip_sample=True)"
    return CLIP.judge(outside > OUTSIDE, found, remedy)


def samples_of(case: Case, sampler: object, count: int) -> Tensor:
    """Samples of the model itself, with the labels of the first images."""
    label = None if case.labels is None else case.labels[:count]
    x_T = _noise(case, count if label is None else len(label))

    def model(x: Tensor, t: Tensor) -> Tensor:
        return case.ask(x, torch.as_tensor(t).expand(len(x)), label)

    return drawn(sampler, model, x_T, case.schedule, case.predicts)


def copies_row(case: Case) -> Row:
    """Samples are new."""
    known = case.images[:TRAINING]
    own = _own_distance(known)
    if not own > 0 or len(known) < 8:
        return COPIES.skip("the images are too few, or all the same")
    reach = known.abs().max().item()
    steps = min(50, case.schedule.num_steps)
    sampler = partial(ddim_sample, num_steps=steps, clip=reach)
    try:
        out = samples_of(case, sampler, 48)
    except Exception as error:  # of any model
        return COPIES.skip(f"no samples: {error}")
    if not out.isfinite().all():
        return COPIES.skip("the samples are not finite")
    share = nearest(out, known).distance.median().item() / own
    found = f"{share:.2f} times as far as the images from each other"
    if case.held_out is not None:
        n = min(len(known), len(case.held_out))
        ratio = nearest_ratio(out, known[:n], case.held_out[:n])
        found += f", {ratio.median():.2f} as far as from held-out ones"
    remedy = "more images, fewer steps or a smaller network"
    return COPIES.judge(share < NEARER, found, remedy)


def _own_distance(x: Tensor) -> float:
    """How far an image is from the nearest of the others; the median."""
    flat = x.flatten(1).double()
    gaps = torch.cdist(flat, flat)
    gaps.fill_diagonal_(torch.inf)
    return gaps.min(1).values.median().item()
