r"""What a reply states as its answer: the words behind its last "Answer:", and the reply without markup.

| reply | what it states |
|---|---|
| `Let me think. Answer: Paris.` | `Paris.` |
| `**Answer:** Paris` | `Paris` |
| `The correct answer is Paris.` | `Paris.` |
| `Final Answer` and `Paris` on the next line | `Paris` |
| `So it is $\boxed{\text{Paris}}$` | `Paris}}$` |
| `Antwort: Paris`, `答案是巴黎` | `Paris`, `巴黎` |
| `3 and 9 are 12.` and `#### 12` on the last line | `12` |
| `f returns 10 for the input 138.` | nothing announced, and `f returns 10.` |
| `I answered Paris.` | nothing |
"""

import re
from functools import lru_cache
from typing import NamedTuple

_QUALITY = r"(?:correcte?|richtige|korrekte|finale?|correcta|corretta|esatta|giusta|certa|правильный|верный)"
# In other languages an announcement needs a colon, or the word for "is".
_NOUNS = (
    r"(?:(?:la|die|a|il|o) )?(?:"
    + _QUALITY
    + r"\s)?(?:antwort|lösung|réponse|reponse|respuesta|risposta|resposta"
    r"|antwoord|svar(?:et)?|vastaus|odpowiedź|odpowiedz|odpověď|cevap|yanıt|răspuns|ответ|відповідь|απάντηση|jawaban"
    r"|câu trả lời|đáp án)(?:\s" + _QUALITY + r")?"
    r"(?:[\s*_]{0,4}[:：]|\s(?:ist|lautet|est|es|è|é|is|är|er|on|to|je|este|là|—|-|это|adalah)\b:?"
    r"|(?<=ответ)\s[—–-](?=\s))"
)
_UNSPACED = (
    r"(?:最终|正确|标准|参考|最終)?(?:答案|答え|正解|解答|回答)(?:应该)?\s?(?:[是为為は]|[*_]{0,2}[:：])\s?[:：]?"
    r"|(?<![\w])答\s?[:：]"
    r"|(?:정답|답변|답)(?:[은는]|\s?[:：])"
    r"|(?:الإجابة|الاجابة|الجواب|جواب|پاسخ)(?:\sالصحيحة|\sالنهائية)?\s?(?:[:：]|(?:هي|هو)\b:?)"
    r"|(?:सही\s)?(?:उत्तर|जवाब)\s?(?:[:：]|है\b)|(?:উত্তর|பதில்|תשובה|התשובה)\s?[:：]"
    r"|คำตอบ(?:ที่ถูกต้อง)?\s?(?:[:：]|คือ)"
)
_MARKER = re.compile(
    r"(?:(?:\bthe\s{1,3})?(?:\b(?:final|correct|best|right)\s{1,3})?\banswer"
    r"(?:[\s*_]{0,4}[:：]|\s{1,3}(?:is\b|would\sbe\b)[\s*_]{0,4}[:：]?"
    r"|(?<=final\sanswer)[*_]{0,3}[ \t]{0,4}\n)"
    rf"|(?<!\w){_NOUNS}|{_UNSPACED}"
    r"|^[ \t]{0,4}\#{4}(?!\#)(?=[^\n]{1,200}\s{0,8}\Z))"
    r"[\s*_]{0,8}",
    re.IGNORECASE | re.MULTILINE,
)
_FRACTION = re.compile(r"\\[dt]?frac\s?\{(-?\d{1,20})\}\s?\{(\d{1,20})\}")
_BOX = re.compile(r"\\f?boxed\s?\{")
_WRAPPER = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s?\{")
# "returns `10` for the input `138`" is about 10.
_RESULT_OF = re.compile(
    r"(?P<result>\b(?:returns?|outputs?|prints?|yields?|gives?|evaluates?\sto|results?\sin)\s[^\n]{1,80}?)"
    r"\s(?:for|when|if|given|with|on)\s(?:(?:the|an?|this|that|its|you|it|is)\s){0,2}"
    r"(?:(?:given|provided|specified|following)\s)?"
    r"(?:inputs?|arguments?|parameters?|values?|called|call|list|string|[`*]{0,2}\w{1,20}[`*]{0,2}\s?(?:=|is\b))"
    r"(?:[^\n.!?]|[.!?](?=\S)){0,200}",
    re.IGNORECASE,
)


class Stated(NamedTuple):
    """A reply, cut at the last place where it announces its answer.

    Args:
        text: the whole reply; LaTeX's fractions are written `1/2`, its boxes announce an answer.
        rest: what follows the last announcement; empty where there is none.
        line: the first line of that.
        announced: whether the reply announces an answer at all.
    """

    text: str
    rest: str
    line: str
    announced: bool


@lru_cache(maxsize=1024)
def find_stated(reply: str) -> Stated:
    """Find what a reply states as its answer."""
    text = without_condition(_WRAPPER.sub("", _BOX.sub("Answer: ", _FRACTION.sub(r"\1/\2", reply))))
    end = None
    for marker in _MARKER.finditer(text):
        end = marker.end()
    rest = "" if end is None else text[end:].strip()
    return Stated(text, rest, rest.partition("\n")[0].strip(), end is not None)


def without_condition(text: str) -> str:
    """Return a text without what its lines say of the call that a result is of: "for the input 138"."""
    return _RESULT_OF.sub(r"\g<result>", text)


def without_announcements(text: str) -> str:
    """Return a text without the words that announce an answer."""
    return _MARKER.sub("", text)
