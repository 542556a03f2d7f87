"""One of several processes that train together: `python -m training.launched FOLDER`, started by `launch.py`.

It ends with the process that started it. The first process tells of each step. Every one leaves a report.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.job import RankReport, RunFiles

_LOOK_EVERY = 0.5


def main(folder: Path) -> None:
    """Train as the folder's job says, and leave a report there.

    Args:
        folder: has the job and the tokens.
    """
    # Before anything is imported, which takes seconds.
    end_with(os.getppid())
    from stores.atomic import write_text_atomically
    from stores.errors import first_line
    from training.job import RankReport, RunFiles

    files = RunFiles(folder)
    file = files.report_of(int(os.environ["RANK"]))
    try:
        report = _train(files)
    except Exception as exc:
        failure = f"{type(exc).__name__}: {first_line(exc)}"
        write_text_atomically(file, RankReport(at=time.monotonic(), failure=failure).model_dump_json())
        raise
    write_text_atomically(file, report.model_dump_json())


def end_with(parent: int) -> None:
    """End this process when its parent has ended, however that ended.

    The launcher puts each process in a session of its own, so that no signal to the launcher's reaches it.

    Args:
        parent: the parent's id, as it is now.
    """

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def _train(files: "RunFiles") -> "RankReport":
    import torch
    from accelerate import PartialState  # type: ignore[import-untyped]

    from stores.pretrained import load_tokenizer
    from training.attempt import Attempt, quiet, safe_products
    from training.errors import NotFiniteError, TrainingInterrupted
    from training.job import Fault, Job, RankReport, StopFile
    from training.objectives.tokens import Tokens
    from training.processes import is_first
    from training.progress import TrainingStep

    # They meet here. Each has its GPU from now on, where there are any.
    state = PartialState(cpu=not torch.cuda.is_available())
    job = Job.model_validate_json(files.job.read_bytes())
    tokens = Tokens(files.tokens, job.config)
    tokens.samples, tokens.longest = job.samples, job.longest

    def tell(step: TrainingStep) -> None:
        if is_first():
            progress.write(f"{step.model_dump_json()}\n")
            progress.flush()

    with quiet(), safe_products(), files.progress.open("a", encoding="utf-8") as progress:
        tokenizer = load_tokenizer(job.weights)
        stop = StopFile(files.stop)
        attempt = Attempt(
            job.weights, files.folder, job.config, job.setting, tokens, tokenizer, job.seed, tell, stop
        )
        try:
            outcome = attempt.train(job.retry)
            report = RankReport(at=time.monotonic(), outcome=outcome if is_first() else None)
        except NotFiniteError as exc:
            fault = Fault(
                step=exc.step, samples=exc.samples, fault=exc.fault, cause=exc.cause, rising=exc.rising
            )
            report = RankReport(at=time.monotonic(), fault=fault)
        except TrainingInterrupted:
            report = RankReport(at=time.monotonic())
    state.destroy_process_group()
    return report


if __name__ == "__main__":
    main(Path(sys.argv[1]))
