"""What can go wrong between an agent and its model."""

from stores.errors import InputError, RobustFTError


class EndpointError(InputError):
    """A model that the config names cannot be used at all: found before any sample is read."""


class AgentError(RobustFTError):
    """An agent could not do its part for one sample; the sample is recorded as failed with this reason."""


class ModelCallError(AgentError):
    """A model refused or failed one request, and asking again would not help."""


class ModelBusyError(ModelCallError):
    """A model did not answer this time: asking again may help.

    The one list of what may be retried is in `agents/expert.py`; the graph's retry policy is the one layer
    that retries.
    """
