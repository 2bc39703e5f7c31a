"""OCM reader: what a message says, each rule with its code, what is forgiven, what is tolerated."""

from __future__ import annotations

import html
import json
import math
from typing import Any

import numpy as np
import pytest

from tests.messages.ocm_samples import (
    START,
    block_times,
    circle,
    covariance_rows,
    edited,
    kvn_lines_of_sample,
    record_contents,
    sample,
    sample_over_leap_second,
)
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.utc import elapsed, parse_utc

ROW_OF_BLOCK_1 = "2025-01-01T11:57:00.000000"


def test_everything_is_in_the_record() -> None:
    record = parse_ocm(sample(), file="a.ocm")
    assert record.warnings == ()
    assert (record.version, record.message_id, record.originator) == ("3.0", "sample-1", "tests")
    assert record.creation_date == parse_utc("2025-01-01T11:00:00")
    thing = record.object
    assert (thing.designator, thing.name) == ("99901", "SAMPLE [A] & <B>")
    assert (thing.hbr_m, thing.mass_kg, thing.area_pc_m2, thing.drag_area_m2) == (
        4.5, 260.0, 12.0, 10.5,
    )  # fmt: skip
    assert np.isnan(thing.srp_area_m2)
    assert thing.maneuverable == "YES"
    assert (record.od.obs_used, record.od.tracks_used, record.od.sedr_w_kg) == (100, None, 4e-4)
    assert record.od.epoch == parse_utc("2025-01-01T00:00:00")
    assert record.model.srp == "NO"
    assert record.manoeuvres[0].rows == ("600.0 1.0 0.001",)
    assert record.extra["META"]["TAIMUTC_AT_TZERO"] == "37 [s]"
    assert record.extra["PHYS"] == {"RCS": "1.5 [m**2]"}
    assert record.extra["USER"] == {"USER_DEFINED_NOTE": "anything"}
    for k, block in enumerate(record.blocks):
        t = block_times(k)
        r, v = circle(t)
        assert np.array_equal(block.r, r)
        assert np.array_equal(block.v, v)
        assert np.array_equal(elapsed(START, block.jd, block.seconds), t)
        assert (block.id, block.basis, block.interpolation_degree) == (str(k + 1), "OPERATIONAL", 6)
        assert block.extra == {"PROPAGATOR": "circle"}
        assert block.covariance is not None
        assert np.array_equal(block.covariance, block.covariance.swapaxes(1, 2))
        assert block.covariance[3][np.tril_indices(6)].tolist() == covariance_rows(t)[3]
        assert block.covariance_frame == "RSW_INERTIAL"
    assert record.blocks[0].useable_stop == record.blocks[1].useable_start


def test_relative_times_are_the_absolute_ones() -> None:
    assert record_contents(parse_ocm(sample(relative=True))) == record_contents(parse_ocm(sample()))


def with_fraction_of_a_microsecond(fraction: float, *, relative: bool) -> str:
    """The sample, all epochs later by a fraction, EPOCH_TZERO by 0.654321 s; COV in seconds?"""

    def iso(t: float) -> str:
        epoch = START.plus(t)
        return epoch._replace(seconds=round(epoch.seconds, 6)).iso()

    lines, section, k = [], "", 0
    for line in kvn_lines_of_sample():
        if line.endswith("_START"):
            section, place, k = line, lines.count("TRAJ_STOP"), 0
        if section == "COV_START":
            place = lines.count("COV_STOP")
        if line.startswith("2025-"):
            t = float(block_times(place)[k])
            late = section == "COV_START" and relative
            epoch = repr(round(t + fraction - 0.654321, 6)) if late else iso(t + fraction)
            if section == "TRAJ_START":
                r, v = circle(np.array([t]))
                line = f"{epoch} {' '.join(map(repr, [*r[0].tolist(), *v[0].tolist()]))}"
            else:
                line = f"{epoch} {line.partition(' ')[2]}"
            k += 1
        for t in (0.0, 300.0, 600.0, 900.0):
            line = line.replace(f"TIME = {START.plus(t).iso()}", f"TIME = {iso(t + fraction)}")
        lines.append(line.replace(f"TZERO = {START.iso()}", f"TZERO = {iso(0.654321)}"))
    return "\n".join(lines)


