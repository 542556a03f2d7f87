"""The names that columns have in published data sets, by what the columns are.

Names are compared without case, space, underscores and hyphens: `answerKey` and `Answer key` are one name.
"""

import re

TURNS = ("messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns", "data")
PROMPTS: tuple[tuple[str, ...], ...] = (
    ("prompt",),
    ("instruction", "question"),
    ("instruction", "input"),
    ("instruction",),
    ("question1", "question2"),
    ("question",),
    ("questionstem",),
    ("query",),
    ("problem",),
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("text1", "text2"),
    ("goal",),
    ("ctx",),
    ("startphrase",),
    ("user",),
    ("human",),
    ("inputs",),
    ("input",),
    ("title", "selftext"),
    ("title", "content"),
    ("title", "text"),
    ("sentence",),
    ("text",),
    ("content",),
    ("review",),
    ("tweet",),
    ("utterance",),
    ("utt",),
    ("headline",),
    ("document",),
    ("article",),
    ("dialogue",),
    ("passage",),
    ("context",),
    ("translation",),
)
PASSAGES = (
    "context", "contexts", "passage", "article", "document", "paragraph", "story", "abstract",
    "background", "support", "evidence", "dialogue", "premise", "sentence", "hint", "passages",
    "paragraphs",
)  # fmt: skip
RESPONSES = (
    "completion", "response", "output", "outputs", "chosen", "canonicalsolution", "finaldecision",
    "answerkey", "bestanswer", "correctanswer", "answer", "answers", "answersspans", "labeltext",
    "labelname", "answeridx", "answerindex", "cop", "correctoption", "correct", "label", "labels",
    "summary", "highlights", "code", "solution", "solutions", "target", "targets", "sentiment",
    "category", "intent", "class", "generatedsolution", "generation", "reply", "assistant", "bot",
    "longanswer", "referenceanswer", "finalanswer", "mc1targets", "translation",
)  # fmt: skip
# What says which option is right; a response in full, too, may be an option's letter or text.
KEYS = (
    "answerkey", "answer", "label", "answeridx", "answerindex", "cop", "correctoption", "correct",
    "correctanswer", "correctindex", "correctidx", "goldindex", "target", "mc1targets", "answers", "gold",
)  # fmt: skip
CLASSES = (
    "label",
    "labels",
    "labeltext",
    "labelname",
    "sentiment",
    "category",
    "intent",
    "class",
    "finaldecision",
)
OPTIONS = (
    "options", "choices", "endings", "mc1targets", "candidates", "answerchoices", "choice",
    "alternatives", "possibleanswers", "answeroptions", "multiplechoice", "answers",
)  # fmt: skip
SERIES = ("", "option", "opt", "op", "choice", "answer", "ans", "ending", "sol", "candidate", "alternative")
SYSTEM = ("system", "systemprompt", "systemmessage", "sysprompt")
TOOLS = ("tools", "functions", "availabletools", "toolslist")
OTHERS = {"bestanswer": "correctanswers", "answer": "answeraliases"}

# What a column's name ends in that belongs to the prompt.
_OF_THE_PROMPT = {
    "context", "contexts", "passage", "passages", "article", "articles", "document", "documents",
    "paragraph", "paragraphs", "choice", "choices", "option", "options", "system", "sysprompt", "tools",
    "functions", "hint", "hints", "table", "tables", "image", "images", "audio", "video", "videos",
    "figure", "picture", "premise", "hypothesis", "input", "question", "query", "instruction",
    "instructions", "prompt", "dialogue", "dialog", "conversation", "conversations", "messages",
    "history", "story", "abstract", "background", "support", "evidence", "evidences", "snippet",
    "snippets", "schema", "distractor", "candidates", "endings", "ending", "pretext", "posttext",
    "knowledge", "constraint", "constraints", "scenario", "ctx", "chart", "diagram", "transcript",
    "email", "body", "selftext",
}  # fmt: skip
HARMLESS = {
    "originalquestion", "formattedquestion", "tests", "text", "references", "reference", "originalinput",
    "originalinstruction", "evolvedprompt",
}  # fmt: skip
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def simple_name(column: str) -> str:
    """Return a column's name as names are compared: small letters and digits alone, where it has any."""
    return "".join(sign for sign in column.casefold() if sign.isalnum()) or column


def belongs_to_prompt(column: str) -> bool:
    """Return whether a column's name says that it belongs to the question."""
    words = [word.lower() for word in _WORDS.findall(column)]
    if not words or simple_name(column) in HARMLESS:
        return False
    plain = simple_name(column).rstrip("0123456789")
    return words[-1] in _OF_THE_PROMPT or plain in _OF_THE_PROMPT or _is_lettered_option(column)


def _is_lettered_option(column: str) -> bool:
    plain = simple_name(column)
    return any(plain.startswith(prefix) and len(plain) == len(prefix) + 1 for prefix in ("option", "choice"))
