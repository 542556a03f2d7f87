"""Long form: a message of several sentences that has to hold the facts that are listed, and no others."""

from collections.abc import Callable, Sequence
from functools import partial

from sets.drawn import Draw, Question
from sets.people import TOWNS, dates, persons, time

# What is asked for, the facts by their names, and the same as sentences, each in two wordings.
Letter = tuple[str, dict[str, str], Sequence[tuple[str, str]]]

_GOODS = ("a desk lamp", "a rain jacket", "a tea kettle", "a wool blanket", "a wall clock", "a pair of boots")
_FAULTS = ("a broken handle", "a missing screw", "a scratch on the front", "the wrong colour", "a torn seam")
_COURSES = ("pottery", "first aid", "bread baking", "map reading", "bookbinding", "chess for beginners")
_BRING = ("an apron", "a notebook", "warm clothes", "a packed lunch", "sturdy shoes")
_WORKS = ("the water pipes", "the lift", "the heating", "the roof", "the stairwell's lights")


def reply_to_complaint(draw: Draw) -> Letter:
    """Return a reply to a customer with a faulty article."""
    (customer,) = persons(draw, 1)
    bought, replaced = dates(draw, 2)
    goods, fault = draw.choice(_GOODS), draw.choice(_FAULTS)
    money = str(draw.randint(5, 25))
    facts = {"Customer": customer, "Bought": goods, "On": bought, "Fault": fault,
             "A new one is sent on": replaced, "Voucher in euros": money}  # fmt: skip
    return "Write a friendly reply to a customer's complaint.", facts, (
        (f"Dear {customer}, thank you for your message.", f"Dear {customer}, thank you for writing to us."),
        (
            f"We are sorry that {goods}, which you bought on {bought}, has {fault}.",
            f"On {bought} you bought {goods} from us, and we are sorry to read that it has {fault}.",
        ),
        (
            f"We will send you a new one on {replaced}, and you need not send the old one back.",
            f"A new one leaves our warehouse on {replaced}. Please keep the old one.",
        ),
        (
            f"As an apology you also get a voucher of {money} euros.",
            f"For your trouble we add a voucher that is worth {money} euros.",
        ),
    )  # fmt: skip


def invitation(draw: Draw) -> Letter:
    """Return an invitation to a course."""
    teacher, guest = persons(draw, 2)
    day, until = dates(draw, 2)
    course, thing, town = draw.choice(_COURSES), draw.choice(_BRING), draw.choice(TOWNS)
    start, places = time(draw), str(draw.randint(6, 20))
    facts = {"Guest": guest, "Course": course, "Teacher": teacher, "Day": day, "Begins": start, "Town": town,
             "To bring": thing, "Places": places, "Say yes until": until}  # fmt: skip
    return "Write an invitation to a course.", facts, (
        (
            f"Dear {guest}, we would like to invite you to our course in {course}.",
            f"Dear {guest}, you are welcome at our course in {course}.",
        ),
        (
            f"It takes place in {town} on {day} and begins at {start}. The teacher is {teacher}.",
            f"{teacher} teaches it in {town} on {day}, from {start} on.",
        ),
        (f"Please bring {thing}.", f"You will need {thing}, so please bring it along."),
        (
            f"There are only {places} places, so tell us by {until} whether you will come.",
            f"Since there are {places} places, please let us know by {until}.",
        ),
    )  # fmt: skip


def announcement(draw: Draw) -> Letter:
    """Return a notice to the people of a house."""
    (caretaker,) = persons(draw, 1)
    day, reserve = dates(draw, 2)
    works, start, end = draw.choice(_WORKS), time(draw), f"{draw.randint(21, 22)}:00"
    floor, number = str(draw.randint(1, 6)), str(draw.randint(100, 999))
    facts = {"Work on": works, "Day": day, "From": start, "To": end, "Floors": f"up to {floor}",
             "Caretaker": caretaker, "Telephone": number, "If it rains": reserve}  # fmt: skip
    return "Write a notice to everybody who lives in the house.", facts, (
        (
            f"Dear neighbours, on {day} there will be work on {works}, from {start} to {end}.",
            f"Dear neighbours, please note that {works} will be worked on from {start} to {end} on {day}.",
        ),
        (f"Only the floors up to {floor} are affected.", f"This concerns the floors up to {floor} alone."),
        (
            f"If it rains that day, the work is moved to {reserve}.",
            f"In case of rain it takes place on {reserve} instead.",
        ),
        (
            f"For questions, call our caretaker {caretaker} at {number}. Thank you for your patience.",
            f"{caretaker}, our caretaker, answers questions at {number}. We thank you for your patience.",
        ),
    )  # fmt: skip


LETTERS: tuple[Callable[[Draw], Letter], ...] = (reply_to_complaint, invitation, announcement)


def _draw(letter: Callable[[Draw], Letter], draw: Draw) -> Question:
    request, facts, sentences = letter(draw)
    listed = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    text = " ".join(draw.choice(wordings) for wordings in sentences)
    return Question(letter.__name__.replace("_", " "), f"{request} Use all of these facts:\n\n{listed}", text)


TEMPLATES = tuple(partial(_draw, letter) for letter in LETTERS)
