"""Free text: an explanation, a story, a long answer.

| left | right | agree |
|---|---|---|
| `A long story!` | `a long story` | yes |
| `A long story` | `Another story` | only a judge can say |
"""

import re
from collections.abc import Sequence

from agents.answers.form import Form
from agents.answers.words import normalise

_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")


class Free:
    """Any text. All of a reply is the answer."""

    name = "free"
    form: Form = "long"
    comparable = False

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Recognise every response."""
        return True

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return nothing: free text may need any number of tokens."""
        return None

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the reply without blank lines around it; the first line of code keeps its indentation.

        A single space before the first word is a habit of tokenizers, and no indentation.
        """
        text = _BLANK_LINES.sub("", reply).rstrip()
        return (text if text.startswith(("  ", "\t")) else text.lstrip()) or None

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say that two texts of the same words agree; of others, only a judge can say."""
        if left is None or right is None:
            return False
        return normalise(left) == normalise(right) or None
