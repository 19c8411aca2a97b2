"""Configs and overrides that cannot be used, as careless or malicious hands would write them."""

import os
from collections.abc import Callable
from pathlib import Path

Case = Callable[[Path], list[str]]

VAE = "model:\n  family: vae\n"
MLP = VAE + "  network:\n    kind: mlp\n    "
GAN = "model:\n  family: gan\n  "
TRAIN = VAE + "train:\n  "
DIFFUSION = "model:\n  family: diffusion\n  "
UNET = DIFFUSION + "network:\n    kind: unet\n    "


def _train(folder: Path, *more: str) -> list[str]:
    """The call that would train, if the config were a good one."""
    return ["train", "--config", str(folder / "my.yaml"), "--run", str(folder / "run"), *more]


def _at(make: Callable[[Path], object]) -> Case:
    """A case that makes ``my.yaml``."""

    def case(folder: Path) -> list[str]:
        make(folder / "my.yaml")
        return _train(folder)

    return case


def _file(content: str | bytes) -> Case:
    """A case that writes this into ``my.yaml``."""
    return _at(lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content))


def _shown(name: str, make: Callable[[Path], object] = lambda path: None) -> Case:
    """A case that shows a config of this name."""

    def case(folder: Path) -> list[str]:
        make(folder / name)
        return ["config", "show", str(folder / name)]

    return case


def _set(*overrides: str) -> Case:
    """A case with a good config and these overrides."""

    def case(folder: Path) -> list[str]:
        (folder / "my.yaml").write_text(TRAIN + "adam_betas: [0.5, 0.9]\n")
        return _train(folder, *(f"--set={override}" for override in overrides))

    return case


_BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))

