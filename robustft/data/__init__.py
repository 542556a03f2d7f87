"""The bundled data of the demo: training samples with right responses, and held-out ones."""

from pathlib import Path

FOLDER = Path(__file__).parent
