"""The game of notebook 04: twenty images, one after another. Real, or generated?"""

from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from genlab.errors import GenlabError
from genlab.plots import Picture, enlarged, grid
from genlab.widgets.panel import Panel


class RealOrGenerated(Panel):
    """Twenty images in random order, two buttons, and at the end your score against chance.

    Args:
        real, generated: (N, 1, 28, 28) in [0, 1], ten of each are drawn.
        seed: which ten, and in what order.
    """

    def __init__(self, real: Tensor, generated: Tensor, seed: int = 0) -> None:
        if min(len(real), len(generated)) < 10:
            raise GenlabError("the game needs at least 10 real and 10 generated images")
        generator = torch.Generator().manual_seed(seed)

        def ten(images: Tensor) -> Tensor:
            return images.cpu()[torch.randperm(len(images), generator=generator)[:10]]

        order = torch.randperm(20, generator=generator)
        self.images = torch.cat([ten(real), ten(generated)])[order]
        self.is_real = (torch.arange(20) < 10)[order]
        self.answers: list[bool] = []
        self.buttons = [widgets.Button(description=word) for word in ("Real", "Generated")]
        self.score = widgets.HTML()
        alt = "A digit that is either from the data set or from a model, and two buttons to say which."
        super().__init__([widgets.HBox(self.buttons), self.score], self.draw_turn, alt)
        for button, answer in zip(self.buttons, (True, False), strict=True):
            button.on_click(lambda _, answer=answer: self.answer(answer))

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
        super().redraw()

    def verdict(self) -> str:
        """The score in a sentence: guessing gives 10 on average and 15 or more once in 48 games."""
        surprise = "better than guessing" if self.correct >= 15 else "what guessing might give"
        return f"{self.correct} of 20 right: {surprise}. Above the real ones, below the generated."

    def draw_turn(self) -> Picture:
        """One image, large; at the end a row of the real and a row of the generated."""
        if len(self.answers) == 20:
            return grid(torch.cat([self.images[self.is_real], self.images[~self.is_real]]), columns=10)
        return enlarged(grid(self.images[len(self.answers)][None]), 4)
