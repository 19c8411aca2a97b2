"""Settings of a diffusion model."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from genlab.config import Settings
from genlab.data import IMAGE_SHAPE
from genlab.diffusion.schedule import PredictionType, ScheduleName, Spacing

SamplerName = Literal["ddpm", "ddim", "dpm_solver_pp", "unipc", "euler", "heun"]


class NaiveNetworkConfig(Settings):
    """One hidden layer, without the time as an input."""

    kind: Literal["naive"] = "naive"
    hidden_dim: int = Field(512, ge=1, description="width of the hidden layer")


class MLPNetworkConfig(Settings):
    """An MLP with the time as an input."""

    kind: Literal["mlp"] = "mlp"
    hidden_dim: int = Field(1024, ge=1, description="width of the hidden layers")
    num_layers: int = Field(3, ge=1, description="number of hidden layers")


class UNetConfig(Settings):
    """A UNet; the defaults are the compact one that two CPU cores can train in class."""

    kind: Literal["unet"] = "unet"
    channels: tuple[Annotated[int, Field(ge=4, multiple_of=4)], ...] = Field(
        (32, 64), min_length=1, max_length=3, description="width of each level, multiples of 4"
    )
    patch_size: int = Field(2, ge=1, le=2, description="2 folds 2x2 pixels into channels: 14x14 maps")
    num_res_blocks: int = Field(1, ge=1, description="residual blocks per level")
    attention: bool = Field(True, description="self-attention in the middle, at the coarsest level")
    attention_levels: int = Field(
        0, ge=0, description="levels with self-attention after every residual block, coarsest first"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "UNetConfig":
        finest, halvings = IMAGE_SHAPE[1] // self.patch_size, len(self.channels) - 1
        if finest % 2**halvings:
            raise ValueError(
                f"{len(self.channels)} levels halve {finest}x{finest} maps {halvings} times, which leaves "
                "half a pixel: use fewer channels or patch_size 1"
            )
        if self.attention_levels > len(self.channels):
            raise ValueError(
                f"attention_levels ({self.attention_levels}) should be at most the number of levels "
                f"({len(self.channels)})"
            )
        return self


class DiffusionConfig(Settings):
    """A diffusion or flow matching model over one of three networks."""

    SAMPLING: ClassVar[tuple[str, ...]] = (
        "sampler", "num_inference_steps", "timestep_spacing", "eta", "clip_sample", "guidance_scale",
        "guidance_interval",
    )  # fmt: skip

    family: Literal["diffusion"] = "diffusion"
    network: Annotated[NaiveNetworkConfig | MLPNetworkConfig | UNetConfig, Field(discriminator="kind")] = (
        Field(UNetConfig(), description="the network that makes the prediction")
    )
    num_train_timesteps: int = Field(1000, ge=1, le=100_000, description="T, timesteps of training")
    schedule: ScheduleName = Field("cosine", description="how the noise grows; straight: flow matching")
    zero_terminal_snr: bool = Field(False, description="bend the schedule so that it ends in pure noise")
    prediction_type: PredictionType = Field("epsilon", description="what the network says")
    min_snr_gamma: float | None = Field(
        None, gt=0, description="weigh times in the loss by min(SNR, gamma), none: all alike"
    )
    clipped_loss: bool = Field(
        False, description="no error for a predicted image beyond black or white, which clip_sample clips"
    )
    sampler: SamplerName = Field("ddim", description="how noise becomes an image")
    num_inference_steps: int = Field(50, ge=1, description="steps of the sampler, at most T")
    timestep_spacing: Spacing = Field("trailing", description="which timesteps the steps visit")
    eta: float = Field(0.0, ge=0, le=1, description="noise of ddim: 0 none, 1 as much as ddpm")
    clip_sample: bool = Field(True, description="keep predicted images in [-1, 1]")
    num_classes: int | None = Field(None, ge=1, description="classes to condition on, none: unconditional")
    class_dropout_prob: float = Field(0.1, ge=0, lt=1, description="how often a class is hidden")
    teacher: str | None = Field(
        None,
        description="a diffusion model, by run or name, to imitate in a single step, none: learn from data",
    )
    teacher_pairs: int = Field(50_000, ge=1, description="pairs of noise and image that the teacher makes")
    guidance_scale: float | None = Field(
        None,
        ge=0,
        description="0: class not heard, 1: as trained, more: truer and less varied; none: 2 where there "
        "are classes, 1 for a model with a teacher",
    )
    guidance_interval: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]] | None = Field(
        None, description="times at which guidance above 1 acts, [300, 800] say, none: at all"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "DiffusionConfig":
        if self.num_inference_steps > self.num_train_timesteps:
            raise ValueError(
                f"num_inference_steps ({self.num_inference_steps}) should be at most "
                f"num_train_timesteps ({self.num_train_timesteps})"
            )
        if self.network.kind == "naive" and self.num_classes is not None:
            raise ValueError(
                "the naive network knows no classes: leave num_classes out or use 'mlp' or 'unet'"
            )
        if self.num_classes is None and self.guidance_scale not in (None, 1):
            raise ValueError(
                "guidance_scale needs classes to guide towards: set num_classes, or leave it out"
            )
        if self.guidance_interval is not None and self.guidance_interval[0] >= self.guidance_interval[1]:
            low, high = self.guidance_interval
            raise ValueError(f"guidance_interval should go from a lower time to a higher, got {low}, {high}")
        if self.num_classes is None and self.guidance_interval is not None:
            raise ValueError(
                "guidance_interval needs classes to guide towards: set num_classes, or leave it out"
            )
        if self.eta > 0 and self.sampler != "ddim":
            raise ValueError(f"eta is a setting of the sampler ddim: leave it out for {self.sampler}")
        return self

    @model_validator(mode="after")
    def _clipped_where_sampling_clips(self) -> "DiffusionConfig":
        if self.clipped_loss and not self.clip_sample:
            raise ValueError("clipped_loss counts on sampling to clip images: set clip_sample to true")
        return self

    @model_validator(mode="after")
    def _a_student_makes_one_step(self) -> "DiffusionConfig":
        if self.teacher is None:
            return self
        if self.num_inference_steps != 1:
            raise ValueError(
                f"a model with a teacher draws in one step: set num_inference_steps to 1, not "
                f"{self.num_inference_steps}"
            )
        if self.timestep_spacing not in ("trailing", "karras"):
            raise ValueError(
                "a model with a teacher steps from pure noise, where timestep_spacing "
                f"{self.timestep_spacing} does not begin: use trailing"
            )
        if self.guidance_scale not in (None, 1):
            raise ValueError(
                "a model with a teacher has learned its guidance from it: set guidance_scale to 1, not "
                f"{self.guidance_scale}"
            )
        if self.prediction_type == "epsilon":
            raise ValueError(
                "a model with a teacher says what pure noise becomes: use prediction_type sample"
            )
        return self

    @model_validator(mode="after")
    def _ends_in_noise_or_does_not(self) -> "DiffusionConfig":
        if self.schedule == "straight" or self.zero_terminal_snr:
            what = "the straight schedule" if self.schedule == "straight" else "zero_terminal_snr"
            if self.prediction_type == "epsilon":
                raise ValueError(
                    f"{what} ends in pure noise, from which prediction_type epsilon says nothing about the "
                    "image: use v_prediction, sample or flow_prediction"
                )
            if self.min_snr_gamma is not None:
                raise ValueError(
                    f"{what} ends in pure noise, to which min_snr_gamma gives no weight: use one of the two"
                )
        return self
