"""Practice of chapter 9: two answers put together, and labels hidden."""

from functools import partial

import torch

from ...conditioning import drop_labels as right_drop_labels
from ..task import Case, Task, model, normal, one

HIDDEN = "9.1 Sevens that are not sevens"
TOWARDS = "9.2 A direction towards sevens"
NAMES = "9.3 One scale, several names"
NEVER = "9.7 The null label, never trained"
WRONG = "9.9 What people get wrong here"


def _guided(model, x, t, label, null, scale):
    without = model(x, t, null)
    return without + scale * (model(x, t, label) - without)


def _for_each(value, x, name):
    """A number, or one for each picture, shaped to multiply pictures."""
    value = torch.as_tensor(value).to(x).reshape(-1)
    if len(value) not in (1, len(x)):
        raise ValueError(
            f"the network was given {len(x)} pictures and {len(value)} "
            f"values of {name}"
        )
    return value.reshape(-1, 1, 1, 1)


@model
def _says_label(x, t, label):
    _for_each(t, x, "t")
    return 0 * x + _for_each(label, x, "label") + 1


@model
def _says_more(x, t, label):
    t, label = _for_each(t, x, "t"), _for_each(label, x, "label")
    return (x + t / 10).sin() * label + (label + 1) ** 2 / 20


def _case(label, scale):
    return Case(
        f"a network that answers its label + 1, label = {label}, null = 1, "
        f"scale = {scale:g}",
        lambda: (_says_label, one(0.0), 5, label, 1, scale),
    )


guided = Task(
    "guided",
    chapter=9,
    answer=_guided,
    goal=(
        "return the answer without the class, and scale times the way from "
        "there to the answer with it"
    ),
    tip=(
        "draw sevens at the scales 0, 1, 2 and 8 from the same noise, and "
        "look what each of them loses (section 9.5)"
    ),
    cases=[
        _case(3, 2.0),
        _case(3, 1.0),
        _case(3, 0.0),
        _case(3, 0.5),
        Case(
            "three pictures with a t and a label for each, scale = 4",
            lambda: (
                _says_more,
                normal(3, 1, 4, 4),
                torch.tensor([1, 4, 10]),
                torch.tensor([7, 2, 5]),
                10,
                4.0,
            ),
        ),
    ],
)


def _both(model, x, t, label, null, scale, join):
    return join(model(x, t, label), model(x, t, null), scale)


for words, section, join in (
    (
        "the two answers are exchanged, so that the scale pushes away from "
        "the class",
        WRONG,
        lambda c, n, s: c + s * (n - c),
    ),
    (
        "the scale is taken for the w of the paper, which is one less, "
        "so that the push is one too strong",
        NAMES,
        lambda c, n, s: c + s * (c - n),
    ),
    (
        "the difference is multiplied by the w of the paper, which is one "
        "less than the scale",
        NAMES,
        lambda c, n, s: n + (s - 1) * (c - n),
    ),
    (
        "the answer without a class is never asked for, and the one with "
        "it is made scale times as large",
        TOWARDS,
        lambda c, n, s: s * c,
    ),
    (
        "the scale multiplies the answer without a class, and not the "
        "difference",
        TOWARDS,
        lambda c, n, s: s * n + (c - n),
    ),
    (
        "the scale multiplies the answer with the class, and not the "
        "difference of the two",
        TOWARDS,
        lambda c, n, s: n + s * c,
    ),
    (
        "the scale is ignored, and the answer with the class is returned",
        TOWARDS,
        lambda c, n, s: c,
    ),
    (
        "the class is ignored, and the answer without it is returned",
        TOWARDS,
        lambda c, n, s: n,
    ),
    (
        "the mean of the two answers is taken, whatever the scale",
        TOWARDS,
        lambda c, n, s: (c + n) / 2,
    ),
    (
        "the difference is subtracted and not added",
        TOWARDS,
        lambda c, n, s: n - s * (c - n),
    ),
    (
        "only the push is returned, without the answer that it starts from",
        TOWARDS,
        lambda c, n, s: s * (c - n),
    ),
):
    guided.slip(words, section)(partial(_both, join=join))


@guided.slip(
    "0, which is a class, stands for the null label that was given", HIDDEN
)
def _(model, x, t, label, null, scale):
    return _guided(model, x, t, label, 0, scale)


@guided.slip("all pictures get the label of the first one", TOWARDS)
def _(model, x, t, label, null, scale):
    first = torch.as_tensor(label).reshape(-1)[:1].expand(len(x))
    return _guided(model, x, t, first, null, scale)


