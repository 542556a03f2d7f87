"""The interval of a share that was counted."""

import math


def wilson(hits: float, total: int) -> tuple[float, float]:
    """Return the 95 % interval (Wilson) of a share.

    Example:
        >>> [round(end, 2) for end in wilson(8, 10)]
        [0.49, 0.94]
    """
    z, share = 1.96, hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return middle - half, middle + half
