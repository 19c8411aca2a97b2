import json
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from genlab.config import Settings, parse_override, read_settings, write_settings
from genlab.config.show import as_yaml, with_comments
from genlab.config.yaml_reader import read_yaml
from genlab.errors import GenlabError
from genlab.files import project_dir
from genlab.training.settings import TrainConfig
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
    assert set(read_yaml(file)[0]) == {"model", "train"}


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


def test_two_time_scales_by_hand_and_by_override(file: Path) -> None:
    file.write_text(VAE + "  lr_factors:\n    discriminator: 4\n")
    assert read_settings(Config, file).train.lr_factors == {"discriminator": 4.0}
    name, value = parse_override("train.lr_factors.discriminator=2")
    assert read_settings(Config, file, {name: value}).train.lr_factors == {"discriminator": 2.0}
    name, value = parse_override("train.lr_factors={generator: 0.5}")
    assert read_settings(Config, file, {name: value}).train.lr_factors == {"generator": 0.5}
    assert load_config("gan", {"train.lr_factors.generator": 0.5}).train.lr_factors == {"generator": 0.5}
    with pytest.raises(
        GenlabError, match=r"^the override train\.lr_factors\.generator=-2: .* greater than 0"
    ):
        load_config("gan", {"train.lr_factors.generator": -2})
    write_settings(read_settings(Config, file), file)
    assert read_settings(Config, file).train.lr_factors == {"discriminator": 4.0}


def test_settings_that_contradict_each_other(file: Path) -> None:
    text = error_in(file, VAE.replace("latent_dim: 20", "output: tanh\n  reconstruction: bce"))
    assert text.startswith(f"{file}, line 1: model: reconstruction 'bce' needs output 'sigmoid'")
    text = error_in(file, MLP + "  num_train_timesteps: 10\n  num_inference_steps: 11\n")
    assert "num_inference_steps (11) should be at most num_train_timesteps (10)" in text
    text = error_in(file, MLP.replace("mlp", "naive") + "  num_classes: 10\n")
    assert "naive network knows no classes" in text
    unet = "model:\n  family: diffusion\n  network: {kind: unet, channels: [32, 64, 64]}\n"
    assert "3 levels halve 14x14 maps 2 times" in error_in(file, unet)
    attention = unet.replace("[32, 64, 64]", "[32, 64], attention_levels: 3")
    assert "attention_levels (3) should be at most the number of levels (2)" in error_in(file, attention)
    assert "channels" in error_in(file, unet.replace("[32, 64, 64]", "[30]"))
    assert "channels" in error_in(file, unet.replace("[32, 64, 64]", "[]"))


def test_a_missing_section(file: Path) -> None:
    assert error_in(file, "train:\n  epochs: 5\n") == f"{file}: model is missing, add it"


@pytest.mark.parametrize("content", ["", "   \n", "# nothing\n", "- a\n- b\n", "vae", "5", "~"])
def test_a_file_without_sections(content: str, file: Path) -> None:
    assert "should hold the sections 'model:' and 'train:'" in error_in(file, content)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"nowhere\.yaml cannot be read: No such file"):
        read_settings(Config, tmp_path / "nowhere.yaml")
    with pytest.raises(GenlabError, match="cannot be read: Is a directory"):
        read_settings(Config, tmp_path)


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
            changed["model"]["network"] = {"kind": full["model"]["network"]["kind"]}
            if place:
                section = changed
                for key in place[:-1]:
                    section = (
                        section[key] if isinstance(section.get(key), dict) else section.setdefault("z", {})
                    )
                section[place[-1]] = value
            else:
                changed = value
            file.write_text(json.dumps(changed, default=repr))
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


