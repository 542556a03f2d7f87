"""A key is hidden however an endpoint spells it, and nothing else is."""

import base64
import html
import json
import random
import string
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from agents.models.secrets import Hider

KEY = "sk-AbC/dEf+1234<x>&_9"


def spellings(key: str) -> dict[str, str]:
    every = [ord(sign) for sign in key]
    return {
        "plain": key,
        "JSON": json.dumps(key)[1:-1].replace("/", "\\/"),
        "JSON, all escaped": "".join(f"\\u{code:04x}" for code in every),
        "JSON, capitals": "".join(f"\\u{code:04X}" for code in every),
        "JSON, one escaped": f"\\u{every[0]:04x}{key[1:]}",
        "JSON within JSON": json.dumps(json.dumps(key).replace("s", "\\u0073", 1)),
        "percent": quote(key, safe=""),
        "percent, all": "".join(f"%{code:02X}" for code in every),
        "percent, twice": quote(quote(key, safe=""), safe=""),
        "HTML": html.escape(key),
        "HTML, decimal": "".join(f"&#{code};" for code in every),
        "HTML, hexadecimal": "".join(f"&#x{code:X};" for code in every),
        "Python": "".join(f"\\x{code:02x}" for code in every),
        "base64": base64.b64encode(key.encode()).decode(),
        "base64 of more": base64.b64encode(f"Bearer {key}\n".encode()).decode(),
        "base64 of less before": base64.urlsafe_b64encode(f"x{key}yy".encode()).decode(),
    }


@pytest.mark.parametrize("name", spellings(KEY))
def test_a_key_is_hidden_in_every_spelling(name: str) -> None:
    spelt = spellings(KEY)[name]
    shown = Hider(SecretStr(KEY)).hide(f"refused: {spelt} .")
    assert "***" in shown
    assert spelt.strip('"=')[4:-4] not in shown


def test_generated_keys_are_hidden_in_every_spelling() -> None:
    dice = random.Random(0)  # noqa: S311
    signs = "".join(sign for sign in string.printable if sign.isprintable() and sign != " ")
    for _ in range(200):
        key = "".join(dice.choices(signs, k=dice.randint(8, 200)))
        for name, spelt in spellings(key).items():
            assert key not in (shown := Hider(SecretStr(key)).hide(f"a {spelt} b")), name
            assert "***" in shown, (name, key)


@pytest.mark.parametrize("key", [None, "", "EMPTY", "none", "x"])
def test_a_word_in_place_of_a_key_is_left_in_replies(key: str | None) -> None:
    hide = Hider(SecretStr(key) if key is not None else None).hide
    assert hide("EMPTY none x %45 \\u0045") == "EMPTY none x %45 \\u0045"


def test_text_without_the_key_stays_as_it_is() -> None:
    text = "100 % of \\u0041 &amp; sk-AbC and \\\\ &#65; " * 100
    assert Hider(SecretStr(KEY)).hide(text) == text
