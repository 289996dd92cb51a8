"""Networks that are trained already: their weights, and where from."""

from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from .checks import FilePath, InputError, checked
from .classifier import DigitClassifier
from .conditioning import TimeUNet
from .files import read_tensors, write_tensors
from .schedule import NoiseSchedule

FOLDER = Path(__file__).parent / "weights"
CLASSIFIER = "_classifier"  # ends the file name of one
FACTS = {  # what must be known of every file of weights
    "command": "that trains it again",
    "data": "it was trained on",
    "seconds": "that took, on one CPU thread",
    "seed": "of the training",
    "metrics": "measured with these weights",
    "config": "arguments that build the network",
    "torch": "version it was trained with",
}


class Pretrained(NamedTuple):
    """A trained network, and all that a sampler must know of it."""

    model: nn.Module  # (x, t, label) -> output, in eval mode
    schedule: NoiseSchedule  # it was trained with
    predicts: str  # "eps", "x0" or "v"
    null: int  # the label that means "no class"
    shape: tuple[int, int, int]  # (C, H, W) of an image


@checked
def load_pretrained(name: str = "digits") -> Pretrained:
    """A network that draws pictures, conditional on the class.

    name: "digits" (8x8), "mnist" (28x28) or "photographs" (16x16 crops in
    colour; class 0 is a temple, 1 a flower)

    A sample of sixteen threes, guided::

        net = load_pretrained("digits")
        x_T = torch.randn(16, *net.shape)
        model = Guided(net.model, 3, net.null, 2.0)
        ddim_sample(model, x_T, net.schedule, 50, predicts=net.predicts)
    """
    names = [n for n in _names() if not n.endswith(CLASSIFIER)]
    _check_name(name, names)
    facts = provenance(name)
    model = _filled(TimeUNet(**facts["config"]), name)
    return Pretrained(
        model,
        getattr(NoiseSchedule, facts["schedule"])(facts["num_steps"]),
        facts["predicts"],
        model.null_label,
        tuple(facts["shape"]),
    )


@checked
def load_classifier(name: str = "digits") -> DigitClassifier:
    """A network that reads digits, in eval mode.

    name: "digits" (8x8) or "mnist" (28x28)
    """
    _check_name(name, _names(CLASSIFIER))
    name += CLASSIFIER
    return _filled(DigitClassifier(**provenance(name)["config"]), name)


@checked
def provenance(name: str) -> dict:
    """Where weights come from: FACTS, and for a network how to sample.

    name: "digits", "mnist", "photographs", "digits_classifier" or
    "mnist_classifier"
    """
    _check_name(name, _names())
    return read_tensors(_path(name))[1]


@checked
def save_weights(
    path: FilePath, model: nn.Module, provenance: dict
) -> None:
    """Write the weights in half precision, whole or not at all.

    The same weights and *provenance*, a dict of FACTS and more in plain
    JSON, give the same bytes, with a checksum.
    """
    missing = ", ".join(key for key in FACTS if key not in provenance)
    if missing:
        raise InputError(f"provenance must also say: {missing}")
    tensors = {k: _half(v) for k, v in model.state_dict().items()}
    write_tensors(path, tensors, provenance)


def _half(x: Tensor) -> Tensor:
    """float16 where there are fractions; counters stay whole."""
    x = x.detach()
    return x.half() if x.is_floating_point() else x


def _filled(model: nn.Module, name: str) -> nn.Module:
    """*model* with the weights of *name*, in float32 and eval mode."""
    model.load_state_dict(read_tensors(_path(name))[0])
    return model.eval()


def _path(name: str) -> Path:
    return FOLDER / f"{name}.safetensors"


def _names(kind: str = "") -> list[str]:
    """The names in the folder that end with *kind*, without it."""
    stems = sorted(path.stem for path in FOLDER.glob("*.safetensors"))
    return [s.removesuffix(kind) for s in stems if s.endswith(kind)]


def _check_name(name: str, choices: list[str]) -> None:
    if name not in choices:
        choices = ", ".join(map(repr, choices))
        raise InputError(f"name must be one of {choices}; got {name!r}")
