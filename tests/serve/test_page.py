"""The page in a real browser: chosen, dropped and pasted pictures, by mouse and by keyboard, wide and narrow."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Tab, opened
from tests.serve.client import Client, png

ANSWERED = "document.querySelectorAll('#answers li').length === 3"


@pytest.fixture
def tab(browser: str, tmp_path: Path) -> Iterator[Tab]:
    with opened(browser, tmp_path / "profile") as found:
        yield found


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    path.write_bytes(png())
    return path


def handed_over(content: bytes, event: str) -> str:
    """Return a script that drops or pastes a picture."""
    kind, field = {"drop": ("DragEvent", "dataTransfer"), "paste": ("ClipboardEvent", "clipboardData")}[event]
    return (
        f"(() => {{ const given = new DataTransfer(); given.items.add(new File([new Uint8Array({list(content)})], "
        f"'red.png', {{type: 'image/png'}})); document.dispatchEvent(new {kind}('{event}', "
        f"{{{field}: given, bubbles: true, cancelable: true}})); }})()"
    )


@pytest.mark.parametrize(("width", "phone"), [(1200, False), (360, True)])
def test_a_chosen_picture_is_answered_with_bars(
    tab: Tab, client: Client, picture: Path, width: int, phone: bool
) -> None:
    tab.open(client.address, width=width, height=800, phone=phone)
    tab.choose("#file", picture)
    tab.until(ANSWERED)
    shares = tab.run("[...document.querySelectorAll('#answers progress')].map((bar) => bar.value)")
    expected = client.send(png()).json["results"][0]["classes"]
    assert shares == pytest.approx([one["probability"] for one in expected], abs=1e-4)
    assert tab.run("document.documentElement.scrollWidth") == width
    assert tab.run("document.getElementById('status').textContent").startswith("Answered: ")
    assert tab.complaints == []


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_may_be_dropped_and_pasted(tab: Tab, client: Client, event: str) -> None:
    tab.open(client.address)
    tab.run(handed_over(png(), event))
    tab.until(ANSWERED)
    tab.until("document.getElementById('picture').naturalWidth === 24")


def test_by_keyboard_a_class_shows_where_it_is_seen(tab: Tab, client: Client, picture: Path) -> None:
    tab.open(client.address)
    tab.until("document.getElementById('about').textContent.includes('3 classes')")
    tab.press("Tab", 9)
    assert tab.run("document.activeElement.id") == "file"
    tab.choose("#file", picture)
    tab.until(ANSWERED)
    tab.press("Tab", 9)
    assert tab.run("document.activeElement.tagName") == "BUTTON"
    tab.press("Enter", 13)
    tab.until("!document.getElementById('mix').hidden")
    assert tab.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    painted = (
        "document.getElementById('over').getContext('2d').getImageData(0, 0, 24, 24).data"
        ".some((value, place) => place % 4 === 3 && value > 0)"
    )
    assert tab.run(painted)
    tab.press("Enter", 13)
    tab.until("document.getElementById('mix').hidden")
    assert not tab.run(painted)


def test_a_mask_lies_over_the_picture_as_strongly_as_the_slider_says(
    tab: Tab, mask_client: Client, picture: Path
) -> None:
    tab.open(mask_client.address)
    tab.choose("#file", picture)
    tab.until("!document.getElementById('mix').hidden")
    strength = "document.getElementById('over').getContext('2d').getImageData(5, 5, 1, 1).data[3]"
    for given, expected in ((60, 153), (20, 51), (0, 0)):
        tab.run(
            f"document.getElementById('opacity').value = {given};"
            "document.getElementById('opacity').dispatchEvent(new Event('input'))"
        )
        assert tab.run(strength) == pytest.approx(expected, abs=1)


def test_what_is_no_picture_is_refused_in_words(tab: Tab, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    tab.open(client.address)
    tab.choose("#file", path)
    tab.until("document.getElementById('status').classList.contains('error')")
    assert "text, not a picture" in tab.run("document.getElementById('status').textContent")
    assert tab.run("document.getElementById('found').hidden")


def test_the_page_asks_no_other_host(tab: Tab, client: Client, picture: Path) -> None:
    tab.open(client.address)
    tab.choose("#file", picture)
    tab.until(ANSWERED)
    tab.run("document.querySelector('#answers button').click()")
    tab.until("!document.getElementById('mix').hidden")
    ours = (client.address, "data:", f"blob:{client.address}")
    assert [address for address in tab.asked if not address.startswith(ours)] == []
    assert tab.complaints == []
