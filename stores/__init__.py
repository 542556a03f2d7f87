"""The lowest floor: whatever is imported of RobustFT, this comes first."""

import logging
import os

from stores.printable import PrintableLog

# What the libraries must be told before they are imported; a value set by the user stands.
for _name, _value in {
    # Idle threads of torch sleep instead of spinning: on a shared or small machine spinning made generation
    # five to ten times slower (docs/measurements.md).
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}.items():
    os.environ.setdefault(_name, _value)

# A program that uses RobustFT may print its log as it comes. A filter holds for its own logger alone.
for _name in ("robustft", "robustft.data"):
    logging.getLogger(_name).addFilter(PrintableLog())