# --- what YAML would take, and settings do not ------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line", "key"),
    [
        # the value: named with its line, by pydantic
        (VAE + "  lr: .nan\n", 6, "train.lr"),
        (VAE + "  adam_betas:\n  - 0.5\n  - true\n", 8, "train.adam_betas.1"),
        (VAE + "  lr_factors:\n    autoencoder: true\n", 7, "train.lr_factors.autoencoder"),
        (VAE + "  lr_factors: 4\n", 6, "train.lr_factors"),
        (VAE + "  lr: yes\n", 6, "train.lr"),
        (VAE + "  seed: true\n", 6, "train.seed"),
        (VAE + "  seed: '5'\n", 6, "train.seed"),
        (VAE + f"  seed: {'9' * 5000}\n", 6, "train.seed"),
        (VAE + "  seed: 1:30\n", 6, "train.seed"),
        (VAE + "  seed: 2001-01-01\n", 6, "train.seed"),
        (VAE + "  dataset: 5\n", 6, "train.dataset"),
        (VAE + "  mixed_precision: yes\n", 6, "train.mixed_precision"),
        (MLP.replace("mlp", "unet").replace("hidden_dim: 64", "patch_size: true"), 5, "patch_size"),
        (VAE.replace("latent_dim: 20", "output: sigmoyd"), 3, "model.output"),
        ("model: vae\n", 1, "model"),
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
    ],
)  # fmt: skip
def test_what_is_refused_is_named_with_its_line(
    content: str | bytes, line: int, key: str, file: Path
) -> None:
    text = error_in(file, content).removeprefix(f"{file}, ")
    assert text.startswith(f"line {line}: ")
    assert key in text


def test_words_that_yaml_1_1_reads_otherwise_are_words(file: Path) -> None:
    for word in ("no", "2001-01-01", "1:30", "="):
        file.write_text(VAE + f"  dataset: {word}\n  mixed_precision: no\n")
        train = read_settings(Config, file).train
        assert (train.dataset, train.mixed_precision) == (word, "no")
    name, parsed = parse_override("train.mixed_precision=no")
    assert read_settings(Config, file, {name: parsed}).train.mixed_precision == "no"


def test_only_files_of_a_sensible_size_are_read(tmp_path: Path, file: Path) -> None:
    assert "100,000 bytes" in error_in(file, "#" * 100_001)
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name in ("pipe.yaml", "zero.yaml", "null\0.yaml"):
        with pytest.raises(GenlabError, match="cannot be read"):
            read_settings(Config, tmp_path / name)


@pytest.mark.parametrize("value", [2**63, "9" * 30, -(10**30)])
def test_numbers_that_no_tensor_holds(value: object, file: Path) -> None:
    assert "hidden_dim" in error_in(file, VAE, {"model.network.hidden_dim": value})


def test_a_byte_order_mark_and_windows_lines_are_read(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + VAE.replace("\n", "\r\n").encode())
    assert read_settings(Config, file).train.epochs == 5
    assert "UTF-8" in error_in(file, VAE.encode("utf-16"))


def test_a_file_that_may_not_be_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    file.write_text(VAE)
    monkeypatch.setattr(Path, "open", refuse)  # a mode would not keep root out
    with pytest.raises(GenlabError, match=r"my\.yaml cannot be read: Permission denied"):
        read_settings(Config, file)


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
def test_whatever_is_quoted_is_short_and_can_be_printed(
    key: str, value: object, shown: str, file: Path
) -> None:
    for text in (
        error_in(file, VAE, {f"train.{key}": value}),
        error_in(file, VAE, {"train": {key: value}}),
    ):
        assert shown in text
        assert text.isprintable()
        assert len(text.replace(str(file), "")) < 250


def test_a_misspelt_key_comes_before_what_follows_from_it(file: Path) -> None:
    text = error_in(file, VAE.replace("model:", "modle:"))
    assert text == f"{file}, line 1: unknown key 'modle', did you mean 'model'? (and 1 more)"


def test_a_key_in_the_wrong_place_is_sent_to_the_right_one(file: Path) -> None:
    text = error_in(file, VAE.replace("latent_dim: 20", "batch_size: 20"))
    assert text == f"{file}, line 3: unknown key 'model.batch_size', did you mean 'train.batch_size'?"
    text = error_in(file, MLP + "  hidden_dim: 5\n")
    assert "unknown key 'model.hidden_dim', did you mean 'model.network.hidden_dim'?" in text


def test_a_key_with_the_name_of_a_tag_confuses_nobody(file: Path) -> None:
    text = error_in(file, MLP + "  diffusion: 5\n  shedule: cosine\n")
    assert "unknown key 'model.diffusion'" in text or "unknown key 'model.shedule'" in text
    text = error_in(file, MLP + "    mlp: {mlp: 5}\n")
    assert text.startswith(f"{file}, line 6: unknown key 'model.network.mlp', choose from kind, hidden_dim")


