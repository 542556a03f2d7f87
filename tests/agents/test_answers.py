"""Reading answers out of replies, and comparing them."""

import pytest

from agents.answers import Kind, agree, extract, kind_of, normalise

MOOD = ("positive", "neutral", "negative")
ACID = ("acid", "nucleic acid", "base")
CODE = ("C", "C++", "C#", "Python")
PETS = ("cat", "dog", "horse")
TEN = ("ant", "bee", "cow", "duck", "eel", "fox", "goat", "hen", "ibex", "jay")

KINDS: list[tuple[str, str, tuple[str, ...], Kind]] = [
    ("options decide", "12", MOOD, "choice"),
    ("integer", "12", (), "number"),
    ("negative", "-3", (), "number"),
    ("true minus", "\u22123", (), "number"),
    ("thousands", "1,200", (), "number"),
    ("currency", "$1200", (), "number"),
    ("currency behind", "5 €", (), "number"),
    ("percent", "50%", (), "number"),
    ("fraction", "1/2", (), "number"),
    ("full stop", "12.", (), "number"),
    ("unit is short", "12 apples", (), "short"),
    ("scale is short", "3.5 million", (), "short"),
    ("a date is no number", "1/2/2024", (), "short"),
    ("a version is no number", "1.2.3", (), "short"),
    ("comma pair is ambiguous", "3,5", (), "short"),
    ("endless digits are no number", "9" * 500, (), "free"),
    ("word", "Paris", (), "short"),
    ("six words", "the quick brown fox jumps high", (), "short"),
    ("seven words", "the quick brown fox jumps very high", (), "free"),
    ("two lines", "Paris\nFrance", (), "free"),
    ("a paragraph without spaces", "巴" * 200, (), "free"),
    ("nothing", "", (), "short"),
]

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

NUMBERS: list[tuple[str, str, str | None]] = [
    ("plain", "12", "12"),
    ("thousands", "1,200", "1200"),
    ("indian thousands", "12,34,567", "1234567"),
    ("thin spaces", "1\u202f200", "1200"),
    ("zeros", "1200.00", "1200"),
    ("dollar", "$1,200.50", "1200.5"),
    ("negative", "-3", "-3"),
    ("true minus", "It is \u22123 degrees.", "-3"),
    ("negative dollars", "-$5", "-5"),
    ("minus zero", "-0.0", "0"),
    ("percent", "50%", "50"),
    ("fraction", "1/2", "0.5"),
    ("mixed fraction", "1 1/2 cups", "1.5"),
    ("latex fraction", r"\boxed{\frac{1}{2}}", "0.5"),
    ("vulgar fraction", "1½", None),
    ("through zero", "1/0", None),
    ("million", "about 3.5 million people", "3500000"),
    ("exponent", "1.2e3", "1200"),
    ("exponent bomb", "1e999999999", None),
    ("long exponent", "1e" + "9" * 5000, None),
    ("endless digits", "9" * 5000, None),
    ("european", "1.200,50", "1200.5"),
    ("european millions", "1.200.000", "1200000"),
    ("ambiguous comma", "3,5", None),
    ("leading zero is no thousand", "0,500", None),
    ("leading point", ".5", "0.5"),
    ("unit", "The answer is 12 apples.", "12"),
    ("attached unit", "12km", "12"),
    ("last of the reasons", "3 boxes with 4 each make 12.", "12"),
    ("sum", "3 + 4 = 7", "7"),
    ("sum behind a marker", "Answer: $3 + $4 = $7", "7"),
    ("unfinished sum", "Answer: 3 + 4", None),
    ("range", "3-5", None),
    ("marker, then reasons", "The answer is 12, since 3 x 4 is that.", "12"),
    ("marker, then another line", "Answer: 12\nStep 2 is done.", "12"),
    ("marker without a number", "I count 12. Answer: see above", "12"),
    ("marker with an equation", "Answer: x = 5", "5"),
    ("boxed", r"Thus \boxed{12}. Done in 3 steps.", "12"),
    ("bold", "It makes **12**.", "12"),
    ("bullet is no minus", "We had 3\n- 12", "12"),
    ("power", "10^2", None),
    ("superscript", "10²", None),
    ("ordinal", "He had 5 on the 3rd", "5"),
    ("part of a name", "B12 and covid-19", None),
    ("behind chinese", "答案是5。", "5"),
    ("arabic digits", "١٢", "12"),
    ("word", "seven", None),
    ("nothing", "", None),
]

TEXTS: list[tuple[str, str, Kind, str | None]] = [
    ("bare", " Paris ", "short", "Paris"),
    ("sentence", "The capital of France is Paris.", "short", "The capital of France is Paris."),
    ("marker", "Let me think. Answer: Paris.", "short", "Paris"),
    ("bold marker", "**Answer:** **Paris**\nIt lies on the Seine.", "short", "Paris"),
    ("next line", "Final answer:\n\nParis", "short", "Paris"),
    ("boxed", r"\boxed{\text{Paris}}", "short", "Paris"),
    ("keeps C++", "The answer is C++.", "short", "C++"),
    ("keeps the minus", "Answer: -5 °C", "short", "-5 °C"),
    ("punctuation is an answer", "Answer: ?", "short", "?"),
    ("empty marker", "Answer:", "short", None),
    ("nothing", " \n", "short", None),
    ("free", " A story.\nAnswer: no. ", "free", "A story.\nAnswer: no."),
    ("free, nothing", "\n", "free", None),
]

