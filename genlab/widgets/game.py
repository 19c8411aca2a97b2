"""The game of notebook 04: twenty images, one after another. Real, or generated?"""

from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from torch import Tensor

from genlab.errors import GenlabError
from genlab.plots import GROUND, Picture, enlarged, grid, labelled
from genlab.widgets.panel import Panel


class RealOrGenerated(Panel):
    """Twenty images in random order, two buttons, and at the end your score against chance.

    Args:
        real, generated: (N, 1, 28, 28) in [0, 1], ten of each are drawn.
        seed: which ten, and in what order; *Play again* takes the next.
    """

    def __init__(self, real: Tensor, generated: Tensor, seed: int = 0) -> None:
        if min(len(real), len(generated)) < 10:
            raise GenlabError("the game needs at least 10 real and 10 generated images")
        self.real, self.generated = real.cpu(), generated.cpu()
        self.deal(seed)
        self.buttons = [widgets.Button(description=word) for word in ("Real", "Generated")]
        self.again = widgets.Button(description="Play again")
        self.score = widgets.HTML()
        alt = "A digit that is either from the data set or from a model, and two buttons to say which."
        super().__init__([widgets.HBox([*self.buttons, self.again]), self.score], self.draw_turn, alt)
        for button, answer in zip(self.buttons, (True, False), strict=True):
            button.on_click(lambda _, answer=answer: self.answer(answer))
        self.again.on_click(self.play_again)

    def deal(self, seed: int) -> None:
        """Take ten of each, in an order of their own, with no answer yet."""
        generator = torch.Generator().manual_seed(seed)

        def ten(images: Tensor) -> Tensor:
            return images[torch.randperm(len(images), generator=generator)[:10]]

        order = torch.randperm(20, generator=generator)
        self.images = torch.cat([ten(self.real), ten(self.generated)])[order]
        self.is_real = (torch.arange(20) < 10)[order]
        self.answers: list[bool] = []
        self.seed = seed

    def play_again(self, _: Any = None) -> None:
        """Twenty others, from the first."""
        self.deal(self.seed + 1)
        self.redraw()

    @property
    def correct(self) -> int:
        """How many answers so far were right."""
        return sum(a == bool(r) for a, r in zip(self.answers, self.is_real, strict=False))

    def answer(self, real: bool) -> None:
        """Answer for the image on show; the next one appears."""
        if len(self.answers) < 20:
            self.answers.append(real)
            self.redraw()

    def redraw(self, _: Any = None) -> None:
        """Show the next image, or after the last one the score and all twenty."""
        turn = len(self.answers)
        self.score.value = f"Image {turn + 1} of 20" if turn < 20 else self.verdict()
        for button in self.buttons:
            button.disabled = turn == 20
        self.again.disabled = turn < 20
        super().redraw()

    def verdict(self) -> str:
        """The score and the key in words: guessing gives 10 on average and 15 or more once in 48 games."""
        surprise = "better than guessing" if self.correct >= 15 else "what guessing might give"
        real = ", ".join(str(i + 1) for i in range(20) if self.is_real[i])
        return f"{self.correct} of 20 right: {surprise}. Real (R) were {real}; the others generated (G)."

    def draw_turn(self) -> Picture:
        """One image, large; at the end all twenty in the order of the game, with their numbers and R or G."""
        if len(self.answers) < 20:
            return enlarged(grid(self.images[len(self.answers)][None]), 4)
        marks = [f"{i + 1} {'R' if real else 'G'}" for i, real in enumerate(self.is_real)]
        tiles = [labelled(grid(image[None]), mark) for image, mark in zip(self.images, marks, strict=True)]
        spaced = [np.pad(tile, 1, constant_values=GROUND) for tile in tiles]
        return np.vstack([np.hstack(spaced[:10]), np.hstack(spaced[10:])])