_CONTENTS: dict[str, str | bytes] = {
    # keys
    "a misspelt key": VAE + "  latent_dims: 20\n",
    "a misspelt section": VAE + "trian:\n  epochs: 5\n",
    "a misspelt key of the network": UNET + "chanels: [32, 64]\n",
    "a key of another network": UNET + "hidden_dim: 64\n",
    "a key of another family": VAE + "  schedule: cosine\n",
    "a key in the wrong section": VAE + "  batch_size: 5\n",
    "a key outside its section": VAE + "lr: 0.1\n",
    "a key with the name of the family": DIFFUSION + "diffusion: 5\n  shedule: cosine\n",
    "a key twice": TRAIN + "epochs: 5\n  lr: 0.1\n  epochs: 6\n",
    "a section twice": TRAIN + "epochs: 5\ntrain:\n  lr: 0.1\n",
    "a key twice, once spelt with an escape": TRAIN + 'lr: 0.1\n  "\\x6cr": 0.2\n',
    "a key twice inside a list": TRAIN + "adam_betas:\n    - {a: 1, a: 2}\n",
    "a number for a key": TRAIN + "5: 6\n",
    "a list for a key": TRAIN + "? [epochs, lr]\n  : 6\n",
    "a key of a thousand characters": TRAIN + f"{'epochs' * 165}: 6\n",
    "a key of ten thousand characters": TRAIN + f"{'epochs' * 1700}: 6\n",
    "a line break in a key": TRAIN + '"epochs\\nlr": 6\n',
    "a key that turns the text around": TRAIN + '"\\u202eepochs": 6\n',
    "half a character in a key": TRAIN + '"\\ud800": 6\n',
    "a merge key": TRAIN + "<<: {epochs: 5}\n",
    # values
    "a word for an integer": TRAIN + "epochs: five\n",
    "a list for an integer": TRAIN + "epochs: [5]\n",
    "nothing for an integer": TRAIN + "epochs:\n",
    "yes for an integer": TRAIN + "epochs: yes\n",
    "true in a list of numbers": TRAIN + "adam_betas: [true, 0.9]\n",
    "true for one of two integers": UNET + "patch_size: true\n",
    "none where YAML says null": TRAIN + "max_steps: none\n",
    "a limit in seconds for a cosine": TRAIN + "max_seconds: 60\n  lr_schedule: cosine\n",
    "off for one of some words": VAE + "  reconstruction: off\n",
    "a factor below zero": TRAIN + "lr_factors: {autoencoder: -1}\n",
    "a number for factors": TRAIN + "lr_factors: 4\n",
    "a factor of a network that the model lacks": TRAIN
    + "dataset: digits\n  max_steps: 1\n  lr_factors: {autoencodr: 4}\n",
    "a comma for a decimal point": TRAIN + "lr: 0,001\n",
    "not a number": TRAIN + "lr: .nan\n",
    "infinity": TRAIN + "clip_grad_norm: .inf\n",
    "infinity by overflow": VAE + "  beta: 1.0e+999\n",
    "a number below its range": TRAIN + "epochs: 0\n",
    "a number above its range": TRAIN + f"seed: {2**63}\n",
    "a width of a nonillion": MLP + f"hidden_dim: {10**30}\n",
    "a number of 5000 digits": TRAIN + f"epochs: {'9' * 5000}\n",
    "a hexadecimal number of 20000 digits": TRAIN + f"epochs: 0x{'f' * 20000}\n",
    "a number that YAML reads as octal": TRAIN + "batch_size: 0100\n",
    "a number that YAML reads as a time": TRAIN + "batch_size: 2:08\n",
    "a list that is too short": TRAIN + "adam_betas: [0.9]\n",
    "one number out of range in a list": TRAIN + "adam_betas:\n  - 0.9\n  - 1.5\n",
    "an empty list": UNET + "channels: []\n",
    "a width that is no multiple of four": UNET + "channels: [30, 60]\n",
    "more levels than the image has": UNET + "channels: [32, 64, 64, 64]\n",
    "a date": TRAIN + "epochs: 2001-01-01\n",
    "a time that no clock shows": TRAIN + "dataset: 2001-01-01T25:61:61Z\n",
    "a value of ninety thousand characters": TRAIN + f"epochs: {'five' * 22_000}\n",
    "line breaks in a value": TRAIN + "epochs: |\n    five\n    or six\n",
    "a terminal's colours in a value": TRAIN + 'epochs: "\\e[31mred\\a"\n',
    # sections
    "a word for a section": "model: vae\n",
    "nothing for a section": "model:\ntrain:\n  epochs: 5\n",
    "no model": "train:\n  epochs: 5\n",
    "no family": "model:\n  latent_dim: 20\n",
    "an unknown family": "model:\n  family: difusion\n",
    "a list of families": "model:\n  family: [vae, gan]\n",
    "a network without its kind": DIFFUSION + "network:\n    hidden_dim: 64\n",
    "an unknown kind of network": DIFFUSION + "network: {kind: unett}\n",
    "two settings that contradict each other": VAE + "  output: tanh\n  reconstruction: bce\n",
    "a fitted prior of no components": VAE + "  prior: fitted\n",
    "black and white with squares": VAE + "  binarise: true\n",
    "label smoothing without a target": GAN + "loss: hinge\n  label_smoothing: 0.1\n",
    "a slope penalty in another game": GAN + "slope_penalty: 10\n",
    "a gradient penalty with batch norm": GAN
    + "network: {kind: dcgan, discriminator_norm: batch}\n  r1: 1\n",
    "batch norm with one image": "model: {family: gan}\ntrain:\n  batch_size: 1\n",
    "zero terminal SNR with epsilon": DIFFUSION + "zero_terminal_snr: true\n",
    "a straight path with epsilon": DIFFUSION + "schedule: straight\n",
    "min-SNR on a path to pure noise": DIFFUSION
    + "schedule: straight\n  prediction_type: flow_prediction\n  min_snr_gamma: 5\n",
    "guidance without classes": DIFFUSION + "guidance_scale: 2\n",
    "eta for another sampler": DIFFUSION + "sampler: heun\n  eta: 0.5\n",
    "more levels of attention than levels": DIFFUSION + "network: {kind: unet, attention_levels: 3}\n",
    "more sampling than training steps": DIFFUSION + "num_train_timesteps: 10\n  num_inference_steps: 11\n",
    "classes for a network that knows none": DIFFUSION + "network: {kind: naive}\n  num_classes: 10\n",
    # YAML of a kind that no config needs
    "two documents": VAE + "---\n" + VAE,
    "nothing": "",
    "a list of sections": "- model:\n    family: vae\n- train:\n    epochs: 5\n",
    "a word": "vae\n",
    "ten thousand brackets": "model: " + "[" * 10_000,
    "ten thousand dashes": "- " * 10_000 + "x\n",
    "a staircase of sections": "".join(f"{' ' * n}a:\n" for n in range(300)),
    "aliases that stand for 2**60 values": _BOMB,
    "an alias of nothing": "model: *nowhere\n",
    "a merge key with an alias": "base: &b {family: vae}\nmodel:\n  <<: *b\n",
    "a tag that runs a command": "model: !!python/object/apply:os.system [exit]\n",
    "an unknown tag": "model: !vae {}\n",
    "an unknown directive": "%YAML 3.0\n---\n" + VAE,
    # not YAML
    "a tab": "model:\n\tfamily: vae\n",
    "an indentation back to nowhere": TRAIN + "epochs: 5\n lr: 0.1\n",
    "a missing colon": TRAIN + "epochs 5\n",
    "an open bracket": TRAIN + "adam_betas: [0.5, 0.9\n  epochs: 5\n",
    "an open quote": TRAIN + "dataset: 'mnist\n  epochs: 5\n",
    "a path of Windows in double quotes": TRAIN + 'dataset: "C:\\data"\n',
    "an escape that is no character": TRAIN + 'dataset: "\\U00110000"\n',
    "a mistake in old Macintosh lines": b"model:\r  family: vae\r  beta: 1: 2\r",
    "a page of a web site": "<!DOCTYPE html>\n<html><head><title>vae.yaml: raw</title></head></html>\n",
    "a notebook": '{\n "cells": [],\n "metadata": {},\n "nbformat": 4\n}\n',
    "a Python file": '"""A config."""\n\nepochs = 5\nmodel = dict(family="vae")\n',
    # not text
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x1c",
    "a checkpoint": b"PK\x03\x04\0\0\x08\x08\0\0archive/data.pklFB\0",
    "UTF-16": "model:\n  family: vae\n".encode("utf-16"),
    "Latin-1": "model:\n  family: vae  # das große\n".encode("latin-1"),
    "a null byte": TRAIN + "dataset: mnist\0\n",
    "five megabytes": VAE + "# padding\n" * 500_000,
}

