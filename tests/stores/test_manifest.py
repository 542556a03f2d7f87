"""What a run knows of itself is read as it was written, or not at all."""

import json
import random
from pathlib import Path

import pytest

from stores.manifest import (
    Digesting,
    Manifest,
    digest_of_file,
    digest_of_texts,
    load_manifest,
    read_manifest,
    save_manifest,
)
from stores.sample import Sample

MANIFEST = Manifest(config="run: {}\n", prompts={"base": "{{ question }} \u2028 \u00e9"})
SAMPLES = [Sample(id=name, prompt=f"{name}?", response="yes") for name in "abc"]


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    save_manifest(tmp_path / "manifest.json", MANIFEST)
    assert load_manifest(tmp_path / "manifest.json") == MANIFEST
    assert MANIFEST.run != Manifest(config="", prompts={}).run


def test_no_flipped_bit_and_no_cut_is_missed() -> None:
    text = MANIFEST.to_text().encode()
    dice = random.Random(0)  # noqa: S311
    for _ in range(2000):
        place = dice.randrange(8 * (len(text) - 1))
        flipped = bytearray(text)
        flipped[place // 8] ^= 1 << place % 8
        assert read_manifest(bytes(flipped)) in (None, MANIFEST)
    assert {read_manifest(text[:length]) for length in range(len(text) - 1)} == {None}


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "[" * 100_000, '{"digest": 1}'])
def test_what_is_no_manifest_is_none(text: str) -> None:
    assert read_manifest(text) is None


def test_an_edit_by_hand_is_told_by_the_digest() -> None:
    content = json.loads(MANIFEST.to_text())
    assert read_manifest(json.dumps(content, indent=2)) == MANIFEST
    content["config"] = "run: {seed: 1}\n"
    assert read_manifest(json.dumps(content)) is None


def test_no_link_is_followed_and_a_missing_file_is_none(tmp_path: Path) -> None:
    save_manifest(tmp_path / "there.json", MANIFEST)
    (tmp_path / "link.json").symlink_to(tmp_path / "there.json")
    assert load_manifest(tmp_path / "link.json") is None
    assert load_manifest(tmp_path / "gone.json") is None
    assert digest_of_file(tmp_path / "link.json") is None
    assert digest_of_file(tmp_path) is None


def test_samples_pass_through_and_their_digest_tells_any_change() -> None:
    passed = Digesting(SAMPLES)
    assert list(passed) == SAMPLES
    assert passed.digest().samples == 3
    others = (SAMPLES[:2], SAMPLES[::-1], [*SAMPLES[:2], SAMPLES[2].model_copy(update={"response": "no"})])
    for other in others:
        again = Digesting(other)
        assert list(again) == list(other)
        assert again.digest() != passed.digest()


def test_the_digest_of_texts_does_not_depend_on_their_order() -> None:
    assert digest_of_texts({"a": "1", "b": "2"}) == digest_of_texts({"b": "2", "a": "1"})
    assert digest_of_texts({"a": "1"}) != digest_of_texts({"a": "2"})
