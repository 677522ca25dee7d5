"""Whatever pictures are called, a mask finds its own and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residua.data.masks.pairing import paired, pattern_of

WORDS = st.sampled_from(
    ["a", "b", "cell", "image", "img", "im", "1", "02", "7", "left", "x", "rgb", "Ä", "{n}"]
)
STEMS = st.builds(
    lambda parts, joint: joint.join(parts), st.lists(WORDS, min_size=1, max_size=3), st.sampled_from("_-. ")
)


@pytest.mark.parametrize("ending", ["", "_mask", "_L", "-label", "_gtFine_labelIds", ".ome"])
@given(stems=st.sets(STEMS, min_size=1, max_size=8))
def test_masks_find_their_pictures(ending: str, stems: set[str]) -> None:
    images = [(f"images/{stem}.jpg", f"{stem}.jpg") for stem in sorted(stems)]
    masks = [(f"masks/{stem}{ending}.png", f"{stem}{ending}.png") for stem in sorted(stems)]
    found = paired(images, masks)
    assert found.unpaired == []
    assert {pair.image: pair.masks for pair in found.pairs} == {
        f"images/{stem}.jpg": (f"masks/{stem}{ending}.png",) for stem in stems
    }


@given(
    stem=STEMS, before=st.sampled_from(["", "mask_", "{"]), after=st.sampled_from(["", "_mask", "}", "-seg"])
)
def test_a_pattern_gives_the_name_back(stem: str, before: str, after: str) -> None:
    mask = f"{before}{stem}{after}.png"
    if not (before and after):
        assert pattern_of(f"{stem}.jpg", mask).format(name=stem) == mask
