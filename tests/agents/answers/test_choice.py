"""Options: which one a reply names, and when two answers are the same one."""

import pytest

from agents.answers.choice import Choice

CHOICE = Choice()
MOOD = ("positive", "neutral", "negative")
ACID = ("acid", "nucleic acid", "base")
CODE = ("C", "C++", "C#", "Python")
PETS = ("cat", "dog", "horse")
TEN = ("ant", "bee", "cow", "duck", "eel", "fox", "goat", "hen", "ibex", "jay")

CHOICES: list[tuple[str, str, tuple[str, ...], str | None]] = [
    ("capital", "B", MOOD, "neutral"),
    ("small letter", "b", MOOD, "neutral"),
    ("brackets", "(B)", MOOD, "neutral"),
    ("square brackets", "[B]", MOOD, "neutral"),
    ("dot", "B.", MOOD, "neutral"),
    ("closing bracket", "b)", MOOD, "neutral"),
    ("bold", "**B**", MOOD, "neutral"),
    ("code", "`B`", MOOD, "neutral"),
    ("boxed", r"So it must be $\boxed{B}$.", MOOD, "neutral"),
    ("boxed text", r"\boxed{\text{neutral}}", MOOD, "neutral"),
    ("marker, letter and text", "Answer: B. neutral", MOOD, "neutral"),
    ("letter, colon and text", "B: neutral", MOOD, "neutral"),
    ("letter glued to text", "B)neutral", MOOD, "neutral"),
    ("named option", "I would go with Option B here", MOOD, "neutral"),
    ("named option, small", "option b is correct", MOOD, "neutral"),
    ("answer is bracket", "I think the answer is (B)", MOOD, "neutral"),
    ("B is correct", "B is the correct answer.", MOOD, "neutral"),
    ("A is correct", "A is correct.", MOOD, "positive"),
    ("bold marker", "It is hard to say.\n\n**Answer:** B", MOOD, "neutral"),
    ("bold marker, colon outside", "**Answer**: negative", MOOD, "negative"),
    ("heading", "Positive words, negative words.\n\n### Final Answer\n**B**", MOOD, "neutral"),
    ("last marker", "Answer: A\nWait, no.\nAnswer: C", MOOD, "negative"),
    ("marker outweighs the rest", "It is positive and negative. The answer is neutral.", MOOD, "neutral"),
    ("marker, then talk", "Answer: B\n\nPositive and negative words cancel out.", MOOD, "neutral"),
    ("empty marker", "It is neutral. Answer:", MOOD, "neutral"),
    ("text", "neutral", MOOD, "neutral"),
    ("text, other case", "NEUTRAL!", MOOD, "neutral"),
    ("text in a sentence", "The sentiment of this sentence is neutral.", MOOD, "neutral"),
    ("first line alone", "Neutral.\n\nNo positive or negative words are used.", MOOD, "neutral"),
    ("two texts", "It is positive or neutral.", MOOD, None),
    ("not part of a word", "She is positively glad.", MOOD, None),
    ("not", "The sentence is not positive.", MOOD, None),
    ("isn't", "It isn’t positive, it is neutral.", MOOD, "neutral"),
    ("rather than", "Neutral rather than positive.", MOOD, "neutral"),
    ("neither nor", "It is neither positive nor negative, so neutral.", MOOD, "neutral"),
    ("denied letter", "It is not (A). It is (B).", MOOD, "neutral"),
    ("wrong letter", "Option A is wrong. Option B is right.", MOOD, "neutral"),
    ("contradiction", "B. positive", MOOD, None),
    ("contradiction behind a marker", "Answer: (B) positive", MOOD, None),
    ("letter and its reasons", "B. neutral, as positive and negative balance.", MOOD, "neutral"),
    ("two letters", "(A) or (B)", MOOD, None),
    ("echoed options", "A. positive\nB. neutral\nC. negative", MOOD, None),
    ("echo cut off", "A. positive\nB.", MOOD, None),
    ("beyond the last option", "D", MOOD, None),
    ("beyond the last option, with text", "E. neutral", MOOD, None),
    ("article", "A dog barks", MOOD, None),
    ("article before an option", "A dog barks", PETS, "dog"),
    ("article behind a marker", "The answer is a dog.", PETS, "dog"),
    ("article A behind a marker", "Answer: A horse", PETS, "horse"),
    ("article behind a marker, no option", "Answer: A bird is shown", PETS, None),
    ("pronoun", "I think so", TEN, None),
    ("pronoun and option", "I think it is the fox.", TEN, "fox"),
    ("letter I", "I.", TEN, "ibex"),
    ("abbreviation", "e.g. nothing at all", TEN, None),
    ("plural in brackets", "The option(s) vary", MOOD, None),
    ("longest option wins", "DNA is a nucleic acid.", ACID, "nucleic acid"),
    ("longest option twice", "nucleic acid nucleic acid", ACID, "nucleic acid"),
    ("shorter option", "It is an acid.", ACID, "acid"),
    ("shorter beside longer", "nucleic acid is not just an acid", ACID, None),
    ("C++ is not the letter C", "C++", CODE, "C++"),
    ("C# in a sentence", "It was written in C#.", CODE, "C#"),
    ("symbols", "*", ("+", "*"), None),
    ("a symbol", "-", ("+", "-"), "-"),
    ("symbol behind a marker", "Answer: +", ("+", "-"), "+"),
    ("number option", "It has 12 legs", ("8", "12", "2"), "12"),
    ("decimal is not its digits", "It is 1.5", ("5", "1"), None),
    ("letter that is also a text", "A", ("O", "A", "B"), None),
    ("accent", "It is a café", ("cafe", "bar"), "cafe"),
    ("chinese", "答案是巴黎。", ("巴黎", "伦敦"), "巴黎"),
    ("denied in chinese", "不是巴黎", ("巴黎", "伦敦"), None),
    ("nothing", "", MOOD, None),
    ("refusal", "I am sorry, but I cannot help with that.", MOOD, None),
    ("line feeds of windows", "B\r\nbecause", MOOD, "neutral"),
]