_OVERRIDES: dict[str, tuple[str, ...]] = {
    "without a value": ("train.epochs",),
    "without a name": ("=5",),
    "with a misspelt key": ("train.epoch=5",),
    "without its section": ("epochs=5",),
    "of a family's key that the model lacks": ("model.eta=0.5",),
    "with a word for a number": ("train.epochs=five",),
    "with a number of 5000 digits": (f"train.epochs={'9' * 5000}",),
    "below a value": ("train.adam_betas.x=5",),
    "of a section by a word": ("train=fast",),
    "with an open bracket": ("train.adam_betas=[0.5, 0.9",),
    "with a key twice": ("model={family: vae, family: gan}",),
    "with an alias": ("train.epochs=*five",),
    "with ten thousand brackets": (f"train.epochs={'[' * 10_000}",),
    "with ten thousand names": (f"train{'.x' * 10_000}=5",),
    "with line breaks": ("train.epochs\n=5\n6",),
    "with bytes that are no text": ("train.dataset=\udcff",),
    "that is one of two": ("train.epochs=5", "train.lrr=0.1"),
}

CASES: dict[str, Case] = {
    **{name: _file(content) for name, content in _CONTENTS.items()},
    "a folder": _at(Path.mkdir),
    "a pipe": _at(os.mkfifo),
    "an endless device": _at(lambda path: path.symlink_to("/dev/zero")),
    "a circle of links": _at(lambda path: path.symlink_to(path)),
    "no such file": _train,
    "a name too long": _shown(f"{'x' * 300}.yaml"),
    "a path through a file": _shown("file/my.yaml", lambda path: path.parent.write_text(VAE)),
    "a file without permission": _at(lambda path: path.touch(0)),  # root reads it, and finds it empty
    "a line break in the name": _shown("my\n\x1b[31m.yaml", lambda path: path.write_text("5")),
    **{f"an override {name}": _set(*overrides) for name, overrides in _OVERRIDES.items()},
}
