"""The diffusion model as a family: one network, a schedule, a sampler."""

from collections.abc import Callable, Iterator
from inspect import signature
from math import inf
from typing import Any

import torch
from torch import Tensor, nn

from genlab.data import IMAGE_SHAPE, to_unit
from genlab.diffusion.config import DiffusionConfig, MLPNetworkConfig, NaiveNetworkConfig, SamplerName
from genlab.diffusion.distillation import Lessons, imitation_loss
from genlab.diffusion.editing import inpainting, noised_start
from genlab.diffusion.guidance import drop_labels, guided
from genlab.diffusion.loss import denoising_loss
from genlab.diffusion.mlp import MLPDenoiser, NaiveDenoiser
from genlab.diffusion.samplers import SAMPLERS, Denoiser, Pairs, SamplerStep, as_denoiser
from genlab.diffusion.schedule import Spacing, karras_pairs, make_schedule, timestep_pairs
from genlab.diffusion.unet import UNet
from genlab.errors import GenlabError, did_you_mean
from genlab.family import Dial, Family, Loss, device_of
from genlab.nn.inputs import check_images, check_number, choose_labels

GUIDANCE = 2.0  # the scale of a conditional model where no other is chosen


def build_network(config: DiffusionConfig) -> nn.Module:
    """The network that the settings ask for; all have the signature (x_t, t, labels)."""
    network = config.network
    if isinstance(network, NaiveNetworkConfig):
        return NaiveDenoiser(network.hidden_dim)
    if isinstance(network, MLPNetworkConfig):
        return MLPDenoiser(network.hidden_dim, network.num_layers, config.num_classes)
    unet = UNet(
        network.channels,
        patch_size=network.patch_size,
        num_res_blocks=network.num_res_blocks,
        attention=network.attention,
        attention_levels=network.attention_levels,
        num_classes=config.num_classes,
    )
    # The layout in which convolutions run a fifth faster on a CPU; the numbers are the same.
    return unet.to(memory_format=torch.channels_last)


