"""Notebook 05 in a real browser: run all cells, move every control by keyboard, watch the pictures."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.browser.server import CONTENT, enter, errors, focused, open_notebook, run_all, tab_to, wait_until

VAE, GAN, DIFFUSION, BETWEEN = range(4)  # the pictures in the order of the page
ALL = {VAE, GAN, DIFFUSION}
FIRST = "class"  # the first control of the comparison; "class A" is the first of the interpolation
HANDLE = "- slider"  # a slider's handle has no name of its own; the box before it has
TAB_ORDER = [
    "class", "seed", "images", "guidance", HANDLE,
    "direction 1", HANDLE, "direction 2", HANDLE, "direction 3", HANDLE,
    "prior", "truncation", HANDLE, "sampler", "steps", HANDLE, "step", HANDLE, "Play",
]  # fmt: skip
# A menu is opened by Space: while it is shut, JupyterLab takes the arrow keys to go to the next cell.
UP, DOWN = ["ArrowUp"] * 4, ["ArrowDown"] * 4
TAB_ORDER_BETWEEN = ["class A", "seed A", "class B", "seed B", "position", HANDLE]
BREAK = """def broken(*_, **__):
    raise ValueError("broken on purpose")

def broken_walk(*_, **__):
    yield broken()

models["VAE"].decode, models["diffusion"].trajectory = broken, broken_walk"""
MEND = 'del models["VAE"].decode, models["diffusion"].trajectory'
SLOW = """import time; walk = models["diffusion"].trajectory

def slowly(*args, **options):
    for state in walk(*args, **options):
        time.sleep(0.05)
        yield state

models["diffusion"].trajectory = slowly"""
FAST = 'del models["diffusion"].trajectory  # its own again'


@pytest.fixture(scope="module")
def page(browser: Browser, lab: str) -> Iterator[Page]:
    """Notebook 05, all cells run."""
    page = open_notebook(browser, lab, "05_comparison.ipynb")
    started = time.monotonic()
    run_all(page)
    page.locator("img.widget-image").nth(DIFFUSION).wait_for(timeout=180_000)
    print(f"\nfrom Run All to the comparison's pictures: {time.monotonic() - started:.1f} s")
    wait_until(lambda: "[*]:" not in prompts(page), page, 240)
    yield page
    page.close()


def prompts(page: Page) -> list[str]:
    return page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()


def pictures(page: Page) -> list[str]:
    """What the three panels and the interpolation show now, as data."""
    images = page.locator("img.widget-image")
    assert images.count() == 4
    return [str(images.nth(i).evaluate(CONTENT)) for i in range(4)]


def walking(page: Page) -> Locator:
    """The progress bars of the walks that are being made."""
    return page.locator(".widget-hprogress:visible", has_text="walking")


def assert_changed(page: Page, before: list[str], expected: set[int]) -> None:
    """Exactly these pictures become others, once the walk they take is done."""

    def changed() -> set[int]:
        return {i for i, (old, new) in enumerate(zip(before, pictures(page), strict=True)) if old != new}

    wait_until(lambda: changed() >= expected and walking(page).count() == 0, page, 90)
    page.wait_for_timeout(200)  # for what should not change
    wait_until(lambda: walking(page).count() == 0, page, 30)
    assert changed() == expected


def walk_to(page: Page, step: int) -> None:
    """Behind the middle of the walk, where guidance acts: before that it has changed nothing yet."""
    box = page.get_by_label("step", exact=True)
    box.fill(str(step))
    box.press("Enter")
    page.wait_for_timeout(1000)
    wait_until(lambda: walking(page).count() == 0, page, 30)


def execute(page: Page, source: str) -> None:
    """Run a line of the reader's own in a new cell at the end."""
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")
    cell = page.locator(".jp-CodeCell", has_text=source.splitlines()[0]).last
    wait_until(lambda: cell.locator(".jp-InputPrompt").inner_text().strip("[]: ").isdigit(), page, 30)


def test_all_cells_run_without_an_error(page: Page) -> None:
    assert errors(page) == 0
    # JupyterLab shows no number beside a folded cell, a solution; those around it tell that it was run.
    expected = [f"[{number}]:" for number in range(1, len(prompts(page)) + 1)]
    assert [prompt or right for prompt, right in zip(prompts(page), expected, strict=True)] == expected
    assert page.get_by_text("Right.", exact=True).count() == prompts(page).count("") > 0
    assert walking(page).count() == 0


@pytest.mark.parametrize("order", [TAB_ORDER, TAB_ORDER_BETWEEN], ids=["comparison", "interpolation"])
def test_tab_reaches_every_control_and_each_has_a_name(page: Page, order: list[str]) -> None:
    tab_to(page, order[0], order[0])
    for name in order:
        assert (name if name == HANDLE else f'"{name}"') in focused(page).splitlines()[0]
        page.keyboard.press("Tab")