def test_epochs_that_differ_in_the_last_bit_are_the_same() -> None:
    """A sum of EPOCH_TZERO and seconds is not always the float of the absolute text: 5 ps."""
    for tick in range(20):
        fraction = (123_457 + 39_119 * tick) % 10**6 / 1e6
        absolute = parse_ocm(with_fraction_of_a_microsecond(fraction, relative=False))
        mixed = parse_ocm(with_fraction_of_a_microsecond(fraction, relative=True))
        assert record_contents(mixed) == record_contents(absolute)
        assert mixed.warnings == ()


@pytest.mark.parametrize("key", ["USEABLE_START_TIME", "STOP_TIME"])
def test_a_picosecond_parts_no_blocks(key: str) -> None:
    second = parse_utc("2025-01-01T12:05:00").minus(START)
    lines = kvn_lines_of_sample()
    for place, line in enumerate(lines):
        if line == f"{key} = 2025-01-01T12:05:00.000000":  # the start of the second block
            lines[place] = f"{key} = {second + 1e-10!r}"
        if line == f"{key} = 2025-01-01T12:10:00.000000":
            lines[place] = f"{key} = {second + 300 - 1e-10!r}"
    assert lines != kvn_lines_of_sample()
    record = parse_ocm("\n".join(lines), strict=True)
    assert record.blocks[0].useable_stop == record.blocks[1].useable_start


def test_a_microsecond_does() -> None:
    text = edited(
        "USEABLE_START_TIME = 2025-01-01T12:05:00.000000",
        "USEABLE_START_TIME = 2025-01-01T12:05:00.000002",
    )
    with pytest.raises(MessageError, match="O13"):
        parse_ocm(text)


def test_relative_times_count_a_leap_second() -> None:
    block = parse_ocm(sample_over_leap_second()).blocks[0]
    assert block.seconds[4:7].tolist() == [86340.0, 86400.0, 59.0]
    assert (np.diff(elapsed(block.useable_start, block.jd, block.seconds)) == 60.0).all()


def positions_alone(section: str) -> str:
    """A COV section without its velocities."""
    text = section.replace("TYPE = CARTPV", "TYPE = CARTP").replace(", km/s, km/s, km/s]", "]")
    lines = text.split("\n")
    return "\n".join(" ".join(x.split()[:7]) if x.startswith("2025") else x for x in lines)


COVARIANCE_OF_BLOCK_2 = sample()[sample().rindex("COV_START") : sample().rindex("COV_STOP")]
COVARIANCES = sample()[sample().index("COV_START") : sample().index("MAN_START")]
PHYS = sample()[sample().index("PHYS_START") : sample().index("COV_START")]


def as_xml(text: str) -> str:
    """A message in KVN as XML, line by line, in whatever order it is."""
    lines, section = ['<ocm id="CCSDS_OCM_VERS" version="3.0">', "<header>"], ""
    for line in text.strip().split("\n")[1:]:
        key, _, value = map(str.strip, line.partition("="))
        tag = section.lower() if section != "META" else "metadata"
        if line.endswith("_START"):
            section = line.removesuffix("_START")
            tag = section.lower() if section != "META" else "metadata"
            lines += ["</header>", "<body><segment>"] if section == "META" else []
            lines.append(f"<{tag}>")
        elif line.endswith("_STOP"):
            lines += [f"</{tag}>"] + (["<data>"] if section == "META" else [])
        elif not value and section:
            lines.append(f"<{tag}Line>{line}</{tag}Line>")
        elif value:
            value, _, unit = value.partition(" [") if key in UNITS else (value, "", "")
            attribute = f' units="{unit[:-1]}"' if unit else ""
            name = key.removeprefix("USER_DEFINED_")
            start = f'USER_DEFINED parameter="{name}"' if section == "USER" else key + attribute
            lines.append(f"<{start}>{html.escape(value)}</{start.split(' ')[0]}>")
    return "\n".join([*lines, "</data></segment></body></ocm>"])


