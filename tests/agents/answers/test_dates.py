"""The kind of `agents.answers.dates`."""

from agents.answers.dates import Date

DATE = Date()


def test_dates_are_compared_however_written() -> None:
    assert DATE.agree("20 November 1999", "1999-11-20") is True
    assert DATE.agree("03/04/1999", "04/03/1999") is None
    assert DATE.agree("3 pm", "3 am") is False
