import numpy

from tests.support.drawn_records import LookedUp, recorded, texts
from tests.support.judged_records import reviewed
from training.calibration.measures import Measures

VIEWS = ("base", "reasoning")


def test_what_is_on_disk_is_read_once_and_by_place() -> None:
    read: list[str] = []

    def vectors() -> numpy.ndarray:
        read.append("vectors")
        return numpy.arange(12.0).reshape(6, 2)

    measures = Measures(LookedUp(), vectors, lambda: numpy.arange(18.0).reshape(6, 3))
    places = numpy.array([4, 1])

    assert measures.vectors(places, ("a", "b")).tolist() == [[8, 9], [2, 3]]
    assert measures.vectors(places, ("a", "b")).tolist() == [[8, 9], [2, 3]]
    assert measures.similar(places, texts(2), VIEWS).tolist() == [[12, 13, 14], [3, 4, 5]]
    assert read == ["vectors"]


def test_the_encoder_is_asked_about_free_text_alone() -> None:
    records = [*texts(3), recorded("short", "yes", ["yes", "no"])]

    similar = Measures(LookedUp()).similar(numpy.arange(4), records, VIEWS)

    assert similar.shape == (4, 3)
    assert not numpy.isnan(similar[:3]).any()
    assert numpy.isnan(similar[3]).all()


def test_of_new_answers_those_that_are_there_are_measured() -> None:
    first, second = texts(2, wrong=1.0)
    measures = Measures(LookedUp())

    new = measures.similar_answers([reviewed(first, first.answers()["base"]), second], VIEWS)

    assert new[0, 0] > measures.similar(numpy.arange(1), [first], VIEWS)[0, 0]
    assert numpy.isnan(new[1]).all()
