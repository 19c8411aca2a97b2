"""Pictures of every kind, held against what NumPy makes of them by hand."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from genlab.data.own.picture import fit, fit_all, read_picture
from genlab.errors import GenlabError

Pixels = NDArray[np.uint8]


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def saved(path: Path, pixels: NDArray[np.generic], **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)  # type: ignore[arg-type]
    return path


def smooth(height: int, width: int) -> Pixels:
    """A ramp with the bright end at the right bottom, which survives any resizing."""
    rows, columns = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None, :]
    return np.asarray((80 * rows + 170 * columns).round(), np.uint8)


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp", "gif", "pgm", "tga"])
def test_28x28_grey_pixels_stay_as_they_are(kind: str, tmp_path: Path) -> None:
    pixels = noise(28, 28)
    path = saved(tmp_path / f"x.{kind}", pixels, **({"lossless": True} if kind == "webp" else {}))
    found = read_picture(path.rename(tmp_path / "x.jpg"))  # its name does not matter
    assert found.dtype == np.uint8
    # WebP stores colours only, so greys may come back a level away.
    assert np.abs(found.astype(int) - pixels).max() <= (kind == "webp")


@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize("side", [28, 56, 224, 1000])
def test_a_jpeg_of_any_size_shows_the_same(side: int, quality: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "x.jpg", smooth(side, side), quality=quality)
    assert np.abs(read_picture(path).astype(int) - smooth(28, 28)).max() <= 5


def test_colours_become_luminance_and_a_palette_is_looked_up(tmp_path: Path) -> None:
    coloured = Image.fromarray(noise(28, 28, 3))
    for image in (coloured, coloured.quantize(16)):
        image.save(tmp_path / "x.png")
        by_hand = np.asarray(image.convert("RGB")) @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
        assert np.abs(read_picture(tmp_path / "x.png") - by_hand).max() <= 1


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    pixels = np.dstack([noise(28, 28), noise(28, 28, seed=1)])  # grey and alpha
    by_hand = pixels[..., 0].astype(float) * pixels[..., 1] / 255
    assert np.abs(read_picture(saved(tmp_path / "x.png", pixels)) - by_hand).max() <= 1
    Image.fromarray(noise(28, 28)).save(tmp_path / "y.png", transparency=200)  # one grey level is clear
    expected = np.where(noise(28, 28) == 200, 0, noise(28, 28))
    assert np.array_equal(read_picture(tmp_path / "y.png"), expected)


def test_sixteen_bits_or_one_become_eight(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (28, 28), np.uint16)
    deep[0, :3] = 0, 65535, 257
    for kind in ("png", "tiff"):
        found = read_picture(saved(tmp_path / f"x.{kind}", deep))
        assert np.array_equal(found, (deep / 257).round().astype(np.uint8))
    assert found[0, :3].tolist() == [0, 255, 1]
    Image.fromarray(noise(28, 28) > 99).save(tmp_path / "x.png")  # and one bit
    assert np.array_equal(read_picture(tmp_path / "x.png"), np.where(noise(28, 28) > 99, 255, 0))


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (6, 3), (3, 2), (8, 1)])
def test_a_camera_that_was_held_otherwise(orientation: int, turn: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "x.png", noise(28, 28), exif=exif)
    assert np.array_equal(read_picture(path), np.rot90(noise(28, 28), turn))


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((28, 28), grey, np.uint8)) for grey in (60, 120, 180)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert np.unique(read_picture(tmp_path / "x.gif")).tolist() == [60]


@pytest.mark.parametrize(
    ("height", "width", "inside"),
    [
        (56, 28, (slice(0, 28), slice(7, 21))),
        (28, 56, (slice(7, 21), slice(0, 28))),
        (7, 14, (slice(7, 21), slice(0, 28))),
        (280, 10, (slice(0, 28), slice(13, 14))),
        (3000, 1, (slice(0, 28), slice(13, 14))),
        (1, 3000, (slice(13, 14), slice(0, 28))),
        (1, 1, (slice(0, 28), slice(0, 28))),
    ],
)
def test_it_is_neither_stretched_nor_cropped(height: int, width: int, inside: tuple[slice, slice]) -> None:
    pixels = np.full((height, width), 200, np.uint8)
    bright = np.full((28, 28), 200)
    assert np.array_equal(fit(Image.fromarray(pixels)), bright)  # its own border's grey all round
    if min(height, width) < 3:
        return
    pixels[:] = 30
    pixels[height // 4 : -(height // 4), width // 4 : -(width // 4)] = 200
    found = fit(Image.fromarray(pixels))
    outside = np.ones((28, 28), bool)
    outside[inside] = False
    assert (found[outside] == 30).all()
    assert (found[inside] > 120).any()


@pytest.mark.parametrize("ground", [0, 255, 77])
def test_the_ground_goes_on_where_a_picture_is_filled_up(ground: int) -> None:
    drawing = np.full((60, 20), ground, np.uint8)
    drawing[10:50, 8:12] = 255 - ground
    found = fit(Image.fromarray(drawing))
    assert (found[:, :8] == ground).all()
    assert (found[:, -8:] == ground).all()


def test_shrinking_averages_what_it_drops() -> None:
    pixels = noise(280, 280)
    blocks = pixels.reshape(28, 10, 28, 10).mean((1, 3))
    found = fit(Image.fromarray(pixels))
    assert np.corrcoef(found.ravel(), blocks.ravel())[0, 1] > 0.85
    assert abs(found.mean() - pixels.mean()) < 1


def test_arrays_are_treated_as_pictures_are(tmp_path: Path) -> None:
    pixels = noise(4, 20, 50)
    found = fit_all(pixels)
    assert found.shape == (4, 28, 28)
    assert found.dtype == torch.uint8
    for image, one in zip(pixels, found, strict=True):
        assert np.array_equal(read_picture(saved(tmp_path / "x.png", image)), one.numpy())
    same = noise(4, 28, 28)
    same.setflags(write=False)
    assert torch.equal(fit_all(same), torch.from_numpy(same.copy()))
    fit_all(same)[0] = 7  # its own memory
    assert np.array_equal(same, noise(4, 28, 28))


def message(path: Path) -> str:
    with pytest.raises(GenlabError) as caught:
        read_picture(path)
    assert str(caught.value).startswith(f"{path} ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_picture(tmp_path: Path) -> None:
    for content in (b"", b"some text\n", b"\x89PNG", b"\0" * 5000):
        (tmp_path / "x.png").write_bytes(content)
        assert "is not a picture" in message(tmp_path / "x.png")
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "y.png")


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
def test_a_picture_cut_short_anywhere_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(40, 40)).save(buffer, kind)
    content = buffer.getvalue()
    for length in range(1, len(content) * 3 // 4, max(len(content) // 60, 1)):
        (tmp_path / "x").write_bytes(content[:length])
        assert "picture" in message(tmp_path / "x") or "is damaged" in message(tmp_path / "x")


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff"])
def test_a_damaged_picture_is_read_or_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(20, 20)).save(buffer, kind)
    random = np.random.default_rng(0)
    for _ in range(150):
        content = bytearray(buffer.getvalue())
        for position in random.integers(0, min(len(content), 120), 3):
            content[position] = random.integers(256)
        (tmp_path / "x").write_bytes(content)
        try:
            assert read_picture(tmp_path / "x").shape == (28, 28)
        except GenlabError:
            message(tmp_path / "x")


@pytest.mark.parametrize("side", [10_000, 15_000])  # Pillow warns of the one and refuses the other
def test_a_decompression_bomb(side: int, tmp_path: Path) -> None:
    Image.new("1", (side, side)).save(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size < 50_000
    assert "has more than 89 million pixels" in message(tmp_path / "x.png")


def test_pixels_of_unknown_range(tmp_path: Path) -> None:
    for dtype in (np.float32, np.int32):
        saved(tmp_path / "x.tiff", np.ones((28, 28), dtype))
        assert "pixels of 32 bits" in message(tmp_path / "x.tiff")
