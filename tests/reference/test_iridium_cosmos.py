"""The collision of Iridium 33 and Cosmos 2251 on 2009-02-10, from the last elements before it.

Values: SGP4 on these sets, TCA 2009-02-10 16:55:59.796, 698.0 m (R/T/N 31.8/436.8/543.5 m),
11.6472 km/s, altitude 769 km; reproduced by several published analyses.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.reference.problems import make_problem, usable_catalog
from tracss_hpc.constants import RE_KM
from tracss_hpc.epochs import parse_epoch
from tracss_hpc.screening.criteria import to_rtn
from tracss_hpc.screening.time_slice import screen_slice


def test_time_miss_and_speed(shared_data: Path) -> None:
    start = parse_epoch("2009-02-10T12:00:00")
    catalog = usable_catalog([shared_data / "socrates/iridium33_cosmos2251_2009.tle"], start)
    problem = make_problem(catalog, start, 86400.0)
    c = screen_slice(problem, 0.0, 6 * 3600.0).conjunctions
    tca = c.tca_us / 1e6
    k = int(np.argmin(np.abs(tca - parse_epoch("2009-02-10T16:55:59.796").minus(start))))
    assert start.plus(float(tca[k])).iso(3) == "2009-02-10T16:55:59.796"
    d = c.state2[k] - c.state1[k]
    assert np.linalg.norm(d[:3]) == pytest.approx(0.6980, abs=0.5e-4)
    assert np.linalg.norm(d[3:]) == pytest.approx(11.6472, abs=0.5e-4)
    iridium = catalog.designator[c.object1[k]] == 24946
    own = (c.state1 if iridium else c.state2)[k : k + 1]
    rtn = to_rtn(own, (d if iridium else -d)[None, :3])[0]
    np.testing.assert_allclose(np.abs(rtn) * 1e3, [31.8, 436.8, 543.5], atol=0.06)
    # The listed altitude counts from the equatorial radius; above the ellipsoid it is 788.6 km.
    assert np.linalg.norm(own[0, :3]) - RE_KM == pytest.approx(769.0, abs=0.5)
