"""Settings from YAML and back. What is refused is named; more of that: ``tests/cases/bad_configs.py``."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from genlab.config import Settings, parse_override, read_settings, write_settings
from genlab.config.show import as_yaml, with_comments
from genlab.errors import GenlabError
from genlab.files import project_dir
from genlab.training.settings import TrainConfig
from genlab.zoo import Config, config_names, load_config

VAE = "model:\n  family: vae\n  latent_dim: 20\ntrain:\n  epochs: 5\n"
MLP = "model:\n  family: diffusion\n  network:\n    kind: mlp\n    hidden_dim: 64\n"
GAN = "model:\n  family: gan\n  network: {kind: dcgan, channels: [32, 64]}\n"
UNET = "model:\n  family: diffusion\n  network: {kind: unet, channels: [32, 64, 64]}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "my.yaml").write_text(VAE)
    return tmp_path / "my.yaml"


def error_of(call: Callable[[], object]) -> str:
    """The one line that a call fails with."""
    with pytest.raises(GenlabError) as caught:
        call()
    assert str(caught.value).isprintable()
    return str(caught.value)


def settings_or_line(read: Callable[[], Config]) -> Config | str:
    """What is read, or the line that it is refused with."""
    try:
        return read()
    except GenlabError as error:
        return str(error)


def error_in(file: Path, content: str | bytes, overrides: dict[str, object] | None = None) -> str:
    """The one line that a config file with this content fails with."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return error_of(lambda: read_settings(Config, file, overrides))


def test_what_is_written_is_read_and_does_not_change(file: Path) -> None:
    config = read_settings(Config, file)
    assert config.model.model_dump()["latent_dim"] == 20
    assert (config.train.epochs, config.train.batch_size) == (5, TrainConfig().batch_size)
    with pytest.raises(ValidationError, match="frozen"):
        config.train.epochs = 6  # type: ignore[misc]


