"""The table of speeds that `make bench` writes."""

import runpy
import subprocess
import sys

from genlab.files import project_dir

FOLDER = project_dir() / "benchmarks" / "speed"


def test_a_row_says_how_often_ours_fits_into_theirs() -> None:
    table = runpy.run_path(str(FOLDER / "table.py"), run_name="table")
    rows = [
        table["Row"](
            "loop",
            "bare loop",
            [1.0, 2.0, 4.0],
            [2.0, 2.0, 2.0],
            1.5,
            of_product=[0.1, 0.4, 0.3],
            memory="8 MiB",
        ),
        table["Row"]("a move", "100 ms", [0.5], [100.0], 1),
    ]
    head, line, *cells = table["in_markdown"](rows).splitlines()
    assert head.count("|") == line.count("|")
    assert cells == [
        "| loop | bare loop | 1.00 | 0.50 | 2.00 | 1.5, missed | 30% | - | 8 MiB |",
        "| a move | 100 ms | 200 | 200 | 200 | 1 | - | - | - |",
    ]


def test_a_rate_is_a_share_of_the_unit_in_the_same_round() -> None:
    table = runpy.run_path(str(FOLDER / "table.py"), run_name="table")
    assert table["rates"](10, [1.0, 5.0], 20, [1.0, 2.0]) == [0.5, 0.2]


def test_one_part_is_printed_and_not_written() -> None:
    results = project_dir() / "benchmarks" / "results" / "README.md"
    before = results.read_bytes()
    command = [sys.executable, "-m", "benchmarks.speed", "--only", "import", "--rounds", "1"]
    printed = subprocess.run(command, cwd=project_dir(), check=True, capture_output=True, text=True).stdout
    assert "| import genlab | import torch | " in printed
    assert "| import genlab.zoo | import torch | " in printed
    assert results.read_bytes() == before
