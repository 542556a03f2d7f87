"""What can go wrong between an agent and its model."""

from stores.errors import InputError, RobustFTError


class EndpointError(InputError):
    """A model that the config names cannot be used at all: found before any sample is read."""


class EndpointDownError(RobustFTError):
    """An endpoint stopped answering and did not come back in time: the run stops and can be resumed."""


class AgentError(RobustFTError):
    """An agent could not do its part for one sample; the sample is recorded as failed with this reason."""


class ModelCallError(AgentError):
    """A model refused or failed one request, and asking again would not help."""


class ModelBusyError(ModelCallError):
    """A model failed this time: asking again may help, and the graph's retry policy does.

    What is not the request's fault never comes here: the client waits out refusals for want of room and
    outages (`agents/models/endpoint.py`, `agents/models/limiter.py`).
    """
