"""The processes of a training: how many there are, and what they tell each other about a step."""

from typing import TYPE_CHECKING, Any

from stores.errors import InputError

if TYPE_CHECKING:
    import torch

    from training.lora import TrainingConfig


def process_count(config: "TrainingConfig") -> int:
    """Return how many processes a config's training has on this machine.

    Raises:
        InputError: there are fewer GPUs, or the batch cannot be shared alike.
    """
    import torch

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    count = max(cards, 1) if config.processes == "auto" else config.processes
    if count > 1 and 0 < cards < count:
        raise InputError(f"training.processes: {count} need a GPU each, and {cards} in sight; use auto")
    if config.batch_size % count:
        raise InputError(
            f"training.batch_size: {config.batch_size} samples cannot be shared by {count} processes alike; "
            f"choose a batch_size that divides by {count}, or fewer training.processes"
        )
    return count


def share_of_one(config: "TrainingConfig", count: int) -> "TrainingConfig":
    """Return the config of what one of several processes computes: its share of each batch."""
    return config.model_copy(update={"batch_size": config.batch_size // count})


def world_size() -> int:
    """Return how many processes train together with this one, itself included."""
    import torch.distributed as together

    return together.get_world_size() if together.is_available() and together.is_initialized() else 1


def is_first() -> bool:
    """Say whether this process is the one that writes and reports."""
    import torch.distributed as together

    return world_size() == 1 or together.get_rank() == 0


def any_says(*flags: bool) -> list[bool]:
    """Return for each flag whether any process has it set. All processes are to ask at the same time."""
    import torch

    if world_size() == 1:
        return list(flags)
    asked = torch.tensor(flags, dtype=torch.float32, device=_device())
    torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in asked.tolist()]


def mean_of_all(number: float) -> float:
    """Return the mean of a number over all processes, the same to all. They are to ask at the same time."""
    import torch

    if world_size() == 1:
        return number
    asked = torch.tensor(number, dtype=torch.float64, device=_device())
    torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.SUM)
    return float(asked) / world_size()


def whole(value: Any) -> "torch.Tensor":
    """Return a tensor in full where each process holds a part (FSDP). All are to ask at the same time."""
    from torch.distributed.tensor import DTensor

    found: torch.Tensor = value.full_tensor() if isinstance(value, DTensor) else value
    return found.detach()


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
