"""The claims as one page that opens offline."""

from collections.abc import Sequence

from residua.lab.claim import Claim
from residua.report import Section, render


def page(claims: Sequence[Claim]) -> str:
    """Return the page of some measured claims, in the order given."""
    held = sum(claim.holds for claim in claims)
    sections = [Section(claim.name, claim.name.capitalize(), claim.html(), claim.title) for claim in claims]
    return render(
        "The lab", sections, subtitle=f"{held} of {len(claims)} claims hold on what was measured here"
    )