# --- what can be wrong in a file --------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        # keys
        (VAE + "trian: {}\n", 6, "unknown key 'trian', did you mean 'train'?"),
        (VAE.replace("model:", "modle:"), 1, "unknown key 'modle', did you mean 'model'? (and 1 more)"),
        (VAE.replace("latent_dim", "batch_size"), 3, "did you mean 'train.batch_size'?"),
        (MLP + "  hidden_dim: 5\n", 6, "did you mean 'model.network.hidden_dim'?"),
        (MLP.replace("hidden_dim", "channel"), 5, "choose from kind, hidden_dim"),  # a UNet has channels
        (MLP + "    mlp: {mlp: 5}\n", 6, "unknown key 'model.network.mlp', choose from kind, hidden_dim"),
        (MLP + "  diffusion: 5\n", 6, "unknown key 'model.diffusion'"),
        ("train:\n  epochs: 5\n", None, "model is missing, add it"),
        # values
        (VAE + "  adam_betas: [0.5, 1.5]\n", 6, "train.adam_betas.1 should be less than 1, got 1.5"),
        (VAE + "  adam_betas: [0.5]\n", 6, "train.adam_betas"),
        (VAE + "  adam_betas:\n  - 0.5\n  - true\n", 8, "train.adam_betas.1"),
        (VAE + "  lr: -1\n  seed: -1\n", 6, "got -1 (and 1 more)"),
        (VAE + "  lr_factors:\n    autoencoder: true\n", 7, "train.lr_factors.autoencoder"),
        (VAE + "  seed: true\n", 6, "train.seed"),
        (VAE + "  seed: '5'\n", 6, "train.seed"),
        (VAE + "  seed: 1:30\n", 6, "train.seed"),
        (VAE + "  max_steps: none\n", 6, "got 'none' (YAML's word for none is null)"),
        (VAE.replace("latent_dim: 20", "output: sigmoyd"), 3, "model.output"),
        # sections and their kinds
        ("model: vae\n", 1, "model should be a section"),
        ("model:\n  latent_dim: 20\n", 1, "model needs the key 'family'"),
        (VAE.replace("vae", "difusion"), 2, "'family' 'difusion' of model, did you mean 'diffusion'?"),
        (VAE.replace("vae", "3"), 2, "choose from vae, gan, diffusion"),
        (MLP.replace("mlp", "mpl"), 4, "unknown 'kind' 'mpl' of model.network, did you mean 'mlp'?"),
        (MLP.replace("kind: mlp", "num_layers: 2"), 3, "model.network needs the key 'kind'"),
        # settings that contradict each other
        (VAE + "  max_seconds: 60\n  lr_schedule: cosine\n", 4, "max_seconds needs lr_schedule 'constant'"),
        (VAE.replace("latent_dim: 20", "output: tanh\n  reconstruction: bce"), 1, "needs output 'sigmoid'"),
        (MLP + "  num_train_timesteps: 10\n  num_inference_steps: 11\n", 1, "num_train_timesteps (10)"),
        (MLP.replace("mlp", "naive") + "  num_classes: 10\n", None, "naive network knows no classes"),
        (UNET, 3, "3 levels halve 14x14 maps 2 times"),
        (UNET.replace(", 64, 64]", "], attention_levels: 2"), 3, "attention_levels (2)"),
        (UNET.replace("[32, 64, 64]", "[]"), 3, "channels"),
        (GAN.replace("[32, 64]", "[8]"), 3, "model.network.channels needs 2 or more values, got [8]"),
        (GAN.replace("[32, 64]", "[8, 8, 8, 8]"), 3, "model.network.channels takes 3 values at most"),
        # no sections at all
        ("", None, "should hold the sections 'model:' and 'train:'"),
        ("# nothing\n", None, "should hold the sections"),
        ("- a\n- b\n", None, "should hold the sections"),
        ("5", None, "should hold the sections"),
        # the kind of YAML
        ("model: &m {family: vae}\n", 1, "&m"),
        ("model:\n  family: *vae\n", 2, "*vae"),
        ("model: !!python/name:os.system {}\n", 1, "!!python"),
        ("model:\n  <<: {family: vae}\n", 2, "<<"),
        (VAE + "---\n" + VAE, 6, "another document"),
        ("- " * 5000 + "x", 1, "nested"),
        ("- " * 50 + "x", 1, "nested"),
        (VAE + "  yes: 6\n", 6, "train.yes"),
        (VAE + "  ? [lr]\n  : 6\n", 6, "a key in train"),
        (VAE + "  epochs: 6\n", 6, "line 5"),
        (VAE + "train:\n  lr: 0.1\n", 6, "line 4"),
        (VAE + "  adam_betas:\n  - {a: 1,\n     a: 2}\n", 8, "train.adam_betas.0.a"),
        (VAE + "  seed: 0x10\n", 6, "train.seed"),
        (VAE + "  seed: 010\n", 6, "train.seed"),
        # not YAML, not text
        (VAE + '  dataset: "\\ud800"\n', 6, "half a character"),
        (VAE + '  dataset: "\\U00110000"\n', 6, "not valid YAML"),
        (VAE + "  dataset: \0\n", 6, "character"),
        (VAE + "\tlr: 1\n", 6, "not valid YAML"),
        (VAE + "  dataset: 'mnist\n  lr: 1\n", 6, "not valid YAML"),
        (VAE.replace("\n", "\r") + "  a: b: c\r", 6, "not valid YAML"),
        (VAE.replace("20", "\xe4").encode("latin-1"), 3, "UTF-8"),
        (VAE.encode("utf-16"), 1, "UTF-8"),
        ("#" * 100_001, None, "100,000 bytes"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named_with_its_line(
    content: str | bytes, line: int | None, words: str, file: Path
) -> None:
    text = error_in(file, content)
    assert text.startswith(str(file) if line is None else f"{file}, line {line}: ")
    assert words in text


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name in ("pipe.yaml", "zero.yaml", "null\0.yaml", "", "nowhere.yaml"):
        text = error_of(lambda name=name: read_settings(Config, tmp_path / name))  # type: ignore[misc]
        assert "cannot be read: " in text
    assert "nowhere.yaml cannot be read: No such file" in text

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # a mode would not keep root out
    text = error_of(lambda: read_settings(Config, tmp_path / "my.yaml"))
    assert "my.yaml cannot be read: Permission denied" in text


def test_words_that_yaml_1_1_reads_otherwise_are_words(file: Path) -> None:
    for word in ("no", "2001-01-01", "1:30", "="):
        file.write_text(VAE + f"  dataset: {word}\n  mixed_precision: no\n")
        train = read_settings(Config, file).train
        assert (train.dataset, train.mixed_precision) == (word, "no")


def test_a_byte_order_mark_and_windows_lines_are_read(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + VAE.replace("\n", "\r\n").encode())
    assert read_settings(Config, file).train.epochs == 5


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("epochs", "x" * 50_000, "got 'xxx"),
        ("epochs", "a\nb\x1b[31m", r"got 'a\nb\x1b[31m'"),
        ("lr", {"a": [1] * 1000}, "got {'a': [1, 1"),
        ("e" * 5000, 1, "unknown key 'train.eee"),
        ("ep\noc\u202ehs", 1, r"unknown key 'train.ep\noc\u202ehs', did you mean 'epochs'?"),
    ],
)
def test_whatever_is_quoted_is_short(key: str, value: object, shown: str, file: Path) -> None:
    for name, given in ((f"train.{key}", value), ("train", {key: value})):
        text = error_in(file, VAE, {name: given})
        assert shown in text
        assert len(text.replace(str(file), "")) < 250


