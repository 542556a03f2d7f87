"""Prompt templates: text files filled in one pass by sandboxed Jinja.

Values are data: a value that looks like a template is printed as it is, never rendered. A template is
checked when it is loaded, so that a typo in a user's own file is found before the first request.

A run keeps the text of every template it uses in a folder of its own. Those are read with `folder`, by the
names that we gave them, and checked like any other: a run directory may come from anywhere.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from string import ascii_uppercase
from typing import NamedTuple

from jinja2 import TemplateSyntaxError, meta, nodes

from prompts.sandbox import Sandbox, budget
from stores.errors import InputError, as_written_here
from stores.places import check_plain
from stores.sample import Sample

FOLDER = Path(__file__).parent
LETTERS = ascii_uppercase
FORMS = ("choice", "short", "working", "long")
"""How answers are asked for: the names of the files in a prompt's folder (`agents.answers.form`)."""
ANY = ""
"""Stands for every form, where one file is for all of them."""
COMMON = frozenset({"question", "prompt", "options", "lettered", "system", "history", "task", "kind", "form"})
"""The variables that every prompt of an agent may use."""

_ENVIRONMENT = Sandbox()
# More than was ever written by hand; Jinja takes seconds for a megabyte.
_LONGEST = 1 << 18
# Options that are named in one line: how many, and how many characters together.
_CLASSES = 3
_LONGEST_LINE = 60


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
                text = self._template.render(values).strip()
                # Half a surrogate pair can be written in a template, and in no request.
                text.encode()
                return text
        except Exception as exc:
            # Whatever can be raised in Python: a template calls filters and methods.
            raise PromptError(f"{self._path}: {_reason(exc)}") from exc


class QuestionTemplate:
    """The prompts of one turn of an agent: one a form of answers, or one for all of them.

    The shared question block comes first and the role's own words after it. Every role's request about one
    sample begins with the same text, so an endpoint's prefix cache is hit across roles.

    Args:
        name: a file in `prompts/` (without `.md`), a folder there with one file a form, or a path to the
            user's own file or folder. A file is used for every form. A form that the user's folder has no
            file for is asked for with the shipped prompt.
        variables: what the role's templates may use beside `COMMON`.
        about: of these each must use one; a request that does not show the question is about nothing, unless
            it shows what was said to it.
        shipped: the name of the shipped prompt that this one takes the place of; `name` by default.
        question: the block that shows the question; the shipped one by default.
        folder: a run's prompts; `name` is then the name of a file or folder there.

    Raises:
        PromptError: as for `Template`; or a folder has a file that is for no form.
    """

    def __init__(
        self,
        name: str,
        variables: frozenset[str] = frozenset(),
        *,
        about: frozenset[str] = frozenset({"question", "prompt"}),
        shipped: str | None = None,
        question: Template | None = None,
        folder: Path | None = None,
    ) -> None:
        self._question = question or _shipped_question_block()
        shipped = shipped or name
        found = _find_files(name, shipped) if folder is None else _find_kept(folder, name)
        if ANY not in found and (lost := _forms_of(shipped) - set(found)):
            where = as_written_here(folder or name)
            raise PromptError(f"{where}: the prompt '{shipped}/{min(lost)}' is missing")
        self._templates = {
            form: Template(file, variables | COMMON, about=about, folder=kept)
            for form, (file, kept) in found.items()
        }

    @property
    def texts(self) -> dict[str, str]:
        """The text of each of the role's own files, by form; by `ANY` where one file is for every form."""
        return {form: template.source for form, template in self._templates.items()}

    @property
    def source(self) -> str:
        """The texts of all files: part of what decides a run's results."""
        return "\n".join((self._question.source, *(text for _, text in sorted(self.texts.items()))))

    def is_own(self, form: str) -> bool:
        """Say whether this form has a file of its own."""
        return form in self._templates

    def render(self, sample: Sample, form: str = ANY, kind: str | None = None, **values: object) -> str:
        """Fill the template for one sample.

        Args:
            sample: whose question is asked.
            form: how its answer is asked for.
            kind: the name of its answers' kind.
            values: the role's own variables.
        """
        template = self._templates.get(form) or self._templates[ANY]
        system = "\n\n".join(turn.content for turn in sample.history if turn.role == "system")
        return template.render(
            question=_render_question(self._question, sample.prompt, sample.options),
            prompt=sample.prompt,
            options=_choices(sample.options),
            lettered=shows_letters(sample.options),
            system=system or None,
            history=[turn for turn in sample.history if turn.role != "system"],
            task=sample.task,
            kind=kind,
            form=form or None,
            **values,
        )


