"""Long texts that are the worst case of some text function: what it looks for, begun again and again."""

from collections.abc import Iterator

_REPEATED = (
    # Marks that Unicode sorts, and letters that it takes apart or joins.
    "\u0301\u0316", "\u0301", "a\u0316\u0301\u0327", "\u0f71\u0f72\u0f74", "\u0344", "\u1100\u1161\u11a8",
    "\u1100",
    "\uac01", "\ufdfa", "\ufb03", "\u0130", "\u00df", "\u00e9", "\U0001d400", "\u0966", "\u200d", "\u202e",
    "\ufeff",
    "\u00a0", "\u2028", "\x00", "\ue000", "\U0001f469\u200d", "\u5df4\u9ece", "\u306a\u3044", "\uff08\uff41",
    # Signs.
    *"aA7.,;:!?-+=^/|_*#$%&<>()[]{}\"'`\\~@\u00b1\u2026", " ", "\n", "\t",
    "\r\n", " \n", "()", "[]", "**a** ", "$a$ ", "\\(", "\\[x ", '\\"', '\\"""', "\\'''", "/*", "*/ ",
    "``", "--",
    # What answers are told by.
    "\\boxed{", "\\frac{1}{", "\\text{", "\\left(", "\\pm", "answer ", "Answer: ", "the final answer is ",
    "#### 1\n",
    "Verdict: noisy\n", "verdict ", "not ", "no, ", "and ", "a or ", "a, ", ", ", "; ", "a: ", "1. a\n",
    "- a\n", "> ",
    "(A) ", "A.\n", "A: ", "option B ", "B is the best ", "1,", "1.", "1/", "1e9 ", "1-", "5 km ", "5% ",
    "1 million ",
    "12:", "3 pm ", "1999-11-20 ", "january ", "1/2/", "x = ", "1 + ", "x^2", "Yes. ", "Wait, no. ",
    "It is Paris. ",
    "Paris, ", "a.b.", "i.e. ", "\u7b54\u6848\u662f", "\u0421\u043e", "d\u00e9sol\u00e9, ", "I'm sorry, but ",
    # Code and data.
    "```\n", "```python\n", "~~~\n", "def f():\n", "    x\n", '{"a":', "[1,", "f(", "x;", "a=b&", "%2",
    "&#6", "\\u0",
    # Marks of thoughts and of turns.
    "<think>", "</think>", "\n<think>", "<think>a</think>\n", "<|channel|>", "<|channel|>a<|message|>",
    "<|start|>assistant", "analysis", "assistantfinal", "Here is my thought process:", "## Thinking\n",
    "<|", "<|im_start",
    "<|im_start|>", "[INST]", "<s>", "<a>", "{{ x }}", "{x}",
)  # fmt: skip


def crafted(length: int) -> Iterator[tuple[str, str]]:
    """Yield texts of about so many characters, each with a name for messages."""
    for unit in _REPEATED:
        yield repr(unit), unit * (length // len(unit))
    half = length // 2
    yield "open, then closed", "(" * half + ")" * half
    yield "braces", "{" * half + "}" * half
    yield "marks in two rows", "\u0301" * half + "\u0316" * half
    yield "boxes within boxes", "\\boxed{" * (length // 8) + "}" * (length // 8)
    yield "words that are all other", " ".join(map(str, range(length // 7)))
    yield "lines that are all other", "\n".join(map(str, range(length // 7)))
    yield "a text in quotes", f'"{"a" * length}"'
    yield "a JSON list", f"[{'1,' * half}1]"