NETWORKS = [
    ("vae", "mlp"), ("vae", "conv"), ("gan", "mlp"), ("gan", "dcgan"),
    ("diffusion", "mlp"), ("diffusion", "unet"),
]  # fmt: skip


def settings_of(name: str, kind: str) -> tuple[list[str], list[tuple[str, ...]]]:
    """A config as lines of YAML, and all its fields but the sections and their kinds."""
    full: dict[str, Any] = load_config(name, {"model.network": {"kind": kind}}).model_dump(mode="json")
    fields: list[tuple[str, ...]] = [(section, key) for section in full for key in full[section]]
    fields += [("model", "network", key) for key in full["model"]["network"]]
    return as_yaml(full).splitlines(), [f for f in fields if f[-1] not in ("family", "kind", "network")]


def line_of(keys: tuple[str, ...], lines: list[str]) -> int:
    """Where a key stands in YAML that is indented by two spaces, counted from 0."""
    found = 0
    for depth, key in enumerate(keys):
        found = [line.startswith(f"{'  ' * depth}{key}:") for line in lines].index(True, found)
    return found


@pytest.mark.parametrize(("name", "kind"), NETWORKS)
def test_every_field_is_named_with_its_line(name: str, kind: str, file: Path) -> None:
    """Misspelt, with a value of another kind, and both by an override."""
    lines, fields = settings_of(name, kind)
    good = "\n".join(lines)
    for keys in fields:
        number, key, dotted, indent = line_of(keys, lines), keys[-1], ".".join(keys), "  " * (len(keys) - 1)
        misspelt = [*lines[:number], lines[number].replace(key, f"{key}x"), *lines[number + 1 :]]
        for place, text in (
            (f"{file}, line {number + 1}", error_in(file, "\n".join(misspelt))),
            (f"the override {dotted}x=5", error_in(file, good, {f"{dotted}x": 5})),
        ):
            assert text.startswith(f"{place}: unknown key '{dotted}x', did you mean ")
            assert f"'{key}'" in text

        odd: object = [1] if key == "lr_factors" else {"a": 1}
        after = number + 1  # behind the items of a list, which stand in lines of their own
        while after < len(lines) and lines[after].startswith(f"{indent}- "):
            after += 1
        changed = [*lines[:number], f"{indent}{key}: {odd}", *lines[after:]]
        for place, text in (
            (f"{file}, line {number + 1}", error_in(file, "\n".join(changed))),
            (f"the override {dotted}={odd}", error_in(file, good, {dotted: odd})),
        ):
            assert text.startswith(f"{place}: {dotted} should be ")
            assert text.endswith(f", got {odd}")


ODD_VALUES: list[object] = [
    None, True, -1, 2**63, 10**30, "9" * 30, float("nan"), "a\nb", b"\xff",
    ["a", []], {}, {"a": 1}, {"kind": []},
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), NETWORKS[1::2])
def test_whatever_stands_in_a_field_gives_settings_or_one_line(name: str, kind: str, file: Path) -> None:
    file.write_text(f"model: {{family: {name}, network: {{kind: {kind}}}}}\n")
    fields = settings_of(name, kind)[1] + [("model",), ("train",), ("model", "network"), ("train", "lr", "x")]
    for dotted in map(".".join, fields):
        for value in ODD_VALUES:
            found = settings_or_line(lambda odd={dotted: value}: read_settings(Config, file, odd))  # type: ignore[misc]
            if isinstance(found, Config):
                assert Config.model_validate(found.model_dump(mode="json")) == found
            else:
                assert found.startswith("the override"), (dotted, value)
                assert found.isprintable(), (dotted, value)


def test_no_mutation_of_a_config_breaks_the_reader(file: Path) -> None:
    """Seeded random edits: what comes back is settings, or one printable line about this file."""
    draw = random.Random(0)
    words = "\n|\t|:|- |[|{|}|]|'|\"|&a |*a|!!x |#|\0|0x|1e999|? |---\n|%|>|\\|<<: |yes|999999999999999999999"
    pieces = [*(word.encode() for word in words.split("|")), b"\xff", b"|", b" "]
    texts = [as_yaml(load_config(name).model_dump(mode="json")).encode() for name in config_names()]
    refused = 0
    for _ in range(600):
        text = draw.choice(texts)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(text))
            if draw.random() < 0.5:  # behind a value, where more of them fit
                at = text.find(b"\n", at)
            text = text[:at] + draw.choice(pieces) + text[at + draw.choice((0, 0, 1, 5)) :]
        file.write_bytes(text)
        found = settings_or_line(lambda: read_settings(Config, file))
        if isinstance(found, str):
            assert found.startswith(str(file)), text
            assert found.isprintable(), text
            refused += 1
    assert 300 < refused < 600


