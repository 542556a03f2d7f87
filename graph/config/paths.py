"""Where a config is, which of its values are paths, and the folder that these are relative to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from configs import shipped_configs
from prompts.template import is_shipped
from stores.rows import SUFFIXES
from stores.weights import looks_like_folder

# What a folder of weights holds; an encoder's may hold the second alone.
_OF_WEIGHTS = ("config.json", "modules.json")


def find_config(path: Path) -> Path:
    """Return the file of a config: a shipped one where its name is given and there is no such file.

    Args:
        path: a YAML file, or a shipped config's name, for example `paper`.
    """
    return path if path.is_file() else shipped_configs().get(str(path), path)


def anchor(content: dict[str, Any], folder: Path) -> None:
    """Make the paths of a config absolute, whether or not they exist.

    Hub ids, aliases, names of shipped prompts and the names that endpoints give their models stay as they
    are. Symbolic links are not followed: a virtual environment's Python is one.

    Args:
        content: a config as plain data; changed in place.
        folder: what its paths are relative to.
    """
    for section, key in _paths(content, folder):
        section[key] = str((folder / section[key]).absolute())


def resolve_paths(content: dict[str, Any]) -> None:
    """Make those paths of a config absolute that exist in the working directory; the others stay as written.

    Args:
        content: a config as plain data; changed in place.
    """
    here = Path.cwd()
    for section, key in _paths(content, here):
        if _exists(here / section[key]):
            section[key] = str(here / section[key])


def _paths(content: dict[str, Any], folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the sections and keys whose values are paths. The content is not validated yet."""
    data = _section(content, "data")
    for key in ("train", "test", "paraphrases", "guard", "gold", "trusted"):
        if _is_text(data, key) and _names_data(data[key], folder):
            yield data, key
    agents = _section(content, "agents")
    for name in agents:
        agent = _section(agents, name)
        for key in ("prompt", "reflect_prompt"):
            if _is_text(agent, key) and not is_shipped(agent[key]):
                yield agent, key
    models = _section(content, "models")
    for name in models:
        model = _section(models, name)
        # At an endpoint the name is the endpoint's own.
        ours = model.get("provider") != "openai" and model.get("base_url") is None
        if ours and _is_text(model, "name") and _names_weights(model["name"], folder):
            yield model, "name"
        if _is_text(model, "python") and "/" in model["python"]:
            yield model, "python"
    encoder = _section(content, "encoder")
    if _is_text(encoder, "name") and _names_weights(encoder["name"], folder):
        yield encoder, "name"


def _section(content: dict[str, Any], key: str) -> dict[str, Any]:
    section = content.get(key)
    return section if isinstance(section, dict) else {}


def _is_text(section: dict[str, Any], key: str) -> bool:
    """Whether a value is text that could be a relative path; one that begins with `~` is not."""
    value = section.get(key)
    return isinstance(value, str) and bool(value) and not value.startswith("~")


def _names_data(value: str, folder: Path) -> bool:
    """Whether data is named by a path and not by a hub id, which may look like one."""
    return value.startswith(".") or Path(value).suffix.lower() in SUFFIXES or _exists(folder / value)


def _names_weights(value: str, folder: Path) -> bool:
    """Whether a model is named by a path: by its form, or since there is such a folder or file."""
    return looks_like_folder(value) or any(_exists(folder / value / name) for name in _OF_WEIGHTS)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
