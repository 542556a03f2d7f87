"""Whatever is printed leaves by the one console or the one log: no module writes to a terminal otherwise."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from stores.printable import PrintableLog
from tests.test_house import MODULES, REPOSITORY

# Names of modules that write, with what of them writes; None is all of it.
WRITERS: dict[str, set[str] | None] = {
    "click": None,
    "getpass": None,
    "pprint": None,
    "tqdm": None,
    "curses": None,
    "rich": {"print", "print_json", "get_console", "inspect"},
    "rich.console": {"Console"},
    "rich.markup": None,
    "rich.pretty": None,
    "rich.prompt": None,
    "rich.status": None,
    "rich.live": None,
    "rich.traceback": None,
    "rich.logging": {"RichHandler"},
    "typer": {"echo", "secho", "style", "prompt", "confirm", "progressbar", "launch", "echo_via_pager"},
    "logging": {"StreamHandler", "FileHandler", "basicConfig", "Formatter", "lastResort"},
    "sys": {"stdout", "stderr", "__stdout__", "__stderr__", "excepthook", "displayhook"},
    "traceback": {"print_exc", "print_exception", "print_tb", "print_stack", "print_last"},
    "faulthandler": None,
    "builtins": {"print", "input"},
}
BUILTINS = {"print", "input", "breakpoint"}
# A name of ours, too, where it is not called.
CALLED = {"input"}
# Of a console, a log or a text, whatever it is called.
METHODS = {"print_json", "print_exception", "from_markup", "from_ansi", "addHandler", "out", "input"}
TRUE = {"markup", "emoji", "highlight"}
ALLOWED = {
    "robustft/terminal.py: rich.console.Console": "the one console is made of it",
    "robustft/cli/terminal.py: rich.logging.RichHandler": "the one handler of the log is made of it",
    "robustft/cli/terminal.py: logging.basicConfig": "sets up the log",
    "robustft/cli/terminal.py: sys.stdout": "is told what to do with signs that it does not know",
    "robustft/cli/terminal.py: sys.stderr": "is told what to do with signs that it does not know",
    "robustft/cli/stopping.py: sys.stderr": "shows the cursor again, in fixed words, where the process ends",
    "robustft/cli/terminal.py: sys.excepthook": "an uncaught error is printed by the one console",
    "stores/export.py: sys.stdout": "data that is asked for there: exact to a pipe, printable to a terminal",
}


def prints(source: str) -> Iterator[str]:
    """Yield what a module does by which text could reach a terminal past the console."""
    tree = ast.parse(source)
    known = dict(imported_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (name for name in dict(imported_names(node)).values() if is_writer(name))
        elif isinstance(node, ast.Name) and node.id in BUILTINS - CALLED and node.id not in known:
            yield node.id
        elif isinstance(node, ast.Attribute):
            name = f"{dotted(node.value, known)}.{node.attr}"
            if is_writer(name):
                yield name
            elif node.attr in METHODS and not name.startswith(("robustft.", "graph.")):
                yield f".{node.attr}"
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in CALLED - known.keys():
                yield node.func.id
            yield from markup_of(node)


def imported_names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name that is imported, with what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or first(alias.name), alias.name if alias.asname else first(alias.name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def first(name: str) -> str:
    return name.partition(".")[0]


def is_writer(name: str) -> bool:
    parts = name.split(".")
    if any(WRITERS.get(".".join(parts[:end]), ()) is None for end in range(1, len(parts) + 1)):
        return True
    module, _, what = name.rpartition(".")
    return what in (WRITERS.get(module) or ())


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return known.get(node.id, f"?{node.id}")
    return f"{dotted(node.value, known)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def markup_of(call: ast.Call) -> Iterator[str]:
    """Yield what makes markup of text in a call: rich's own parts do so unless they are told otherwise."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    for name in TRUE & named.keys():
        value = named[name]
        if not (isinstance(value, ast.Constant) and value.value is False):
            yield f"{name}="
    called = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if called == "TextColumn" and "markup" not in named:
        yield "TextColumn with markup"
    if called in ("Panel", "Rule", "fit"):
        texts = [named.get("title"), named.get("subtitle")]
        if any(isinstance(text, ast.Constant | ast.JoinedStr) and not is_none(text) for text in texts):
            yield f"{called} with markup"


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def found_in(module: Path) -> set[str]:
    place = module.relative_to(REPOSITORY)
    return {f"{place}: {what}" for what in prints(module.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_no_module_prints_past_the_console(module: Path) -> None:
    assert found_in(module) - ALLOWED.keys() == set()


def test_every_log_of_ours_is_one_that_is_made_printable() -> None:
    names = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "getLogger" and node.args:
                names.add(ast.unparse(node.args[0]).strip("'"))
    # A library's, and a variable.
    ours = names - {"huggingface_hub", "library", "_name"}
    assert ours == {"robustft", "robustft.data"}
    for name in ours:
        assert any(isinstance(one, PrintableLog) for one in logging.getLogger(name).filters)


def test_no_module_is_allowed_what_it_does_not_do() -> None:
    assert ALLOWED.keys() - set().union(*map(found_in, MODULES)) == set()


@pytest.mark.parametrize(
    "source",
    [
        "print('x')",
        "import sys\nsys.stderr.write('x')",
        "import sys as s\ns.stdout.buffer.write(b'x')",
        "from sys import stderr",
        "import typer\ntyper.echo('x')",
        "from typer import secho",
        "import click",
        "from click import echo",
        "from rich import print",
        "import rich\nrich.print('x')",
        "from rich.console import Console",
        "import rich.console\nrich.console.Console()",
        "def f():\n    from rich.console import Console as C\n    C().print('x')",
        "from rich.markup import escape",
        "from rich.text import Text\nText.from_markup(x)",
        "console.print(x, markup=True)",
        "console.print(x, emoji=wanted)",
        "console.print_json(x)",
        "console.out(x)",
        "import logging\nlogging.StreamHandler()",
        "import logging\nlogging.getLogger('a').addHandler(h)",
        "from logging import basicConfig",
        "import traceback\ntraceback.print_exc()",
        "import tqdm",
        "from tqdm.auto import tqdm",
        "TextColumn('{task.description}')",
        "Panel(body, title=f'of {sample}')",
        "input('sure?')",
    ],
)
def test_a_way_past_the_console_is_found(source: str) -> None:
    assert list(prints(source))


@pytest.mark.parametrize(
    "source",
    [
        "console.print(x)",
        "from robustft.terminal import Terminal\nTerminal().say('x')",
        "import logging\nlogging.getLogger('robustft').info('x')",
        "import sys\nsys.exit(1)",
        "Panel(body, title=heading)",
        "from rich.text import Text",
    ],
)
def test_what_goes_through_the_console_is_not_refused(source: str) -> None:
    assert list(prints(source)) == []
