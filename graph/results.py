"""What became of each sample of a run, for whoever hands it on."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from graph.config.own import own_config
from graph.context import load_prompts
from graph.stages.base_role import BaseRole
from graph.stages.select import training_set
from stores.dataset import survey_source
from stores.errors import InputError
from stores.export import Result, What
from stores.export_same import export_same
from stores.record_files import read_records
from stores.records import Skipped, TrainingRow
from stores.run_directory import RunDirectory, storage_errors


def export_data_file(directory: Path, target: Path, what: What) -> int:
    """Write the data file of a run again with the new responses in it; see `stores.export_same`.

    Raises:
        InputError: the run has no training set, or has read no file; or the file has changed since.
        DataError: the file cannot be read, or the target cannot be written.
    """
    files = RunDirectory(directory)
    data = own_config(files).data
    if data.train is None:
        raise InputError(
            f"{directory}: the run was given its samples in memory, so there is no file to give back; "
            "export another format"
        )
    if not Path(data.train).is_file():
        raise InputError(
            f"{data.train}: is not there, or is a data set of the hub; only a file can be given back as it "
            "was; export another format"
        )
    if target.resolve() == Path(data.train).resolve():
        raise InputError(f"{target}: is the data file itself; name another")
    reading = survey_source(data.train, data.columns)
    if reading.layout.annotator is not None or reading.layout.annotators:
        raise InputError(
            f"{data.train}: holds several annotators' responses to a sample, and a new response is nobody's; "
            "export another format"
        )
    skipped = set()
    if files.skipped.is_file():
        files.check_made(files.skipped)
        records = read_records(files.skipped, Skipped)
        skipped = {record.line for record in records if record.file == data.train}
    return export_same(read_results(directory), data.train, reading, skipped, target, what)


def read_results(directory: Path) -> Iterator[Result]:
    """Yield what became of each sample, in the order of the data; nothing is opened for writing.

    A sample that is left out of training has the response that the data give.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: it has no training set, or one that does not follow from its decisions.
        StorageError: its files cannot be read.
    """
    training = training_set(directory)
    files = RunDirectory(directory)
    config = own_config(files)
    role = BaseRole(config.agents.base, load_prompts(config, files).agents["base"]["prompt"])
    trained = read_records(training, TrainingRow)
    row = next(trained, None)
    with storage_errors(str(directory)), closing(files.open_journal(read_only=True)) as journal:
        for sample in journal.samples("train"):
            if row is None or row.id != sample.id:
                yield Result("dropped", sample, role.row(sample, sample.response))
                continue
            is_changed = row.source != "original" and row.completion[0].content != sample.response
            yield Result("changed" if is_changed else "kept", sample, row)
            row = next(trained, None)
    if row is not None:
        raise InputError(
            f"{training}: holds sample '{row.id}', which the run has not; `robustft resume {directory}` "
            "writes it anew"
        )
