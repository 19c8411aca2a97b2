"""How long the explorers of notebook 05 take from a key to another picture on the screen.

    python benchmarks/widget_latency.py --moves 50 --walks 5

Runs the notebook in JupyterLab in a headless Chromium. The clock is the browser's own: it starts with the
``keydown`` event and stops when the new picture is on the screen (Element Timing's ``renderTime``), so
drawing the page, here without a graphics card, is counted. What starts a walk has two
rows, the first picture of it and the end of it, with 16 images. Other work on the machine shows in
all of them, so the load is printed too.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.browser.server import (
    FLAGS,
    enter,
    find_browser,
    open_notebook,
    run_all,
    serving_series,
    tab_to,
    wait_until,
)

VAE, GAN, DIFFUSION, BETWEEN = range(4)  # the pictures in the order of the page
IMAGES = 16
MOVE, WALK = 100, 3000  # how long it may take, ms
PATIENCE = 60  # seconds for one move
UP_AND_DOWN = [["ArrowUp"], ["ArrowDown"]]
MENU = [["Space", "ArrowUp", "Enter"], ["Space", "ArrowDown", "Enter"]]
Keys = list[list[str]]  # of the even moves and of the odd ones
MOVES: dict[str, tuple[Keys, list[int]]] = {
    "direction 1": (UP_AND_DOWN, [VAE, GAN]),
    "direction 2": (UP_AND_DOWN, [VAE, GAN]),
    "direction 3": (UP_AND_DOWN, [VAE, GAN]),
    "prior": (MENU, [VAE]),
    "truncation": (UP_AND_DOWN, [GAN]),
    "step": (UP_AND_DOWN, [DIFFUSION]),
    "position": (UP_AND_DOWN, [BETWEEN]),
}
WALKS: dict[str, tuple[Keys, int, int]] = {  # keys, picture, which of the two progress bars
    "seed": (UP_AND_DOWN, DIFFUSION, 0),
    "class": (MENU[::-1], DIFFUSION, 0),
    "images": ([["ArrowDown"], ["ArrowUp"]], DIFFUSION, 0),
    "steps": (UP_AND_DOWN, DIFFUSION, 0),
    "sampler": (MENU, DIFFUSION, 0),
    "guidance": (UP_AND_DOWN, DIFFUSION, 0),
    "class B": (MENU[::-1], BETWEEN, 1),
    "seed B": (UP_AND_DOWN, BETWEEN, 1),
}
# The key that counts is the last one before the control changes: a menu takes three.
SCRIPT = """() => {
  let pressed = 0, started = 0;
  addEventListener('keydown', event => { pressed = event.timeStamp; }, true);
  addEventListener('change', () => { started = pressed; }, true);
  const frame = () => new Promise(requestAnimationFrame);
  const waiting = {};
  new PerformanceObserver(list => list.getEntries().forEach(entry => {
    if (started && entry.loadTime > started) waiting[entry.identifier]?.(entry.renderTime - started);
  })).observe({type: 'element'});
  const picture = index => new Promise(done => { waiting[index] = done; });
  const walk = async bar => {
    const shown = () => getComputedStyle(bar).visibility === 'visible';
    while (!shown()) await frame();
    while (shown()) await frame();
    return performance.now() - started;
  };
  window.watch = (indices, bar) => {
    document.querySelectorAll('img.widget-image').forEach((image, i) => { image.elementTiming = i; });
    started = 0;
    const bars = [...document.querySelectorAll('.widget-hprogress')]
      .filter(one => one.textContent.includes('walking'));
    window.times = Promise.all([
      Promise.all(indices.map(picture)).then(all => Math.max(...all)),
      bar === null ? 0 : walk(bars[bar]),
    ]);
  };
}"""


def time_of(
    page: Page, name: str, keys: list[str], indices: list[int], bar: int | None = None
) -> list[float]:
    """Milliseconds from the key to all the new pictures, and to the end of the walk."""
    tab_to(page, "class", name)
    page.evaluate("([indices, bar]) => watch(indices, bar)", [indices, bar])
    for key in keys:
        page.keyboard.press(key)
    late = f"new Promise((_, no) => setTimeout(() => no('{name} changed nothing'), {PATIENCE * 1000}))"
    times: list[float] = page.evaluate(f"() => Promise.race([times, {late}])")
    return times


def print_row(name: str, times: list[float], bound: int) -> None:
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    verdict = "" if p95 <= bound else "  ABOVE"
    print(
        f"{name:<24}{len(times):>6}{statistics.median(times):>10.0f}{p95:>10.0f}{bound:>8}{verdict}",
        flush=True,
    )


def measure(page: Page, moves: int, walks: int) -> None:
    """Time every control, and print a row for each."""
    page.evaluate(SCRIPT)
    still = page.locator(".widget-hprogress:visible", has_text="walking")
    enter(page, "class", "images", str(IMAGES))
    enter(page, "class", "truncation", "1")  # at 4 a step of the dial is not visible
    page.wait_for_timeout(1000)
    wait_until(lambda: still.count() == 0, page, PATIENCE)
    print(f"{'control':<24}{'moves':>6}{'median':>10}{'p95':>10}{'bound':>8}   (ms)")
    for name, (keys, indices) in MOVES.items():
        print_row(name, [time_of(page, name, keys[i % 2], indices)[0] for i in range(moves)], MOVE)
    for name, (keys, index, bar) in WALKS.items():
        times = [time_of(page, name, keys[i % 2], [index], bar) for i in range(walks)]
        print_row(f"{name}: first picture", [first for first, _ in times], WALK)
        print_row(f"{name}: whole walk", [whole for _, whole in times], WALK)


def main(
    moves: Annotated[int, typer.Option(help="of each control that starts no walk")] = 50,
    walks: Annotated[int, typer.Option(help="of each control that starts one")] = 5,
) -> None:
    """Open the notebook, run it, time it."""
    executable = find_browser()
    if executable is None:
        raise SystemExit("no Chromium on the PATH")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving_series(Path(folder)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = open_notebook(browser, address, "05_comparison.ipynb")
        run_all(page)
        page.locator("img.widget-image").nth(BETWEEN).wait_for(timeout=180_000)
        prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
        wait_until(lambda: "[*]:" not in prompts.all_inner_texts(), page, 240)
        print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        measure(page, moves, walks)
        print(f"load after: {os.getloadavg()[0]:.1f}")
        browser.close()


if __name__ == "__main__":
    typer.run(main)
