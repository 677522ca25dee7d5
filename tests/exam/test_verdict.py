"""What causes leave of a probability."""

from residua.exam import Cause
from residua.exam.verdict import LEADS_NOWHERE, LOST, left


def cause(name: str, *, harm: float, symptom: bool) -> Cause:
    return Cause(name=name, evidence="", harm=harm, symptom=symptom)


def test_symptoms_take_nothing_but_steps_that_lead_nowhere_do() -> None:
    vanishes = cause("gradient vanishes", harm=0.9, symptom=True)
    softmax = cause("softmax before its loss", harm=0.1, symptom=False)
    assert left([]) == left([vanishes]) == 1
    assert left([vanishes, softmax]) == 0.9
    assert left([vanishes, cause(LEADS_NOWHERE, harm=0.5, symptom=True)]) == LOST
