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


class TurnsRefusedError(ModelCallError):
    """A chat template cannot render a sample's turns."""


class ModelBusyError(ModelCallError):
    """A model failed this time. Asking again may help, and the graph's retry policy does so.

    An endpoint that is full or down does not raise this: the client waits until it has room or is back
    (`agents/models/endpoint.py`, `agents/models/limiter.py`).
    """
