from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import genlab.config
from genlab.config import (
    Settings,
    TrainConfig,
    parse_override,
    project_dir,
    read_settings,
    write_settings,
)
from genlab.errors import GenlabError
from genlab.zoo import Config, config_names, load_config

VAE = "model:\n  family: vae\n  latent_dim: 20\ntrain:\n  epochs: 5\n"
MLP = "model:\n  family: diffusion\n  network:\n    kind: mlp\n    hidden_dim: 64\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my.yaml"


def error_in(file: Path, content: str | bytes, overrides: dict[str, object] | None = None) -> str:
    """The one line that a config file with this content fails with."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(GenlabError) as caught:
        read_settings(Config, file, overrides)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_what_is_written_is_read(file: Path) -> None:
    file.write_text(VAE)
    config = read_settings(Config, file)
    assert config.model.model_dump()["latent_dim"] == 20
    assert config.train.epochs == 5
    assert config.train.batch_size == TrainConfig().batch_size


@pytest.mark.parametrize("name", config_names())
def test_settings_survive_a_round_trip(name: str, file: Path) -> None:
    config = load_config(
        name, {"train.ema_decay": 0.123456789012345, "train.lr": 1e-9, "train.seed": 2**63 - 1}
    )
    write_settings(config, file)
    assert read_settings(Config, file) == config
    assert set(yaml.safe_load(file.read_text())) == {"model", "train"}


def test_settings_do_not_change(file: Path) -> None:
    file.write_text(VAE)
    config = read_settings(Config, file)
    with pytest.raises(ValidationError, match="frozen"):
        config.train.epochs = 6  # type: ignore[misc]


# --- what can be wrong in a file --------------------------------------------------------------


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_name(file: Path) -> None:
    text = error_in(file, VAE.replace("latent_dim", "latent_dims"))
    assert text == f"{file}, line 3: unknown key 'model.latent_dims', did you mean 'latent_dim'?"
    text = error_in(file, VAE.replace("epochs", "epoch"))
    assert text == f"{file}, line 5: unknown key 'train.epoch', did you mean 'epochs'?"
    text = error_in(file, VAE + "trian: {}\n")
    assert text == f"{file}, line 6: unknown key 'trian', did you mean 'train'?"


def test_an_unknown_key_in_a_nested_section_is_compared_with_that_sections_keys(file: Path) -> None:
    text = error_in(file, MLP.replace("hidden_dim", "hiden_dim"))
    assert text == f"{file}, line 5: unknown key 'model.network.hiden_dim', did you mean 'hidden_dim'?"
    text = error_in(file, MLP.replace("hidden_dim", "channel"))  # a UNet has channels, an MLP has not
    assert text.startswith(
        f"{file}, line 5: unknown key 'model.network.channel', choose from kind, hidden_dim"
    )


def test_a_key_of_another_family_is_unknown(file: Path) -> None:
    text = error_in(file, VAE.replace("latent_dim: 20", "schedule: cosine"))
    assert text.startswith(f"{file}, line 3: unknown key 'model.schedule', choose from family, hidden_dim")


def test_a_duplicate_key_is_refused(file: Path) -> None:
    text = error_in(file, VAE + "  lr: 0.1\n  epochs: 6\n")
    assert text == f"{file}, line 7: train.epochs stands twice (first in line 5): keep one"
    text = error_in(file, VAE + "train:\n  lr: 0.1\n")
    assert text == f"{file}, line 6: train stands twice (first in line 4): keep one"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("five", "train.epochs should be a valid integer"),
        ("2.5", "train.epochs should be a valid integer"),
        ("[1]", "train.epochs should be a valid integer"),
        ("0", "train.epochs should be greater than or equal to 1, got 0"),
        ("", "train.epochs should be a valid integer"),
        (".nan", "train.epochs should be a finite number"),
        (".inf", "train.epochs should be a finite number"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(value: str, complaint: str, file: Path) -> None:
    text = error_in(file, VAE.replace("epochs: 5", f"epochs: {value}"))
    assert text.startswith(f"{file}, line 5: {complaint}")


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "-1", "0", "soon"])
def test_a_learning_rate_is_a_positive_number(value: str, file: Path) -> None:
    assert error_in(file, VAE + f"  lr: {value}\n").startswith(f"{file}, line 6: train.lr should be")


def test_a_value_inside_a_list_is_named(file: Path) -> None:
    text = error_in(file, VAE + "  adam_betas: [0.5, 1.5]\n")
    assert text == f"{file}, line 6: train.adam_betas.1 should be less than 1, got 1.5"
    assert "train.adam_betas" in error_in(file, VAE + "  adam_betas: [0.5]\n")


def test_several_problems_are_counted(file: Path) -> None:
    text = error_in(file, VAE + "  lr: -1\n  seed: -1\n")
    assert text.endswith("got -1 (and 1 more)")


def test_unions_are_told_by_their_tag(file: Path) -> None:
    text = error_in(file, VAE.replace("family: vae", "family: difusion"))
    assert text == f"{file}, line 2: unknown 'family' 'difusion' of model, did you mean 'diffusion'?"
    assert "vae, gan, diffusion" in error_in(file, VAE.replace("family: vae", "family: 3"))
    assert "model needs the key 'family'" in error_in(file, "model:\n  latent_dim: 20\n")
    text = error_in(file, MLP.replace("kind: mlp", "kind: mpl"))
    assert text == f"{file}, line 4: unknown 'kind' 'mpl' of model.network, did you mean 'mlp'?"
    text = error_in(file, MLP.replace("kind: mlp", "num_layers: 2"))
    assert text == f"{file}, line 3: model.network needs the key 'kind'"
    text = error_in(file, MLP.replace("hidden_dim: 64", "hidden_dim: -64"))
    assert text == (f"{file}, line 5: model.network.hidden_dim should be greater than or equal to 1, got -64")


def test_settings_that_contradict_each_other(file: Path) -> None:
    text = error_in(file, VAE.replace("latent_dim: 20", "output: tanh\n  reconstruction: bce"))
    assert text.startswith(f"{file}, line 1: model: reconstruction 'bce' needs output 'sigmoid'")
    text = error_in(file, MLP + "  num_train_timesteps: 10\n  num_inference_steps: 11\n")
    assert "num_inference_steps (11) should be at most num_train_timesteps (10)" in text
    text = error_in(file, MLP.replace("mlp", "naive") + "  num_classes: 10\n")
    assert "naive network knows no classes" in text
    unet = "model:\n  family: diffusion\n  network: {kind: unet, channels: [32, 64, 64]}\n"
    assert "3 levels halve 14x14 maps 2 times" in error_in(file, unet)
    assert "channels" in error_in(file, unet.replace("[32, 64, 64]", "[30]"))
    assert "channels" in error_in(file, unet.replace("[32, 64, 64]", "[]"))


def test_a_missing_section(file: Path) -> None:
    assert error_in(file, "train:\n  epochs: 5\n") == f"{file}: model is missing, add it"


@pytest.mark.parametrize("content", ["", "   \n", "# nothing\n", "- a\n- b\n", "vae", "5", "~"])
def test_a_file_without_sections(content: str, file: Path) -> None:
    assert "should hold the sections 'model:' and 'train:'" in error_in(file, content)


@pytest.mark.parametrize(
    "content", ["a: [1\n", "a: b: c\n", "\t- x", "a: *b\n", "a: !!python/name:os.system\n"]
)
def test_a_file_that_is_not_yaml(content: str, file: Path) -> None:
    text = error_in(file, content)
    assert text.startswith(f"{file}, line ")
    assert "not valid YAML" in text


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\xff", b"\x80\x02}q\x00.", b"\xff\xfe", b"PK\x03\x04\x00"]
)
def test_a_binary_file(content: bytes, file: Path) -> None:
    assert str(file) in error_in(file, content)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"nowhere\.yaml cannot be read: No such file"):
        read_settings(Config, tmp_path / "nowhere.yaml")
    with pytest.raises(GenlabError, match="cannot be read: Is a directory"):
        read_settings(Config, tmp_path)


def test_a_value_where_a_section_should_be(file: Path) -> None:
    text = error_in(file, "model:\n  family: vae\ntrain: 5\n")
    assert text == f"{file}, line 3: train should be a section with keys of its own, got 5"
    assert "line 1: model should be a section" in error_in(file, "model: vae\n")


ODD_VALUES: list[object] = [
    None, True, -1, 10**30, float("nan"), "a\nb", ["a", []], {}, {"a": 1}, {"kind": []}, {1: 2}, b"\xff",
]  # fmt: skip


@pytest.mark.parametrize("name", ["vae", "gan", "diffusion"])
def test_whatever_stands_in_a_field_gives_settings_or_one_line(name: str, file: Path) -> None:
    full: dict[str, Any] = load_config(name).model_dump(mode="json")
    places = [(), ("model",), ("train",)]
    places += [(section, key) for section in full for key in full[section]]
    places += [("model", "network", key) for key in full["model"].get("network", {})]
    places += [("model", "unknown"), ("unknown",), ("train", "lr", "x")]
    for place in places:
        for value in ODD_VALUES:
            changed: Any = {"model": {"family": name}, "train": {"epochs": 1}}
            if name == "diffusion":
                changed["model"]["network"] = {"kind": "unet"}
            if place:
                section = changed
                for key in place[:-1]:
                    section = (
                        section[key] if isinstance(section.get(key), dict) else section.setdefault("z", {})
                    )
                section[place[-1]] = value
            else:
                changed = value
            file.write_text(yaml.safe_dump(changed))
            complaint = None
            try:
                config = read_settings(Config, file)
            except GenlabError as error:
                complaint = str(error)
            if complaint is None:
                assert Config.model_validate(config.model_dump(mode="json")) == config
            else:
                assert complaint.startswith(str(file)), (place, value)
                assert "\n" not in complaint, (place, value)


# --- overrides --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("train.epochs=5", ("train.epochs", 5)),
        ("train.lr=1e-3", ("train.lr", "1e-3")),  # PyYAML's float needs a dot; pydantic reads it anyhow
        ("train.lr=1.0e-3", ("train.lr", 0.001)),
        ("model.output=tanh", ("model.output", "tanh")),
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
    with pytest.raises(GenlabError) as caught:
        parse_override(text)
    assert str(caught.value).startswith(f"--set {text}: ")


def test_overrides_win_over_the_file(file: Path) -> None:
    file.write_text(VAE)
    config = read_settings(Config, file, {"train.epochs": 6, "train.lr": "1e-2", "model.latent_dim": 3})
    assert (config.train.epochs, config.train.lr) == (6, 0.01)
    assert config.model.model_dump()["latent_dim"] == 3
    assert read_settings(Config, file).train.epochs == 5


def test_an_override_reaches_a_section_that_the_file_leaves_out(file: Path) -> None:
    file.write_text("model:\n  family: vae\n")
    assert read_settings(Config, file, {"train.epochs": 6}).train.epochs == 6


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("train.epoch", 5, "the override train.epoch=5: unknown key 'train.epoch', did you mean 'epochs'?"),
        ("train.epochs", "x", "the override train.epochs=x: train.epochs should be a valid integer"),
        ("train.epochs.x", 5, "the override train.epochs.x=5: epochs is a value, not a section"),
        ("train", 5, "the override train=5: train should be"),
        ("epochs", 5, "the override epochs=5: unknown key 'epochs', choose from model, train"),
        ("model.family", "gan", "unknown key"),  # a GAN has no `latent_dims`, see the file below
        ("model.family", "vea", "did you mean 'vae'?"),
        ("a\nb", 5, "unknown key"),
        ("train.epochs", "a\nb", "valid integer"),
        ("", 5, "unknown key"),
        ("train..lr", 5, "train."),
    ],
)
def test_a_wrong_override_is_named(name: str, value: object, complaint: str, file: Path) -> None:
    content = VAE if name != "model.family" else VAE.replace("latent_dim", "beta")
    assert complaint in error_in(file, content, {name: value})


def test_an_override_of_a_nested_union(file: Path) -> None:
    file.write_text(MLP)
    config = read_settings(Config, file, {"model.network.num_layers": 1})
    assert config.model.model_dump()["network"]["num_layers"] == 1
    text = error_in(file, MLP, {"model.network.kind": "unet"})
    assert text == f"{file}, line 5: unknown key 'model.network.hidden_dim', " + text.split(", ", 2)[2]
    assert "choose from kind, channels" in text


def test_unknown_config_names() -> None:
    with pytest.raises(
        GenlabError, match=r"unknown config 'vaee': did you mean 'vae'.*\(or name a \.yaml file\)"
    ):
        load_config("vaee")


# --- the training settings and the project folder ---------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"max_steps": 0}, {"batch_size": 0}, {"lr": 0}, {"clip_grad_norm": 0},
        {"ema_decay": 1}, {"ema_decay": 0}, {"mixed_precision": "fp8"}, {"seed": -1}, {"seed": 2**63},
        {"adam_betas": (0.9, 1)},
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


def test_the_project_is_the_clone_else_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (project_dir() / "pyproject.toml").is_file()
    assert (project_dir() / "genlab").is_dir()
    monkeypatch.setattr(genlab.config, "__file__", str(tmp_path / "site-packages" / "genlab" / "config.py"))
    monkeypatch.chdir(tmp_path)
    assert project_dir() == tmp_path
