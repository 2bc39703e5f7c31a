"""Risk of each conjunction: encounter geometry once, then every metric from it.

    states at TCA, covariances, hard-body radii
            |
        dcp.py            density errors that both objects share, if a message carries them
            |
        encounter.py      relative motion, encounter plane, Mahalanobis distance, refusals
            |
        probability.py    collision probability by a named method
        maximum.py        the largest one that a doubtful covariance allows
        dilution.py       whether a better covariance would raise it
            |
        metrics.py        all of them, for a choice of methods
            |
        risk.py           every risk column of a batch, whether of a run or of messages
            |
        assessment.py     the same for rows of a screening, with their default covariance

    and beside these, from the same geometry:

        coppola.py        how long each encounter lasts
        usage.py          where the 2-D probability may fail, and which rows are worth more work
        nc2d.py           expected collisions on curved orbits, for those
        monte_carlo.py    drawn orbits, counted, for chosen conjunctions
        sensitivity.py    probability over the size of both covariances, for chosen conjunctions
        fragments.py      how many fragments a collision would make
        alert.py          whether a conjunction meets alertable criteria

Fed by `screen` (TCA and states) and `ephemeris` (frames, covariance); feeds `export`.
"""

from tracss_hpc.assess.assessment import assess_conjunctions
from tracss_hpc.assess.dilution import DILUTION_RULES
from tracss_hpc.assess.encounter import ENCOUNTER_STATUS, Encounters, find_encounters
from tracss_hpc.assess.maximum import MAX_PROBABILITY_METHODS, maximum_probability
from tracss_hpc.assess.metrics import MetricMethods, risk_metrics
from tracss_hpc.assess.probability import (
    PC_AREAS,
    PROBABILITY_METHODS,
    collision_probability,
)
from tracss_hpc.assess.risk import NC2D_ROW_STATUS, RiskSettings, risk_columns

__all__ = [
    "DILUTION_RULES",
    "ENCOUNTER_STATUS",
    "MAX_PROBABILITY_METHODS",
    "NC2D_ROW_STATUS",
    "PC_AREAS",
    "PROBABILITY_METHODS",
    "Encounters",
    "MetricMethods",
    "RiskSettings",
    "assess_conjunctions",
    "collision_probability",
    "find_encounters",
    "maximum_probability",
    "risk_columns",
    "risk_metrics",
]