AGREEMENTS: list[tuple[str, str | None, str | None, tuple[str, ...], bool | None]] = [
    ("same", "neutral", "Neutral", MOOD, True),
    ("letter", "neutral", "B", MOOD, True),
    ("other letter", "neutral", "A", MOOD, False),
    ("unknown", "great", "great", MOOD, False),
    ("text before letter", "A", "A", ("O", "A"), True),
    ("C and C++", "C", "C++", ("Java", *CODE), False),
    ("none", "neutral", None, MOOD, False),
]

FORMS = (
    "{}",
    "Answer: {}",
    "I say ({}).",
    "{}. {}",
    "not {}",
    "{}\n{}",
    "Option {} it is",
    "**{}**",
    "The {}s",
)


@pytest.mark.parametrize(
    ("reply", "options", "answer"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_an_option_is_read_out_of_a_reply(reply: str, options: tuple[str, ...], answer: str | None) -> None:
    assert CHOICE.extract(reply, options) == answer


@pytest.mark.parametrize(
    ("left", "right", "options", "same"), [row[1:] for row in AGREEMENTS], ids=[row[0] for row in AGREEMENTS]
)
def test_two_answers_are_the_same_option_or_not(
    left: str | None, right: str | None, options: tuple[str, ...], same: bool | None
) -> None:
    assert CHOICE.agree(left, right, options) is same
    assert CHOICE.agree(right, left, options) is same


def test_an_answer_agrees_with_itself() -> None:
    for name, reply, options, _ in CHOICES:
        answer = CHOICE.extract(reply, options)
        assert answer is None or CHOICE.agree(answer, answer, options), name


def test_an_answer_is_always_an_option() -> None:
    for options in (MOOD, ACID, CODE, PETS, TEN, ("+", "-"), ("A", "I"), ("",), ()):
        words = (*"AaBbIiDZ", *options, "acid base", "?", "42", "")
        for form in FORMS:
            for word in words:
                for other in words:
                    answer = CHOICE.extract(form.format(word, other), options)
                    assert answer is None or answer in options


@pytest.mark.parametrize(
    "options", [("AA+", "AA", "AA-"), ("Mb", "MB"), ("5%", "5"), ("año", "ano"), ("f'(x)", "f(x)")]
)
@pytest.mark.parametrize("reply", ["{}", "Answer: {}", "I would say that it is {}.", "It is **{}** here."])
def test_options_that_differ_in_a_sign_are_told_apart(options: tuple[str, ...], reply: str) -> None:
    assert [CHOICE.extract(reply.format(option), options) for option in options] == list(options)
    assert not CHOICE.agree(options[0], options[1], options)


def test_options_beyond_the_letters_are_read_by_their_text() -> None:
    options = tuple(f"thing number {place}" for place in range(40))

    assert Choice().extract("The answer is thing number 39.", options) == "thing number 39"
    assert Choice().extract("thing number 3", options) == "thing number 3"
    assert Choice().extract("AA", options) is None
