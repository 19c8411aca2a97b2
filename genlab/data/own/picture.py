"""One picture of any kind to 28x28 grey pixels: what all own data goes through.

The whole picture is kept, neither cropped nor stretched; where it is not square, it is filled up to a
square with the grey of its own border. Its brightness stays as it is: MNIST is light ink on black
ground, and a dark drawing on white paper stays dark on white. Models learn either.
"""

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from genlab.data.dataset import IMAGE_SHAPE
from genlab.errors import GenlabError
from genlab.progress import watched

SIZE = IMAGE_SHAPE[1]
Grey = NDArray[np.uint8]


def read_picture(path: Path) -> Grey:
    """A file as (28, 28) grey pixels, 0 black: its first frame, turned as the camera was held.

    Raises:
        GenlabError: it is no picture, is damaged, too large or of a kind without a fixed range.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a reader's remarks on a file that it can read after all
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file) as image:
                image.draft("L", (4 * SIZE, 4 * SIZE))  # a large JPEG is decoded at a fraction of its size
                if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
                    raise GenlabError("has pixels of 32 bits, whose range no file says: save 8 or 16 bits")
                return fit(to_grey(ImageOps.exif_transpose(image)))
        except UnidentifiedImageError:
            raise GenlabError(f"{path} is not a picture: move it elsewhere, or save it as PNG") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            limit = (Image.MAX_IMAGE_PIXELS or 0) // 10**6
            raise GenlabError(f"{path} has more than {limit} million pixels: make it smaller") from None
        except GenlabError as error:
            raise GenlabError(f"{path} {error}") from None
        except Exception as error:  # each of Pillow's forty readers fails in ways of its own
            reason = " ".join(str(error).split()) or type(error).__name__
            raise GenlabError(f"{path} is damaged ({reason}): replace it or take it out") from None


def to_grey(image: Image.Image) -> Image.Image:
    """Any picture in mode L: luminance as ITU-R 601 weighs it, transparent parts black, 16 bits as 8."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).clip(0, 65535)
        return Image.fromarray((deep / 257).round().astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, "black")
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return image.convert("L")


def fit(image: Image.Image) -> Grey:
    """A picture in mode L, its longer side 28 pixels now, in the middle of a (28, 28) square."""
    scale = SIZE / max(image.size)
    width, height = (max(round(side * scale), 1) for side in image.size)
    large, small = (np.asarray(i) for i in (image, image.resize((width, height), Image.Resampling.BICUBIC)))
    border = np.concatenate([large[0], large[-1], large[:, 0], large[:, -1]])
    square = np.full((SIZE, SIZE), np.uint8(np.median(border)))
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    square[top : top + height, left : left + width] = small
    return square


def fit_all(images: Grey) -> Tensor:
    """An array of pictures, uint8 (N, H, W), as a tensor of its own, uint8 (N, 28, 28)."""
    if images.shape[1:] != (SIZE, SIZE):
        pictures = (Image.fromarray(np.ascontiguousarray(image)) for image in images)
        images = np.stack([fit(picture) for picture in watched(pictures, len(images), "Resizing")])
    return torch.from_numpy(np.array(images, order="C"))