# --- writing and showing ----------------------------------------------------------------------


ODD_WORDS: tuple[object, ...] = (
    "a: b # c",
    "two\nlines\t\x07\u2028",
    "größe 日本 🙂",
    "'",
    "no",
    "1e3",
    "#",
    "",
    "x " * 500,
)
ODD_OVERRIDES: list[dict[str, object]] = [
    {},
    {"train.lr": 1e-30, "train.seed": 2**63 - 1, "train.ema_decay": 0.1 + 0.2, "train.adam_betas": [0, 1e-9]},
    {"train.lr_factors": {"a": 4, "b # c": 1e-9}},
    *[{"train.dataset": word} for word in ODD_WORDS],
]


@pytest.mark.parametrize("name", config_names())
def test_settings_are_read_back_from_what_is_written_or_shown(name: str, file: Path) -> None:
    for overrides in ODD_OVERRIDES:
        config = load_config(name, overrides)
        file.write_text(with_comments(config), "utf-8")
        assert read_settings(Config, file) == config
        write_settings(config, file)
        assert read_settings(Config, file) == config


def test_comments_give_meaning_choices_and_range() -> None:
    lines = [line.split("  # ") for line in with_comments(load_config("diffusion")).splitlines()]
    comments = {code.strip(): "".join(comment) for code, *comment in lines}
    assert comments["lr: 0.0002"] == "Adam's learning rate (> 0)"
    assert comments["mixed_precision: no"].endswith("(no, auto, bf16 or fp16)")
    assert comments["family: diffusion"] == "vae, gan or diffusion"
    assert comments["kind: unet"] == "naive, mlp or unet"
    assert comments["channels: [32, 64]"].startswith("width of each level")
    assert comments["max_steps: null"].endswith("(>= 1, or null)")
    assert comments["class_dropout_prob: 0.1"].endswith("(>= 0, < 1)")
    assert comments["seed: 0"].endswith("(>= 0, < 2**63)")
    assert {code for code, comment in comments.items() if not comment} <= {"model:", "train:"}


# --- overrides --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("train.epochs=5", ("train.epochs", 5)),
        ("train.lr=1e-3", ("train.lr", 0.001)),
        ("train.lr=1.0e-3", ("train.lr", 0.001)),
        ("train.mixed_precision=no", ("train.mixed_precision", "no")),
        ("train.adam_betas=[0.5, 0.9]", ("train.adam_betas", [0.5, 0.9])),
        ("train.max_steps=null", ("train.max_steps", None)),
        (" train.dataset = a=b", ("train.dataset", "a=b")),
        ("model.network={kind: mlp}", ("model.network", {"kind": "mlp"})),
    ],
)
def test_an_override_is_a_name_and_a_yaml_value(text: str, parsed: tuple[str, object]) -> None:
    assert parse_override(text) == parsed


@pytest.mark.parametrize("text", ["train.epochs", "=5", " =5", "train.epochs=[1", ""])
def test_an_override_that_cannot_be_read(text: str) -> None:
    assert error_of(lambda: parse_override(text)).startswith(f"--set {text.strip()}: ")


