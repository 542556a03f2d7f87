"""Whether training sees the classes of the data in the shares that they have there."""

from collections import Counter

from stores.records import ClassShare

# A share of fewer samples than this is off by chance.
_FEWEST = 20
_RATIO = 1.5


class BalanceTally:
    """Counts each class, in all the data and in the training set."""

    def __init__(self) -> None:
        self._data: Counter[str] = Counter()
        self._training: Counter[str] = Counter()

    def add(self, name: str, weight: float) -> None:
        """Count a sample whose likeliest response is a class.

        Args:
            name: of the class.
            weight: how much the sample counts in training; 0 where it is not trained on.
        """
        self._data[name] += 1
        # A Counter takes any number; its type says whole ones.
        self._training[name] += weight  # type: ignore[assignment]

    def report(self) -> dict[str, ClassShare]:
        """Return the two shares of every class of 20 samples or more; none before anything is trained on."""
        samples, trained = self._data.total(), float(self._training.total())
        if not trained:
            return {}
        return {
            name: ClassShare(data=count / samples, training=self._training[name] / trained)
            for name, count in sorted(self._data.items())
            if count >= _FEWEST
        }


def off_balance(shares: dict[str, ClassShare]) -> list[str]:
    """Say of each class whose shares differ 1.5 times or more what they are, the rarest in training first.

    Example:
        >>> off_balance({"spam": ClassShare(data=0.13, training=0.22)})
        ['spam is 22 % of the training set and 13 % of the data']
    """
    ratios = {name: share.training / share.data for name, share in shares.items()}
    off = sorted((ratio, name) for name, ratio in ratios.items() if not 1 / _RATIO < ratio < _RATIO)
    return [
        f"{name} is {100 * shares[name].training:.0f} % of the training set and "
        f"{100 * shares[name].data:.0f} % of the data"
        for _, name in off
    ]
