"""Put bugs into a copy of genlab, one at a time, and see whether its tests notice.

    python -m trials.deliberate_bugs
    python -m trials.deliberate_bugs --slips     those that only a GPU would notice, on the pretended one

Each bug is one that somebody has really shipped: a sign, an axis, a missing detach, an off-by-one. Prints a
line for each; exit status 1 if one of them is not caught.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

REPOSITORY = Path(__file__).resolve().parent.parent


class Bug(NamedTuple):
    """A wrong line in place of a right one.

    Attributes:
        what: the mistake in words.
        file: below ``genlab/``.
        right, wrong: text that stands there once, and what is put in its place.
        tests: a file or folder below ``tests/`` that should notice.
    """

    what: str
    file: str
    right: str
    wrong: str
    tests: str


BUGS = [
    # VAE
    Bug(
        "the KL has log_var with the wrong sign",
        "vae/loss.py",
        "torch.expm1(log_var) - log_var)",
        "torch.expm1(log_var) + log_var)",
        "vae",
    ),
    Bug(
        "the draw uses the variance for the deviation",
        "vae/networks.py",
        "torch.exp(log_var / 2)",
        "torch.exp(log_var)",
        "vae",
    ),
    Bug(
        "the ELBO adds the KL",
        "vae/likelihood.py",
        "return log_likelihood - kl",
        "return log_likelihood + kl",
        "vae",
    ),
    # GAN
    Bug(
        "the fake is not detached in the discriminator's step",
        "gan/gan.py",
        "discriminator(fake.detach(), labels)",
        "discriminator(fake, labels)",
        "gan",
    ),
    Bug(
        "smoothing makes the target larger",
        "gan/loss.py",
        "1 - label_smoothing)\n            called_real",
        "1 + label_smoothing)\n            called_real",
        "gan",
    ),
    Bug(
        "the generator is taught to be caught",
        "gan/loss.py",
        "return F.softplus(-fake_logits).mean()",
        "return F.softplus(fake_logits).mean()",
        "gan",
    ),
    # Diffusion
    Bug(
        "v has the wrong sign",
        "diffusion/schedule.py",
        "alpha * noise - sigma * x_start",
        "alpha * noise + sigma * x_start",
        "diffusion/test_schedule.py",
    ),
    Bug(
        "guidance leans away from the class",
        "diffusion/guidance.py",
        "guidance_scale * (conditional - unconditional)",
        "guidance_scale * (unconditional - conditional)",
        "diffusion/test_guidance.py",
    ),
    Bug(
        "the whole batch loses its class together",
        "diffusion/guidance.py",
        "torch.rand(len(labels), device",
        "torch.rand(1, device",
        "diffusion/test_guidance.py",
    ),
    # Loop
    Bug(
        "gradients are not reset",
        "training/loop.py",
        "        optimiser.zero_grad()\n        values",
        "        values",
        "training/test_loop.py",
    ),
    Bug(
        "the generator's loss leaves gradients in the discriminator",
        "training/loop.py",
        "(loss.value / parts).backward(inputs=weights)",
        "(loss.value / parts).backward()",
        "training",
    ),
    Bug(
        "the learning rate is that of the step before",
        "training/loop.py",
        "learning_rate(state.step + 1,",
        "learning_rate(state.step,",
        "training",
    ),
    # Samplers
    Bug(
        "DDIM keeps the old noise at eta 1",
        "diffusion/samplers.py",
        "max(sigma_prev**2 - fresh**2, 0) ** 0.5",
        "sigma_prev",
        "diffusion/test_samplers.py",
    ),
    Bug(
        "DPM-Solver++ with r in place of 1 / r",
        "diffusion/samplers.py",
        "h / h_last / 2",
        "h_last / h / 2",
        "diffusion/test_samplers.py",
    ),
    Bug(
        "a sampler's last step goes to time 0, not to the image",
        "diffusion/schedule.py",
        "[*timesteps[1:], -1]",
        "[*timesteps[1:], 0]",
        "diffusion",
    ),
    # Metrics
    Bug(
        "the Frechet distance without the factor 2",
        "evaluation/metrics/frechet.py",
        "traces - 2 * trace_of_root",
        "traces - trace_of_root",
        "evaluation/metrics/test_frechet.py",
    ),
    Bug(
        "KID compares an image with itself",
        "evaluation/metrics/kernel.py",
        "(within_a.sum() - within_a.trace())",
        "(within_a.sum())",
        "evaluation/metrics/test_kernel.py",
    ),
    Bug(
        "the nearest neighbour is the image itself",
        "evaluation/metrics/precision_recall.py",
        ".values[:, k]",
        ".values[:, k - 1]",
        "evaluation/metrics/test_precision_recall.py",
    ),
    Bug(
        "the power spectrum has the frequencies of half an image",
        "evaluation/metrics/appearance.py",
        "torch.fft.rfftfreq(size) * size",
        "torch.fft.rfftfreq(size) * size / 2",
        "evaluation/metrics/test_appearance.py",
    ),
    Bug(
        "the pixels of a generator are told apart by fractions of a grey level",
        "evaluation/measure.py",
        "images = to_bytes(images)\n    check_measurable",
        "check_measurable",
        "evaluation/test_measure.py",
    ),
    # Judges
    Bug(
        "an image is shifted by the same in both directions",
        "evaluation/judges/training.py",
        "right + torch.arange(width)",
        "down + torch.arange(width)",
        "evaluation/judges/test_training.py",
    ),
    Bug(
        "the embeddings are not of length 1",
        "evaluation/judges/training.py",
        "return F.normalize(judge(images), dim=1) @",
        "return judge(images) @",
        "evaluation/judges/test_training.py",
    ),
    # Checkpoint
    Bug(
        "the average starts anew when a run is resumed",
        "runs/checkpoint.py",
        '        state.ema.num_updates = checkpoint.record["ema_updates"]\n',
        "",
        "commands/test_train.py",
    ),
    Bug(
        "a damaged file is read all the same",
        "files.py",
        "if hashlib.sha256(content).hexdigest() != sha256:",
        "if False:",
        "runs/test_checkpoint.py",
    ),
    Bug(
        "the noise of a resumed run starts anew",
        "runs/checkpoint.py",
        "    state.random = [",
        "    _ = [",
        "commands/test_train.py",
    ),
]


SLIPS = [
    Bug(
        "fakes stay on the device",
        "gan/gan.py",
        "to_unit(torch.tanh(logits)).cpu()",
        "to_unit(torch.tanh(logits))",
        "accelerator",
    ),
    Bug(
        "decoded images stay on the device",
        "vae/vae.py",
        "to_unit(to_pixels(logits, self.config.output)).cpu()",
        "to_unit(to_pixels(logits, self.config.output))",
        "accelerator",
    ),
    Bug(
        "a sampler's states stay on the device",
        "diffusion/diffusion.py",
        "return (step.cpu() for step in",
        "return (step for step in",
        "accelerator",
    ),
    Bug(
        "truncation in float64 on the device",
        "gan/gan.py",
        "ndtr(z.cpu().double())",
        "ndtr(z.double())",
        "accelerator",
    ),
    Bug(
        "a walk in float64 on the device",
        "latent/walks.py",
        "    start, end = start.cpu(), end.cpu()\n    cosine",
        "    cosine",
        "accelerator",
    ),
    Bug(
        "the schedule in float64 on the device",
        "diffusion/schedule.py",
        "return alpha.to(precision).to(device), sigma.to(precision).to(device)",
        "return alpha.to(device), sigma.to(device)",
        "accelerator",
    ),
    Bug(
        "a mask on the CPU for images on the device",
        "diffusion/diffusion.py",
        "inpainting(denoise, images, known.to(images.device))",
        "inpainting(denoise, images, known)",
        "accelerator",
    ),
    Bug(
        "a CPU generator draws on the device",
        "vae/vae.py",
        "torch.randn(mu.shape, generator=generator).to(mu.device)",
        "torch.randn(mu.shape, generator=generator, device=mu.device)",
        "accelerator",
    ),
    Bug(
        "a batch is not brought to the device",
        "vae/vae.py",
        "self._seen(images.to(device)), labels.to(device)",
        "self._seen(images), labels.to(device)",
        "accelerator",
    ),
    Bug(
        "a judge is shown images on the CPU",
        "evaluation/judges/features.py",
        "to_signed(to_bytes(batch).to(device))",
        "to_signed(to_bytes(batch))",
        "accelerator",
    ),
    Bug(
        "a judge that knows no classes is shown one view on the CPU",
        "evaluation/judges/training.py",
        "erased(view, generator).to(device), again.to(device))\n        optimiser",
        "erased(view, generator).to(device), again)\n        optimiser",
        "accelerator",
    ),
    Bug(
        "a judge is trained with labels on the CPU",
        "evaluation/judges/training.py",
        "F.cross_entropy(logits, labels.to(device),",
        "F.cross_entropy(logits, labels,",
        "accelerator",
    ),
    Bug(
        "a verb forgets which device it was told",
        "commands/sample.py",
        "family = build(config, device)",
        "family = build(config)",
        "accelerator",
    ),
]


def caught_by(bug: Bug, copy: Path) -> str | None:
    """The first test that fails with the bug in place; None if all pass."""
    file = copy / "genlab" / bug.file
    text = file.read_text("utf-8")
    if text.count(bug.right) != 1:
        raise SystemExit(f"{bug.file} has {bug.right!r} {text.count(bug.right)} times, not once")
    file.write_text(text.replace(bug.right, bug.wrong), "utf-8")
    words = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{bug.tests}"]
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1", "GENLAB_PRETEND": "mps"}
    run = subprocess.run([sys.executable, *words], cwd=copy, env=environment, capture_output=True, text=True)
    file.write_text(text, "utf-8")
    failed = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split("::")[-1].split(" - ")[0] if failed else None


def main(
    slips: Annotated[bool, typer.Option("--slips", help="Only what a GPU would notice.")] = False,
) -> None:
    """Every bug once."""
    missed, bugs = 0, SLIPS if slips else BUGS
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "genlab"
        for folder in ("genlab", "tests", "trials", "notebooks"):
            shutil.copytree(REPOSITORY / folder, copy / folder)
        shutil.copy(REPOSITORY / "pyproject.toml", copy)
        for bug in bugs:
            test = caught_by(bug, copy)
            missed += test is None
            print(f"{bug.file}: {bug.what}: {f'caught by {test}' if test else 'NOT CAUGHT'}", flush=True)
    print(f"{len(bugs)} bugs, {len(bugs) - missed} caught")
    raise typer.Exit(1 if missed else 0)


if __name__ == "__main__":
    typer.run(main)
