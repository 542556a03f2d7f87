"""Another config and other prompts in place of a run's: both or neither, whatever becomes of the process."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from stores.atomic import sync_folder, sync_tree, write_text_atomically
from stores.manifest import Manifest, save_manifest
from stores.places import keep_others, remove_folder
from stores.run_directory import RunDirectory


def replace_texts(files: RunDirectory, config: str, prompts: Mapping[str, str]) -> Manifest:
    """Put another config and other prompts in place.

    Args:
        files: the run's.
        config: the resolved config as YAML text.
        prompts: each prompt's text by its name.

    Returns:
        What the run knows of itself now.
    """
    manifest = files.manifest().model_copy(update={"config": config, "prompts": dict(prompts)})
    part = files.state / "replacement.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    write_text_atomically(part / "config.yaml", config)
    write_prompts(part / "prompts", prompts)
    save_manifest(part / "manifest.json", manifest)
    sync_tree(part)
    # From here on it will be finished, by `stores.repairing` if not by us.
    part.rename(files.state / "replacement")
    sync_folder(files.state)
    finish_replacing(files)
    return manifest


def finish_replacing(files: RunDirectory) -> None:
    """Finish a replacement of config and prompts that was begun."""
    replacement = files.state / "replacement"
    if (replacement / "config.yaml").is_file():
        (replacement / "config.yaml").replace(files.config)
    if (replacement / "prompts").is_dir():
        keep_others(files.prompts, replacement / "prompts", files.manifest().prompts)
        remove_folder(files.prompts, files.state)
        (replacement / "prompts").rename(files.prompts)
    if (replacement / "manifest.json").is_file():
        (replacement / "manifest.json").replace(files.own)
    if replacement.is_dir():
        sync_folder(files.path)
        replacement.rmdir()


def write_prompts(folder: Path, prompts: Mapping[str, str]) -> None:
    """Write each prompt's text to `NAME.md` in a new folder; `TURN/FORM` goes into a folder of the turn."""
    folder.mkdir()
    for name, text in prompts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        write_text_atomically(folder / f"{name}.md", text)
