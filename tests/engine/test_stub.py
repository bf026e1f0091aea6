"""The stub and the compiled module say the same, both ways."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

from tandem import _engine

STUB = Path(_engine.__file__).with_name("_engine.pyi")


def described() -> dict[str, dict[str, ast.FunctionDef | None]]:
    """Classes of the stub: their members, with the definition of methods."""
    found: dict[str, dict[str, ast.FunctionDef | None]] = {}
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            members: dict[str, ast.FunctionDef | None] = {}
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    members[member.name] = member
                elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                    members[member.target.id] = None
            found[node.name] = members
    assert len(found) > 10
    return found


CLASSES = described()


def public(names: Any) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def test_the_module_has_the_classes_of_the_stub_and_no_others() -> None:
    assert public(vars(_engine)) == set(CLASSES)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_class_has_the_members_of_the_stub_and_no_others(name: str) -> None:
    compiled = getattr(_engine, name)
    if not issubclass(compiled, Exception):
        assert public(vars(compiled)) == public(CLASSES[name])


@pytest.mark.parametrize("name", sorted(name for name in CLASSES if "__init__" in CLASSES[name]))
def test_a_constructor_takes_the_keywords_of_the_stub(name: str) -> None:
    init = CLASSES[name]["__init__"]
    assert init is not None
    signature = inspect.signature(getattr(_engine, name))
    assert all(p.kind is p.KEYWORD_ONLY for p in signature.parameters.values())
    required = {
        arg.arg for arg, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True) if default is None
    }
    assert set(signature.parameters) == {arg.arg for arg in init.args.kwonlyargs}
    assert {p.name for p in signature.parameters.values() if p.default is p.empty} == required


METHODS = [(cls, name) for cls in ("Replica", "Engine", "Follower") for name, method in CLASSES[cls].items() if method]


@pytest.mark.parametrize(("cls", "name"), METHODS)
def test_a_method_takes_the_arguments_of_the_stub(cls: str, name: str) -> None:
    method = CLASSES[cls][name]
    assert method is not None
    compiled = getattr(getattr(_engine, cls), name)
    parameters = [p for p in inspect.signature(compiled).parameters.values() if p.name != "self"]
    positional = [arg.arg for arg in method.args.args if arg.arg != "self"]
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == positional
    assert [p.name for p in parameters if p.kind is p.KEYWORD_ONLY] == [arg.arg for arg in method.args.kwonlyargs]
