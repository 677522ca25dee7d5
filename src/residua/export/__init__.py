"""Networks for other programs to run: written, proved to do the same, and loaded again in the fastest runtime."""

from residua.export.bundle import Card, Form, Precision
from residua.export.job import Exported, Wanted, export, export_model
from residua.export.pictures import HeldOut
from residua.export.verify import Verification

__all__ = [
    "Card",
    "Exported",
    "Form",
    "HeldOut",
    "Precision",
    "Verification",
    "Wanted",
    "export",
    "export_model",
]
