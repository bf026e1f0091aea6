"""Writes spec/openapi.json from the operations in the code; `--check` only compares."""

import sys
from pathlib import Path

from generate_api_reference import operations

from tandem.apps.openapi import document, encode

FILE = Path(__file__).resolve().parent.parent / "spec" / "openapi.json"


def main() -> None:
    made = encode(document(operations()[0]))
    if "--check" not in sys.argv:
        FILE.write_bytes(made)
    elif FILE.read_bytes() != made:
        sys.exit(f"{FILE.name} is out of date: run scripts/generate_openapi.py")


if __name__ == "__main__":
    main()
