"""My samples are noise: which switch is wrong?"""

from .examine import examine
from .patients import PATIENTS, Patient, patient
from .report import Report, Row

__all__ = ["PATIENTS", "Patient", "Report", "Row", "examine", "patient"]
