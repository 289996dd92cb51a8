"""My samples are noise: which switch is wrong?"""

from .patients import PATIENTS, Patient, patient

__all__ = ["PATIENTS", "Patient", "patient"]
