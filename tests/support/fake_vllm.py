"""A program in the place of the Python that has vLLM: it starts at once and answers its health check."""

import sys
from pathlib import Path

_PROGRAM = '''#!{python}
"""What it is called with decides what it does: `-c` asks whether vLLM is there, `-m` serves."""
import json, os, pathlib, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

folder = pathlib.Path(__file__).parent
behaviour = (folder / "behaviour").read_text()
if sys.argv[1] == "-c":
    sys.exit(behaviour == "has no vLLM")
with (folder / "starts").open("a") as starts:
    starts.write(json.dumps(sys.argv[1:]) + "\\n")
if behaviour == "dies":
    print("(EngineCore pid=7) ERROR 11-27 10:00:00 [core.py:1] torch.OutOfMemoryError: no room for the model")
    print("(APIServer pid=6) RuntimeError: see the root cause above")
    sys.exit(1)


class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if behaviour == "loads for ever" else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Health).serve_forever()
'''


class FakeVLLM:
    """Such a program in a folder of its own.

    Args:
        folder: the folder, which is made.
        behaviour: "serves", "dies" while it starts, "loads for ever", or "has no vLLM".
    """

    def __init__(self, folder: Path, behaviour: str = "serves") -> None:
        folder.mkdir()
        self.python = folder / "python"
        self.python.write_text(_PROGRAM.format(python=sys.executable), encoding="utf-8")
        self.python.chmod(0o755)
        self._folder = folder
        self.behave(behaviour)

    def behave(self, behaviour: str) -> None:
        """Do something else from the next start on."""
        (self._folder / "behaviour").write_text(behaviour, encoding="utf-8")

    def starts(self) -> list[str]:
        """Return what each server was started with, as JSON."""
        file = self._folder / "starts"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
