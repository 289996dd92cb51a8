"""The classifier reads any batch alike, and knows its confidence."""

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import DigitClassifier, features_and_labels


@pytest.mark.parametrize("side", [8, 28])
def test_the_classifier_takes_both_sizes_and_knows_its_confidence(side):
    model = DigitClassifier().train()
    images = torch.randn(7, 1, side, side)
    found = features_and_labels(model, images, batch_size=3)
    assert found.features.shape == (7, 64)
    assert model.training
    chances = model.eval()(images).softmax(1)
    assert_close(found.confidence, chances.amax(1))
    assert torch.equal(found.labels, chances.argmax(1))
    assert_close(found.features, features_and_labels(model, images)[0])
    assert found.features.min() == 0  # what a ReLU leaves


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch_size", [1, 4, 10, 500])
def test_what_is_read_does_not_depend_on_the_batch(training, batch_size):
    """Neither dropout nor a batch's mean and variance has a part in it."""
    model = DigitClassifier().train(training)
    images = torch.rand(10, 1, 8, 8) * 2 - 1
    once = features_and_labels(model, images)
    again = features_and_labels(model, images, batch_size)
    for one, same in zip(once, again, strict=True):
        assert_close(one, same)
    assert model.training == training
    assert not once.features.requires_grad
    assert not once.confidence.requires_grad


def test_the_classifier_has_as_many_parameters_as_it_says():
    numbers = sum(p.numel() for p in DigitClassifier().parameters())
    assert numbers == 47_610
    assert f"{numbers:,} parameters" in DigitClassifier.__doc__


@pytest.mark.parametrize("sides", [(8, 8), (8, 12), (28, 28), (32, 32)])
def test_the_classifier_has_a_score_for_each_class(sides):
    model = DigitClassifier(num_classes=4)
    assert model(torch.randn(2, 1, *sides)).shape == (2, 4)
    assert model.features(torch.randn(2, 1, *sides)).shape == (2, 64)


@pytest.mark.parametrize(
    "shape", [(1, 1, 7, 8), (1, 1, 8, 7), (1, 3, 8, 8), (1, 8, 8)]
)
def test_images_that_the_classifier_cannot_read_are_refused(shape):
    with pytest.raises(ValueError, match="H and W at least 8; got"):
        DigitClassifier()(torch.zeros(shape))


@pytest.mark.parametrize("sides", [(16, 16), (8, 16), (16, 8)])
def test_the_classifier_is_the_one_that_is_described(sides):
    """Three convolutions, each norm before its ReLU, halved down to 4x4."""
    model = DigitClassifier()
    for norm in model.norms:
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
    model.eval()
    images = x = torch.randn(3, 1, *sides)
    for conv, norm in zip(model.convs, model.norms, strict=True):
        x = norm(torch.conv2d(x, conv.weight, padding=1)).relu()
        halved = [2 if side > 4 else 1 for side in x.shape[2:]]
        x = torch.max_pool2d(x, halved)
    features = model.to_features(x.flatten(1)).relu()
    assert_close(model.features(images), features)
    assert_close(model(images), model.to_logits(features))


def test_in_training_a_fifth_of_the_features_is_left_out():
    model, seen = DigitClassifier(), []
    model.to_logits.register_forward_pre_hook(lambda _, x: seen.extend(x))
    x = torch.rand(400, 1, 8, 8) * 2 - 1
    model.train()(x)
    model.eval()(x)
    there = [(features > 0).double().sum() for features in seen]
    left = there[0] / there[1]
    assert 0.7 < left < 0.9


def test_images_in_another_precision_than_the_weights_are_refused():
    with pytest.raises(ValueError, match="float64"):
        DigitClassifier()(torch.zeros(1, 1, 8, 8).double())
