"""The code behind the book: every formula, one tested function."""

from .batches import Batches
from .data import GaussianMixture, MixturePosterior, load_images
from .forward import (
    Gaussian,
    chain_variance,
    mix,
    q_chain,
    q_posterior,
    q_sample,
    q_step,
)
from .prediction import target, x0_and_eps
from .schedule import NoiseSchedule, cosine_betas, linear_betas
from .training import (
    Step,
    TrainState,
    clean_image_loss,
    diffusion_loss,
    load_checkpoint,
    loss_by_t,
    overfit_one_batch,
    save_checkpoint,
    train,
)
from .unet import (
    BasicUNet,
    IgnoreTime,
    count_parameters,
    layer_shapes,
    receptive_field,
)

__version__ = "0.1.0"

__all__ = [
    "BasicUNet",
    "Batches",
    "Gaussian",
    "GaussianMixture",
    "IgnoreTime",
    "MixturePosterior",
    "NoiseSchedule",
    "Step",
    "TrainState",
    "chain_variance",
    "clean_image_loss",
    "cosine_betas",
    "count_parameters",
    "diffusion_loss",
    "layer_shapes",
    "linear_betas",
    "load_checkpoint",
    "load_images",
    "loss_by_t",
    "mix",
    "overfit_one_batch",
    "q_chain",
    "q_posterior",
    "q_sample",
    "q_step",
    "receptive_field",
    "save_checkpoint",
    "target",
    "train",
    "x0_and_eps",
]
