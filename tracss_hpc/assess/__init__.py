"""Risk of each conjunction: encounter geometry once, then every metric from it.

    states at TCA, covariances, hard-body radii
            |
        dcp.py            density errors that both objects share, if a message carries them
            |
        encounter.py      relative motion, encounter plane, Mahalanobis distance, refusals
            |
        probability.py    collision probability by a named method
            |
        assessment.py     all columns of results.h5 that belong to risk

Fed by `screen` (TCA and states) and `ephemeris` (frames, covariance); feeds `export`.
"""

from tracss_hpc.assess.assessment import assess_conjunctions
from tracss_hpc.assess.encounter import ENCOUNTER_STATUS, Encounters, find_encounters
from tracss_hpc.assess.probability import PROBABILITY_METHODS, collision_probability

__all__ = [
    "ENCOUNTER_STATUS",
    "PROBABILITY_METHODS",
    "Encounters",
    "assess_conjunctions",
    "collision_probability",
    "find_encounters",
]
