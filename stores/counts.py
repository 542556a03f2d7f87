"""Counts of things in messages."""


def counted(count: int, thing: str) -> str:
    """Return a count and what is counted, in the plural where it is not one.

    Args:
        count: how many there are.
        thing: the word for one of them, whose plural ends in s or ies.

    Example:
        >>> counted(1, "sample"), counted(1200, "sample"), counted(2, "reply")
        ('1 sample', '1,200 samples', '2 replies')
    """
    plural = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{count:,} {thing if count == 1 else plural}"
