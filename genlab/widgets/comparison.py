"""Families side by side under shared controls: one seed, one row of classes, a panel each."""

import html
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genlab.errors import GenlabError
from genlab.family import Decodes, Family, State, Walks
from genlab.widgets.latent import LatentExplorer
from genlab.widgets.panel import Panel, WithStill
from genlab.widgets.timestep import TimestepExplorer

IMAGES, COLUMNS = 10, 5  # a block of two rows is narrow enough for three side by side


class Comparison(WithStill):
    """A panel for each model: latent sliders where it decodes, a timestep slider where it walks.

    Args:
        models: a title and a model each (``genlab.family.Decodes`` or ``genlab.family.Walks``).
        class_names: for the class menu, which speaks to the models that are conditional.
        seed: to begin with.

    Raises:
        GenlabError: a model neither decodes nor walks.
    """

    def __init__(
        self, models: Mapping[str, Family], class_names: tuple[str, ...] = (), seed: int = 0
    ) -> None:
        self.models = dict(models)
        self.alt = "Images side by side, a block for each model: " + ", ".join(models)
        self.seed = widgets.BoundedIntText(description="seed", value=seed, min=0, max=9999)
        options = [("one of each", -1), *((name, i) for i, name in enumerate(class_names))]
        self.choice = widgets.Dropdown(description="class", options=options, value=-1)
        self.panels = {title: self._make_panel(title) for title in models}
        columns = [
            widgets.VBox([self._head(title), panel], layout=widgets.Layout(width="336px"))
            for title, panel in self.panels.items()
        ]
        side_by_side = widgets.HBox(columns, layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([widgets.HBox([self.seed, self.choice]), side_by_side])
        self.seed.observe(self.restart, "value")
        self.choice.observe(self.restart, "value")

    def labels_for(self, model: Family) -> Tensor | None:
        """The row of classes chosen in the menu, for a model that can be told."""
        if model.num_classes is None:
            return None
        if self.choice.value >= 0:
            return torch.full((IMAGES,), self.choice.value)
        return torch.arange(IMAGES) % model.num_classes

    def restart(self, _: Any = None) -> None:
        """Start every panel anew from the seed and the classes chosen; the sliders stay where they are."""
        for title, panel in self.panels.items():
            panel.say("working ...")
            panel.attempt(lambda title=title: self._restart_one(title))  # type: ignore[misc]

    def still(self) -> NDArray[np.uint8]:
        """The panels' pictures side by side."""
        pictures = [panel.still() for panel in self.panels.values()]
        height = max(picture.shape[0] for picture in pictures)
        return np.hstack(
            [np.pad(p, ((0, height - p.shape[0]), (0, 12)), constant_values=255) for p in pictures]
        )

    def _make_panel(self, title: str) -> Panel:
        model = self.models[title]
        if isinstance(model, Walks):
            return TimestepExplorer(self._walk(model), columns=COLUMNS)
        if isinstance(model, Decodes):
            panel = LatentExplorer(model, columns=COLUMNS)
            panel.start(self.seed.value, self.labels_for(model))
            panel.redraw()
            return panel
        raise GenlabError(f"{title} can be neither decoded nor walked: it needs decode or trajectory")

    def _restart_one(self, title: str) -> None:
        model, panel = self.models[title], self.panels[title]
        if isinstance(panel, TimestepExplorer) and isinstance(model, Walks):
            panel.states = self._walk(model)
        elif isinstance(panel, LatentExplorer):
            panel.start(self.seed.value, self.labels_for(model))

    def _walk(self, model: Walks) -> list[State]:
        generator = torch.Generator().manual_seed(self.seed.value)
        return list(model.trajectory(IMAGES, labels=self.labels_for(model), generator=generator))

    def _head(self, title: str) -> widgets.HTML:
        note = "" if self.models[title].num_classes else " (cannot be told the class)"
        return widgets.HTML(f"<b>{html.escape(title)}</b>{note}")
