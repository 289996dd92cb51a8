"""The code behind the book: every formula, one tested function."""

from .batches import Batches, of_each_class
from .bound import (
    Bound,
    Rounded,
    best_variance,
    last_term,
    prior_term,
    step_term,
    variational_bound,
)
from .checkpoint import load_checkpoint, save_checkpoint
from .checks import InputError
from .classifier import DigitClassifier, features_and_labels
from .clocks import (
    as_flow,
    from_flow,
    mixture_velocity,
    schedule_through,
    step_at,
    time_at,
)
from .conditioning import TimeUNet, drop_labels, timestep_embedding
from .copies import nearest, nearest_ratio
from .data import load_images
from .diffusers import (
    ForDiffusers,
    FromDiffusers,
    lend_tables,
    path_of,
    predicts_of,
    schedule_of,
    scheduler_sample,
    t_of,
    timestep_of,
)
from .edit import from_noised, held, inpaint, noise_again
from .ema import EMA
from .evaluation import (
    bootstrap,
    class_histogram,
    entropy,
    frechet_distance,
    frechet_floor,
    precision_recall,
    sliced_wasserstein,
)
from .exact import ExactModel
from .files import DamagedFile
from .flow import (
    flow_ends,
    flow_loss,
    flow_path,
    flow_sample,
    flow_step,
    flow_times,
    flow_velocity,
    logit_normal_times,
    shift_times,
)
from .forward import (
    Gaussian,
    chain_variance,
    mix,
    posterior_factors,
    q_chain,
    q_posterior,
    q_sample,
    q_step,
)
from .guidance import Guided
from .likelihood import (
    bits_per_dim,
    gaussian_kl,
    level_log_prob,
    ode_likelihood,
    with_divergence,
)
from .loss import clean_image_loss, diffusion_loss, loss_by_t
from .mixture import GaussianMixture, MixturePosterior
from .prediction import elbo_weight, target, x0_and_eps
from .pretrained import (
    load_classifier,
    load_flow,
    load_pretrained,
    provenance,
)
from .recipe import Recipe
from .reflow import consistency_loss, detour, reflow_loss, reflow_pairs
from .sampling import (
    Snapshot,
    ancestral_sample,
    ancestral_step,
    clean_guess,
    ddim_sample,
    ddim_step,
    ddim_timesteps,
)
from .schedule import NoiseSchedule, cosine_betas, linear_betas
from .score import (
    annealed_langevin,
    langevin,
    langevin_step,
    score_from,
)
from .sde import (
    DriftAndGain,
    euler_maruyama_step,
    probability_flow,
    reverse_drift,
    sde_path,
    sde_sample,
    vp_sde,
)
from .sigmas import (
    EdmFactors,
    Preconditioned,
    edm_factors,
    even_grid,
    karras_grid,
    karras_sigmas,
    log_snr_grid,
    sigma_at,
    t_at,
)
from .solvers import (
    dpm2m_sample,
    dpm2m_step,
    euler_sample,
    euler_step,
    heun_sample,
    heun_step,
)
from .state import TrainState
from .timed import InSteps, PointNetwork
from .training import Step, overfit_one_batch, steps_for, train
from .translate import interpreted, translate
from .unet import (
    BasicUNet,
    IgnoreTime,
    count_parameters,
    layer_shapes,
    receptive_field,
)

__version__ = "0.1.0"

__all__ = [
    "EMA",
    "BasicUNet",
    "Batches",
    "Bound",
    "DamagedFile",
    "DigitClassifier",
    "DriftAndGain",
    "EdmFactors",
    "ExactModel",
    "ForDiffusers",
    "FromDiffusers",
    "Gaussian",
    "GaussianMixture",
    "Guided",
    "IgnoreTime",
    "InSteps",
    "InputError",
    "MixturePosterior",
    "NoiseSchedule",
    "PointNetwork",
    "Preconditioned",
    "Recipe",
    "Rounded",
    "Snapshot",
    "Step",
    "TimeUNet",
    "TrainState",
    "ancestral_sample",
    "ancestral_step",
    "annealed_langevin",
    "as_flow",
    "best_variance",
    "bits_per_dim",
    "bootstrap",
    "chain_variance",
    "class_histogram",
    "clean_guess",
    "clean_image_loss",
    "consistency_loss",
    "cosine_betas",
    "count_parameters",
    "ddim_sample",
    "ddim_step",
    "ddim_timesteps",
    "detour",
    "diffusion_loss",
    "dpm2m_sample",
    "dpm2m_step",
    "drop_labels",
    "edm_factors",
    "elbo_weight",
    "entropy",
    "euler_maruyama_step",
    "euler_sample",
    "euler_step",
    "even_grid",
    "features_and_labels",
    "flow_ends",
    "flow_loss",
    "flow_path",
    "flow_sample",
    "flow_step",
    "flow_times",
    "flow_velocity",
    "frechet_distance",
    "frechet_floor",
    "from_flow",
    "from_noised",
    "gaussian_kl",
    "held",
    "heun_sample",
    "heun_step",
    "inpaint",
    "interpreted",
    "karras_grid",
    "karras_sigmas",
    "langevin",
    "langevin_step",
    "last_term",
    "layer_shapes",
    "lend_tables",
    "level_log_prob",
    "linear_betas",
    "load_checkpoint",
    "load_classifier",
    "load_flow",
    "load_images",
    "load_pretrained",
    "log_snr_grid",
    "logit_normal_times",
    "loss_by_t",
    "mix",
    "mixture_velocity",
    "nearest",
    "nearest_ratio",
    "noise_again",
    "ode_likelihood",
    "of_each_class",
    "overfit_one_batch",
    "path_of",
    "posterior_factors",
    "precision_recall",
    "predicts_of",
    "prior_term",
    "probability_flow",
    "provenance",
    "q_chain",
    "q_posterior",
    "q_sample",
    "q_step",
    "receptive_field",
    "reflow_loss",
    "reflow_pairs",
    "reverse_drift",
    "save_checkpoint",
    "schedule_of",
    "schedule_through",
    "scheduler_sample",
    "score_from",
    "sde_path",
    "sde_sample",
    "shift_times",
    "sigma_at",
    "sliced_wasserstein",
    "step_at",
    "step_term",
    "steps_for",
    "t_at",
    "t_of",
    "target",
    "time_at",
    "timestep_embedding",
    "timestep_of",
    "train",
    "translate",
    "variational_bound",
    "vp_sde",
    "with_divergence",
    "x0_and_eps",
]
