"""Names and dates of which passages and letters are made up. None of them means anybody."""

from sets.drawn import Draw

FIRST = ("Nora", "Karim", "Lena", "Tomasz", "Aisha", "Ewan", "Yuki", "Marta", "Ivo", "Selma", "Ruben", "Dana",
         "Felix", "Irena", "Oskar", "Priya", "Henrik", "Lucia", "Milan", "Tessa")  # fmt: skip
LAST = ("Beck", "Osman", "Falk", "Wrona", "Diallo", "Price", "Mori", "Silva", "Horak", "Lindt", "Castro",
        "Levin", "Brandt", "Kovac", "Nyman", "Rao", "Dahl", "Ferri", "Petrov", "Vance")  # fmt: skip
TOWNS = (
    "Oldmere",
    "Corran",
    "Lindow",
    "Harwick",
    "Brentsea",
    "Talvik",
    "Monsaro",
    "Feldau",
    "Greyford",
    "Pinhoe",
)
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_TENS = ("00", "10", "15", "20", "30", "40", "45")


def persons(draw: Draw, count: int) -> list[str]:
    """Return so many different full names."""
    return [
        f"{first} {last}"
        for first, last in zip(draw.sample(FIRST, count), draw.sample(LAST, count), strict=True)
    ]


def dates(draw: Draw, count: int) -> list[str]:
    """Return so many different days, without their year."""
    found = draw.sample([(month, day) for month in _MONTHS for day in range(1, 29)], count)
    return [f"{day} {month}" for month, day in found]


def time(draw: Draw) -> str:
    """Return a time of the day."""
    return f"{draw.randint(7, 20):02}:{draw.choice(_TENS)}"
