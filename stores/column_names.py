"""The names that columns have in published data sets, by what the columns are.

Names are compared without case, space, underscores and hyphens: `answerKey` and `Answer key` are one name.
"""

import re

TURNS = (
    "messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns", "data", "contents",
)  # fmt: skip
PROMPTS: tuple[tuple[str, ...], ...] = (
    ("prompt",),
    ("instruction", "question"),
    ("instruction", "input"),
    ("definition", "input"),
    ("definition", "inputs"),
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
    ("statement",),
    ("message",),
    ("textinput",),
    ("inputtext",),
    ("inputspretokenized",),
    ("review",),
    ("reviewtext",),
    ("reviewbody",),
    ("tweet",),
    ("tweettext",),
    ("comment",),
    ("commenttext",),
    ("utterance",),
    ("utt",),
    ("headline",),
    ("document",),
    ("article",),
    ("dialogue",),
    ("passage",),
    ("context",),
    ("translation",),
    ("指令", "输入"),
    ("指令",),
    ("指示", "入力"),
    ("指示",),
    ("问题",),
    ("問題",),
    ("题目",),
    ("題目",),
    ("質問",),
    ("질문",),
    ("السؤال",),
    ("سؤال",),
    ("pregunta",),
    ("pergunta",),
    ("domanda",),
    ("frage",),
    ("вопрос",),
)
PASSAGES = (
    "context", "contexts", "passage", "article", "document", "paragraph", "story", "abstract",
    "background", "support", "evidence", "dialogue", "premise", "sentence", "hint", "passages",
    "paragraphs", "body", "材料", "上下文", "文章", "背景", "문맥", "السياق", "contexto", "contesto",
    "kontext", "контекст",
)  # fmt: skip
RESPONSES = (
    "completion", "response", "output", "outputs", "chosen", "canonicalsolution", "finaldecision",
    "answerkey", "bestanswer", "correctanswer", "answer", "answers", "answersspans", "labeltext",
    "labelname", "answeridx", "answerindex", "cop", "correctoption", "correct", "label", "labels",
    "summary", "highlights", "code", "solution", "solutions", "target", "targets", "sentiment",
    "category", "intent", "class", "generatedsolution", "generation", "reply", "assistant", "bot",
    "longanswer", "referenceanswer", "finalanswer", "mc1targets", "translation",
    "outputtext", "targetspretokenized", "answernumber", "答案", "回答", "输出", "出力", "正解", "답변",
    "정답", "الجواب", "الإجابة", "respuesta", "resposta", "risposta", "réponse", "antwort", "ответ",
)  # fmt: skip
# What says which option is right; a response in full, too, may be an option's letter or text.
KEYS = (
    "answerkey", "answer", "label", "answeridx", "answerindex", "cop", "correctoption", "correct",
    "correctanswer", "correctindex", "correctidx", "goldindex", "target", "mc1targets", "answers", "gold",
    "答案", "正解", "정답", "respuesta", "resposta", "risposta", "réponse", "antwort", "ответ",
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
    "选项", "選項", "選択肢", "선택지", "opciones", "opções", "opzioni", "optionen", "варианты",
)  # fmt: skip
SERIES = ("", "option", "opt", "op", "choice", "answer", "ans", "ending", "sol", "candidate", "alternative")
SYSTEM = ("system", "systemprompt", "systemmessage", "sysprompt", "systeminstruction")
HISTORY = ("history", "chathistory")
IDS = (
    "pubid", "taskid", "queryid", "exampleid", "uniqueid", "questionid", "qid", "promptid", "problemid",
    "sampleid", "itemid", "idstring", "conversationid", "postid", "docid", "uuid", "uid", "guid",
)  # fmt: skip
"""What names a sample where there is no `id`, if no two rows have the same."""
KINDS = ("choice", "number", "maths", "date", "list", "json", "code", "short", "working", "free")
"""The kinds of answers. A column `kind` that has none of them means something else."""
VERDICTS = ("label", "labels", "iscorrect", "correctness")
"""What says of a response beside it whether it is right."""
TOOLS = ("tools", "functions", "availabletools", "toolslist")
OTHERS = {"bestanswer": "correctanswers", "answer": "answeraliases"}

# What a column's name ends in that belongs to the prompt.
OF_THE_PROMPT = {
    "context", "contexts", "passage", "passages", "article", "articles", "document", "documents",
    "paragraph", "paragraphs", "choice", "choices", "option", "options", "system", "sysprompt", "tools",
    "functions", "hint", "hints", "table", "tables", "image", "images", "audio", "video", "videos",
    "figure", "picture", "premise", "hypothesis", "input", "question", "query", "instruction",
    "instructions", "prompt", "dialogue", "dialog", "conversation", "conversations", "messages",
    "history", "story", "abstract", "background", "support", "evidence", "evidences", "snippet",
    "snippets", "schema", "distractor", "candidates", "endings", "ending", "pretext", "posttext",
    "knowledge", "constraint", "constraints", "scenario", "ctx", "chart", "diagram", "transcript",
    "email", "body", "selftext", "definition", "材料", "上下文", "文章", "背景", "选项", "選項", "選択肢",
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
    if simple_name(column) in HARMLESS:
        return False
    words = [word.lower() for word in _WORDS.findall(column)] or [""]
    plain = simple_name(column).rstrip("0123456789")
    return words[-1] in OF_THE_PROMPT or plain in OF_THE_PROMPT or _is_lettered_option(column)


def _is_lettered_option(column: str) -> bool:
    plain = simple_name(column)
    return any(plain.startswith(prefix) and len(plain) == len(prefix) + 1 for prefix in ("option", "choice"))
