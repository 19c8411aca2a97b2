"""How a model is trained: the ``train`` section of a config."""

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from genlab.config import Settings


class TrainConfig(Settings):
    """What the training loop needs to know; it never asks for the family."""

    dataset: str = Field("auto", description="data set name, see genlab.data.load_dataset")
    start_from: str | None = Field(
        None, description="a run, or a model that ships, whose weights to start from, none: random ones"
    )
    epochs: int = Field(10, ge=1, description="passes over the training images")
    max_steps: int | None = Field(
        None, ge=1, description="train for so many steps, whatever the epochs; none: the epochs decide"
    )
    max_seconds: float | None = Field(
        None, gt=0, description="stop earlier, after so many seconds of steps in all sessions; none: no limit"
    )
    batch_size: int = Field(128, ge=1, description="images per step, in each process")
    gradient_accumulation_steps: int = Field(
        1, ge=1, description="batches whose gradients are averaged before a step"
    )
    lr: float = Field(1e-3, gt=0, description="Adam's learning rate")
    lr_factors: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="of networks that learn faster or slower: {discriminator: 4} learns at 4 lr"
    )
    lr_schedule: Literal["constant", "cosine"] = Field("constant", description="cosine falls towards 0")
    lr_warmup_steps: int = Field(0, ge=0, description="steps over which the learning rate rises from 0")
    adam_betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = Field(
        (0.9, 0.999), description="Adam's decay rates of the two moments"
    )
    clip_grad_norm: float | None = Field(None, gt=0, description="largest gradient norm, none: no limit")
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="decay of the averaged weights that sampling uses, none: no average",
    )
    mixed_precision: Literal["no", "auto", "bf16", "fp16"] = Field(
        "no", description="autocast; auto: what the device is good at, bf16, fp16 (CUDA) or no"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="decides initial weights, order and noise")
    half_size_steps: int = Field(
        0, ge=0, description="first steps on 14x14 images, for a network that takes any size (the UNet)"
    )
    validation_images: int = Field(0, ge=0, description="images kept out of training to measure the loss on")
    monitor: str | None = Field(
        None, description="logged value, kl or validation/kl say, whose lowest marks the best checkpoint"
    )
    checkpoint_every: int | None = Field(
        None, ge=1, description="steps between checkpoints, none: an epoch, at least 200"
    )
    keep_checkpoints: int = Field(2, ge=2, description="newest checkpoints kept, besides the best")
    sample_every: int | None = Field(
        None, ge=1, description="steps between sample sheets, none: an epoch, at least 200"
    )
    tracker: Literal["none", "tensorboard"] = Field("none", description="where else losses are logged")

    @field_validator("mixed_precision", mode="before")
    @classmethod
    def _no_is_a_word_here(cls, value: Any) -> Any:
        return "no" if value is False else value  # YAML reads a plain no as False

    @model_validator(mode="after")
    def _a_cosine_needs_a_known_end(self) -> "TrainConfig":
        if self.max_seconds is not None and self.lr_schedule == "cosine":
            raise ValueError(
                "max_seconds needs lr_schedule 'constant': a cosine falls towards a last step that must be "
                "known, use max_steps"
            )
        return self
