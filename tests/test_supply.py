"""The supply chain: pins are exact, what is imported is declared, and no audit is claimed in vain."""

import importlib.util
import json
import re
import stat
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from tests.test_house import FLOORS, imported
from tests.test_wheel import PROJECT, REPOSITORY, normal

EXTRAS = PROJECT["optional-dependencies"]
# A folder of code that is not shipped, with the extras that it may need.
NEEDS = {"benchmarks": ("study", "dev"), "tests": ("study", "dev"), "docs": ("docs", "dev")}
BY_HAND = {
    "crowdkit": "one method of benchmarks/harm.py, for which it is installed by hand",
    "pydantic_core": "pydantic's own half, pinned by it to the version",
}


def names_of(lines: list[str]) -> set[str]:
    return {normal(re.split(r"[<>=\[ ;]", line)[0]) for line in lines}


@pytest.mark.parametrize("folder", NEEDS)
def test_what_benchmarks_tests_and_docs_import_is_declared(folder: str) -> None:
    files = list((REPOSITORY / folder).rglob("*.py"))
    ours = {*FLOORS, *NEEDS, "configs"} | {path.stem for path in (REPOSITORY / "benchmarks").iterdir()}
    found = set().union(*(imported(file.read_text(encoding="utf-8")) for file in files))
    owners = packages_distributions()
    declared = names_of(PROJECT["dependencies"])
    declared |= set().union(*(names_of(EXTRAS[extra]) for extra in NEEDS[folder]))
    third_party = found - set(sys.stdlib_module_names) - ours - BY_HAND.keys()
    assert {
        name for name in third_party if not {normal(one) for one in owners.get(name, ())} & declared
    } == set()


def test_what_is_declared_is_pinned_to_one_version() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").split()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line)] == []
    pinned = names_of(lines)
    assert len(pinned) == len(lines)
    # A GPU's packages are another machine's.
    needed = names_of(PROJECT["dependencies"]).union(
        *(names_of(lines) for extra, lines in EXTRAS.items() if extra not in ("vllm", "quantization"))
    )
    assert needed - pinned - {"robustft"} == set()


def audit() -> Any:
    place = REPOSITORY / ".ci" / "audit_dependencies.py"
    spec = importlib.util.spec_from_file_location("audit_dependencies", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def program(folder: Path, reply: object, code: int = 0) -> str:
    """Return a program that writes a reply, as pip-audit does."""
    file = folder / "pip-audit"
    text = reply if isinstance(reply, str) else json.dumps(reply)
    file.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.write({text!r})\nsys.exit({code})\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


SKIPPED = {"name": "a", "skip_reason": "Dependency not found"}
WELL = {"name": "b", "version": "1", "vulns": []}
BAD = {"name": "c", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("reply", "ends", "said"),
    [
        ("", 0, "SKIPPED"),
        ("Traceback: no such host", 0, "SKIPPED"),
        ({"dependencies": []}, 0, "SKIPPED"),
        # The service knew none of them: nothing was audited, whatever pip-audit calls it.
        ({"dependencies": [SKIPPED, SKIPPED]}, 0, "SKIPPED"),
        ({"dependencies": [SKIPPED, WELL]}, 0, "1 dependencies audited, 1 unknown to the service, 0 vuln"),
        ({"dependencies": [WELL, BAD]}, 1, "c 2: CVE-1, mended in 3"),
    ],
)
def test_an_audit_tells_what_it_found_from_what_it_could_not_ask(
    reply: object, ends: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit().main(program(tmp_path, reply, ends), "constraints.txt") == ends
    assert said in capsys.readouterr().out


def test_ci_makes_a_bill_of_materials_and_audits() -> None:
    steps = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").split("\n")
    assert {"make sbom", "make audit-dependencies"} <= {step.removesuffix(" &") for step in steps}
    assert "build/" in (REPOSITORY / ".gitignore").read_text(encoding="utf-8").split()
