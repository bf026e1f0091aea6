"""Holds files and functions to the size limits of the house style; exits 1 with a list when one is over.

A whole state machine may stay in one file: a line `Long on purpose: <why>` among the file's first lines
lifts the file limit. Lengths of Rust functions are clippy's business (too_many_lines).
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tests", "bench", "scripts", "engine", "infra")
FILE_LINES = {".py": 500, ".rs": 800}
FUNCTION_LINES = 60
SKIPPED = {"target", "node_modules", "cdk.out", "__pycache__"}
EXEMPTION = "Long on purpose: "
EXEMPTION_WITHIN_LINES = 15


def source_files() -> list[Path]:
    """Every Python and Rust file of ours."""
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())
    return sorted(
        path for path in found if path.suffix in FILE_LINES and not SKIPPED & set(path.relative_to(ROOT).parts)
    )


def long_functions(path: Path, text: str) -> Iterator[str]:
    """Python functions over the limit; the docstring and decorators do not count."""
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            start = node.lineno
            if ast.get_docstring(node) is not None:
                start = node.body[0].end_lineno or start
            lines = (node.end_lineno or start) - start + 1
            if lines > FUNCTION_LINES:
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield f"{place}: {node.name} has {lines} lines > {FUNCTION_LINES}"


def complaints(path: Path) -> Iterator[str]:
    """What is too long in one file."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    limit = FILE_LINES[path.suffix]
    is_exempt = any(EXEMPTION in line for line in lines[:EXEMPTION_WITHIN_LINES])
    if len(lines) > limit and not is_exempt:
        yield f"{path.relative_to(ROOT)}: {len(lines)} lines > {limit}"
    if path.suffix == ".py":
        yield from long_functions(path, text)


def main() -> int:
    """Print every complaint."""
    files = source_files()
    assert {path.suffix for path in files} == set(FILE_LINES), "no Python or no Rust found: wrong folder?"
    found = [complaint for path in files for complaint in complaints(path)]
    print("\n".join([*found, f"sizes: {len(files)} files, {len(found)} too long"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