@pytest.mark.parametrize(
    ("name", "keys", "expected"),
    [
        ("direction 1", UP, {VAE, GAN}),
        ("direction 2", DOWN, {VAE, GAN}),
        ("truncation", DOWN * 8, {GAN}),
        ("prior", ["Space", "ArrowUp", "Enter"], {VAE}),
        ("step", DOWN, {DIFFUSION}),
        ("steps", DOWN, {DIFFUSION}),
        ("sampler", ["Space", "ArrowUp", "Enter"], {DIFFUSION}),
        ("guidance", UP, {DIFFUSION}),
        ("seed", UP, ALL),
        ("images", DOWN, ALL),
        ("class", ["Space", *DOWN, "Enter"], ALL),
        ("position", UP, {BETWEEN}),
        ("class B", ["Space", *DOWN, "Enter"], {BETWEEN}),
        ("seed A", UP, {BETWEEN}),
    ],
)
def test_the_keys_change_what_they_should(page: Page, name: str, keys: list[str], expected: set[int]) -> None:
    if name == "guidance":
        walk_to(page, 6)
    before = pictures(page)
    tab_to(page, FIRST, name)
    for key in keys:
        page.keyboard.press(key)
    assert_changed(page, before, expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("guidance", {DIFFUSION}),
        ("direction 1", {VAE, GAN}),
        ("step", {DIFFUSION}),
        ("position", {BETWEEN}),
    ],
)
def test_the_handles_of_the_sliders_move_too(page: Page, name: str, expected: set[int]) -> None:
    if name == "guidance":
        walk_to(page, 6)
    before = pictures(page)
    box = page.get_by_label(name, exact=True)
    number = float(box.input_value())
    tab_to(page, FIRST, name)
    page.keyboard.press("Tab")
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    assert_changed(page, before, expected)
    assert float(box.input_value()) < number


def test_the_panels_stand_side_by_side_on_a_small_laptop(page: Page) -> None:
    usual = page.viewport_size
    assert usual is not None
    page.set_viewport_size({"width": 1366, "height": 768})
    page.wait_for_timeout(500)
    boxes = [page.locator("img.widget-image").nth(i).bounding_box() for i in (VAE, GAN, DIFFUSION)]
    page.set_viewport_size(usual)
    assert len({round(box["y"]) for box in boxes if box is not None}) == 1


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_play_walks_by_itself(page: Page, key: str) -> None:
    enter(page, FIRST, "step", "0")
    box = page.get_by_label("step", exact=True)
    for _ in range(2):  # over the handle to the button
        page.keyboard.press("Tab")
    assert 'button "Play"' in focused(page)
    page.keyboard.press(key)
    wait_until(lambda: int(box.input_value()) >= 3, page, 20)
    page.keyboard.press(key)  # it says Stop now
    wait_until(lambda: 'button "Play"' in focused(page), page, 20)
    enter(page, FIRST, "step", "7")  # at the start, all walks from the same noise look the same


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("seed", "-5", "123"),
        ("seed", "1e9", "45"),
        ("images", "1.5", "5"),
    ],
)
def test_a_wrong_value_is_refused_beside_the_box(page: Page, name: str, wrong: str, right: str) -> None:
    before = pictures(page)
    enter(page, FIRST, name, wrong)
    word = page.get_by_role("alert")
    word.wait_for()
    assert "please" in word.inner_text()
    assert pictures(page) == before
    enter(page, FIRST, name, right)
    word.wait_for(state="detached")
    assert_changed(page, before, ALL)


@pytest.mark.parametrize("wrong", ["", "x"])
def test_no_number_at_all_leaves_the_one_that_was(page: Page, wrong: str) -> None:
    before, number = pictures(page), page.get_by_label("seed", exact=True).input_value()
    enter(page, FIRST, "seed", wrong)
    wait_until(lambda: page.get_by_label("seed", exact=True).input_value() == number, page, 10)
    page.wait_for_timeout(200)
    assert pictures(page) == before


def test_a_long_walk_does_not_hold_up_the_sliders(page: Page) -> None:
    first = pictures(page)
    execute(page, SLOW)  # else a fast machine has walked before the slider has moved
    enter(page, FIRST, "steps", "100")
    walking(page).wait_for()
    before = pictures(page)
    tab_to(page, FIRST, "direction 1")
    page.keyboard.press("ArrowUp")
    wait_until(lambda: all(pictures(page)[i] != before[i] for i in (VAE, GAN)), page, 30)
    assert walking(page).is_visible()
    assert_changed(page, first, ALL)
    execute(page, FAST)
    before = pictures(page)
    enter(page, FIRST, "steps", "15")
    assert_changed(page, before, {DIFFUSION})


def test_an_error_stands_in_the_panel(page: Page) -> None:
    execute(page, BREAK)
    before = pictures(page)
    tab_to(page, FIRST, "direction 2")
    page.keyboard.press("ArrowUp")
    message = page.get_by_role("status").filter(has_text="ValueError: broken on purpose")
    message.wait_for()
    assert_changed(page, before, {GAN})
    tab_to(page, FIRST, "guidance")
    page.keyboard.press("ArrowUp")
    wait_until(lambda: message.count() == 2, page, 20)
    assert walking(page).count() == 0

    execute(page, MEND)
    for name in ("direction 2", "guidance"):
        tab_to(page, FIRST, name)
        page.keyboard.press("ArrowDown")
    wait_until(lambda: message.count() == 0 and walking(page).count() == 0, page, 60)


@pytest.mark.parametrize("theme", ["Dark", "Light"])  # the light one last: it is kept
def test_screenshots_in_both_themes(page: Page, artifacts: Path, theme: str) -> None:
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    for name in ("Theme", f"JupyterLab {theme}"):
        page.locator(".lm-Menu-itemLabel").get_by_text(name, exact=True).click()
    page.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").wait_for(state="attached")
    for name, first in (("comparison", FIRST), ("interpolation", "class A")):
        view = page.locator(".jp-OutputArea-output").filter(has=page.get_by_label(first, exact=True))
        view.screenshot(path=artifacts / f"{name}-{theme.lower()}.png")
