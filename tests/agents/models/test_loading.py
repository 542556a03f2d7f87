"""A model that answers inside this process: what cannot be loaded is told in one line."""

from pathlib import Path

import pytest

from agents.models.config import EmbeddedModelConfig
from agents.models.loading import load_embedded
from stores.errors import WeightsError


def test_a_folder_that_is_not_there_is_named_in_one_line() -> None:
    with pytest.raises(WeightsError, match=r"^model '/no/such/folder': no such folder.*") as error:
        load_embedded(EmbeddedModelConfig(name="/no/such/folder"))
    assert "\n" not in str(error.value)


def test_a_folder_that_holds_no_model_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=str(tmp_path)) as error:
        load_embedded(EmbeddedModelConfig(name=str(tmp_path)))
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_how_many_are_asked_at_once_follows_from_the_device_or_the_config() -> None:
    assert load_embedded(EmbeddedModelConfig(), generates=False).batch_size == 64
    # There the memory is the limit.
    assert load_embedded(EmbeddedModelConfig(), generates=True).batch_size > 4096
    assert load_embedded(EmbeddedModelConfig(batch_size=5), generates=True).batch_size == 5
