"""Whether a review says again what a view has said: two answers of one model are not two opinions."""

from agents.record import SampleRecord
from graph.config.run import RunConfig


def review_repeats(record: SampleRecord, config: RunConfig) -> bool:
    """Return whether a review's answer is by a model that is a view already.

    Its author is the relabeler where the reviewer had nothing to decide. A model is the same by its name: it
    errs alike at whatever endpoint.
    """
    agents = config.agents
    asked = record.review is not None and record.review.reply is not None
    author = agents.reviewer if asked else agents.relabeler
    views = {config.models[agent.model].name for agent in agents.views().values()}
    return config.models[author.model].name in views