def as_json(text: str) -> str:
    """A message in KVN as JSON, in whatever order it is."""
    top: dict[str, Any] = {}
    holder = top
    for line in text.strip().split("\n"):
        key, _, value = map(str.strip, line.partition("="))
        if line.endswith("_START"):
            name, holder = line.removesuffix("_START"), {}
            if name in ("TRAJ", "COV", "MAN"):
                top.setdefault(name, []).append(holder)
            else:
                top[name] = holder
        elif value:
            holder[key] = value
        elif not line.startswith("COMMENT") and not line.endswith("_STOP"):
            holder.setdefault(f"{name.lower()}Line", []).append(line)
    return json.dumps(top)


#: Keywords of the sample whose value has a unit.
UNITS = ("TAIMUTC_AT_TZERO", "DRAG_CONST_AREA", "WET_MASS", "AREA_TYP_FOR_PC", "RCS", "GM",
         "DAYS_SINCE_LAST_OBS", "SEDR")  # fmt: skip
#: Name of the case, edit of the sample, code, keyword, a text of the message.
BROKEN = {
    "not-an-ocm": ("CCSDS_OCM_VERS", "CCSDS_OPM_VERS", "O01", "", "OPM"),
    "version-2": ("VERS = 3.0", "VERS = 2.0", "O01", "CCSDS_OCM_VERS", "2.0"),
    "no-owner": ("OWNER = Owner\n", "", "O02", "OWNER", "OWNER"),
    "owner-empty": ("OWNER = Owner", "OWNER =", "O02", "OWNER", "OWNER"),
    "no-data": ("\n".join(kvn_lines_of_sample()[40:56]) + "\n", "", "O02", "TRAJ", "no data lines"),
    "unknown-section": ("PHYS_START", "FIZZ_START", "O03", "", "FIZZ_START"),
    "no-stop": ("META_STOP\n", "", "O03", "", "META_STOP"),
    "unknown-keyword": ("OWNER = O", "OWNAR = O", "O03", "OWNAR", "OWNAR"),
    "keyword-elsewhere": ("OD_ID = OD 1", "WET_MASS = 1", "O03", "WET_MASS", "PHYS"),
    "keyword-twice": ("OWNER = O", "OWNER = A\nOWNER = O", "O03", "OWNER", "already"),
    "meta-twice": ("PHYS_START", "META_START\nMETA_STOP\nPHYS_START", "O03", "META", "2 times"),
    "time-system-tai": ("TIME_SYSTEM = UTC", "TIME_SYSTEM = TAI", "O04", "TIME_SYSTEM", "TAI"),
    "center-mars": ("CENTER_NAME = EARTH", "CENTER_NAME = MARS", "O05", "CENTER_NAME", "MARS"),
    "frame-itrf": ("= EME2000", "= ITRF", "O06", "TRAJ_REF_FRAME", "convert first"),
    "frame-j2000": ("= EME2000", "= J2000", "O06", "TRAJ_REF_FRAME", "write EME2000"),
    "type-keplerian": ("TRAJ_TYPE = CARTPV", "TRAJ_TYPE = KEPLERIAN", "O07", "TRAJ_TYPE", "KEP"),
    "units-metres": ("[km, km, km, km/s", "[m, m, m, m/s", "O08", "TRAJ_UNITS", "[m, m"),
    "one-column-more": (f"{ROW_OF_BLOCK_1} ", f"{ROW_OF_BLOCK_1} 1 ", "O09", "", "epoch and 6"),
    "nan": (" 7000.0 ", " nan ", "O10", "", "'nan'"),
    "too-large": (" 7000.0 ", " 7e999 ", "O10", "", "'7e999'"),
    "python-number": (" 7000.0 ", " 7_000.0 ", "O10", "", "'7_000.0'"),
    "two-in-one": (" 7000.0 ", " 70-00.0 ", "O10", "", "'70-00.0'"),
    "no-such-day": (ROW_OF_BLOCK_1, "2025-02-29T11:57:00", "O10", "", "2025-02-29"),
    "wrong-unit": ("260.0 [kg]", "260.0 [g]", "O10", "WET_MASS", "[g]"),
    "negative-mass": ("260.0 [kg]", "-260.0 [kg]", "O10", "WET_MASS", "-260.0"),
    "count-not-whole": ("OBS_USED = 100", "OBS_USED = 1.5", "O10", "OBS_USED", "1.5"),
    "epoch-repeats": (ROW_OF_BLOCK_1, "2025-01-01T11:56:00.000000", "O11", "", "do not increase"),
    "epoch-mixed": (ROW_OF_BLOCK_1, "120.0", "O11", "", "an absolute epoch, as above"),
    "padding-4": (
        "USEABLE_START_TIME = 2025-01-01T12:00:00", "USEABLE_START_TIME = 2025-01-01T11:59:00",
        "O12", "USEABLE_START_TIME", "4 records before",
    ),
    "useable-outside": (
        "USEABLE_START_TIME = 2025-01-01T12:00:00", "USEABLE_START_TIME = 2025-01-01T11:50:00",
        "O13", "USEABLE_START_TIME", "outside the data",
    ),
    "useable-empty": (
        "USEABLE_STOP_TIME = 2025-01-01T12:05:00", "USEABLE_STOP_TIME = 2025-01-01T12:00:00",
        "O13", "", "nothing of this block",
    ),
    "blocks-apart": (
        "USEABLE_START_TIME = 2025-01-01T12:05:00", "USEABLE_START_TIME = 2025-01-01T12:06:00",
        "O13", "USEABLE_START_TIME", "does not begin where",
    ),
    "basis-predicted": ("= OPERATIONAL\nINTER", "= PREDICTED\nINTER", "O14", "TRAJ_BASIS", "PRED"),
    "one-covariance": (
        "\n".join(kvn_lines_of_sample()[100:122]) + "\n", "", "O15", "COV", "1 sections",
    ),
    "covariance-frame": ("RSW_INERTIAL", "EME2000", "O16", "COV_REF_FRAME", "EME2000"),
    "covariance-type": ("COV_TYPE = CARTPV", "COV_TYPE = ADBARV", "O16", "COV_TYPE", "ADBARV"),
    "covariance-order": ("= LTM", "= UTM", "O16", "COV_ORDERING", "UTM"),
    "covariance-units": (
        "COV_UNITS = [km, km, km", "COV_UNITS = [m, m, m", "O16", "COV_UNITS", "[m, m",
    ),
    "two-bases": (
        "TRAJ_ID = 2\nTRAJ_BASIS = OPERATIONAL", "TRAJ_ID = 2\nTRAJ_BASIS = CANDIDATE",
        "O14", "TRAJ_BASIS", "CANDIDATE",
    ),
    "two-covariance-types": (
        COVARIANCE_OF_BLOCK_2, positions_alone(COVARIANCE_OF_BLOCK_2), "O16", "COV_TYPE", "CARTP",
    ),
    "od-without-forces": (
        sample()[sample().index("PERT_START") : sample().index("OD_START")], "", "O02", "PERT",
        "forces",
    ),
    "metres": (" 7000.0 ", " 7000000.0 ", "O18", "", "is it in km"),
    "beyond-numbers": (" 7000.0 ", " 7e300 ", "O18", "", "is it in km"),
    "off-the-orbit": (" 7000.0 ", " 7001.0 ", "O18", "", "not one free orbit"),
}  # fmt: skip


