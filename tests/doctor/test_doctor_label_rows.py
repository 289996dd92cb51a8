"""Labels, guidance and averaged weights."""

import pytest
import torch

from diffusion_lessons import EMA, Guided, NoiseSchedule, load_images
from diffusion_lessons.doctor import label_rows as rows
from diffusion_lessons.doctor.case import Case
from diffusion_lessons.doctor.exact import Exact
from diffusion_lessons.doctor.faults import SwappedHalves

SCHEDULE = NoiseSchedule.cosine(40)
IMAGES, LABELS = (part[:100] for part in load_images("digits"))
MEANS = torch.stack([IMAGES[c == LABELS].mean(0) for c in range(10)])


class Classes:
    """The perfect network of ten blurred digits, told which; 10 is none."""

    null_label = 10

    def __init__(self, noise=0.0):
        self.one = [
            Exact(MEANS[c : c + 1], 0.5, None, SCHEDULE, "v")
            for c in range(10)
        ]
        self.one.append(Exact(MEANS, 0.5, None, SCHEDULE, "v"))

    def __call__(self, x, t, label):
        label = torch.as_tensor(label).expand(len(x))
        return torch.stack(
            [
                self.one[c](x[i : i + 1], t[i : i + 1])[0]
                for i, c in enumerate(label.tolist())
            ]
        )


def case(model=None, labels=LABELS, null=10, **more):
    model = model or Classes()
    given = {"predicts": "v", "null": null, **more}
    return Case(model, SCHEDULE, IMAGES, labels, **given)


def swapped(scale):
    return SwappedHalves(Classes(), 10, scale)


def unmoved(x, t, label):
    return x * t.view(-1, 1, 1, 1)


# Labels


def test_a_label_that_changes_the_answer_has_arrived():
    assert not rows.label_row(case()).sick


def test_a_label_that_changes_nothing_is_lost():
    row = rows.label_row(case(unmoved))
    assert row.sick
    assert row.found == "answers change by 0%"


def test_without_two_classes_nothing_can_be_asked():
    assert rows.label_row(case(labels=None)).verdict == "not asked"
    one = torch.zeros(100, dtype=torch.long)
    assert rows.label_row(case(labels=one)).verdict == "not asked"
    assert rows.guidance_row(case(labels=one)).verdict == "not asked"


def test_an_answer_of_nothing_says_nothing_of_labels():
    row = rows.label_row(case(lambda x, t, label: 0 * x))
    assert row.verdict == "not asked"


@pytest.mark.parametrize("classes", [[0, 1], [3, 7, 9], list(range(10))])
def test_the_other_class_is_never_the_same(classes):
    labels = torch.tensor(classes * 10)
    other = rows._another(case(labels=labels), labels)
    assert (other != labels).all()
    assert set(other.tolist()) == set(classes)


# Guidance, seen through the model


@pytest.mark.parametrize("null", [10, None])
def test_the_right_class_leads_to_the_target(null):
    row = rows.guidance_row(case(null=null))
    assert not row.sick
    assert row.found.startswith("the right class leads to the target")


@pytest.mark.parametrize("scale", [1.5, 2.0, 4.0, 8.0])
def test_swapped_halves_lead_away_at_every_scale(scale):
    row = rows.guidance_row(case(swapped(scale)))
    assert row.sick
    assert "away from the target" in row.found
    assert "swap the halves" in row.remedy


def test_without_a_null_label_swapped_halves_are_seen_by_the_loss():
    assert rows.guidance_row(case(swapped(1.2), null=None)).sick


@pytest.mark.parametrize("scale", [1.0, 3.0, 8.0])
def test_guidance_that_goes_far_is_well(scale):
    def guided(x, t, label):
        return Guided(Classes(), label, 10, scale)(x, t)

    assert not rows.guidance_row(case(guided)).sick


def test_labels_that_do_nothing_are_not_guidance():
    assert not rows.guidance_row(case(unmoved)).sick


# Guidance, asked for its formula


def by_w(model, label, null, w):
    return Guided(model, label, null, 1 + w)


def halves(model, label, null, scale):
    return Guided(model, null, label, scale)


def beyond(model, label, null, scale):
    def guided(x, t):
        with_it = model(x, t, torch.full((len(x),), label))
        without = model(x, t, torch.full((len(x),), null))
        return with_it + scale * (without - with_it)

    return guided


@pytest.mark.parametrize("guided", [Guided, by_w], ids=["scale", "w"])
def test_both_ways_to_count_are_right(guided):
    row = rows.guidance_row(case(labels=None, guided=guided))
    assert not row.sick
    assert ("1 + w" in row.found) == (guided is by_w)


@pytest.mark.parametrize("guided", [halves, beyond])
def test_a_wrong_formula_is_seen_without_any_network(guided):
    row = rows.guidance_row(case(labels=None, guided=guided))
    assert row.sick
    assert row.found.startswith("1, 0, -2 at the scales 0, 1, 3")


def test_the_formula_is_asked_even_where_the_model_is_well():
    assert rows.guidance_row(case(guided=halves)).sick


# Averaged weights


def scaled(factor):
    return lambda x, t, label: factor * Classes()(x, t, label)


def test_an_average_of_the_same_weights_is_well():
    assert not rows.average_row(case(ema=Classes())).sick
    assert rows.average_row(case()).verdict == "not asked"


def test_an_average_that_has_learnt_nothing_is_found():
    row = rows.average_row(case(ema=scaled(0.0)))
    assert row.sick
    assert "ema.update(model)" in row.remedy


def test_an_average_that_is_better_is_well():
    assert not rows.average_row(case(scaled(0.5), ema=Classes())).sick


def test_an_average_of_nan_is_found():
    assert rows.average_row(case(ema=scaled(torch.nan))).sick


def test_an_ema_is_asked_as_its_averaged_network():
    layer = torch.nn.Conv2d(1, 1, 1)
    live = Plain(layer)
    assert not rows.average_row(case(live, ema=EMA(live))).sick


class Plain(torch.nn.Module):
    """A layer that is told t and a label, and does not listen."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, t, label):
        return self.layer(x)
