"""What may be done about each cause, tried on a copy: repairs, weights drawn anew, and shortcuts."""

from residua.exam.treatments.patient import Patient, Treatment
from residua.exam.treatments.table import TREATMENTS

__all__ = ["TREATMENTS", "Patient", "Treatment"]