#: Cases whose error names no line that the edit changed: how the line named begins, "" without one.
ELSEWHERE = {
    "no-owner": "META_START",
    "no-data": "TRAJ_START",
    "useable-empty": "USEABLE_START_TIME",  # of the next block, which does not begin there
    "one-covariance": "COV_START",
    "off-the-orbit": "2025-01-01T11:56:00.000000",  # the end of the step
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_broken(name: str) -> None:
    old, new, code, key, word = BROKEN[name]
    text = edited(old, new)
    with pytest.raises(MessageError) as caught:
        parse_ocm(text, file="broken.ocm")
    error = caught.value
    assert (error.code, error.file) == (code, "broken.ocm")
    if key:
        assert error.key == key
    assert word in str(error)
    named = text.split("\n")[error.line - 1] if error.line else ""
    if name in ELSEWHERE:
        assert named.partition(" ")[0] == ELSEWHERE[name]
    else:
        first = sample().count("\n", 0, sample().index(old)) + 1
        assert first <= error.line <= first + new.rstrip("\n").count("\n"), named


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("padding-4", "; --lenient clips the span: found"),
        ("useable-outside", "; --lenient clips the span: found"),
        ("blocks-apart", "; --lenient leaves a gap"),
    ],
)
def test_an_error_that_lenient_reading_forgives_says_so(name: str, remedy: str) -> None:
    text = edited(*BROKEN[name][:2])
    with pytest.raises(MessageError) as caught:
        parse_ocm(text)
    assert remedy in str(caught.value)
    warnings = parse_ocm(text, lenient=True).warnings
    assert BROKEN[name][2] in [warning.code for warning in warnings]
    assert "--lenient" not in "".join(warning.text for warning in warnings)


