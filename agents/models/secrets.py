"""An endpoint's key, kept out of everything that the endpoint sends back."""

import base64
import re

from pydantic import SecretStr

HIDDEN = "***"
# A word such as `EMPTY` or `none` that stands in for a key is no secret, and may stand in any reply.
_SHORTEST = 8


class Hider:
    """Hides a key in text, however it is spelt there.

    Args:
        key: what is sent to the endpoint, which may repeat it. None, or fewer than eight characters: nothing
            is hidden.
    """

    def __init__(self, key: SecretStr | None) -> None:
        text = key.get_secret_value() if key is not None else ""
        self._forms = _forms(text) if len(text) >= _SHORTEST else ()
        self._escaped = re.compile("".join(map(_escapes, text))) if self._forms else None

    def hide(self, text: str) -> str:
        r"""Return a text without the key: plain, in hex or base64, or escaped as in JSON, addresses or HTML.

        Example:
            >>> Hider(SecretStr("sk-1234/ab")).hide(r"no sk-1234\/ab, \u0073k-1234/ab, sk%2D1234%2Fab")
            'no ***, ***, ***'
        """
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        if self._escaped is not None and any(sign in text for sign in "\\%&"):
            text = self._escaped.sub(HIDDEN, text)
        return text


def _forms(key: str) -> tuple[str, ...]:
    """Return a key as it is and in hex, and what base64 makes of it wherever it stands in a text."""
    digits = key.encode().hex()
    forms = [key, digits, digits.upper()]
    for before in range(3):
        whole = base64.b64encode(bytes(before) + key.encode()).decode()
        # The signs at either end depend on what stands beside the key.
        inner = whole[(0, 2, 3)[before] : 8 * (before + len(key.encode())) // 6]
        forms += [inner, inner.translate(str.maketrans("+/", "-_"))]
    return tuple(dict.fromkeys(forms))


def _escapes(sign: str) -> str:
    """Return an expression for one sign of a key, plain or escaped."""
    digits = "".join(
        f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in f"{ord(sign):02x}"
    )
    backslashed = rf"\\{{1,4}}(?:u0{{0,2}}{digits}|u\{{0{{0,4}}{digits}\}}|x{digits}|{re.escape(sign)})"
    entity = rf"&(?:amp;)?#(?:0{{0,6}}{ord(sign)}|[xX]0{{0,6}}{digits});?"
    named = {"&": "|&amp;?", "<": "|&lt;?", ">": "|&gt;?", '"': "|&quot;?", "'": "|&apos;?"}.get(sign, "")
    return rf"(?:{re.escape(sign)}|{backslashed}|%(?:25){{0,2}}{digits}|{entity}{named})"
