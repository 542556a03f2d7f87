"""Checkpointers for the graphs: they are told which types the states hold.

LangGraph's serialiser otherwise warns about every type that is read back, and will refuse them one day.
"""

from collections.abc import Iterator
from copy import copy
from typing import Any, get_args

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel

from graph.state import RunInput, SampleInput, SampleState


def knowing_states(checkpointer: BaseCheckpointSaver[Any] | None) -> BaseCheckpointSaver[Any] | None:
    """Return a checkpointer on the same storage that reads the states' types back.

    One with a serialiser of another kind, such as an encrypting one, is returned as it is.
    """
    if checkpointer is None or type(checkpointer.serde) is not JsonPlusSerializer:
        return checkpointer
    known = {model for root in (SampleInput, SampleState, RunInput) for model in _models_of(root)}
    told = copy(checkpointer)
    told.serde = JsonPlusSerializer(
        pickle_fallback=checkpointer.serde.pickle_fallback,
        allowed_msgpack_modules=[(model.__module__, model.__name__) for model in known],
    )
    return told


def _models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the pydantic models in a type, and those in their fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models_of(field.annotation)
    for argument in get_args(annotation):
        yield from _models_of(argument)