AGREEMENTS: list[tuple[str, str | None, str | None, Kind, tuple[str, ...], bool | None]] = [
    ("choice, same", "neutral", "Neutral", "choice", MOOD, True),
    ("choice, letter", "neutral", "B", "choice", MOOD, True),
    ("choice, other letter", "neutral", "A", "choice", MOOD, False),
    ("choice, unknown", "great", "great", "choice", MOOD, False),
    ("choice, text before letter", "A", "A", "choice", ("O", "A"), True),
    ("choice, C and C++", "C", "C++", "choice", ("Java", *CODE), False),
    ("choice, none", "neutral", None, "choice", MOOD, False),
    ("number, same", "1,200", "$1200.0", "number", (), True),
    ("number, fraction", "0.5", "1/2", "number", (), True),
    ("number, endless fraction", "1/3", "2/6", "number", (), True),
    ("number, exact", "0.333", "1/3", "number", (), False),
    ("number, sign", "3", "-3", "number", (), False),
    ("number, in words", "seven", "seven", "number", (), False),
    ("none", None, None, "short", (), False),
    ("short, same", "Paris", "paris.", "short", (), True),
    ("short, contained", "Paris", "The capital of France is Paris.", "short", (), True),
    ("short, whole words only", "oman", "woman", "short", (), False),
    ("short, whole words in a sentence", "oman", "She is a woman.", "short", (), False),
    ("short, denied", "Paris", "It is not Paris", "short", (), False),
    ("short, denied once", "Paris", "It isn't really Paris", "short", (), False),
    ("short, rather than", "Rome", "Milan rather than Rome", "short", (), False),
    ("short, same denial", "not Paris", "It is not Paris", "short", (), True),
    ("short, denied, then said", "Paris", "Not Paris? Yes, Paris", "short", (), True),
    ("short, accents", "São Tomé", "Sao Tome", "short", (), True),
    ("short, hyphen", "well-known", "well known", "short", (), True),
    ("short, article", "the dog", "a dog", "short", (), True),
    ("short, symbols alone", "+", "+", "short", (), True),
    ("short, other symbols", "+", "-", "short", (), False),
    ("short, question mark", "?", "?", "short", (), True),
    ("short, C++ and C", "C++", "C", "short", (), False),
    ("short, C# and C", "C#", "C", "short", (), False),
    ("short, C++ and C#", "C++", "C#", "short", (), False),
    ("short, C++ in a sentence", "C++", "It is written in C++.", "short", (), True),
    ("short, C beside C++", "C", "It is written in C++.", "short", (), False),
    ("short, initials", "U.S.", "the US", "short", (), True),
    ("short, decimals", "3.5 km", "35 km", "short", (), False),
    ("short, digits of a decimal", "5 km", "3.5 km", "short", (), False),
    ("short, thousands", "1,200 km", "1200 km", "short", (), True),
    ("short, minus", "-5 degrees", "5 degrees", "short", (), False),
    ("short, smaller and larger", "5 < 3", "5 > 3", "short", (), False),
    ("short, hepatitis", "hepatitis A", "hepatitis B", "short", (), False),
    ("short, vitamin", "vitamin A", "Vitamin A is found in carrots", "short", (), True),
    ("short, chemical symbol", "As", "as a metal, its symbol is Fe", "short", (), False),
    ("short, symbol for iodine", "I", "I think it is Fe", "short", (), False),
    ("short, symbol in a sentence", "Au", "The symbol for gold is Au.", "short", (), True),
    ("short, no", "No", "The answer would be no", "short", (), True),
    ("short, subscript", "H₂O", "H2O", "short", (), True),
    ("short, empty", "", "Paris", "short", (), False),
    ("short, chinese", "巴黎", "法国的首都是巴黎。", "short", (), True),
    ("short, other chinese", "巴黎", "伦敦", "short", (), False),
    ("short, cyrillic", "Москва", "Столица России — Москва.", "short", (), True),
    ("short, cyrillic short i", "край", "краи", "short", (), False),
    ("short, arabic", "القاهرة", "العاصمة هي القاهرة", "short", (), True),
    ("short, hindi vowels", "दिल", "दल", "short", (), False),
    ("short, hindi", "दिल्ली", "भारत की राजधानी दिल्ली है", "short", (), True),
    ("short, kana voicing", "かき", "がき", "short", (), False),
    ("short, german", "STRASSE", "Straße", "short", (), True),
    ("free, same", "A long story!", "a long story", "free", (), True),
    ("free, other", "A long story", "Another story", "free", (), None),
    ("free, none", "A long story", None, "free", (), False),
]

