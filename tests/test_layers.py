"""The floors of the house, read from its imports: arrows point downward only."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import genlab

PACKAGE = Path(genlab.__file__).parent
FAMILIES = {"vae", "gan", "diffusion"}
FLOORS = [  # from the ground up
    # "": genlab itself, for those who import its version
    {
        "errors",
        "bars",
        "files",
        "one_line",
        "yaml_file",
        "explain",
        "config",
        "commented_yaml",
        "data",
        "plots",
        "nn",
        "latent",
        "",
    },
    {"family"},
    {"checks"},
    {*FAMILIES, "directions"},
    {"training", "evaluation", "widgets"},
    {"zoo", "sampling", "teach"},
    {"run_list"},
    {"runs"},
    {"evaluating"},
    {"bounding", "comparing"},
    {"fair", "pretrained"},
    {"cli", "__init__"},  # genlab/__init__.py hands on the verbs of runs, when they are asked for
    {"__main__"},
]
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def room_of(module: str) -> str:
    """``genlab.vae.loss`` to ``vae``."""
    return [*module.split("."), ""][1]


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, inside functions too, and the line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: a relative import"
            if node.module == "genlab":  # `from genlab import plots` imports a room, or the version
                known = {alias.name if alias.name in FLOOR_OF else "" for alias in node.names}
                yield from ((f"genlab.{room}".rstrip("."), node.lineno) for room in known)
            else:
                yield str(node.module), node.lineno


FILES = sorted(PACKAGE.rglob("*.py"))
ARROWS = [
    (
        path,
        room_of(".".join(("genlab", *path.relative_to(PACKAGE).with_suffix("").parts))),
        room_of(module),
        line,
    )
    for path in FILES
    for module, line in imports_of(path)
    if module.split(".")[0] == "genlab"
]


def test_the_imports_are_found() -> None:
    found = {(source, target) for _, source, target, _ in ARROWS}
    assert {
        ("zoo", "vae"),
        ("cli", "run_list"),
        ("training", "family"),
        ("vae", "nn"),
        ("training", ""),
    } <= found


def test_every_room_has_a_floor() -> None:
    rooms = {path.name if path.is_dir() else path.stem for path in PACKAGE.iterdir()} - {"__pycache__"}
    assert rooms - set(FLOOR_OF) <= {"configs", "py", "weights", "__init__"}, "new: give it a floor in FLOORS"


@pytest.mark.parametrize("floor", range(len(FLOORS)), ids=lambda n: " ".join(sorted(FLOORS[n])).strip())
def test_arrows_point_downward(floor: int) -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}, line {line}: {source} imports {target}"
        for path, source, target, line in ARROWS
        if FLOOR_OF[source] == floor
        and source != target
        and not (FLOOR_OF[target] < floor or FLOOR_OF[target] == floor == 0)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_ground_floor_has_no_circles() -> None:
    graph: dict[str, set[str]] = {}
    for _, source, target, _ in ARROWS:
        if source != target:
            graph.setdefault(source, set()).add(target)
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("errors") < order.index("config") < order.index("data") < order.index("cli")


@pytest.mark.parametrize("room", ["training", "evaluation", "widgets", "sampling", "plots", "data", "nn"])
def test_models_are_known_by_the_protocol_alone(room: str) -> None:
    assert not [arrow for arrow in ARROWS if arrow[1] == room and arrow[2] in FAMILIES]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_family_knows_no_other(family: str) -> None:
    assert not [arrow for arrow in ARROWS if arrow[1] == family and arrow[2] in FAMILIES - {family}]


def test_nothing_is_ever_unpickled() -> None:
    for path in FILES:
        assert not {module.split(".")[0] for module, _ in imports_of(path)} & {
            "pickle",
            "dill",
            "joblib",
            "shelve",
        }
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            call = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and call in ("np.load", "numpy.load"):
                assert "allow_pickle=False" in [ast.unparse(keyword) for keyword in node.keywords], path
            assert call not in ("torch.load", "torch.save", "pickle.load"), path
