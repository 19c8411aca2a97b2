"""Nothing in the package unpickles, so no file that a user is given can run code."""

import ast
from pathlib import Path

import pytest

import genlab

PICKLERS = {"pickle", "dill", "joblib", "shelve"}


@pytest.mark.parametrize(
    "path", sorted(Path(genlab.__file__).parent.rglob("*.py")), ids=lambda path: path.stem
)
def test_nothing_is_ever_unpickled(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            assert not {name.split(".")[0] for name in names} & PICKLERS
        elif isinstance(node, ast.Call):
            call = ast.unparse(node.func)
            assert call not in ("torch.load", "torch.save")
            if call in ("np.load", "numpy.load"):
                assert "allow_pickle=False" in [ast.unparse(keyword) for keyword in node.keywords]
