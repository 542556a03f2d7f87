"""The run's memory: what is recorded stays, in the dataset's order, across any number of openings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stores.errors import StorageError
from stores.journal import Entry, Journal
from stores.sample import Message, Sample

# More than two pages of the journal's reads and writes.
MANY = 2500


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def rows(count: int) -> list[Sample]:
    """Return samples whose ids sort differently from their order."""
    return [Sample(id=f"{at * 7919 % count:05}", prompt=f"p{at}", response=f"r{at}") for at in range(count)]


def decided(identifier: str, status: str = "clean", entropy: float | None = None) -> Entry:
    return Entry(identifier, status, f'{{"id": "{identifier}"}}', entropy)  # type: ignore[arg-type]


def test_samples_come_back_whole_and_in_their_order(journal: Journal) -> None:
    history = (Message(role="user", content="Hello."),)
    full = Sample(id="z", prompt="ü\n?", response="", options=("a", "b"), history=history, task="t", gold="b")
    samples = [full, *rows(3)]
    assert journal.add_samples("train", samples) == 4
    assert list(journal.samples("train")) == samples


def test_thousands_of_samples_keep_their_order_over_every_page(journal: Journal) -> None:
    samples = rows(MANY)
    assert journal.add_samples("train", iter(samples)) == MANY
    assert list(journal.samples("train")) == samples
    assert journal.count_samples("train") == MANY


def test_a_full_page_is_not_taken_for_the_end(journal: Journal) -> None:
    journal.add_samples("train", rows(2000))
    assert len(list(journal.samples("train"))) == 2000


def test_training_and_test_samples_are_kept_apart_under_the_same_ids(journal: Journal) -> None:
    journal.add_samples("train", rows(3))
    journal.add_samples("test", [Sample(id="00000", prompt="held out", response="x")])
    assert [sample.prompt for sample in journal.samples("test")] == ["held out"]
    assert (journal.count_samples("train"), journal.count_samples("test")) == (3, 1)
    found = journal.sample("00000")
    assert found is not None
    assert found.prompt == "p0"


def test_a_sample_that_is_not_there_is_none(journal: Journal) -> None:
    journal.add_samples("test", rows(1))
    assert journal.sample("00000") is None
    assert journal.entry("00000") is None


def test_samples_without_a_decision_are_undecided_in_their_order(journal: Journal) -> None:
    samples = rows(MANY)
    journal.add_samples("train", samples)
    journal.add_samples("test", [Sample(id="held-out", prompt="p", response="r")])
    journal.record(decided(sample.id) for sample in samples[::2])
    assert list(journal.undecided()) == samples[1::2]


def test_deciding_while_reading_what_is_undecided_misses_none(journal: Journal) -> None:
    samples = rows(MANY)
    journal.add_samples("train", samples)
    seen = []
    for sample in journal.undecided():
        seen.append(sample)
        journal.record([decided(sample.id)])
    assert seen == samples


def test_a_later_decision_replaces_the_earlier_one(journal: Journal) -> None:
    journal.add_samples("train", rows(1))
    journal.record([decided("00000", "noisy")])
    journal.record([decided("00000", "relabelled", 0.25)])
    assert journal.entry("00000") == decided("00000", "relabelled", 0.25)
    assert journal.count_status() == {"relabelled": 1}


def test_entries_come_in_the_datasets_order_whatever_order_they_were_made_in(journal: Journal) -> None:
    samples = rows(MANY)
    journal.add_samples("train", samples)
    journal.record(decided(sample.id) for sample in reversed(samples))
    found = list(journal.entries())
    assert [sample for sample, _ in found] == samples
    assert [entry.id for _, entry in found] == [sample.id for sample in samples]


def test_entries_of_one_status_leave_out_the_others(journal: Journal) -> None:
    samples = rows(4)
    journal.add_samples("train", samples)
    statuses = ("clean", "noisy", "failed", "noisy")
    journal.record(decided(sample.id, status) for sample, status in zip(samples, statuses, strict=True))
    assert [sample.id for sample, _ in journal.entries("noisy")] == [samples[1].id, samples[3].id]
    assert journal.count_status() == {"clean": 1, "noisy": 2, "failed": 1}


def test_a_record_that_fails_midway_leaves_nothing_of_itself(journal: Journal) -> None:
    journal.add_samples("train", rows(3))

    def broken() -> Iterator[Entry]:
        yield decided("00000")
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        journal.record(broken())
    assert journal.count_status() == {}


def test_keeping_marks_clean_samples_and_the_chosen_ones(journal: Journal) -> None:
    samples = rows(4)
    journal.add_samples("train", samples)
    statuses = ("clean", "relabelled", "relabelled", "failed")
    journal.record(decided(sample.id, status) for sample, status in zip(samples, statuses, strict=True))
    assert {entry.kept for _, entry in journal.entries()} == {None}
    journal.keep({samples[2].id})
    assert [entry.kept for _, entry in journal.entries()] == [True, False, True, False]


def test_keeping_again_forgets_the_earlier_choice(journal: Journal) -> None:
    samples = rows(2)
    journal.add_samples("train", samples)
    journal.record(decided(sample.id, "relabelled", 0.1) for sample in samples)
    journal.keep({samples[0].id})
    journal.keep({samples[1].id})
    assert [entry.kept for _, entry in journal.entries()] == [False, True]


def test_everything_is_there_when_the_journal_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    first = Journal(path)
    first.add_samples("train", rows(3))
    first.record([decided("00001", "relabelled", 0.5)])
    first.keep({"00001"})
    first.end_stage("detect", 1.5, "{}")
    first.close()
    assert [file.name for file in tmp_path.iterdir()] == ["journal.sqlite"]

    again = Journal(path)
    assert list(again.samples("train")) == rows(3)
    assert again.entry("00001") == Entry("00001", "relabelled", '{"id": "00001"}', 0.5, True)
    assert again.stages() == {"detect": (1.5, "{}")}
    again.close()


def test_what_was_recorded_outlives_a_journal_that_was_never_closed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    killed = Journal(path)
    killed.add_samples("train", rows(3))
    killed.record([decided("00001")])
    other = Journal(path)
    assert other.count_status() == {"clean": 1}
    other.close()
    killed.close()


def test_a_stages_seconds_add_up_and_its_last_report_counts(journal: Journal) -> None:
    journal.end_stage("detect", 1.5, None)
    assert journal.stages() == {"detect": (1.5, None)}
    journal.end_stage("detect", 2.0, '{"n": 1}')
    journal.end_stage("load", 0.5, "{}")
    assert journal.stages() == {"detect": (3.5, '{"n": 1}'), "load": (0.5, "{}")}


def test_trusted_responses_change_together_with_what_they_make_invalid(journal: Journal) -> None:
    column = Sample(id="column", prompt="p", response="r", trusted="r")
    journal.add_samples("train", [*rows(3), column])
    names = [sample.id for sample in journal.samples("train")]
    journal.record(decided(name) for name in names)
    journal.validity.validate_calibration({})
    journal.validity.validate_selection()

    assert journal.trust({names[0]: "a", names[1]: "b", "column": "r", "nobody": "x"}) == 2
    trusted = {sample.id: sample.trusted for sample in journal.samples("train")}
    assert trusted == {names[0]: "a", names[1]: "b", names[2]: None, "column": "r"}
    assert journal.validity.trusted == {names[0]: "a", names[1]: "b"}
    assert [sample.id for sample in journal.undecided()] == names[:2]
    assert journal.validity.calibration is None
    assert not journal.validity.has_selection


def test_a_file_of_trusted_responses_takes_the_place_of_an_earlier_one(journal: Journal) -> None:
    column = Sample(id="column", prompt="p", response="r", trusted="r")
    journal.add_samples("train", [*rows(2), column])
    first, second, _ = (sample.id for sample in journal.samples("train"))
    journal.trust({first: "a", second: "b"})
    journal.record(decided(name) for name in (first, second, "column"))
    journal.validity.validate_selection()
    assert journal.trust({first: "a", second: "b"}) == 0
    assert journal.validity.has_selection
    assert journal.trust({second: "c"}) == 2
    trusted = {sample.id: sample.trusted for sample in journal.samples("train")}
    assert trusted == {first: None, second: "c", "column": "r"}
    assert journal.validity.trusted == {second: "c"}
    assert {sample.id for sample in journal.undecided()} == {first, second}


def test_an_outcome_is_what_a_stage_reported_when_it_ended(journal: Journal) -> None:
    assert journal.outcome("train") is None
    journal.end_stage("train", 1.0, None)
    assert journal.outcome("train") is None
    journal.end_stage("train", 1.0, '{"n": 1}')
    assert journal.outcome("train") == {"n": 1}
    journal.end_stage("train", 1.0, "[")
    with pytest.raises(StorageError, match="the outcome of the stage train"):
        journal.outcome("train")
