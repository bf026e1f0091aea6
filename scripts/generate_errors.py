"""Writes `src/tandem/domain/error_table.py` from `spec/errors.toml`; --check only compares, and exits 1 on drift."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "spec" / "errors.toml"
TABLE = ROOT / "src" / "tandem" / "domain" / "error_table.py"

HEADER = '''"""`spec/errors.toml` in Python, by `scripts/generate_errors.py`: edit the former, run the latter."""

# ruff: noqa: E501
# fmt: off

'''


def check(spec: dict[str, Any]) -> None:
    """What TOML cannot say: texts are told apart by their blanks, rejects are numbered without a gap."""
    errors, rejects = spec["errors"], spec["rejects"]
    for name, error in errors.items():
        blanks = [text.count("%s") for text in error["texts"]]
        assert len(set(blanks)) == len(blanks) > 0, f"{name}: two texts take the same number of values"
        assert 400 <= error["status"] < 600, name
        assert error["code"] < 0, name
    numbers = [reject["number"] for reject in rejects.values()]
    assert numbers == list(range(len(rejects))), "reject numbers are 0, 1, 2 ..."
    for name, reject in rejects.items():
        blanks = [text.count("%s") for text in errors[reject["error"]]["texts"]]
        assert ("value" in reject) in blanks, f"{name}: {reject['error']} has no text for it"


def lines(spec: dict[str, Any]) -> Iterator[str]:
    yield "ERRORS: dict[str, tuple[int, int, dict[int, str]]] = {\n"
    for name, error in spec["errors"].items():
        texts = {text.count("%s"): text for text in error["texts"]}
        yield f"    {name!r}: ({error['code']}, {error['status']}, {texts!r}),\n"
    yield '}\n"""Name to number, HTTP status, and text by the number of values it takes."""\n\n'
    yield "REJECTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (\n"
    for name, reject in spec["rejects"].items():
        values = (reject["value"],) if "value" in reject else ()
        yield f"    ({name!r}, {reject['error']!r}, {values!r}),\n"
    yield ')\n"""By the engine\'s number: its name, the error that says it, the values of that error\'s text."""\n'


def main() -> int:
    spec = tomllib.loads(SPEC.read_text(encoding="utf-8"))
    check(spec)
    text = HEADER + "".join(lines(spec))
    if "--check" not in sys.argv:
        TABLE.write_text(text, encoding="utf-8")
        return 0
    if TABLE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{TABLE.relative_to(ROOT)} is not what spec/errors.toml says: run scripts/generate_errors.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