def test_an_error_of_a_number_says_what_is_one() -> None:
    for old, new, expected in (
        ("260.0 [kg]", "many", "expected a finite decimal number"),
        ("OBS_USED = 100", "OBS_USED = 1.5", "expected a whole number"),
    ):
        with pytest.raises(MessageError, match=expected):
            parse_ocm(edited(old, new))


def test_every_code_that_is_an_error_has_a_case() -> None:
    codes = {case[2] for case in BROKEN.values()}
    assert codes == {f"O{n:02d}" for n in range(1, 19)} - {"O17"}


def test_covariance_epochs_that_differ() -> None:
    head, mark, tail = sample().partition("COV_START")
    text = head + mark + tail.replace(ROW_OF_BLOCK_1, "2025-01-01T11:57:00.5", 1)
    with pytest.raises(MessageError, match=r"O15: epochs differ.*57:00.500000") as caught:
        parse_ocm(text)
    assert caught.value.code == "O15"
    short = head + mark + tail.replace(tail.split("\n")[8] + "\n", "", 1)
    with pytest.raises(MessageError, match=r"O15.*15 records"):
        parse_ocm(short)


def test_all_faults_are_listed() -> None:
    text = (
        edited("= EME2000", "= TEME").replace("M = UTC", "M = TAI").replace("OWNER = Owner\n", "")
    )
    with pytest.raises(MessageError) as caught:
        parse_ocm(text, file="x")
    lines = str(caught.value).split("\n")
    assert [line.split(": ")[1] for line in lines] == ["O04", "O06", "O02"]
    assert lines[1].startswith("x, line ")


def test_faults_beyond_a_dozen_are_counted() -> None:
    text = sample()
    for name in (
        "WET_MASS", "DRAG_CONST_AREA", "AREA_TYP_FOR_PC", "RCS", "GM", "SEDR", "OBS_USED",
        "USER_DEFINED_HBR", "DAYS_SINCE_LAST_OBS", "WEIGHTED_RMS", "TAIMUTC_AT_TZERO", "OD_EPOCH",
        "INTERPOLATION_DEGREE", "CREATION_DATE",
    ):  # fmt: skip
        text = text.replace(f"\n{name} = ", f"\n{name} = x", 1)
    with pytest.raises(MessageError) as caught:
        parse_ocm(text)
    *listed, rest = str(caught.value).split("\n")
    assert (len(listed), rest) == (12, "and 2 more")
    assert all(": O10: " in line for line in listed)


# ------------------------------------------------------------------ warnings, strict, lenient


def test_not_positive_definite_warns_and_is_repaired_on_request() -> None:
    rows = covariance_rows(block_times(0))
    bad = list(rows[0])
    bad[1] = 5.0 * math.sqrt(bad[0] * bad[2])  # correlation 5 of R and T
    text = edited(" ".join(map(repr, rows[0])), " ".join(map(repr, bad)))
    record = parse_ocm(text)
    assert [w.code for w in record.warnings] == ["O17"]
    assert "1 of 16 covariances" in record.warnings[0].text
    with pytest.raises(MessageError, match="O17"):
        parse_ocm(text, strict=True)
    kept, repaired = record.blocks[0], parse_ocm(text, repair_covariance=True).blocks[0]
    assert kept.covariance is not None
    assert repaired.covariance is not None
    assert np.array_equal(kept.covariance[1:], repaired.covariance[1:])
    assert np.linalg.eigvalsh(kept.covariance[0])[0] < -0.01
    assert np.linalg.eigvalsh(repaired.covariance[0])[0] > -1e-12