# Hidden labels


def _seen(result, arguments):
    """Shares of null and of other labels, and who was asked to draw."""
    result = torch.as_tensor(result)
    labels, null, p, generator = arguments.values()
    if result.shape != labels.shape:
        return list(result.shape)
    hidden = (result == null).double()
    first, second = (part.mean().item() for part in hidden.chunk(2))
    other = ((result != null) & (result != labels)).double().mean().item()
    seed = generator.initial_seed()
    fresh = torch.Generator().manual_seed(seed).get_state()
    asked = 2 - (seed == null)
    if torch.equal(generator.get_state(), fresh) or p in (0, 1):
        asked = 0
    return [
        round(first, 2),
        round(second, 2),
        round(other, 2),
        asked,
    ]


def _many(p, null):
    """4000 labels below null, which is the seed as well."""
    generator = torch.Generator().manual_seed(null)
    return torch.arange(4000) % null, null, p, generator


def _few(p):
    return torch.arange(1, 5), 10, p, torch.Generator().manual_seed(10)


drop_labels = Task(
    "drop_labels",
    chapter=9,
    answer=right_drop_labels,
    goal=(
        "return the labels, each replaced by the null label with "
        "probability p"
    ),
    tip=(
        "train with p = 0 and look at what scale 0 draws: the null label "
        "was never trained, and nothing complains (section 9.7)"
    ),
    tolerance=0.05,
    observe=_seen,
    seen=(
        "the share of null labels in the first half",
        "the share of null labels in the second half",
        "the share of labels that are neither as before nor null",
        "the number of generators that were drawn from as given",
    ),
    cases=[
        Case("the labels 1, 2, 3, 4, null = 10, p = 0", lambda: _few(0.0)),
        Case("the labels 1, 2, 3, 4, null = 10, p = 1", lambda: _few(1.0)),
        Case("4000 labels, null = 10, p = 0.3", lambda: _many(0.3, 10)),
        Case("4000 labels, null = 3, p = 0.1", lambda: _many(0.1, 3)),
        Case("4000 labels, null = 7, p = 0.8", lambda: _many(0.8, 7)),
    ],
)


def _draws(labels, generator):
    return torch.rand(labels.shape, generator=generator)


@drop_labels.slip(
    "a label is kept with probability p, and dropped with 1 − p", HIDDEN
)
def _(labels, null, p, generator):
    return torch.where(_draws(labels, generator) < p, labels, null)


@drop_labels.slip(
    "one number is drawn for the whole batch, so that all labels are "
    "dropped or none",
    HIDDEN,
)
def _(labels, null, p, generator):
    dropped = torch.rand(1, generator=generator) < p
    return torch.where(dropped, null, labels)


@drop_labels.slip(
    "0, which is a class, stands for the null label that was given", HIDDEN
)
def _(labels, null, p, generator):
    return right_drop_labels(labels, 0, p, generator)


@drop_labels.slip(
    "the dropped labels are left out, so that there are fewer labels than "
    "pictures",
    HIDDEN,
)
def _(labels, null, p, generator):
    return labels[_draws(labels, generator) >= p]


@drop_labels.slip(
    "the draws do not come from the generator that was given, so that "
    "nobody can repeat them",
    HIDDEN,
)
def _(labels, null, p, generator):
    return right_drop_labels(labels, null, p, None)


@drop_labels.slip(
    "the generator is seeded anew inside, so that the same labels are "
    "dropped every time",
    HIDDEN,
)
def _(labels, null, p, generator):
    generator.manual_seed(0)
    return right_drop_labels(labels, null, p, generator)


@drop_labels.slip(
    "the draws are returned, True and False, and not the labels",
    HIDDEN,
)
def _(labels, null, p, generator):
    return _draws(labels, generator) < p


@drop_labels.slip(
    "the first share of the batch is dropped, and not each label by chance",
    HIDDEN,
)
def _(labels, null, p, generator):
    first = torch.arange(len(labels)) < p * len(labels)
    return torch.where(first, null, labels)


@drop_labels.slip(
    "p is ignored, and half of the labels are dropped", HIDDEN
)
def _(labels, null, p, generator):
    return right_drop_labels(labels, null, 0.5, generator)


@drop_labels.slip("no label is dropped", NEVER)
def _(labels, null, p, generator):
    return labels.clone()


@drop_labels.slip(
    "the labels are returned as they were after the draw; masked_fill and "
    "where make a new tensor and leave the old one alone",
    NEVER,
)
def _(labels, null, p, generator):
    _draws(labels, generator)
    return labels.clone()
