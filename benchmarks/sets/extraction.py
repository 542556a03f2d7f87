"""A field out of a short passage, which names others of the same kind beside it."""

from collections.abc import Callable, Mapping
from functools import partial

from sets.drawn import Draw, Question
from sets.people import TOWNS, dates, persons, time

# Each makes up a passage, and what is right by its field.
Passage = Callable[[Draw], tuple[str, Mapping[str, str]]]

_ROLES = ("bookkeeper", "gardener", "lab assistant", "night porter", "ship's cook", "bus driver", "carpenter")
_GOODS = (
    "desk lamps",
    "rain jackets",
    "tea kettles",
    "wool blankets",
    "hiking poles",
    "wall clocks",
    "cutting boards",
)
_COLOURS = ("grey", "red", "blue", "green", "brown", "black")
_LOST = ("umbrella", "scarf", "backpack", "bicycle helmet", "violin case", "suitcase")


def order(draw: Draw) -> tuple[str, Mapping[str, str]]:
    """Return a note on an order that was changed once."""
    buyer, clerk = persons(draw, 2)
    placed, shipped, due = dates(draw, 3)
    before, after = draw.sample(range(3, 60), 2)
    goods, other = draw.sample(_GOODS, 2)
    here, there = draw.sample(TOWNS, 2)
    number = draw.randint(20_000, 99_999)
    text = (
        f"Order {number} was placed on {placed} by {buyer} for {other}, {before} of them. Two days later the "
        f"order was changed to {goods}, {after} of them, and {clerk} confirmed the change by telephone. The "
        f"parcel left our warehouse in {here} on {shipped} and goes to {there}, where it is due on {due}."
    )
    return text, {
        "person|Who placed the order?": buyer,
        "person|Who confirmed the change?": clerk,
        "date|On which day is the parcel due?": due,
        "date|On which day did the parcel leave the warehouse?": shipped,
        "number|How many pieces are in the order after the change?": str(after),
        "place|To which town does the parcel go?": there,
        "thing|Which goods are in the order after the change?": goods,
    }


def meeting(draw: Draw) -> tuple[str, Mapping[str, str]]:
    """Return the minutes of a meeting."""
    chair, minutes, absent = persons(draw, 3)
    day, following = dates(draw, 2)
    start = time(draw)
    budget, spent = draw.sample(range(200, 3000, 50), 2)
    town = draw.choice(TOWNS)
    text = (
        f"Minutes of the choir's meeting on {day} in the town hall of {town}. It began at {start}. "
        f"{absent} had sent apologies, so {chair} took the chair, and {minutes} wrote the minutes. The "
        f"treasurer reported that {spent} euros had been spent on sheet music. For the summer concert "
        f"{budget} euros were set aside. The next meeting is on {following}."
    )
    return text, {
        "person|Who took the chair?": chair,
        "person|Who wrote the minutes?": minutes,
        "person|Who was absent?": absent,
        "date|On which day is the next meeting?": following,
        "time|At what time did the meeting begin?": start,
        "number|How many euros were set aside for the concert?": str(budget),
        "number|How many euros had been spent on sheet music?": str(spent),
    }


def notice(draw: Draw) -> tuple[str, Mapping[str, str]]:
    """Return a notice of a vacancy."""
    contact, leaving = persons(draw, 2)
    deadline, start, talks = dates(draw, 3)
    hours, pay = draw.randint(18, 40), draw.randint(14, 32)
    role, former = draw.sample(_ROLES, 2)
    town = draw.choice(TOWNS)
    text = (
        f"We look for a {role} in {town}. The work is {hours} hours a week at {pay} euros an hour, in place "
        f"of {leaving}, who works for us as a {former} from now on. Please write to {contact}. The deadline "
        f"is {deadline}. Those whom we invite come to a talk on {talks}, and work begins on {start}."
    )
    return text, {
        "person|To whom do people write who want the job?": contact,
        "thing|Which job is vacant?": role,
        "date|Which day is the deadline?": deadline,
        "date|On which day does the work begin?": start,
        "number|How many hours a week is the job?": str(hours),
        "place|In which town is the job?": town,
    }


def lost(draw: Draw) -> tuple[str, Mapping[str, str]]:
    """Return a message about something that was lost."""
    owner, finder = persons(draw, 2)
    lost_on, found_on = dates(draw, 2)
    thing, other = draw.sample(_LOST, 2)
    one, two = draw.sample(_COLOURS, 2)
    seat = draw.randint(11, 98)
    here, there = draw.sample(TOWNS, 2)
    text = (
        f"On {lost_on}, {owner} left a {one} {thing} and a {two} {other} at seat {seat} of the train from "
        f"{here} to {there}. {finder} found the {thing} on {found_on} and handed it in at the station of "
        f"{there}. The {other} is still missing."
    )
    return text, {
        "person|Who handed something in?": finder,
        "person|Who forgot two things on the train?": owner,
        "thing|Which thing is still missing?": other,
        "thing|Which thing was handed in?": thing,
        "colour|Which colour is the thing that was found?": one,
        "number|What is the number of the seat?": str(seat),
        "place|From which town did the train come?": here,
        "date|On which day was a thing found?": found_on,
    }


PASSAGES: tuple[Passage, ...] = (order, meeting, notice, lost)


def _draw(passage: Passage, draw: Draw) -> Question:
    text, fields = passage(draw)
    asked = draw.choice(sorted(fields))
    task, _, question = asked.partition("|")
    prompt = f"{text}\n\n{question} Answer with it alone, as the text has it."
    return Question(task, prompt, fields[asked])


TEMPLATES = tuple(partial(_draw, passage) for passage in PASSAGES)
