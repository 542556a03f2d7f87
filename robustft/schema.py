"""JSON schemas of the config and of the records that a run leaves, for editors and other programs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from stores.atomic import write_json_atomically
from stores.errors import InputError
from stores.places import odd_kind

if TYPE_CHECKING:
    from pydantic import BaseModel

SchemaName = Literal["config", "decision", "training", "dropped", "skipped", "evaluation", "summary", "audit"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(name: SchemaName) -> dict[str, Any]:
    """Return the JSON schema of the config, of a line of a run's JSONL files, or of its summary."""
    return {"$schema": _DIALECT, **_model_of(name).model_json_schema()}


def show_schema(name: SchemaName | None) -> str:
    """Return a schema as JSON text; without a name all of them, by their names."""
    shown = schema_of(name) if name else {each: schema_of(each) for each in get_args(SchemaName)}
    return json.dumps(shown, indent=2, ensure_ascii=False)


def write_schemas(folder: Path, name: SchemaName | None = None) -> list[Path]:
    """Write one schema, or all, as NAME.schema.json into a folder, which is made; returns the files.

    Raises:
        InputError: the folder cannot be written, or a file of such a name in it is no schema.
    """
    names: tuple[SchemaName, ...] = (name,) if name else get_args(SchemaName)
    files = [folder / f"{each}.schema.json" for each in names]
    for file in files:
        _check_ours(file)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each, file in zip(names, files, strict=True):
            write_json_atomically(file, schema_of(each))
    except OSError as exc:
        raise InputError(f"{folder}: cannot be written ({exc.strerror or exc})") from exc
    return files


def _check_ours(file: Path) -> None:
    """Check that a schema takes the place of nothing but an earlier schema."""
    try:
        if odd_kind(file) is None and (not file.exists() or _DIALECT in file.read_text(encoding="utf-8")):
            return
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{file}: cannot be written over ({exc})") from exc
    raise InputError(f"{file}: is there already, and is no schema; name another folder")


def _model_of(name: SchemaName) -> "type[BaseModel]":
    # Imported here: the command line needs the names alone, at every start.
    from graph.config.run import RunConfig
    from stores.records import Audit, Decision, Dropped, Evaluation, Skipped, Summary, TrainingRow

    models: dict[SchemaName, type[BaseModel]] = {
        "config": RunConfig,
        "decision": Decision,
        "training": TrainingRow,
        "dropped": Dropped,
        "skipped": Skipped,
        "evaluation": Evaluation,
        "summary": Summary,
        "audit": Audit,
    }
    return models[name]
