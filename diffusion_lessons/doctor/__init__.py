"""My samples are noise: which switch is wrong?"""

from .examine import examine
from .folder import examine_path
from .measured import Measured, measured
from .order import ORDER, WARD
from .patients import PATIENTS, Patient, made_sick, patient
from .report import Report, Row

__all__ = [
    "ORDER",
    "PATIENTS",
    "WARD",
    "Measured",
    "Patient",
    "Report",
    "Row",
    "examine",
    "examine_path",
    "made_sick",
    "measured",
    "patient",
]
