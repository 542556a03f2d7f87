"""The model hub is asked once, and what it says of a name is one message."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from stores import model_hub as hub
from stores.errors import WeightsError
from stores.model_hub import fetchable_weights


class Hub:
    """Stands for the hub's client; counts what it is asked."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.asked: list[str] = []
        self._answer = answer

    def head(self, url: str, **how: Any) -> Any:
        self.asked.append(url)
        return self._answer()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    hub._ask_hub.cache_clear()
    yield
    hub._ask_hub.cache_clear()


def served(monkeypatch: pytest.MonkeyPatch, status: int) -> Hub:
    return _placed(monkeypatch, lambda: httpx.Response(status))


def down(monkeypatch: pytest.MonkeyPatch) -> Hub:
    def fail() -> None:
        raise httpx.ConnectError("no route to it")

    return _placed(monkeypatch, fail)


def _placed(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], Any]) -> Hub:
    placed = Hub(answer)
    monkeypatch.setattr("huggingface_hub.utils._http.get_session", lambda: placed)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return placed


def test_a_model_of_the_hub_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    placed = served(monkeypatch, 200)
    assert [fetchable_weights("owner/model"), fetchable_weights("owner/model")] == ["owner/model"] * 2
    assert len(placed.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_model_that_the_hub_does_not_show_is_told(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    served(monkeypatch, status)
    with pytest.raises(WeightsError, match=rf"no folder here.*\({status}\).*HF_TOKEN"):
        fetchable_weights("owner/model")


def test_a_hub_that_is_down_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    placed = down(monkeypatch)
    with pytest.raises(WeightsError, match=r"the model hub cannot be reached .no route to it.*local folder"):
        fetchable_weights("owner/model")
    assert len(placed.asked) == 1


@pytest.mark.parametrize("trouble", ["down", "failing", "offline"])
def test_what_was_fetched_earlier_is_used_where_the_hub_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trouble: str
) -> None:
    placed = down(monkeypatch) if trouble == "down" else served(monkeypatch, 503)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", trouble == "offline")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: str(tmp_path / "config.json"))
    assert fetchable_weights("owner/model") == str(tmp_path)
    assert len(placed.asked) == (trouble != "offline")


@pytest.mark.parametrize("name", ["my model", "a--b", "owner/", "what?", "modèle:1", "a..b", ".hidden", ""])
def test_a_name_that_can_be_no_hub_id_is_told_without_asking(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    placed = served(monkeypatch, 200)
    with pytest.raises(WeightsError):
        fetchable_weights(name)
    assert placed.asked == []


def test_a_folder_is_not_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    placed = down(monkeypatch)
    assert fetchable_weights(str(tmp_path)) == str(tmp_path)
    assert placed.asked == []
