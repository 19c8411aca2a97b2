"""Images of the diffusion model that ships, by its own sampler, against as many bare calls of the network."""

from collections.abc import Iterator
from functools import partial

from benchmarks.speed.table import Row, rates
from benchmarks.speed.turns import PRODUCT, PRODUCTS, SIDE, bare_calls, in_turn
from genlab.commands.pretrained import load_pretrained

STEPS = {10: 15, 500: 2}  # of the sampler, by number of images: 500 images take long enough in two


def rows(rounds: int) -> Iterator[Row]:
    """A row for few images and one for many."""
    for n, steps in STEPS.items():
        family = load_pretrained("diffusion-mnist", {"model.num_inference_steps": steps})
        draw = partial(family.sample, n)
        bare, flops = bare_calls(family.networks.values(), draw)
        seconds = in_turn({"ours": draw, "bare": bare}, rounds)
        of_product = rates(flops, seconds["ours"], 2 * SIDE**3 * PRODUCTS, seconds[PRODUCT])
        what = f"sampling, {n} images in {steps} steps"
        yield Row(what, "its calls of the network", seconds["ours"], seconds["bare"], None, of_product)
