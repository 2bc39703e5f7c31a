"""Cut CDM files in XML into records: nested as CCSDS writes them, or flat as TraCSS does.

    <cdm id="CCSDS_CDM_VERS" version="1.0"> <header>.. <body> <segment>..    CCSDS 505.0-B
    <ndm> <cdm ..>.. </ndm>                                                  several of them
    <tracssCdms> <cdm id=.. version="2.0"> <MISS_DISTANCE units="m">..       tracss-2.0
    <TRACSS_CDM_VERS>..  <SAT1_X>.. <SAT1_X_UNIT>..                          API, without a root

Fed by `cdm_cut`; feeds `cdm_read`. A document type, entities and whatever else would make a parser
fetch or expand something are refused before they are looked at. A fault of the XML spoils the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import CDM_VERSION
from tracss_hpc.messages.cdm_profiles import CdmProfile
from tracss_hpc.messages.cdm_records import (
    VERSION_KEY,
    CdmRecord,
    Pair,
    Wanted,
    comment_pair,
    fail,
    make_record,
    split_companions,
)

__all__ = ["cut_xml"]

_API_KEY = "TRACSS_CDM_VERS"
_BUNDLES = ("tracssCdms", "ndm")
#: Elements that hold others [CCSDS 505.0-B]; none is deeper than eight.
_GROUPS = frozenset(
    ["header", "body", "relativeMetadataData", "relativeStateVector", "segment", "metadata", "data",
     "odParameters", "additionalParameters", "stateVector", "covarianceMatrix",
     "userDefinedParameters"]
)  # fmt: skip
_PIECE = 200 * 64  # lines given to the parser at once
_ROOT = re.compile(r"\s*(?:<\?xml[^>]*\?>)?\s*(?:<!--.*?-->\s*)*<([A-Za-z_][\w.:-]*)", re.DOTALL)


def cut_xml(text: str, file: str, *, wanted: Wanted) -> Iterator[CdmRecord | MessageError]:
    """Yield each message, or its fault in its place; a fault of the XML itself is raised."""
    root = _ROOT.match(text)
    if root is not None and root[1] in (_API_KEY, VERSION_KEY):
        text = f"<tracssCdms><cdm>{text[root.start(1) - 1 :]}</cdm></tracssCdms>"
    cutter = _Cutter(file)
    lines = text.splitlines(keepends=True)
    try:
        for at in range(0, len(lines), _PIECE):
            cutter.parser.Parse("".join(lines[at : at + _PIECE]), False)
            yield from _records(cutter, file, wanted)
        cutter.parser.Parse("", True)
    except expat.ExpatError as error:
        given = "".join(lines[error.lineno - 1 : error.lineno]).strip()
        fail(file, error.lineno, "", given, "XML", str(error))
    yield from _records(cutter, file, wanted)


class _Cutter:
    """Handlers of one parser, and the messages that have ended."""

    def __init__(self, file: str):
        self.file = file
        self.done: list[tuple[str, int, bool, list[Pair]]] = []  # version, line, nested, pairs
        self.pairs: list[Pair] = []
        self.version, self.line, self.nested = "", 0, False
        self.path: list[str] = []
        self.inside = False  # a message
        self.leaf = ""
        self.segments = 0
        self.text: list[str] = []
        self.units: str | None = None
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text.append
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.parser.EntityDeclHandler = self.refuse
        self.parser.ExternalEntityRefHandler = self.refuse

    def refuse(self, *_: Any) -> int:
        fail(self.file, self.parser.CurrentLineNumber, "DOCTYPE", "a document type or entity",
             "plain XML", "it could expand or fetch anything; remove it")  # fmt: skip

    def start(self, name: str, attributes: dict[str, str]) -> None:
        number = self.parser.CurrentLineNumber
        self.path.append(name)
        if self.leaf:
            fail(self.file, number, name, name, "flat elements", f"element inside {self.leaf}")
        if not self.inside:
            if name == "cdm":
                self.begin(attributes, number)
            elif name not in _BUNDLES or len(self.path) > 1:
                allowed = "tracssCdms, ndm or cdm" if len(self.path) == 1 else "cdm"
                fail(self.file, number, name, name, allowed, "not a CDM")
        elif name in _GROUPS:
            self.nested = True
            if name == "segment":
                self.segments += 1
                if self.segments > 2:
                    fail(self.file, number, name, "a third segment", "two segments",
                         "a message has one for each object")  # fmt: skip
        else:
            self.leaf = name
            if name == "USER_DEFINED":
                self.leaf = f"USER_DEFINED_{attributes.get('parameter', '')}"
            self.units = attributes.get("units")
        self.text.clear()

    def begin(self, attributes: dict[str, str], number: int) -> None:
        given = attributes.get("id", "")
        if attributes and given not in (VERSION_KEY, _API_KEY):
            fail(self.file, number, "cdm", given, f'<cdm id="{VERSION_KEY}">', "not a CDM")
        self.inside, self.segments, self.nested = True, 0, False
        self.version, self.line, self.pairs = attributes.get("version", ""), number, []
        if attributes:
            self.pairs.append(Pair(VERSION_KEY, self.version, None, number, VERSION_KEY))

    def end(self, name: str) -> None:
        self.path.pop()
        number = self.parser.CurrentLineNumber
        if self.leaf:
            self.take(self.leaf, "".join(self.text).strip(), number)
            self.leaf = ""
        elif name == "cdm":
            self.finish()
            self.inside = False

    def take(self, key: str, text: str, number: int) -> None:
        scope = f"SAT{self.segments}_" if self.segments else ""
        if key == "COMMENT":
            self.pairs.append(comment_pair(scope, text, number))
            return
        if key in (_API_KEY, VERSION_KEY):  # flat messages of the API follow each other unwrapped
            if self.pairs and self.pairs[0].key == VERSION_KEY:
                self.finish()
                self.pairs = []
            self.version, self.line = text, number
            self.pairs.insert(0, Pair(VERSION_KEY, text, None, number, key))
            return
        if self.nested and key == "OBJECT" and text != f"OBJECT{self.segments}":
            fail(self.file, number, key, text, f"OBJECT{self.segments}",
                 "objects 1 and 2 follow each other, once each")  # fmt: skip
        own = "" if key.startswith("USER_DEFINED_") else scope
        self.pairs.append(Pair(own + key, text, self.units, number, key))

    def finish(self) -> None:
        self.done.append((self.version, self.line, self.nested, self.pairs))


def _records(cutter: _Cutter, file: str, wanted: Wanted) -> Iterator[CdmRecord | MessageError]:
    for version, line, nested, pairs in cutter.done:
        try:
            profile = _profile(version, line, nested, pairs, file)
            pairs = split_companions(pairs, profile, file)
            yield make_record(pairs, profile, line, file, wanted=wanted)
        except MessageError as error:
            yield error
    cutter.done.clear()


def _profile(version: str, line: int, nested: bool, pairs: list[Pair], file: str) -> CdmProfile:
    keys = {pair.key for pair in pairs}
    if nested and version == "1.0":
        return "ccsds-1.0"
    api = pairs[0].printed == _API_KEY if pairs else False
    if version in ("2.0", "2.1") and (nested or api or "RELATIVE_POSITION_R" in keys):
        return "tracss-2.1"
    if version != CDM_VERSION:
        fail(file, line, VERSION_KEY, version, f"{CDM_VERSION}, or 1.0 in segments",
             "this version of the format is not read")  # fmt: skip
    return "tracss-2.0"
