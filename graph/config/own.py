"""The config that a run has kept of itself, which is believed only while it is the one that the run wrote."""

from collections.abc import Sequence

from graph.config.run import RunConfig, load_config, parse_config
from graph.config.text import load_yaml
from stores.errors import RunDirectoryError
from stores.manifest import Manifest
from stores.run_directory import RunDirectory


def known_config(files: RunDirectory, manifest: Manifest) -> RunConfig:
    """Return a run's config as its manifest has it, whatever became of the file.

    Raises:
        ConfigError: it is one of another version of RobustFT.
    """
    return parse_config(load_yaml(manifest.config) or {}, str(files.config))


def own_config(files: RunDirectory, settings: Sequence[str] = (), **data: str | int | None) -> RunConfig:
    """Return a run's config from its file, which nobody may have changed; nothing is opened for writing.

    Args:
        files: the run's.
        settings: what is set beside it; see `load_config`.
        data: keys of `data`, replacing the file's.

    Raises:
        ConfigError: a setting is wrong.
        RunDirectoryError: the file is not the one that the run wrote.
    """
    check_own_config(files, files.manifest())
    return load_config(files.config, settings, **data)


def check_own_config(files: RunDirectory, manifest: Manifest) -> None:
    """Check that nobody has changed a run's config.

    Raises:
        RunDirectoryError: it is not the one that the run wrote.
    """
    try:
        is_own = not files.config.is_symlink() and files.config.read_bytes() == manifest.config.encode()
    except OSError:
        is_own = False
    if not is_own:
        raise RunDirectoryError(
            f"{files.config}: is not what the run wrote: it was damaged, changed or removed. Remove it, and "
            f"`robustft resume {files.path}` puts the run's own back; `robustft resume {files.path} --set "
            f"KEY=VALUE` changes a setting; `robustft run {files.config} --resume --out {files.path}` takes "
            "the file as it is"
        )
