"""What is shipped: a wheel that holds `robustft` alone and works beside a package called `agents`."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support.endpoint import Endpoint
from tests.test_house import FLOORS, MODULES, imported

REPOSITORY = Path(__file__).parents[1]
FOLDERS = (*FLOORS, "configs")
# Installs a top-level package `agents`.
NEIGHBOUR = "openai-agents==0.24.0"
# Declared, though no module imports them.
USED_BY_OTHERS = {
    "gguf": "transformers reads GGUF files with it",
    "sentence-transformers": "langchain-huggingface encodes with it",
}
# Imported where it is there: a method that needs it says how to install it.
OPTIONAL = {"pandas"}
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
METADATA = f"robustft-{PROJECT['version']}.dist-info"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_is_imported_is_declared_and_what_is_declared_is_used() -> None:
    found: set[str] = set()
    for module in MODULES:
        found |= imported(module.read_text(encoding="utf-8"))
    third_party = found - set(sys.stdlib_module_names) - {*FOLDERS} - OPTIONAL
    declared = {normal(re.split(r"[<>=\[ ]", line)[0]) for line in PROJECT["dependencies"]}
    owners = packages_distributions()
    homes = {name: {normal(owner) for owner in owners[name]} for name in third_party}
    assert {name for name, names in homes.items() if not names & declared} == set()
    assert declared - set().union(*homes.values()) == set(USED_BY_OTHERS)


def test_the_extras_are_those_that_the_documentation_names() -> None:
    extras = {"embedded", "vllm", "quantization", "studio", "study", "docs", "dev"}
    assert set(PROJECT["optional-dependencies"]) == extras


@dataclass
class Built:
    """A wheel of this checkout, and one of its source archive."""

    wheel: Path
    wheel_of_source: Path


@dataclass
class Installed:
    """An environment of its own with the wheel in it, and what installing the wheel added to it."""

    bin: Path
    packages: Path
    added: set[str]

    def run(self, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run one of its programs away from the checkout."""
        program, *rest = map(str, arguments)
        return subprocess.run(
            [str(self.bin / program), *rest],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env=elsewhere(),
        )


def elsewhere() -> dict[str, str]:
    """Return an environment in which nobody finds the checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def build(kind: str, sources: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*command, str(sources)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    sources = folder / "sources"
    # Building writes into the folder that it builds.
    for name in FOLDERS:
        shutil.copytree(REPOSITORY / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, sources / name)
    source = build("sdist", sources, folder / "source")
    with tarfile.open(source) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    unpacked = next((folder / "unpacked").iterdir())
    return Built(build("wheel", sources, folder / "wheel"), build("wheel", unpacked, folder / "again"))


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, NEIGHBOUR], check=True, env=elsewhere())
    before = {path.name for path in packages.iterdir()}
    subprocess.run([*pip, str(built.wheel)], check=True, env=elsewhere())
    added = {path.name for path in packages.iterdir()} - before
    # The libraries of this environment, which take minutes to install; not its editable install of RobustFT,
    # for a folder that a .pth file names has its own .pth files left unread.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return Installed(folder / "bin", packages, added)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_the_wheel_holds_all_of_robustft_and_nothing_else(built: Built) -> None:
    names = set(contents(built.wheel))
    assert {name.partition("/")[0] for name in names} == {
        "robustft",
        METADATA,
    }
    shipped = {
        path.relative_to(REPOSITORY)
        for folder in FOLDERS
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    nested = {str(path) if path.parts[0] == "robustft" else f"robustft/{path}" for path in shipped}
    assert {name for name in names if ".dist-info/" not in name} == nested
    assert "robustft/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_no_module_of_the_wheel_imports_a_floor_by_its_plain_name(built: Built) -> None:
    for name, content in contents(built.wheel).items():
        if name.endswith(".py"):
            assert imported(content.decode()) & {*FOLDERS} <= {"robustft"}, name


@pytest.mark.slow
def test_the_source_archive_makes_the_same_wheel(built: Built) -> None:
    assert contents(built.wheel_of_source) == contents(built.wheel)


@pytest.mark.slow
def test_installing_the_wheel_leaves_another_package_called_agents_as_it_was(
    installed: Installed,
) -> None:
    assert installed.added == {"robustft", METADATA}
    where = "import importlib.util as u; print(u.find_spec('agents').origin, u.find_spec('graph'))"
    told = installed.run(installed.packages.parent, "python", "-c", where).stdout.split()
    assert told == [str(installed.packages / "agents" / "__init__.py"), "None"]


@pytest.mark.slow
def test_the_installed_command_examines_and_runs_in_an_empty_folder_on_this_environments_libraries(
    installed: Installed, endpoint: Endpoint, tmp_path: Path
) -> None:
    rows = ['{"prompt": "What is the capital of France?", "completion": "Paris"}']
    rows.append('{"prompt": "What is the capital of Italy?", "completion": "Vienna"}')
    (tmp_path / "train.jsonl").write_text("\n".join(rows))
    model = f"{{provider: openai, name: scripted, base_url: '{endpoint.url}'}}"
    settings = ["--set", f"models={{default: {model}, student: {{provider: embedded}}}}"]
    settings += ["--set", "training.model=student"]
    doctor = installed.run(tmp_path, "robustft", "doctor", "paper", *settings)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    run = ["run", "paper", "--data", "train.jsonl", "--out", "run", "--until", "select", *settings]
    done = installed.run(tmp_path, "robustft", *run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len((tmp_path / "run" / "decisions.jsonl").read_text().splitlines()) == 2
    exported = installed.run(
        tmp_path, "python", "-m", "robustft", "export", "run", "--format", "alpaca", "--out", "out.jsonl"
    )
    assert exported.returncode == 0, exported.stderr
    absent = installed.run(tmp_path, "robustft", "run", "nowhere")
    assert (absent.returncode, "demo, paper, vllm" in absent.stderr) == (2, True)


IN_PYTHON = """
import asyncio, sys
import robustft

for name in robustft.__all__:
    getattr(robustft, name)
model = f"{{provider: openai, name: scripted, base_url: '{sys.argv[1]}'}}"
config = robustft.load_config(None, [f"models.default={model}"])
sample = robustft.Sample(id="1", prompt="Capital of France?", response="Vienna")
ended = asyncio.run(
    robustft.sample_graph.ainvoke({"sample": sample}, context={"config": config.model_dump(mode="json")})
)
print(ended["base"].answer, sorted(set(sys.modules) & {"graph", "training", "agents", "prompts", "stores"}))
"""


@pytest.mark.slow
def test_everything_public_and_the_sample_graph_work_installed_on_this_environments_libraries(
    installed: Installed, endpoint: Endpoint, tmp_path: Path
) -> None:
    done = installed.run(tmp_path, "python", "-c", IN_PYTHON, endpoint.url)
    assert done.stdout == "Paris []\n", done.stderr
