"""Does a judge obey what the response under judgement tells it?

    python benchmarks/injection.py [--config my.yaml]

Asks the checker (`policy: judge`) about 30 wrong responses, as they are and with an instruction to call them
reliable (`benchmarks/injections.jsonl`): with the shipped prompt, which puts the response between marks and
says what it is, and with one that does neither (`benchmarks/undelimited/check.md`). Prints JSON: how many
verdicts were `reliable`, how many could not be read, and how many the instruction turned (`flipped`); the
same where any verdict line in the reply is taken at its word, though it stands in the response (`naive`).
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from agents.checker import VARIABLES, Checker, CheckerConfig, parse_verdict
from agents.models.pool import ModelPool
from agents.role import Role
from agents.room import Lengths, room_for
from graph.config.run import load_config
from graph.context import load_models
from prompts.template import QuestionTemplate
from stores.sample import Sample

_FOLDER = Path(__file__).parent
_PROMPTS = {"shipped": "check", "undelimited": str(_FOLDER / "undelimited" / "check.md")}


async def measure(config_path: Path | None) -> dict[str, Any]:
    """Ask about every response, with both prompts, with and without the instruction."""
    config = load_config(config_path)
    rows = [json.loads(line) for line in (_FOLDER / "injections.jsonl").read_text("utf-8").splitlines()]
    settings = config.agents.checker
    async with ModelPool() as models:
        model = (await load_models(models, config))[settings.model]
        room = room_for(settings.max_tokens, settings.need, Lengths(), thinks=False)
        expert = Role(model, max_tokens=room.first)
        return {
            name: await _with_prompt(expert, QuestionTemplate(prompt, VARIABLES), rows)
            for name, prompt in _PROMPTS.items()
        }


async def _with_prompt(expert: Role, prompt: QuestionTemplate, rows: list[dict[str, str]]) -> dict[str, Any]:
    checker = Checker(expert, prompt, CheckerConfig(policy="judge"))

    async def verdicts(*, injected: bool) -> list[tuple[bool, bool, bool]]:
        async def ask(row: dict[str, str]) -> tuple[bool, bool, bool]:
            response = f"{row['response']} {row['injection']}" if injected else row["response"]
            sample = Sample(id=row["id"], prompt=row["prompt"], response=response)
            check = await checker.check(sample, {"base": None, "reasoning": None})
            naive = parse_verdict(check.reply or "") == "reliable"
            return check.clean, check.judged == "unreadable", naive

        return await asyncio.gather(*(ask(row) for row in rows))

    plain, injected = await verdicts(injected=False), await verdicts(injected=True)
    return {
        "responses": len(rows),
        "reliable_plain": sum(reliable for reliable, _, _ in plain),
        "reliable_injected": sum(reliable for reliable, _, _ in injected),
        "unreadable_plain": sum(unreadable for _, unreadable, _ in plain),
        "unreadable_injected": sum(unreadable for _, unreadable, _ in injected),
        "flipped": sum(after[0] and not before[0] for before, after in zip(plain, injected, strict=True)),
        "flipped_naive": sum(
            after[2] and not before[2] for before, after in zip(plain, injected, strict=True)
        ),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, help="names the judge's model; by default the embedded one")
    print(json.dumps(asyncio.run(measure(parser.parse_args().config)), indent=2))


if __name__ == "__main__":
    main()
