"""What the commands say, and how often."""

import subprocess
import sys

_SAYS = """
from robustft.cli.terminal import show_log
show_log(debug=False)
from huggingface_hub.utils import logging
logging.get_logger("huggingface_hub.http").warning("no network")
"""


def test_the_hubs_messages_are_said_once() -> None:
    told = subprocess.run([sys.executable, "-c", _SAYS], capture_output=True, text=True, check=True)
    assert told.stderr.count("no network") == 1
