"""Families side by side under shared controls: one seed, one row of classes, a panel each."""

import html
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from genlab.errors import GenlabError
from genlab.family import Decodes, Family, Walks
from genlab.plots import Picture, beside, labelled
from genlab.widgets.controls import AnyControl, Choice, Number, classes_in_turn, dials_of, in_a_row, numbered
from genlab.widgets.latent import LatentExplorer, latent_slider
from genlab.widgets.panel import WithStill, check_models
from genlab.widgets.walk import WalkExplorer

IMAGES, MOST_IMAGES, COLUMNS = 10, 20, 5  # blocks of five columns are narrow enough for three side by side
SHARED = ("guidance_scale",)  # dials that stand above all panels


class Comparison(WithStill):
    """A panel for each model, and above them what they share: class, seed, number of images, latent sliders.

    Each panel has two blocks of images. Above is what the model sets out from, below what it makes of it: a
    code and the image decoded from it in one step, or a state of the walk and the image that is expected at
    its end. A model's own dials, such as its prior, truncation, sampler and steps, stand below.

    Args:
        models: a title and a model each (``genlab.family.Decodes`` or ``genlab.family.Walks``).
        class_names: for the class menu, which speaks to the models that are conditional; numbers if left out.
        seed: to begin with.

    Raises:
        GenlabError: no models; a model that neither decodes nor walks.
    """

    def __init__(
        self, models: Mapping[str, Family], class_names: tuple[str, ...] = (), seed: int = 0
    ) -> None:
        check_models(models, "Comparison")
        self.models = dict(models)
        self.alt = "Images side by side, a block for each model: " + ", ".join(models)
        self.seed = Number("seed", seed, 0, 9999)
        names = class_names or numbered(models.values())
        options = [("one of each", -1), *((name, i) for i, name in enumerate(names))]
        self.choice = Choice("class", options, -1)
        self.images = Number("images", IMAGES, 1, MOST_IMAGES)
        self.shared = self._shared_dials()
        widest = max([m.latent_dim for m in models.values() if isinstance(m, Decodes)], default=0)
        self.sliders = [latent_slider(f"direction {i + 1}") for i in range(min(3, widest))]
        self.panels = {title: self._make_panel(title) for title in models}
        columns = [self._column(title) for title in self.panels]
        shared = [self.choice, self.seed, self.images, *self.shared.values()]
        super().__init__([in_a_row(shared), in_a_row(self.sliders), in_a_row(columns)])
        for control in (self.seed, self.choice, self.images):
            control.on_change(self.restart)

    def labels_for(self, model: Family) -> Tensor | None:
        """The row of classes chosen in the menu, for a model that can be told.

        Raises:
            GenlabError: it has not got that class.
        """
        if model.num_classes is None or self.choice.value < 0:
            return classes_in_turn(model, self.images.value)
        if self.choice.value >= model.num_classes:
            raise GenlabError(f"no class {self.choice.value} here: the last one is {model.num_classes - 1}")
        return torch.full((self.images.value,), self.choice.value)

    def restart(self, _: Any = None) -> None:
        """Start every panel anew from the seed and the classes chosen; the sliders stay where they are."""
        for title, panel in self.panels.items():
            try:
                labels = self.labels_for(self.models[title])
            except GenlabError as error:
                panel.complain(error)  # it stays as it was
            else:
                panel.start(self.seed.value, labels, self.images.value)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the walks that are being made; whether all are finished."""
        walks = [panel for panel in self.panels.values() if isinstance(panel, WalkExplorer)]
        return all(panel.progress.background.wait(seconds) for panel in walks)

    def still(self) -> Picture:
        """The panels' pictures side by side, each under its title."""
        return beside(*(labelled(panel.still(), title) for title, panel in self.panels.items()))

    def _shared_dials(self) -> dict[str, AnyControl]:
        """One control for each of the shared dials that any model has."""
        return {
            name: control
            for model in reversed(self.models.values())
            for name, control in dials_of(model).items()
            if name in SHARED
        }

    def _make_panel(self, title: str) -> LatentExplorer | WalkExplorer:
        model = self.models[title]
        shared: Any = {"labels": self.labels_for(model), "seed": self.seed.value, "columns": COLUMNS}
        if isinstance(model, Walks):
            panel = WalkExplorer(model, elsewhere=self.shared, **shared)
            panel.step.value = panel.step.high // 2  # at the end, both blocks would show the same
            return panel
        assert isinstance(model, Decodes)  # otherwise it would have been refused
        return LatentExplorer(model, sliders=self.sliders, show_codes=True, **shared)

    def _column(self, title: str) -> widgets.VBox:
        """A head and a panel, its picture first: so the pictures stand side by side, whatever is below."""
        note = "" if self.models[title].num_classes else " (cannot be told the class)"
        panel = self.panels[title]
        panel.children = [panel.picture, *(part for part in panel.children if part is not panel.picture)]
        head = widgets.HTML(f"<b>{html.escape(title)}</b>{note}")
        return widgets.VBox([head, panel], layout=widgets.Layout(width="306px"))
