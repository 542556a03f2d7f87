"""Prompt templates: text files filled in one pass by sandboxed Jinja.

Values are data: a value that looks like a template is printed as it is, never rendered. A template is
checked when it is loaded, so that a typo in a user's own file is found before the first request.

A run keeps the text of every template it uses in a folder of its own. Those are read with `folder`, by the
names that we gave them, and checked like any other: a run directory may come from anywhere.
"""

from functools import cache, lru_cache
from pathlib import Path
from string import ascii_uppercase
from typing import NamedTuple

from jinja2 import TemplateSyntaxError, meta, nodes

from prompts.sandbox import Sandbox, budget
from stores.errors import InputError, as_written_here
from stores.sample import Sample

FOLDER = Path(__file__).parent
LETTERS = ascii_uppercase

_ENVIRONMENT = Sandbox()
# More than was ever written by hand; Jinja takes seconds for a megabyte.
_LONGEST = 1 << 18


class PromptError(InputError):
    """A prompt file is missing or is not a usable template."""


class Choice(NamedTuple):
    """One option of a multiple-choice question as templates see it.

    Of more options than there are letters none has a letter.
    """

    letter: str
    text: str


class Template:
    """A checked prompt template.

    Args:
        name: the name of a file in `prompts/` (without `.md`), or a path to the user's own file.
        variables: the names it may use.
        about: of these it must use one, or every request made from it is the same; empty: it need not.
        folder: a run's prompts; `name` is then the name of a file there (without `.md`).

    Raises:
        PromptError: no such file, a syntax error, an unknown variable, or nothing that it is about; the
            message names the file.
    """

    def __init__(
        self,
        name: str,
        variables: frozenset[str],
        *,
        about: frozenset[str] = frozenset(),
        folder: Path | None = None,
    ) -> None:
        path, source = _read(name) if folder is None else read_kept(folder, name)
        try:
            tree = _ENVIRONMENT.parse(source)
            # Jinja counts a name that is set inside a block as undeclared; the template's own are no typos.
            own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
            used = meta.find_undeclared_variables(tree)
            self._template = _ENVIRONMENT.template_of(tree)
        except TemplateSyntaxError as exc:
            raise PromptError(f"{as_written_here(path)}, line {exc.lineno}: {exc.message}") from exc
        except Exception as exc:
            # Python compiles what Jinja makes of it: a RecursionError, a SyntaxError, whatever it may be.
            raise PromptError(f"{as_written_here(path)}: cannot be compiled ({_reason(exc)})") from exc
        if unknown := used - variables - own:
            raise PromptError(
                f"{as_written_here(path)}: unknown variable '{min(unknown)}'; "
                f"this prompt may use {', '.join(sorted(variables))}"
            )
        if about and not used & about:
            subject = " or ".join(f"{{{{ {name} }}}}" for name in sorted(about))
            raise PromptError(
                f"{as_written_here(path)}: does not use {subject}; every sample would be asked the same"
            )
        self._path = path
        self.source = source

    def render(self, **values: object) -> str:
        """Fill the template.

        Raises:
            PromptError: the template fails on these values.
        """
        try:
            with budget():
                return self._template.render(values).strip()
        except Exception as exc:
            # Whatever can be raised in Python: a template calls filters and methods.
            raise PromptError(f"{self._path}: {_reason(exc)}") from exc


class QuestionTemplate:
    """A template of a role's request: the shared question block first, the role's own words after it.

    Every role's request about one sample begins with the same text, so an endpoint's prefix cache is hit
    across roles.

    Args:
        name: as for `Template`.
        variables: what the role's template may use beside `question` and `options`.
        about: of these it must use one; a request that does not show the question is about nothing, unless
            it shows what was said to it.
        question: the block that shows the question; the shipped one by default.
        folder: as for `Template`.

    Raises:
        PromptError: as for `Template`.
    """

    def __init__(
        self,
        name: str,
        variables: frozenset[str] = frozenset(),
        *,
        about: frozenset[str] = frozenset({"question"}),
        question: Template | None = None,
        folder: Path | None = None,
    ) -> None:
        self._question = question or _shipped_question_block()
        self._template = Template(name, variables | {"question", "options"}, about=about, folder=folder)

    @property
    def text(self) -> str:
        """The text of the role's own file."""
        return self._template.source

    @property
    def source(self) -> str:
        """The text of both files: part of what decides a run's results."""
        return f"{self._question.source}\n{self._template.source}"

    def render(self, sample: Sample, **values: object) -> str:
        """Fill the template for one sample; `values` are the role's own variables."""
        options = _choices(sample.options)
        question = _render_question(self._question, sample.prompt, sample.options)
        return self._template.render(question=question, options=options, **values)


def load_question_block(folder: Path | None = None) -> Template:
    """Read the block that shows a sample's question, in whatever role's request.

    Args:
        folder: a run's prompts; the shipped block without it.

    Raises:
        PromptError: it cannot be used.
    """
    return Template("question", frozenset({"prompt", "options"}), about=frozenset({"prompt"}), folder=folder)


@cache
def _shipped_question_block() -> Template:
    return load_question_block()


def _read(name: str) -> tuple[Path, str]:
    """Return a prompt's file and text, by the name that a config gives it."""
    path = FOLDER / f"{name}.md" if (FOLDER / f"{name}.md").is_file() else Path(name)
    try:
        return path, _read_text(path)
    except (OSError, UnicodeDecodeError) as exc:
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.md")))
        raise PromptError(
            f"prompt '{as_written_here(name)}': neither one of {known} nor a readable text file"
        ) from exc


def read_kept(folder: Path, name: str) -> tuple[Path, str]:
    """Return a prompt's file and text, as a run has kept it.

    Raises:
        PromptError: there is no such plain file, or it is no text.
    """
    path = folder / f"{name}.md"
    # What a run writes is a file. A link could lead to any file of whoever opens the run.
    if folder.is_symlink() or path.is_symlink() or not path.is_file():
        raise PromptError(f"{as_written_here(path)}: the run's own prompt is missing, or is no plain file")
    try:
        return path, _read_text(path)
    except (OSError, UnicodeDecodeError) as exc:
        raise PromptError(f"{as_written_here(path)}: the run's own prompt is no readable text file") from exc


def _read_text(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        text = file.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise PromptError(f"{as_written_here(path)}: is longer than {_LONGEST:,} characters")
    return text


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _choices(options: tuple[str, ...]) -> list[Choice]:
    letters = LETTERS if len(options) <= len(LETTERS) else [""] * len(options)
    return [Choice(*pair) for pair in zip(letters, options, strict=False)]


# Every role's request about a sample begins with it, a few of them at a time.
@lru_cache(maxsize=1024)
def _render_question(template: Template, prompt: str, options: tuple[str, ...]) -> str:
    return template.render(prompt=prompt, options=_choices(options))
