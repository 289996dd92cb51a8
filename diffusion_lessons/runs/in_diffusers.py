"""Our network as a model of diffusers, which this module needs."""

from diffusers import (
    ConfigMixin,
    DDIMPipeline,
    DDIMScheduler,
    ModelMixin,
)
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from ..conditioning import TimeUNet
from ..diffusers import PREDICTION_TYPES, ForDiffusers, Output
from .load import LoadedRun


class TimeUNetModel(ModelMixin, ConfigMixin):
    """A TimeUNet that diffusers saves and loads: .network is ours.

    sample_size: the side of its pictures; the rest: as TimeUNet's
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int = 32,
        in_channels: int = 1,
        base_channels: int = 16,
        num_classes: int = 0,
        patch: int = 1,
        levels: int = 2,
        attention: int = 0,
        blocks: int = 1,
    ):
        super().__init__()
        self.network = TimeUNet(
            in_channels=in_channels,
            base_channels=base_channels,
            num_classes=num_classes,
            patch=patch,
            levels=levels,
            attention=attention,
            blocks=blocks,
        )

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        class_labels: Tensor | None = None,
        return_dict: bool = True,
    ) -> Output | tuple[Tensor]:
        """(B, C, H, W) at a timestep of theirs, our t - 1."""
        ours = ForDiffusers(self.network)
        output = ours(sample, timestep, class_labels)
        return output if return_dict else tuple(output)


def pipeline_of(run: LoadedRun) -> DDIMPipeline:
    """A run as a pipeline of theirs, with its network and its betas."""
    model = TimeUNetModel(run.shape[-1], **run.config["network"])
    model.network.load_state_dict(run.model.state_dict())
    kinds = {ours: theirs for theirs, ours in PREDICTION_TYPES.items()}
    scheduler = DDIMScheduler(
        num_train_timesteps=run.schedule.num_steps,
        trained_betas=run.schedule.betas[1:].tolist(),
        prediction_type=kinds[run.predicts],
        clip_sample=True,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )
    return DDIMPipeline(model.eval(), scheduler)