HOSTILE = (
    "a" * 100_000,
    "A" * 100_000,
    " " * 100_000,
    "\n" * 100_000,
    "B\n" * 50_000,
    "(" * 100_000,
    "+" * 100_000,
    "c" + "+" * 100_000,
    "*_" * 50_000,
    "9" * 100_000,
    "1/" * 50_000,
    "1/" + "2" * 100_000 + "/",
    "1,2." * 25_000,
    "3 + " * 25_000,
    "1st " * 25_000,
    "answer" * 16_000,
    "Answer: " * 12_500,
    "Answer" + " " * 100_000 + ":",
    "option A " * 11_000,
    "not positive " * 7_500,
    "positive neutral " * 6_000,
    "nucleic " * 12_500,
    "\\boxed{" * 14_000,
    "\\frac{1}{" * 11_000,
    "e\u0301" * 50_000,
    "e" + "\u0301" * 100_000,
    "\ufdfa" * 33_000,
    "巴" * 33_000,
    "\x00\ud800\u202e" * 30_000,
)

COMPARISONS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("choice", MOOD),
    ("number", ()),
    ("short", ()),
    ("free", ()),
)
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
    ("response", "options", "kind"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS]
)
def test_kind_of(response: str, options: tuple[str, ...], kind: Kind) -> None:
    assert kind_of(response, options) == kind


@pytest.mark.parametrize(
    ("reply", "options", "answer"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_extract_choice(reply: str, options: tuple[str, ...], answer: str | None) -> None:
    assert extract(reply, "choice", options) == answer


@pytest.mark.parametrize(("reply", "answer"), [row[1:] for row in NUMBERS], ids=[row[0] for row in NUMBERS])
def test_extract_number(reply: str, answer: str | None) -> None:
    assert extract(reply, "number") == answer


@pytest.mark.parametrize(
    ("reply", "kind", "answer"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS]
)
def test_extract_text(reply: str, kind: Kind, answer: str | None) -> None:
    assert extract(reply, kind) == answer


@pytest.mark.parametrize(
    ("left", "right", "kind", "options", "same"),
    [row[1:] for row in AGREEMENTS],
    ids=[row[0] for row in AGREEMENTS],
)
def test_agree(
    left: str | None, right: str | None, kind: Kind, options: tuple[str, ...], same: bool | None
) -> None:
    assert agree(left, right, kind, options) is same


def test_agree_is_symmetric() -> None:
    for name, left, right, kind, options, same in AGREEMENTS:
        assert agree(right, left, kind, options) is same, name
    words = {side for row in AGREEMENTS for side in row[1:3]}
    for left in words:
        for right in words:
            for kind, options in COMPARISONS:
                assert agree(left, right, kind, options) is agree(right, left, kind, options), (
                    left,
                    right,
                    kind,
                )


def test_answers_agree_with_themselves() -> None:
    for name, reply, options, _ in CHOICES:
        answer = extract(reply, "choice", options)
        assert answer is None or agree(answer, answer, "choice", options), name
    for name, reply, _ in NUMBERS:
        answer = extract(reply, "number")
        assert answer is None or extract(answer, "number") == answer, name


def test_choice_is_always_an_option() -> None:
    for options in (MOOD, ACID, CODE, PETS, TEN, ("+", "-"), ("A", "I"), ("",), ()):
        words = (*"AaBbIiDZ", *options, "acid base", "?", "42", "")
        for form in FORMS:
            for word in words:
                for other in words:
                    answer = extract(form.format(word, other), "choice", options)
                    assert answer is None or answer in options


@pytest.mark.parametrize("reply", HOSTILE, ids=[repr(reply[:8]) for reply in HOSTILE])
def test_long_replies_finish(reply: str) -> None:
    kind_of(reply, ())
    for kind, options in COMPARISONS:
        extract(reply, kind, options)
        agree(reply, "positive", kind, options)


def test_normalise_keeps_other_scripts() -> None:
    assert normalise("Привет, мир!") == "привет мир"
    assert normalise("हिन्दी") == "हिन्दी"
    assert normalise("한국어") == "한국어"
    assert normalise("Crème brûlée") == "creme brulee"


@pytest.mark.parametrize(
    "options", [("AA+", "AA", "AA-"), ("Mb", "MB"), ("5%", "5"), ("año", "ano"), ("f'(x)", "f(x)")]
)
@pytest.mark.parametrize("reply", ["{}", "Answer: {}", "I would say that it is {}.", "It is **{}** here."])
def test_options_that_differ_in_a_sign_are_told_apart(options: tuple[str, ...], reply: str) -> None:
    assert [extract(reply.format(option), "choice", options) for option in options] == list(options)
    assert not agree(options[0], options[1], "choice", options)


def test_a_grade_keeps_its_minus() -> None:
    assert not agree("AA-", "AA", "short")
    assert agree("The rating is AA-.", "AA-", "short")
    assert agree("Paris-", "Paris", "short")