def test_an_override_of_a_whole_section_is_to_blame_for_what_is_in_it(file: Path) -> None:
    text = error_in(file, MLP, {"model.network": {"kind": "mlp", "hidden_dim": -1}})
    assert text.startswith("the override model.network=")
    assert "model.network.hidden_dim should be greater than or equal to 1, got -1" in text


def test_none_is_called_null(file: Path) -> None:
    text = error_in(file, VAE + "  max_steps: none\n")
    assert text.endswith(
        "train.max_steps should be a valid integer, got 'none' (YAML's word for none is null)"
    )


def line_of(keys: tuple[str, ...], lines: list[str]) -> int:
    """Where a key stands in YAML that is indented by two spaces, counted from 0."""
    found = 0
    for depth, key in enumerate(keys):
        starts = [line.startswith(f"{'  ' * depth}{key}:") for line in lines]
        found = starts.index(True, found)
    return found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vae", "mlp"),
        ("vae", "conv"),
        ("gan", "mlp"),
        ("gan", "dcgan"),
        ("diffusion", "mlp"),
        ("diffusion", "unet"),
    ],
)
def test_every_field_is_named_with_its_line(name: str, kind: str, file: Path) -> None:
    """Misspelt, with a value of another kind, and both by an override."""
    full: dict[str, Any] = load_config(name, {"model.network": {"kind": kind}}).model_dump(mode="json")
    network = full["model"].get("network", {})
    fields: list[tuple[str, ...]] = [("train", key) for key in full["train"]] + [
        ("model", key) for key in full["model"]
    ]
    fields += [("model", "network", key) for key in network]
    lines = as_yaml(full).splitlines()
    for keys in [keys for keys in fields if keys[-1] not in ("family", "kind", "network")]:
        number, key, dotted = line_of(keys, lines), keys[-1], ".".join(keys)
        changed = [*lines[:number], lines[number].replace(key, f"{key}x"), *lines[number + 1 :]]
        text = error_in(file, "\n".join(changed))
        assert text.startswith(f"{file}, line {number + 1}: unknown key '{dotted}x', did you mean ")
        assert f"'{key}'" in text
        text = error_in(file, "\n".join(lines), {f"{dotted}x": 5})
        assert text.startswith(f"the override {dotted}x=5: unknown key '{dotted}x', did you mean ")
        assert f"'{key}'" in text

        odd: object = [1] if key == "lr_factors" else {"a": 1}
        shown = re.escape(str(odd))
        told = rf"({dotted} should be .*, got {shown})"
        text = error_in(file, "\n".join(lines), {dotted: odd})
        assert re.fullmatch(re.escape(f"the override {dotted}={odd}: ") + told, text)
        items = [line.startswith(f"{'  ' * (len(keys) - 1)}- ") for line in lines[number + 1 :]]
        after = number + 1 + [*items, False].index(False)  # the items of a list stand in lines of their own
        changed = [*lines[:number], f"{'  ' * (len(keys) - 1)}{key}: {odd}", *lines[after:]]
        text = error_in(file, "\n".join(changed))
        assert re.fullmatch(re.escape(f"{file}, line {number + 1}: ") + told, text)


def test_no_mutation_of_a_config_breaks_the_reader(file: Path) -> None:
    """Seeded random edits: what comes back is settings, or one printable line about this file."""
    draw = random.Random(0)
    words = "\n|\t|:|- |[|{|}|]|'|\"|&a |*a|!!x |#|\0|0x|1e999|? |---\n|%|>|\\|<<: |yes|999999999999999999999"
    pieces = [*(word.encode() for word in words.split("|")), b"\xff", b"|", b" "]
    texts = [as_yaml(load_config(name).model_dump(mode="json")).encode() for name in config_names()]
    refused = 0
    for _ in range(300):
        text = draw.choice(texts)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice(pieces) + text[at + draw.choice((0, 0, 1, 5)) :]
        file.write_bytes(text)
        complaint = ""
        try:
            read_settings(Config, file)
        except GenlabError as error:
            complaint = str(error)
            assert complaint.startswith(str(file)), text
            assert complaint.isprintable(), text
        refused += bool(complaint)
    assert 150 < refused < 300


