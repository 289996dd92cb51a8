"""Right answers to the practice of chapter 9, each in several ways."""

import torch

from diffusion_lessons import Guided


def guided(model, x, t, label, null, scale):
    with_class = model(x, t, label)
    without = model(x, t, null)
    return without + scale * (with_class - without)


def guided__in_the_letters_of_the_paper(model, x, t, label, null, scale):
    w = scale - 1
    nulls = torch.full((len(x),), null)
    return (1 + w) * model(x, t, label) - w * model(x, t, nulls)


def guided__in_one_pass(model, x, t, label, null, scale):
    t = torch.as_tensor(t).expand(len(x))
    label = torch.as_tensor(label).expand(len(x))
    labels = torch.cat([label, torch.full_like(label, null)])
    both = model(torch.cat([x, x]), torch.cat([t, t]), labels)
    with_class, without = both.chunk(2)
    return torch.lerp(without, with_class, scale)


def guided__einsum(model, x, t, label, null, scale):
    both = torch.stack([model(x, t, label), model(x, t, null)]).double()
    weights = torch.tensor([scale, 1 - scale], dtype=torch.float64)
    return torch.einsum("k,kbchw->bchw", weights, both)


def guided__in_place_on_a_copy(model, x, t, label, null, scale):
    if scale == 1:
        return model(x, t, label)
    result = model(x, t, null).clone()
    result *= 1 - scale
    result += scale * model(x, t, label)
    return result


def guided__with_the_module(model, x, t, label, null, scale):
    return Guided(model, label, null, scale)(x, t)


def drop_labels(labels, null, p, generator):
    dropped = torch.rand(labels.shape, generator=generator) < p
    return torch.where(dropped, null, labels)


def drop_labels__in_place_on_a_copy(labels, null, p, generator):
    result = labels.clone()
    result[torch.rand(len(labels), generator=generator) < p] = null
    return result


def drop_labels__bernoulli(labels, null, p, generator):
    shares = torch.full(labels.shape, p, dtype=torch.float64)
    dropped = torch.bernoulli(shares, generator=generator).long()
    return dropped * null + (1 - dropped) * labels


def drop_labels__one_by_one(labels, null, p, generator):
    new = []
    for label in labels.tolist():
        draw = torch.rand(1, generator=generator).item()
        new.append(null if draw < p else label)
    return torch.tensor(new)


def drop_labels__kept_by_the_other_end(labels, null, p, generator):
    kept = torch.rand(labels.shape, generator=generator) <= 1 - p
    return labels.masked_fill(~kept, null)


def drop_labels__nothing_to_draw(labels, null, p, generator):
    if p in (0, 1):
        return labels.clone() if p == 0 else torch.full_like(labels, null)
    draws = torch.rand(
        labels.shape, generator=generator, dtype=torch.float64
    )
    return labels.masked_fill(draws < p, null)
