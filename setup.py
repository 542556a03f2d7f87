"""How a wheel is made of a checkout: the floors move below `robustft`, and their imports with them.

A checkout keeps plain folders, so that `from graph.state import ...` reads as the house is built. A wheel
must not: `agents` and `graph` are names that other packages install, too. An editable install stays plain.
"""

import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.egg_info import egg_info

FLOORS = ("agents", "configs", "graph", "prompts", "stores", "training")
# `from FLOOR import x` and `from FLOOR.module import x`, also inside a function.
_IMPORT = re.compile(rf"^( *from )((?:{'|'.join(FLOORS)})\b[\w.]* import )", re.MULTILINE)


class NestedBuild(build_py):
    """Builds the floors as packages below `robustft`."""

    def run(self) -> None:
        """Build into a clean folder: what an earlier build left there would be in the wheel."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            nest(Path(self.build_lib))


class NestedNames(egg_info):
    """Says that `robustft` is all that gets importable."""

    def run(self) -> None:
        """Write the metadata."""
        super().run()
        (Path(self.egg_info) / "top_level.txt").write_text("robustft\n", encoding="utf-8")


def nest(folder: Path) -> None:
    """Move the floors in a build folder below `robustft`, and let every import follow them."""
    for floor in FLOORS:
        (folder / floor).rename(folder / "robustft" / floor)
    for module in (folder / "robustft").rglob("*.py"):
        source = module.read_text(encoding="utf-8")
        module.write_text(_IMPORT.sub(r"\1robustft.\2", source), encoding="utf-8")


setup(cmdclass={"build_py": NestedBuild, "egg_info": NestedNames})