# --- writing and showing ----------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config("vae")
    write_settings(config, file)
    before = file.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_settings(load_config("gan"), file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


ODD_OVERRIDES: list[dict[str, object]] = [
    {},
    {"train.lr": 1e-30, "train.seed": 2**63 - 1, "train.ema_decay": 0.1 + 0.2, "train.adam_betas": [0, 1e-9]},
    {"train.lr_factors": {"a": 4, "b # c": 1e-9}},
    {"train.dataset": "a: b # c"},
    {"train.dataset": "two\nlines\t\x07\u2028"},
    {"train.dataset": "größe 日本 🙂"},
    {"train.dataset": "'"},
    {"train.dataset": "no"},
    {"train.dataset": "1e3"},
    {"train.dataset": "#"},
    {"train.dataset": ""},
    {"train.dataset": "x " * 500},
]


@pytest.mark.parametrize("name", config_names())
@pytest.mark.parametrize("overrides", ODD_OVERRIDES, ids=range(len(ODD_OVERRIDES)))
def test_settings_with_comments_read_back(name: str, overrides: dict[str, object], file: Path) -> None:
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
    assert str(caught.value).startswith(f"--set {text.strip()}: ")


def test_overrides_win_over_the_file(file: Path) -> None:
    file.write_text(VAE)
    config = read_settings(Config, file, {"train.epochs": 6, "train.lr": 1e-2, "model.latent_dim": 3})
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
        ("epochs", 5, "the override epochs=5: unknown key 'epochs', did you mean 'train.epochs'?"),
        ("trian.epochs", 5, "the override trian.epochs=5: unknown key 'trian', did you mean 'train'?"),
        ("model.lr", 5, "the override model.lr=5: unknown key 'model.lr', did you mean 'train.lr'?"),
        ("train.adam_betas", [0.5, 2], "the override train.adam_betas=[0.5, 2]: train.adam_betas.1 should"),
        ("train" + ".x" * 1000, 5, "1001 names deep"),
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
    unet = read_settings(Config, file, {"model.network.kind": "unet"})  # the file's width is an MLP's
    assert unet == read_settings(Config, file, {"model.network": {"kind": "unet"}})


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
        {"adam_betas": (0.9, 1)}, {"max_seconds": 0}, {"max_seconds": float("inf")},
    ],
)  # fmt: skip
def test_what_cannot_train_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainConfig(**wrong)


def test_seconds_and_a_cosine_do_not_go_together(file: Path) -> None:
    text = error_in(file, VAE + "  max_seconds: 60\n  lr_schedule: cosine\n")
    assert text == (
        f"{file}, line 4: train: max_seconds needs lr_schedule 'constant': a cosine falls towards a last "
        "step that must be known, use max_steps"
    )
    assert TrainConfig(max_seconds=0.5, lr_warmup_steps=3).max_seconds == 0.5


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
    monkeypatch.setattr("genlab.files.__file__", str(tmp_path / "site-packages" / "genlab" / "files.py"))
    monkeypatch.chdir(tmp_path)
    assert project_dir() == tmp_path


def test_a_relation_that_an_override_breaks_is_blamed_on_it(tmp_path: Path) -> None:
    for overrides, place in (
        ({"model.loss": "hinge", "model.label_smoothing": 0.1}, "model.label_smoothing=0.1"),
        ({"train.dataset": "digits", "train.batch_size": 1}, "train.batch_size=1"),
        (
            {"train.lr": 0.1, "model.network.discriminator_norm": "batch"},
            "model.network.discriminator_norm=batch",
        ),
    ):
        with pytest.raises(GenlabError) as caught:
            load_config("gan-conv", overrides)
        assert str(caught.value).startswith(f"the override {place}: ")


def test_another_kind_of_network_leaves_the_settings_of_the_files_behind() -> None:
    wide = load_config("vae-conv", {"model.network.hidden_dim": 64, "model.network.kind": "mlp"})
    assert wide.model.model_dump()["network"] == {"kind": "mlp", "hidden_dim": 64}
    assert load_config("gan-conv", {"model.network.kind": "dcgan"}) == load_config("gan-conv")
    with pytest.raises(GenlabError, match=r"the override model\.network\.channels=4: unknown key"):
        load_config("vae-conv", {"model.network.kind": "mlp", "model.network.channels": 4})