def test_overrides_win_over_the_file_and_add_to_it(file: Path) -> None:
    config = read_settings(Config, file, {"train.epochs": 6, "train.lr": 1e-2, "model.latent_dim": 3})
    assert (config.train.epochs, config.train.lr) == (6, 0.01)
    assert config.model.model_dump()["latent_dim"] == 3
    assert read_settings(Config, file).train.epochs == 5
    file.write_text("model:\n  family: vae\n")
    assert read_settings(Config, file, {"train.epochs": 6}).train.epochs == 6


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("train.epochs", "x", "the override train.epochs=x: train.epochs should be a valid integer"),
        ("train.epochs.x", 5, "the override train.epochs.x=5: epochs is a value, not a section"),
        ("train", 5, "the override train=5: train should be"),
        ("epochs", 5, "the override epochs=5: unknown key 'epochs', did you mean 'train.epochs'?"),
        ("trian.epochs", 5, "the override trian.epochs=5: unknown key 'trian', did you mean 'train'?"),
        ("model.lr", 5, "the override model.lr=5: unknown key 'model.lr', did you mean 'train.lr'?"),
        ("train.adam_betas", [0.5, 2], "the override train.adam_betas=[0.5, 2]: train.adam_betas.1 should"),
        ("train.lr_factors.a", -2, "the override train.lr_factors.a=-2: train.lr_factors.a should be"),
        ("train", {"lr": -1}, "the override train={'lr': -1}: train.lr should be greater than 0, got -1"),
        ("train" + ".x" * 1000, 5, "1001 names deep"),
        ("model.family", "gan", "unknown key"),  # a GAN has no `beta`, see the file below
        ("model.family", "vea", "did you mean 'vae'?"),
        ("a\nb", 5, "unknown key"),
        ("train.epochs", "a\nb", "valid integer"),
        ("", 5, "unknown key"),
        ("train..lr", 5, "train."),
    ],
)
def test_a_wrong_override_is_named(name: str, value: object, complaint: str, file: Path) -> None:
    assert complaint in error_in(file, VAE.replace("latent_dim", "beta"), {name: value})


@pytest.mark.parametrize(
    ("earlier", "blamed"),
    [
        ({"model.loss": "hinge"}, {"model.label_smoothing": 0.1}),
        ({"train.dataset": "digits"}, {"train.batch_size": 1}),
        ({"train.lr": 0.1}, {"model.network.discriminator_norm": "batch"}),
    ],
)
def test_a_relation_that_an_override_breaks_is_blamed_on_it(
    earlier: dict[str, object], blamed: dict[str, object]
) -> None:
    text = error_of(lambda: load_config("gan-conv", earlier | blamed))
    [(name, value)] = blamed.items()
    assert text.startswith(f"the override {name}={value}: ")


def test_two_time_scales_by_hand_and_by_override(file: Path) -> None:
    file.write_text(VAE + "  lr_factors:\n    discriminator: 4\n")
    assert read_settings(Config, file).train.lr_factors == {"discriminator": 4.0}
    for name, value, factors in (
        ("train.lr_factors.discriminator", 2, {"discriminator": 2.0}),
        ("train.lr_factors.generator", 0.5, {"discriminator": 4.0, "generator": 0.5}),
        ("train.lr_factors", {"generator": 0.5}, {"generator": 0.5}),
    ):
        assert read_settings(Config, file, {name: value}).train.lr_factors == factors


def test_another_kind_of_network_leaves_the_settings_of_the_files_behind(file: Path) -> None:
    file.write_text(MLP)
    unet = read_settings(Config, file, {"model.network.kind": "unet"})  # the file's width is an MLP's
    assert unet == read_settings(Config, file, {"model.network": {"kind": "unet"}})
    deep = read_settings(Config, file, {"model.network.num_layers": 1}).model.model_dump()["network"]
    assert (deep["hidden_dim"], deep["num_layers"]) == (64, 1)
    wide = load_config("vae-conv", {"model.network.hidden_dim": 64, "model.network.kind": "mlp"})
    assert wide.model.model_dump()["network"] == {"kind": "mlp", "hidden_dim": 64}
    assert load_config("gan-conv", {"model.network.kind": "dcgan"}) == load_config("gan-conv")


# --- the training settings and the project folder ---------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"max_steps": 0}, {"batch_size": 0}, {"lr": 0}, {"clip_grad_norm": 0},
        {"ema_decay": 1}, {"ema_decay": 0}, {"mixed_precision": "fp8"}, {"seed": -1}, {"seed": 2**63},
        {"adam_betas": (0.9, 1)}, {"max_seconds": 0}, {"max_seconds": float("inf")},
    ],
)  # fmt: skip
def test_what_cannot_train_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainConfig(**wrong)


def test_every_setting_explains_itself() -> None:
    def kinds(kind: type[Settings]) -> list[type[Settings]]:
        return [kind, *(k for sub in kind.__subclasses__() for k in kinds(sub))]

    for kind in kinds(Settings):
        if kind.__module__.startswith("genlab.") and kind not in (Settings, Config):
            for name, field in kind.model_fields.items():
                assert field.description or name in ("family", "kind"), f"{kind.__name__}.{name}"


def test_the_project_is_the_clone_else_the_folder_of_the_course_else_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (project_dir() / "pyproject.toml").is_file()
    assert (project_dir() / "genlab").is_dir()
    monkeypatch.setattr("genlab.files.__file__", str(tmp_path / "site-packages" / "genlab" / "files.py"))
    inside = tmp_path / "student" / "deeper"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert project_dir() == inside
    (tmp_path / ".genlab").touch()
    assert project_dir() == tmp_path
