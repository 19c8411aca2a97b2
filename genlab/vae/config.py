"""Settings of a VAE."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from genlab.config import Settings
from genlab.vae.loss import Output, Reconstruction

Prior = Literal["standard", "fitted"]


class MLPAutoencoderConfig(Settings):
    """One hidden layer in each half."""

    kind: Literal["mlp"] = "mlp"
    hidden_dim: int = Field(1024, ge=1, description="width of the hidden layers")


class ConvAutoencoderConfig(Settings):
    """Two convolutions in the encoder, two transposed ones in the decoder."""

    kind: Literal["conv"] = "conv"
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (32, 64), min_length=2, max_length=3, description="widths at (28x28 and) 14x14 and at 7x7"
    )
    num_res_blocks: int = Field(0, ge=0, description="residual blocks at 14x14, and as many at 7x7")
    hidden_dim: int = Field(256, ge=1, description="width of the layer between maps and code")


class VAEConfig(Settings):
    """A VAE of two MLPs or two convolutional halves; the defaults are the reference design's."""

    SAMPLING: ClassVar[tuple[str, ...]] = ("prior",)

    family: Literal["vae"] = "vae"
    network: Annotated[MLPAutoencoderConfig | ConvAutoencoderConfig, Field(discriminator="kind")] = Field(
        MLPAutoencoderConfig(), description="encoder and decoder"
    )
    latent_dim: int = Field(80, ge=1, description="width of the code")
    output: Output = Field("sigmoid", description="how logits become pixels, and the loss's range")
    reconstruction: Reconstruction = Field(
        "l2", description="distance of image and reconstruction; gaussian: its variance is learned"
    )
    binarise: bool = Field(False, description="make every pixel black or white anew each time it is seen")
    beta: float = Field(5e-5, ge=0, description="weight of the KL term (Higgins et al. 2017)")
    beta_warmup_batches: int = Field(0, ge=0, description="batches over which beta rises from 0")
    free_bits: float = Field(0.0, ge=0, description="nats of KL that each latent dimension has for free")
    prior_components: int | None = Field(
        None, ge=1, description="Gaussians (per class) of a prior fitted to the codes after training"
    )
    prior: Prior | None = Field(
        None, description="where codes are drawn: standard is N(0, I); none: fitted where there is one"
    )
    num_classes: int | None = Field(None, ge=1, description="classes to condition on, none: unconditional")

    @model_validator(mode="after")
    def _consistent(self) -> "VAEConfig":
        if self.reconstruction == "bce" and self.output != "sigmoid":
            raise ValueError("reconstruction 'bce' needs output 'sigmoid': it compares probabilities")
        if self.binarise and self.reconstruction != "bce":
            raise ValueError("binarise needs reconstruction 'bce': black and white have probabilities")
        if self.prior == "fitted" and self.prior_components is None:
            raise ValueError("prior 'fitted' needs prior_components: how many Gaussians to fit")
        return self
