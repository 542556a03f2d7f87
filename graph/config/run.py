"""The config of a run. Each part is defined beside what it configures."""

import copy
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agents.agent import AgentConfig
from agents.base import BaseConfig
from agents.checker import CheckerConfig
from agents.models.config import EmbeddedModelConfig, ModelConfig
from agents.reasoner import ReasonerConfig
from agents.relabeler import RelabelerConfig
from agents.reviewer import ReviewerConfig
from configs import shipped_configs
from graph.config import VERDICTS, Stage
from graph.config.errors import explain, shorten, suggest
from graph.config.paths import anchor, find_config
from graph.config.text import HALF_PAIR, LONGEST, TextError, is_text, load_yaml, texts_in
from stores.bad_rows import OnBadRow
from stores.columns import ColumnsConfig
from stores.dataset import ReadingRules
from stores.encoder import EncoderConfig
from stores.errors import InputError
from stores.run_directory import holds_run
from training.lora import TrainingConfig
from training.selection import SelectionConfig

DataFile = Literal["train", "test", "paraphrases", "guard", "gold", "trusted"]


class ConfigError(InputError):
    """The config, or a setting given on the command line, is wrong.

    Args:
        message: what is wrong, where, and what to do; line breaks of what was given are written as spaces.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


class DataConfig(BaseModel):
    """The data files. Paths in a config are relative to the config's folder."""

    model_config = ConfigDict(extra="forbid")

    train: str | None = None
    """The data to clean: a file, or a hub id (`owner/name`, `owner/name:split`)."""
    test: str | None = None
    """Held-out samples with right responses. Without them nothing is evaluated."""
    paraphrases: str | None = None
    """Other wordings of the prompts of `test`: a file of `id` and prompt. The evaluation asks them too."""
    guard: str | None = None
    """Samples with right responses that the training has nothing to do with. The evaluation says what was
    forgotten of them."""
    gold: str | None = None
    """The rows of `train` with their right responses. They feed metrics alone and reach no prompt."""
    trusted: str | None = None
    """Responses that you vouch for: a file of `id` or prompt, and response. They are learned from."""
    # A set of more samples than any that is published.
    limit: int | None = Field(default=None, gt=0, le=10**9)
    """The number of training samples to use, from the start of the file. By default, all."""
    columns: ColumnsConfig = ColumnsConfig()
    """Which column is what, where the columns' names do not tell. It holds for `train`, and for the other
    files as far as they have those columns."""
    on_bad_row: OnBadRow = "error"
    """What becomes of a row that cannot be used: `error` stops and counts such rows by reason; `skip` sets
    them aside in skipped.jsonl."""

    def rules(self, split: DataFile) -> ReadingRules:
        """Return how one of the files is read."""
        return ReadingRules(
            columns=self.columns,
            strict=split == "train",
            on_bad_row=self.on_bad_row,
            noisy=split == "train",
        )


