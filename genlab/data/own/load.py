"""Your own data: a folder of pictures, an .npz file, or a folder of IDX files.

    shapes/circle/*.png, shapes/square/*.jpg    one folder per class        genlab.data.own.folder
    shapes/train/circle/..., shapes/test/...    the same, already split
    shapes.npz                                  arrays                      genlab.data.own.npz
    kmnist/train-images-idx3-ubyte.gz, ...      four IDX files              genlab.data.own.idx

Whatever it was, it ends as grey images of 28x28: see ``genlab.data.own.picture``.
"""

import os
from pathlib import Path

from genlab.data.dataset import Dataset, Split
from genlab.data.own import folder, idx, npz
from genlab.data.own.cache import cached
from genlab.errors import GenlabError


def load_own(name: str | Path, split: Split) -> Dataset:
    """A split of the data that lies at a path.

    Args:
        name: the path; ``~`` is the home directory, a relative one starts at the current folder.
        split: ``train`` or ``test``.

    Returns:
        A data set whose name is the path made absolute.

    Raises:
        GenlabError: nothing is there, or anything is wrong with what is; the line names the file.
    """
    try:
        path = Path(os.path.abspath(Path(name).expanduser()))
    except RuntimeError:  # pathlib's word for a home directory that is not there
        raise GenlabError(f"{name}: there is no such home directory, write the path in full") from None
    try:
        if path.is_dir():
            files = idx.files_in(path)
            if files:
                return idx.read(path, files)[split]
            parts = folder.find(path)
            return cached(path, folder.stamp(path, parts), lambda: folder.read(path, parts))[split]
        if path.suffix.lower() == ".npz" and path.is_file():
            return npz.read(path)[split]
        there = path.exists()
    except OSError as error:  # no permission, a name too long, a disk that fails
        at = error.filename or name
        raise GenlabError(
            f"{at} cannot be read ({error.strerror or error}): is it there, and may you read it?"
        ) from None
    if there:
        raise GenlabError(f"{path} is neither a folder nor an .npz file: name the folder of the classes")
    nearest = next(parent for parent in path.parents if parent.is_dir())  # the mistake comes right after it
    raise GenlabError(f"{path} does not exist (only {nearest} does): correct the path")
