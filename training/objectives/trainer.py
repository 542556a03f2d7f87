"""TRL's trainer with the loss that suits the device, weights of samples, and a watch over each step."""

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any

import torch
from torch.utils.data import RandomSampler

from training.objectives.tokens import IGNORED
from training.setting import Setting
from training.watch import FILLER, Pass


def make_trainer(
    model: Any, settings: Any, dataset: Any, tokenizer: Any, setting: Setting, watch: Any
) -> Any:
    """Return a `trl.SFTTrainer` whose batches carry the ids of their samples.

    Args:
        model: a PEFT model.
        settings: a `trl.SFTConfig`.
        dataset: the tokens. Where it has weights, a sample counts as much as its own.
        tokenizer: the model's.
        setting: how the loss is computed.
        watch: what `training.watch.make_watch` returned; it sees every pass.
    """
    if settings.world_size > 1:
        dataset = _with_filler(dataset)
    trainer = _trainer_class()(model, args=settings, train_dataset=dataset, processing_class=tokenizer)
    trainer.own_loss = setting.own_loss
    trainer.watch = watch
    trainer.add_callback(watch)
    trainer.data_collator = _with_samples(trainer.data_collator, weighted="weight" in dataset.column_names)
    return trainer


def _with_filler(dataset: Any) -> Any:
    """Return the tokens with one more sample, the last, that teaches nothing.

    Accelerate fills the last batches of an epoch with its first samples, so that all processes have as many.
    Those would count twice.
    """
    from datasets import Dataset, concatenate_datasets  # type: ignore[import-untyped]

    few = dataset[0]["input_ids"][:2]
    row = {"input_ids": few, "labels": [IGNORED] * len(few), "length": len(few), "weight": 0.0, "id": FILLER}
    columns = {name: [row[name]] for name in dataset.column_names}
    return concatenate_datasets([dataset, Dataset.from_dict(columns, features=dataset.features)])


class _EpochOrder(torch.utils.data.Sampler[int]):
    """An order of samples that is drawn from the seed and the epoch alone.

    transformers draws it from torch's common random state. A training that went on within a later epoch had
    another order there: it saw some samples twice and others not at all.

    Args:
        order: a sampler of torch or transformers with a `generator`.
        seed: of the training.
        epoch: tells the epoch. What accelerate tells its samplers does not reach this one where a training of
            several processes goes on within an epoch.
        shared: the samples of one pass of all processes: the order is filled up to a multiple of it.
    """

    def __init__(self, order: Any, seed: int, epoch: Callable[[], int], shared: int = 1) -> None:
        self._order = order
        self._seed = seed
        self._fillers = -len(order) % shared
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._order) + self._fillers

    def __iter__(self) -> Iterator[int]:
        self._order.generator = torch.Generator().manual_seed((self._seed << 24) + self._epoch())
        # The sample after the last is the one that teaches nothing.
        return chain(self._order, repeat(len(self._order), self._fillers))


def _trainer_class() -> Any:
    from transformers.trainer_pt_utils import LengthGroupedSampler
    from trl.trainer.sft_trainer import SFTTrainer

    class ResponseTrainer(SFTTrainer):
        """`SFTTrainer` with torch's cross entropy where TRL's fused head is slower, and with weights.

        TRL leaves out the positions without a label on a GPU alone. Elsewhere it projects them all on the
        vocabulary, which made training 1.6 times as slow. A batch's loss is divided by its tokens whatever
        its samples' weights, so that doubtful samples teach less.
        """

        own_loss: bool
        watch: Any

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            # Where nothing is padded, accelerate seeds the order of each epoch.
            sampler: Any = super()._get_train_sampler(train_dataset)
            grouped = isinstance(sampler, LengthGroupedSampler)
            processes = self.args.world_size
            if processes == 1:
                return _EpochOrder(sampler, self.args.seed, self._epoch) if grouped else sampler
            # As one process would have it: batches of all processes together, without the filler.
            dataset: Any = self.train_dataset
            real = range(len(dataset) - 1)
            order: Any = RandomSampler(real)
            if grouped:
                batch = sampler.batch_size * processes
                order = LengthGroupedSampler(batch, lengths=dataset["length"][: len(real)])
            shared = self.args.train_batch_size * processes
            return _EpochOrder(order, self.args.seed, self._epoch, shared)

        def _epoch(self) -> int:
            return int(self.state.epoch or 0)

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            ids, mask = inputs.pop("id"), inputs.get("attention_mask")
            loss = super().training_step(model, inputs, num_items_in_batch)  # type: ignore[no-untyped-call]
            self.watch.saw(Pass(tuple(ids), loss, mask))
            return loss

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            weights = inputs.pop("weight", None)
            own = self.own_loss and not self.aux_loss_enabled
            if weights is None and not own:
                return super().compute_loss(  # type: ignore[no-untyped-call]
                    model, inputs, return_outputs, num_items_in_batch
                )
            labels = inputs["labels"][:, 1:]
            total = _own_losses(model, inputs, weights) if own else self._fused_losses(model, inputs, weights)
            loss = total / ((labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)
            if num_items_in_batch is not None:
                # The tokens are those of all processes, and the gradient is the mean of theirs.
                loss = loss * self.accelerator.num_processes
            if not own and self.aux_loss_enabled:
                parts = self.current_gradient_accumulation_steps if num_items_in_batch is not None else 1
                loss = loss + self.router_aux_loss_coef * self._aux_loss / parts
            return loss

        def _fused_losses(self, model: Any, inputs: Any, weights: Any) -> Any:
            """Return the weighted sum of the tokens' losses by the fused head, as TRL has it."""
            routed = {"output_router_logits": True} if self.aux_loss_enabled else {}
            outputs = model(**inputs, **routed, use_cache=False, fused_lm_head=True)
            self._aux_loss = outputs.aux_loss
            return -(outputs.log_probs * weights[:, 1:]).sum()

    return ResponseTrainer


def _own_losses(model: Any, inputs: dict[str, Any], weights: Any) -> Any:
    """Return the sum of the tokens' losses by torch's cross entropy, weighted where there are weights."""
    labels = inputs["labels"][:, 1:]
    positions = (labels != IGNORED).any(dim=0).nonzero().squeeze(1)
    if not len(positions):
        # One that does not count, so that a pass of fillers alone has a gradient, of zeros.
        positions = positions.new_zeros(1)
    others = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**others, use_cache=False, logits_to_keep=positions).logits
    losses = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1),
        labels[:, positions].flatten(),
        ignore_index=IGNORED,
        reduction="none",
    ).view(len(labels), -1)
    return losses.sum() if weights is None else (losses * weights[:, 1:][:, positions]).sum()


def _with_samples(
    collate: Callable[[list[dict[str, Any]]], dict[str, Any]], *, weighted: bool
) -> Callable[..., dict[str, Any]]:
    """Return a collator whose batches also hold the samples' ids, and the weight of each token."""

    def collate_with_samples(examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = collate(examples)
        batch["id"] = [example["id"] for example in examples]
        if weighted:
            weights = torch.tensor([example["weight"] for example in examples])
            if "attention_mask" in batch:
                # A copy, since what shares its memory cannot be pinned for a GPU.
                batch["weight"] = weights[:, None].expand(batch["labels"].shape).contiguous()
            else:
                # Without padding, the samples of a batch are one long row.
                lengths = torch.tensor([len(example["input_ids"]) for example in examples])
                batch["weight"] = weights.repeat_interleave(lengths)[None]
        return batch

    return collate_with_samples