class AgentsConfig(BaseModel):
    """The agents. One more is a line here, of the agent's name and its settings."""

    model_config = ConfigDict(extra="forbid")

    base: BaseConfig = BaseConfig()
    reasoner: ReasonerConfig = ReasonerConfig()
    checker: CheckerConfig = CheckerConfig()
    relabeler: RelabelerConfig = RelabelerConfig()
    reviewer: ReviewerConfig = ReviewerConfig()

    def by_name(self) -> dict[str, AgentConfig]:
        """Return the agents' settings by the agents' names."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def views(self) -> dict[str, AgentConfig]:
        """Return the settings of the agents that the checker can look at, by the names of their views."""
        return {agent.view: agent for agent in self.by_name().values() if agent.view is not None}


class ExecutionConfig(BaseModel):
    """How a run goes."""

    model_config = ConfigDict(extra="forbid")

    # Each is a connection, and one address takes 28,000 from one machine. Ten times as many tasks do no harm.
    concurrency: int = Field(default=64, gt=0, le=10_000)
    """The most requests that an endpoint is sent at once. Four times as many samples are under way."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """The seed of sampling above temperature 0, and of training. NumPy takes 32 bits."""
    max_failed: float = Field(default=0.05, ge=0, le=1)
    """The share of samples that may fail before the run stops."""
    # A month: whoever is away for longer resumes.
    patience: float = Field(default=600, ge=0, le=30 * 86_400, allow_inf_nan=False)
    """The seconds that an endpoint may be down before the run stops. The run waits until then."""


class RunConfig(BaseModel):
    """Everything a run can be told. Every key has a default but `data.train`."""

    model_config = ConfigDict(extra="forbid")

    data: DataConfig = DataConfig()
    models: dict[str, ModelConfig] = {"default": EmbeddedModelConfig()}
    agents: AgentsConfig = AgentsConfig()
    encoder: EncoderConfig = EncoderConfig()
    selection: SelectionConfig = SelectionConfig()
    training: TrainingConfig = TrainingConfig()
    run: ExecutionConfig = ExecutionConfig()

    @model_validator(mode="after")
    def _check_texts(self) -> "RunConfig":
        for key, text in texts_in(self.model_dump()):
            if not is_text(text):
                raise ValueError(f"{key}: {HALF_PAIR}; a file of such a name can be renamed")
        return self

    @model_validator(mode="after")
    def _check_model_names(self) -> "RunConfig":
        named = {f"agents.{name}.model": agent.model for name, agent in self.agents.by_name().items()}
        named["training.model"] = self.training.model
        for place, model in named.items():
            if model not in self.models:
                raise ValueError(f"{place}: no model '{model}' in models{suggest(model, list(self.models))}")
        return self

    @model_validator(mode="after")
    def _check_views(self) -> "RunConfig":
        known = list(self.agents.views())
        for view in self.agents.checker.views:
            if view not in known:
                raise ValueError(f"agents.checker.views: no agent gives '{view}'{suggest(view, known)}")
        return self

    @model_validator(mode="after")
    def _check_selection(self) -> "RunConfig":
        keep, least = self.selection.keep, self.selection.min_confidence
        soft = self.training.weighting == "soft"
        for setting, needs in (
            ("training.weighting: soft", soft),
            ("selection.min_confidence", least is not None),
        ):
            if needs and not self.calibrates:
                raise ValueError(f"{setting} needs agents.checker.policy: calibrated")
        if keep is not None and least is not None:
            raise ValueError(
                "selection.min_confidence: a limit and selection.keep, a share, contradict each other; "
                "set one"
            )
        if soft and least is not None:
            raise ValueError(
                f"selection.min_confidence: {least:g} would be ignored: training.weighting: soft keeps every "
                "relabelled sample that has a confidence; leave selection.min_confidence out"
            )
        return self

    @property
    def calibrates(self) -> bool:
        """Whether the verdicts wait until all answers are known, to be calibrated together."""
        return self.agents.checker.policy == "calibrated"

    def shows_examples(self, until: Stage) -> bool:
        """Return whether the relabeler gets examples, in a run that ends with a stage."""
        return until not in VERDICTS and self.agents.relabeler.neighbours > 0

    def models_in_use(self) -> set[str]:
        """Return the names of the models that an agent uses."""
        return {agent.model for agent in self.agents.by_name().values()}

    def to_yaml(self) -> str:
        """Return the config as a file's text. It holds no secret: keys are named, never written."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def load_config(path: Path | None, settings: Sequence[str] = (), **data: str | int | None) -> RunConfig:
    """Read a config file and apply the settings of the command line.

    Paths in the file (data, prompts, models) are relative to the file's folder; those in a run's own config,
    and those of the command line, to the working directory.

    Args:
        path: a YAML file, or the name of a config that ships; None for the defaults.
        settings: `key.path=value` each, the value in YAML.
        data: keys of `data`, replacing the file's.

    Raises:
        ConfigError: the file cannot be read, or a key or value is wrong; the message names both.
    """
    path = find_config(path) if path else None
    content = _read(path) if path else {}
    # What a run has written is resolved already.
    if path and not (path.name == "config.yaml" and holds_run(path.parent)):
        anchor(content, path.parent)
    written = copy.deepcopy(content)
    for setting in settings:
        _apply(content, setting)
    for name, value in data.items():
        if value is not None:
            section = content.setdefault("data", {})
            if isinstance(section, dict):
                section[name] = value
    try:
        return RunConfig.model_validate(content)
    except ValidationError as exc:
        place, message = explain(exc, RunConfig)
        blamed = _find_setting(place, settings, written)
        if blamed is None:
            raise ConfigError(f"{path or 'config'}: {message}") from exc
        key = blamed.partition("=")[0]
        # What may hold a password is not repeated.
        given = shorten(key if "://" in blamed or "api_key" in key else blamed)
        raise ConfigError(f"--set {given}: {message.removeprefix(f'{key}: ')}") from exc


def parse_config(content: Mapping[str, Any], origin: str = "config") -> RunConfig:
    """Check a config given as plain data.

    Raises:
        ConfigError: a key or value is wrong; the message names it after `origin`.
    """
    try:
        return RunConfig.model_validate(content)
    except ValidationError as exc:
        raise ConfigError(f"{origin}: {explain(exc, RunConfig).message}") from exc


def _read(path: Path) -> dict[str, Any]:
    try:
        content = load_yaml(_text_of(path))
    except TextError as exc:
        place = f", line {exc.line}" if exc.line is not None else ""
        raise ConfigError(f"{path}{place}: {exc.problem}") from exc
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds no keys; a config is a YAML mapping (see configs/)")
    return {key: value for key, value in content.items() if value is not None}


def _text_of(path: Path) -> str:
    """Return a config file's text, no further than a config can be long."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: is no plain file")
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST + 1)
    except FileNotFoundError as exc:
        shipped = ", ".join(shipped_configs())
        raise ConfigError(f"{path}: no such config file; those that ship: {shipped}") from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror})") from exc
    except ValueError as exc:
        # So does a name with a NUL.
        what = "is not UTF-8 text" if isinstance(exc, UnicodeDecodeError) else "is no name of a file"
        raise ConfigError(f"{path}: {what}") from exc


def _apply(content: dict[str, Any], setting: str) -> None:
    key, found, value = setting.partition("=")
    shown = f"--set {shorten(setting)}"
    if not found or not key:
        raise ConfigError(f"{shown}: write it as key.path=value, for example selection.keep=0.4")
    *parents, last = key.split(".")
    section: Any = content
    for parent in parents:
        section = section.setdefault(parent, {}) if isinstance(section, dict) else None
    if not isinstance(section, dict):
        raise ConfigError(f"{shown}: {'.'.join(parents)} holds no keys")
    try:
        section[last] = load_yaml(value)
    except TextError as exc:
        raise ConfigError(f"{shown}: the value {exc.problem}") from exc


def _find_setting(place: tuple[str, ...], settings: Sequence[str], written: Mapping[str, Any]) -> str | None:
    """Return the setting that gave a key, or that made a section which the file does not hold."""
    held = 0
    section: Any = written
    while held < len(place) and isinstance(section, dict) and place[held] in section:
        section = section[place[held]]
        held += 1
    for setting in reversed(settings):
        given = tuple(setting.partition("=")[0].split("."))
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(given, place, strict=False)))
        if shared == len(given) or shared > held:
            return setting
    return None
