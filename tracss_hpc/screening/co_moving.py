"""Co-moving pairs: of the minima of one revolution only the deepest (`screening.merge = "orbit"`).

Fed by columns of conjunctions; feeds runs.merging. Objects that fly together come closest up to
twice and more a revolution, at a few metres a second, and never part: one encounter, told many
times. A fast pair meets at most twice a revolution, where the orbits cross, and parts in between:
both are encounters, and stay.

The rule. A minimum belongs to a co-moving pair when the relative speed at TCA is below
`CO_MOVING_M_S`. Time since run start is counted in revolutions of the pair, that is periods of the
larger of both mean motions; of the minima of a pair below that speed and in one revolution the one
with the smallest miss distance stays, the earliest of several.

The answer depends on the set of minima alone. The number of its revolution, and whether it takes
part, depend on a minimum and its element sets only; the order in a revolution is total, since no
pair has two minima at one TCA. So neither the order of the rows, nor the slices that found them,
nor ranks, steps or filters show, and nothing happens at the end of a slice. A minimum that goes
leaves a deeper one (or an earlier one as deep) less than a revolution away, and no revolution that
had a minimum is left without one. A longer run changes at most the last revolution of a pair.

What was tried: "no deeper minimum within half a revolution" leaves it to a hair whether minima half
a revolution apart stay, the commonest case; within 0.75 of one, the minima of a pair that drifts
together get deeper one by one, and each hides the one before (of 14 of a planted pair in 11 h two
stay). "Deepest first, neighbours go" leaves one a revolution, but the deepest of a run decides on
all others, so that an hour more may exchange every row. Windows opened by a pair's first minimum
need a length below a revolution (0.75 of one: 390 rows of a complete run go) and give what this
rule gives (391).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import DAY_S

__all__ = ["CO_MOVING_M_S", "find_surplus"]

#: Bound on the relative speed at TCA [m/s]; through a radian of a low orbit it carries 9 km. In a
#: complete run of 28,488 objects of 2025-09-01 (379,530 rows, 1,643 below it) minima below it
#: follow each other after any part of a revolution. From 10 to 100 m/s 93 % do so after 0.49 to
#: 0.51 or 0.99 to 1.01 of one: crossings of tilted planes, two encounters a revolution.
CO_MOVING_M_S = 10.0


def find_surplus(
    object1: NDArray[np.int64],
    object2: NDArray[np.int64],
    tca: NDArray[np.float64],
    miss_distance: NDArray[np.float64],
    relative_speed: NDArray[np.float64],
    mean_motion: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which conjunctions of co-moving pairs are not the deepest of their revolution.

    Parameters
    ----------
    object1, object2 : ndarray of int, shape (m,)
        Rows of `mean_motion`; a pair is the same in either order.
    tca : ndarray, shape (m,)
        Time of closest approach [s since run start].
    miss_distance, relative_speed : ndarray, shape (m,)
        At TCA [m, m/s].
    mean_motion : ndarray, shape (n,)
        Of the element sets, as printed [rev/day].

    Returns
    -------
    ndarray of bool, shape (m,)
        True for a conjunction that is merged into a deeper one; in any order of the rows.
    """
    slow = np.flatnonzero(relative_speed < CO_MOVING_M_S)
    first = np.minimum(object1[slow], object2[slow])
    second = np.maximum(object1[slow], object2[slow])
    rate = np.maximum(mean_motion[first], mean_motion[second]) / DAY_S
    revolution = np.floor(tca[slow] * rate)
    order = np.lexsort((tca[slow], miss_distance[slow], revolution, second, first))
    key = np.stack([first, second, revolution.astype(np.int64)])[:, order]
    surplus = np.zeros(len(tca), dtype=np.bool_)
    surplus[slow[order[1:]]] = (key[:, 1:] == key[:, :-1]).all(axis=0)
    return surplus
