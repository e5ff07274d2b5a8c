"""Whether an SAE belongs where it reads: tried on a short text, with figures."""

from backend.core.fit.belongs import NotReadSo, require_belongs
from backend.core.fit.check import Fit, check_sae
from backend.core.fit.readings import Readings
from backend.core.fit.recovered import Recovered

__all__ = ["Fit", "NotReadSo", "Readings", "Recovered", "check_sae", "require_belongs"]