@pytest.mark.parametrize(
    ("place", "value"), [(0, -0.0025), (1, 1e300), (1, -1e300), (0, 1e300), (20, 0.0)]
)
def test_covariances_that_cannot_be(place: int, value: float) -> None:
    """A negative variance, wild covariances, and a covariance beside no variance."""
    first = covariance_rows(block_times(0))[0]
    first[15] = 1e-9  # CNDOT_R
    given = [*first[:place], value, *first[place + 1 :]]
    text = edited(
        " ".join(map(repr, covariance_rows(block_times(0))[0])), " ".join(map(repr, given))
    )
    expected = ["O17"] if (place, value) != (0, 1e300) else []
    assert [w.code for w in parse_ocm(text).warnings] == expected
    assert parse_ocm(text, repair_covariance=True).blocks[0].covariance is not None


def test_a_name_given_to_two_blocks_warns() -> None:
    text = edited("TRAJ_ID = 2", "TRAJ_ID = 1")
    (warning,) = parse_ocm(text).warnings
    assert (warning.code, warning.key, warning.found) == ("O03", "TRAJ_ID", "1")
    assert text.split("\n")[warning.line - 1] == "TRAJ_ID = 1"
    assert text.split("\n").index("TRAJ_ID = 1") < warning.line - 1


@pytest.mark.parametrize("notation", ["KVN", "XML", "JSON"])
@pytest.mark.parametrize(
    ("old", "new", "key", "before"),
    [
        ("OWNER = Owner\nCOUNTRY = Country\n", "COUNTRY = Country\nOWNER = Owner\n",
         "OWNER", "COUNTRY"),
        ("OBS_USED = 100\nSEDR = 0.0004 [W/kg]\n", "SEDR = 0.0004 [W/kg]\nOBS_USED = 100\n",
         "OBS_USED", "SEDR"),
        (PHYS + COVARIANCES, COVARIANCES + PHYS, "PHYS", "COV"),
        ("USER_DEFINED_HBR = 4.5\nUSER_DEFINED_MANEUVERABLE = YES\n",
         "USER_DEFINED_MANEUVERABLE = YES\nUSER_DEFINED_HBR = 4.5\n", "", ""),
    ],
)  # fmt: skip
def test_keywords_and_sections_out_of_order_warn(
    old: str, new: str, key: str, before: str, notation: str
) -> None:
    """Once, at the first; parameters of the user have no order, nor has an object of JSON."""
    text = edited(old, new)
    if notation == "XML":
        text = as_xml(text)
    elif notation == "JSON":
        text, key = as_json(text), ""
    found = [(w.code, w.key, w.expected) for w in parse_ocm(text).warnings]
    assert found == ([("O03", key, f"before {before}")] if key else [])
    if key:
        (warning,) = parse_ocm(text).warnings
        assert key.lower() in text.split("\n")[warning.line - 1].lower()
        with pytest.raises(MessageError, match="O03"):
            parse_ocm(text, strict=True)


def test_step_too_long_warns() -> None:
    lines = kvn_lines_of_sample(blocks=1, covariance=False)
    begin = lines.index("TRAJ_STOP") - 16
    t = (np.arange(16) - 5) * 400.0
    r, v = circle(t)
    for k in range(16):
        row = " ".join(map(repr, [*r[k].tolist(), *v[k].tolist()]))
        lines[begin + k] = f"{START.plus(float(t[k])).iso()} {row}"
    record = parse_ocm("\n".join(lines))
    assert [w.code for w in record.warnings] == ["O19"]
    assert "a step of 400 s" in record.warnings[0].found


