"""Whether the model hub has a model, asked once before its library asks many times."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from stores.errors import WeightsError, first_line
from stores.weights import resolve_weights

_LOG = logging.getLogger("robustft")
_SECONDS = 10


def fetchable_weights(name: str) -> str:
    """Return what `from_pretrained` should load, after the hub was asked whether it has a hub id.

    Where the hub cannot be reached, what was fetched earlier is used.

    Args:
        name: an alias, a folder, a GGUF file, or a hub id.

    Raises:
        WeightsError: nothing of that name can be loaded.
    """
    weights = resolve_weights(name)
    return weights if Path(weights).is_dir() else _ask_hub(weights)


@lru_cache
def _ask_hub(hub_id: str) -> str:
    # Imported here: a run whose models are all folders needs no hub.
    import httpx
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import get_session

    if constants.HF_HUB_OFFLINE:
        return _fetched_before(hub_id, "HF_HUB_OFFLINE is set")
    url = hf_hub_url(hub_id, "config.json")
    try:
        reply: Any = get_session().head(
            url, headers=build_hf_headers(), timeout=_SECONDS, follow_redirects=True
        )
    except (httpx.HTTPError, OSError) as exc:
        reason = f"the model hub cannot be reached ({first_line(exc)})"
        return _fetched_before(hub_id, reason)
    if reply.status_code in (401, 403, 404):
        raise WeightsError(
            f"model '{hub_id}': is no folder here, and the model hub shows no config.json of that name "
            f"({reply.status_code}); check the name, and set HF_TOKEN where it is gated or private"
        )
    if reply.status_code >= 400:
        return _fetched_before(hub_id, f"the model hub failed ({reply.status_code})")
    return hub_id


def _fetched_before(hub_id: str, reason: str) -> str:
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(hub_id, "config.json")
    if not isinstance(config, str):
        raise WeightsError(
            f"model '{hub_id}': is no folder here, and {reason}; give a local folder or a .gguf file"
        )
    _LOG.info("%s: %s; what was fetched earlier is used", hub_id, reason)
    return str(Path(config).parent)