class Diffusion:
    """Denoising diffusion (Ho et al. 2020, arXiv:2006.11239), or flow matching on the straight schedule.

    Flow matching (Lipman et al. 2022, arXiv:2210.02747; Liu et al. 2022, arXiv:2209.03003) shares all of
    it: the network, the loss, the samplers, the slider. Its times are 1 / T .. 1 in T steps.
    """

    def __init__(self, config: DiffusionConfig) -> None:
        self.config = config
        self.num_classes = config.num_classes
        self.schedule = make_schedule(
            config.schedule, config.num_train_timesteps, zero_terminal_snr=config.zero_terminal_snr
        )
        self.networks = nn.ModuleDict({"denoiser": build_network(config)})
        self.lessons: Lessons | None = None

    def learn_from(self, teacher: Family) -> None:
        """Learn from now on to draw in one step what the teacher draws: see ``HasTeacher``."""
        if teacher.num_classes != self.num_classes:
            raise GenlabError(
                f"model.teacher has {teacher.num_classes or 'no'} classes and this model "
                f"{self.num_classes or 'none'}: set model.num_classes as the teacher has it"
            )
        self.lessons = Lessons(teacher, self.config.teacher_pairs)

    def losses(self, images: Tensor, labels: Tensor) -> Iterator[Loss]:
        """Mean squared error of the prediction; a class is hidden now and then, for guidance."""
        network, config, device = self.networks["denoiser"], self.config, device_of(self.networks)
        if config.teacher is not None:
            yield self._imitation(len(images))
            return
        images, labels = images.to(device), labels.to(device)
        if self.num_classes is not None and network.training:
            labels = drop_labels(labels, self.num_classes, config.class_dropout_prob)
        loss = denoising_loss(
            lambda x, t: network(x, t, labels),
            images,
            self.schedule,
            config.prediction_type,
            min_snr_gamma=config.min_snr_gamma,
            clipped=config.clipped_loss,
        )
        yield Loss("denoiser", loss, {"mse": loss.detach()})

    def _imitation(self, n: int) -> Loss:
        """The loss of a student, which sees no data: its teacher's images are the truth."""
        if self.lessons is None:
            raise GenlabError(
                f"the teacher {self.config.teacher} is not here: genlab.fit brings it, or call learn_from(it)"
            )
        noise, labels, image = self.lessons.draw(n)
        network, last_t = self.networks["denoiser"], self.config.num_train_timesteps - 1
        device = device_of(self.networks)
        noise, image = noise.to(device), image.to(device)
        labels = None if labels is None else labels.to(device)
        student = as_denoiser(
            lambda x, t: network(x, t, labels), self.schedule, self.config.prediction_type, clip_sample=False
        )
        loss = imitation_loss(student, last_t, noise, image, clipped=self.config.clipped_loss)
        return Loss("denoiser", loss, {"mse": loss.detach()})

    def guided_network(
        self, labels: Tensor | None = None, guidance_scale: float | None = None
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """The network as a function of (x_t, t), with the class and the guidance settled.

        It answers on the device of x_t, wherever the network is.

        Args:
            labels: int64 (N,), or a blend, float (N, num_classes); none: of no class in particular.
            guidance_scale: other than the config's.

        Raises:
            GenlabError: guidance below 0 or not finite, or without classes or labels; a class that there is
                not.
        """
        if labels is not None:
            choose_labels(self.num_classes, len(labels), labels, None, blends=True)
        return self._guided(labels, guidance_scale)

    def _guided(self, labels: Tensor | None, scale: float | None) -> Callable[[Tensor, Tensor], Tensor]:
        """``guided_network`` for labels that have been checked."""
        device = device_of(self.networks)

        def network(x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
            answer = self.networks["denoiser"](
                x.to(device), t.to(device), None if labels is None else labels.to(device)
            )
            return answer.to(x.device)

        if self.num_classes is None or labels is None:
            if scale is not None:
                raise GenlabError("guidance_scale needs a class-conditional model and labels: leave it out")
            null = self.num_classes
            return lambda x, t: network(x, t, None if null is None else torch.full_like(t, null))
        scale = self.config.guidance_scale if scale is None else scale
        if scale is None:
            scale = GUIDANCE if self.config.teacher is None else 1  # a student learned it from its teacher
        if not 0 <= scale < inf:
            raise GenlabError(f"guidance_scale should be at least 0 and finite, got {scale}")
        return guided(network, labels, self.num_classes, scale, self.config.guidance_interval)

    def denoiser(self, labels: Tensor | None = None, guidance_scale: float | None = None) -> Denoiser:
        """(x_t, t) to the predicted image, for samplers; arguments as for ``guided_network``."""
        return self._denoiser(self.guided_network(labels, guidance_scale))

    def _denoiser(self, predict: Callable[[Tensor, Tensor], Tensor]) -> Denoiser:
        config = self.config
        return as_denoiser(predict, self.schedule, config.prediction_type, clip_sample=config.clip_sample)

    def walk(
        self,
        denoise: Denoiser,
        x: Tensor,
        pairs: Pairs,
        *,
        sampler: SamplerName | None = None,
        eta: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Iterator[SamplerStep]:
        """Walk from ``x`` along the jumps with the sampler that the config names, or another one.

        It is computed where ``x`` lies, the network's part where the network is; states come back on the CPU.

        Raises:
            GenlabError: an unknown sampler, eta for one that has none, an eta outside 0..1.
        """
        name = self.config.sampler if sampler is None else sampler
        if name not in SAMPLERS:
            raise GenlabError(f"unknown sampler {name!r}: {did_you_mean(name, SAMPLERS)}")
        takes = signature(SAMPLERS[name]).parameters
        if eta is not None and "eta" not in takes:
            raise GenlabError(f"eta is a setting of the sampler ddim: leave it out for {name}")
        options: dict[str, Any] = {"generator": generator, "eta": self.config.eta if eta is None else eta}
        if not 0 <= options["eta"] <= 1:
            raise GenlabError(f"eta should be in 0..1, got {options['eta']}")
        options = {option: value for option, value in options.items() if option in takes}
        return (step.cpu() for step in SAMPLERS[name](denoise, x, self.schedule, pairs, **options))

    def pairs(self, num_inference_steps: int | None = None, spacing: Spacing | None = None) -> Pairs:
        """The jumps of a whole walk: as the config says, or others."""
        steps = self.config.num_inference_steps if num_inference_steps is None else num_inference_steps
        spacing = self.config.timestep_spacing if spacing is None else spacing
        if spacing == "karras":
            return karras_pairs(self.schedule, steps)
        return timestep_pairs(self.config.num_train_timesteps, steps, spacing)

    def trajectory(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        sampler: SamplerName | None = None,
        eta: float | None = None,
        spacing: Spacing | None = None,
    ) -> Iterator[SamplerStep]:
        """The sampler's states from pure noise to ``n`` images, for the timestep slider.

        Args:
            n, labels, generator, noise: as for ``Walks.trajectory``.
            num_inference_steps, guidance_scale, sampler, eta, spacing: other than the config's.

        Yields:
            ``num_inference_steps`` states and then the finished one, images in [-1, 1].

        Raises:
            GenlabError: as ``Family.sample``; noise of another shape or not finite; more steps than T;
                guidance without classes.
        """
        check_number(n)
        noise = torch.randn(n, *IMAGE_SHAPE, generator=generator) if noise is None else _check_noise(noise, n)
        x = noise.to(device_of(self.networks))
        labels = choose_labels(self.num_classes, n, labels, generator, blends=True)
        denoise = self._denoiser(self._guided(labels, guidance_scale))
        pairs = self.pairs(num_inference_steps, spacing)
        return self.walk(denoise, x, pairs, sampler=sampler, eta=eta, generator=generator)

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Walk ``n`` draws of noise back to images: see ``Family.sample``."""
        for step in self.trajectory(n, labels=labels, generator=generator):
            x = step.x
        return to_unit(x)

    def noise_level(self, t: int) -> float:
        """The schedule's sigma at ``t``, sqrt(1 - alpha-bar): see ``Walks.noise_level``."""
        return self.schedule.at(t)[1]

    @property
    def dials(self) -> tuple[Dial, ...]:
        """Guidance, where there are classes; the sampler, and how many steps it makes. A student has none."""
        config, dials = self.config, list[Dial]()
        if config.teacher is not None:
            return ()
        if self.num_classes is not None:
            scale = GUIDANCE if config.guidance_scale is None else config.guidance_scale
            dials.append(Dial("guidance_scale", scale, low=0.0, high=max(8.0, scale), step=0.5))
        steps = min(100, config.num_train_timesteps)
        return (
            *dials,
            Dial("sampler", config.sampler, choices=tuple(SAMPLERS)),
            Dial("num_inference_steps", min(config.num_inference_steps, steps), low=1, high=steps),
        )

    def edit(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        t_start: int,
        generator: torch.Generator | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
    ) -> Iterator[SamplerStep]:
        """Noise images to a time and denoise them as what you like, another class say.

        Args:
            images: (N, 1, 28, 28) in [-1, 1].
            labels: the classes to end in, int64 (N,).
            t_start: how much of the images is forgotten: 0 nothing, T - 1 everything.
            generator, num_inference_steps, guidance_scale: as for ``trajectory``; at most t_start + 1
                steps, and no more than that by default.

        Yields:
            As ``trajectory``.

        Raises:
            GenlabError: as ``trajectory``; images of another shape; a time that there is not.
        """
        images = check_images(images).to(device_of(self.networks))
        if labels is not None:
            choose_labels(self.num_classes, len(images), labels, None)
        total = self.config.num_train_timesteps
        if type(t_start) is not int or not 0 <= t_start < total:
            raise GenlabError(f"t_start should be a whole number in 0..{total - 1}, got {t_start}")
        if num_inference_steps is None:
            num_inference_steps = min(self.config.num_inference_steps, t_start + 1)
        denoise = self._denoiser(self._guided(labels, guidance_scale))
        x, pairs = noised_start(images, self.schedule, t_start, num_inference_steps, generator)
        return self.walk(denoise, x, pairs, generator=generator)

    def inpaint(
        self,
        images: Tensor,
        known: Tensor,
        labels: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
    ) -> Iterator[SamplerStep]:
        """Fill in the part of images that is not known.

        Args:
            images: (N, 1, 28, 28) in [-1, 1].
            known: bool, (28, 28) or the shape of the images: True where the image is to stay.
            labels: what they are, int64 (N,).
            generator, num_inference_steps, guidance_scale: as for ``trajectory``.

        Yields:
            As ``trajectory``; the finished images have the known pixels exactly.

        Raises:
            GenlabError: as ``trajectory``; images or a mask of another shape.
        """
        if not isinstance(known, Tensor) or known.dtype != torch.bool:
            raise GenlabError("known should be a tensor of bool, True where the image is to stay")
        if known.shape not in (IMAGE_SHAPE[1:], (len(images), *IMAGE_SHAPE)):
            raise GenlabError(f"known should be {IMAGE_SHAPE[1:]} or as the images, got {tuple(known.shape)}")
        images = check_images(images, known).to(device_of(self.networks))
        if labels is not None:
            choose_labels(self.num_classes, len(images), labels, None)
        denoise = self._denoiser(self._guided(labels, guidance_scale))
        denoise = inpainting(denoise, images, known.to(images.device))
        x = torch.randn(images.shape, generator=generator).to(images)
        return self.walk(denoise, x, self.pairs(num_inference_steps), generator=generator)


def _check_noise(noise: Tensor, n: int) -> Tensor:
    """Noise to set out from, in float32, if it is such."""
    if not isinstance(noise, Tensor):
        raise GenlabError(f"noise should be a tensor, got {type(noise).__name__}")
    if noise.shape != (n, *IMAGE_SHAPE):
        raise GenlabError(f"noise should be {(n, *IMAGE_SHAPE)}, got {tuple(noise.shape)}")
    if not noise.isfinite().all():
        raise GenlabError("noise should be finite")
    return noise.float()
