"""The letters of options in other scripts: a text that is such a letter and nothing else.

| text | option |
|---|---|
| `Ｂ`, `Ⓑ`, `②` | the second |
| `Б`, `ب`, `乙`, `나`, `イ`, `ख` | the second |
| `2번입니다`, `选B`, `la B`, `Вариант Б` | the second |
| `B` | none: plain letters are the choice's own to read, with all that it looks at |
"""

import re

WIDE_SIGNS = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {ord("。"): ". ", ord("、"): ", "}
"""Full-width letters and signs as a keyboard has them."""

_LONGEST = 40
_ALPHABETS = (
    "АБВГДЕЖЗ", "абвгдежз", "أبجدهوزح", "ابتثجحخد", "甲乙丙丁戊己庚辛", "가나다라마바사아",
    "アイウエオカキク",
    "①②③④⑤⑥⑦⑧⑨⑩", "⑴⑵⑶⑷⑸⑹⑺⑻", "ⒶⒷⒸⒹⒺⒻⒼⒽ", "ⓐⓑⓒⓓⓔⓕⓖⓗ", "⒜⒝⒞⒟⒠⒡⒢⒣", "❶❷❸❹❺❻❼❽", "㉮㉯㉰㉱㉲㉳㉴㉵",
    "कखगघङचछज", "กขคงจฉชซ", "אבגדהוזח", "αβγδεζηθ", "ΑΒΓΔΕΖΗΘ", "🅐🅑🅒🅓🅔🅕", "🄰🄱🄲🄳🄴🄵", "🅰🅱",
)  # fmt: skip
_PLACES: dict[str, int] = {}
for _alphabet in _ALPHABETS:
    for _place, _sign in enumerate(_alphabet):
        _PLACES.setdefault(_sign, _place)
_SIGNS = "".join(_PLACES)
_BEFORE = (
    r"(?:(?:(?:la|el|il|die|der|das|le|o|a)\s|l'\s?)|(?:опция|вариант|буква|пункт|الخيار|خيار|विकल्प"
    r"|选项|选择|選擇|选|選|应选|故选|ข้อ"
    r"|option|opción|opcion|opção|opzione|seçenek|şık|lựa chọn"
    r"|phương án|opcja|optie|alternativ|the)\s?:?\s?)?"
)
_AFTER = r"(?:です|でしょう|번\s?입니다|번|입니다|이다|项|選項|选项|है|şıkkı)?"
_LETTER = re.compile(
    rf"[\s*_(\[\"'「]*{_BEFORE}[\s*_(\[\"'「]*(?:([{_SIGNS}])|([A-Za-z])|(\d{{1,2}})(?=번))"
    rf"\ufe0f?[\s*_)\]\"'」.]*{_AFTER}[\s.!]*",
    re.IGNORECASE,
)


def find_letter(text: str) -> int | None:
    """Return the place of the option whose letter a text is; None where it is more, or a plain letter."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    found = _LETTER.fullmatch(text)
    if found is None:
        return None
    if found[1]:
        return _PLACES[found[1]]
    if found[3]:
        return int(found[3]) - 1 if int(found[3]) else None
    # A lone letter, with or without a word for "option" in another language before it.
    return None if len(text.strip("()[]*_.\"' ")) == 1 else ord(found[2].upper()) - ord("A")