def test_object_not_in_the_catalog_warns() -> None:
    assert parse_ocm(sample(), known={"99901"}).warnings == ()
    (warning,) = parse_ocm(sample(), known={"1", "2"}).warnings
    assert (warning.code, warning.found) == ("O20", "99901")
    assert warning.line == 1 + kvn_lines_of_sample().index("OBJECT_DESIGNATOR = 99901")
    with pytest.raises(MessageError, match="O20"):
        parse_ocm(sample(), known=(), strict=True)


def test_start_time_that_is_not_the_useable_start_warns() -> None:
    text = edited("\nSTART_TIME = 2025-01-01T12:00", "\nSTART_TIME = 2025-01-01T11:55")
    (warning,) = parse_ocm(text).warnings
    assert (warning.code, warning.key) == ("O13", "START_TIME")


def test_lenient_clips_to_where_seven_states_surround_the_time() -> None:
    text = edited(
        "USEABLE_START_TIME = 2025-01-01T12:00:00", "USEABLE_START_TIME = 2025-01-01T11:50:00"
    )
    record = parse_ocm(text, lenient=True)
    # The fourth state is the first with three before it: 11:58; nearest from 11:57:30 on.
    assert record.blocks[0].useable_start == parse_utc("2025-01-01T11:57:30")
    assert record.blocks[0].useable_stop == parse_utc("2025-01-01T12:05:00")
    assert "O13" in [w.code for w in record.warnings]


def test_lenient_gives_an_overlap_to_the_later_block() -> None:
    text = edited(
        "USEABLE_START_TIME = 2025-01-01T12:05:00", "USEABLE_START_TIME = 2025-01-01T12:04:59"
    )
    first, second = parse_ocm(text, lenient=True).blocks
    assert first.useable_stop == second.useable_start == parse_utc("2025-01-01T12:04:59")


def test_lenient_does_not_make_states_up() -> None:
    lines = kvn_lines_of_sample(blocks=1, covariance=False)
    begin = lines.index("TRAJ_STOP") - 16
    del lines[begin + 6 : begin + 16]
    with pytest.raises(MessageError, match=r"O12.*at least 7"):
        parse_ocm("\n".join(lines), lenient=True)


# ------------------------------------------------------------------ tolerated without a word


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("\n", "\r\n", -1),
        ("\n", "\n\n", -1),
        ("\n", "\nCOMMENT x = y\n", -1),
        (" = ", "=", -1),
        ("260.0 [kg]", "260.0", 1),
        ("= EARTH", "= Earth", -1),
        ("= OPERATIONAL\nINTER", "= operational\nINTER", -1),
        ("TRAJ_STOP", "TRAJ_END", -1),
        ("CENTER_NAME", "CENTER NAME", -1),
        ("COV_UNITS = [km, km, km, km/s, km/s, km/s]\n", "", -1),
        ("COV_ORDERING = LTM\n", "", -1),
        ("2025-01-01T11", "2025-001T11", -1),
        (".000000 ", "Z ", -1),
        ("TRAJ_UNITS = [km, km, km, km/s", "TRAJ_UNITS = [km,KM,km,km/s", -1),
    ],
)  # fmt: skip
def test_tolerated(old: str, new: str, count: int) -> None:
    text = sample().replace(old, new, count)
    assert text != sample()
    text = text.replace("\r\n", "\n")
    found, expected = record_contents(parse_ocm(text)), record_contents(parse_ocm(sample()))
    for contents in (found, expected):
        contents["extra"]["META"].pop("EPOCH_TZERO")  # kept as printed
    assert found == expected


def test_covariance_units_may_be_those_of_the_numbers() -> None:
    p, m, v = "km**2", "km**2/s", "km**2/s**2"
    units = [p, p, p, p, p, p, m, m, m, v, m, m, m, v, v, m, m, m, v, v, v]
    text = edited("COV_UNITS = [km, km, km, km/s, km/s, km/s]", f"COV_UNITS = [{', '.join(units)}]")
    assert record_contents(parse_ocm(text)) == record_contents(parse_ocm(sample()))


def test_version_of_the_verification_set() -> None:
    assert parse_ocm(edited("= 3.0", "= 502.0-B-3")).version == "502.0-B-3"


# ------------------------------------------------------------------ notations, round trip