def shows_letters(options: Sequence[str]) -> bool:
    """Say whether a question lists its options by letter, and its answer is asked for by letter.

    Two or three short options are classes, such as yes, no and maybe. They are named in one line and answered
    in words, which small models read better (`docs/measurements.md`). Where letters run out, there are none.
    """
    if len(options) > len(LETTERS):
        return False
    short = sum(map(len, options)) <= _LONGEST_LINE and not any("," in option for option in options)
    return bool(options) and not (short and len(options) <= _CLASSES)


def _forms_of(shipped: str) -> set[str]:
    """Return the forms that a shipped prompt is written for."""
    return {*FORMS, *(file.stem for file in (FOLDER / shipped).glob("*.md"))}


def _find_files(name: str, shipped: str) -> dict[str, tuple[str, Path | None]]:
    """Return the file of each form, by the name that a config gives the prompt."""
    mine = FOLDER / name if is_shipped(name) else Path(name).expanduser()
    if not mine.is_dir():
        return {ANY: (name, None)}
    own = {file.stem: (str(file), None) for file in mine.glob("*.md")}
    _check_forms(mine, set(own), _forms_of(shipped))
    if (FOLDER / f"{shipped}.md").is_file():
        return {ANY: (shipped, None), **own}
    return {**{form: (f"{shipped}/{form}", None) for form in _forms_of(shipped)}, **own}


def _find_kept(folder: Path, name: str) -> dict[str, tuple[str, Path | None]]:
    """Return the file of each form, as a run has kept the prompt."""
    mine = folder / name
    found: dict[str, tuple[str, Path | None]] = {}
    if not folder.is_symlink() and not mine.is_symlink():
        found = {file.stem: (file.stem, mine) for file in mine.glob("*.md")}
    return found if found and not (folder / f"{name}.md").is_file() else {ANY: (name, folder), **found}


def _check_forms(folder: Path, found: set[str], known: set[str]) -> None:
    """Check that a folder has prompts, and that each file is named after a form."""
    where, forms = as_written_here(folder), ", ".join(sorted(known))
    if not found:
        raise PromptError(f"{where}: holds no prompt; name its files after the forms of answers: {forms}")
    if unknown := found - known:
        raise PromptError(f"{where}: '{min(unknown)}.md' is for no form of answers; these are {forms}")


def is_shipped(name: str) -> bool:
    """Say whether a prompt ships under this name, as a file or as a folder with a file a form."""
    file, folder = FOLDER / f"{name}.md", FOLDER / name
    # A path of the user's own may be absolute, or lead out of the folder.
    ours = not Path(name).is_absolute() and ".." not in Path(name).parts
    return ours and (file.is_file() or any(folder.glob("*.md")))


def load_question_block(folder: Path | None = None) -> Template:
    """Read the block that shows a sample's question, in whatever role's request.

    Args:
        folder: a run's prompts; the shipped block without it.

    Raises:
        PromptError: it cannot be used.
    """
    variables = frozenset({"prompt", "options", "lettered"})
    return Template("question", variables, about=frozenset({"prompt"}), folder=folder)


@cache
def _shipped_question_block() -> Template:
    return load_question_block()


def _read(name: str) -> tuple[Path, str]:
    """Return a prompt's file and text, by the name that a config gives it."""
    path = FOLDER / f"{name}.md" if is_shipped(name) else Path(name)
    try:
        return path, _read_text(path)
    except (OSError, UnicodeDecodeError) as exc:
        shipped = {*FOLDER.glob("*.md"), *(file.parent for file in FOLDER.glob("*/*.md"))}
        known = ", ".join(sorted(path.stem for path in shipped))
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
    check_plain(path)
    with path.open(encoding="utf-8") as file:
        text = file.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise PromptError(f"{as_written_here(path)}: is longer than {_LONGEST:,} characters")
    return text


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _choices(options: tuple[str, ...]) -> list[Choice]:
    # Where letters run out, there are none.
    letters = LETTERS if len(options) <= len(LETTERS) else " " * len(options)
    return [Choice(letter.strip(), text) for letter, text in zip(letters, options, strict=False)]


# Every role's request about a sample begins with it, a few of them at a time.
@lru_cache(maxsize=1024)
def _render_question(template: Template, prompt: str, options: tuple[str, ...]) -> str:
    return template.render(prompt=prompt, options=_choices(options), lettered=shows_letters(options))
