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
from functools import partial
from typing import Any
from xml.parsers import expat

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import CDM_VERSION
from tracss_hpc.messages.cdm_layout import Layouts
from tracss_hpc.messages.cdm_profiles import CdmProfile
from tracss_hpc.messages.cdm_records import (
    API_KEY,
    VERSION_KEY,
    CdmRecord,
    Pair,
    Wanted,
    fail,
    make_record,
    split_companions,
)
from tracss_hpc.messages.cdm_xml_lines import GROUPS, leaf_pair

__all__ = ["cut_xml"]

_BUNDLES = ("tracssCdms", "ndm")
_PIECE = 1_000_000  # characters given to the parser at once
_ROOT = re.compile(r"\s*(?:<\?xml[^>]*\?>)?\s*(?:<!--.*?-->\s*)*<([A-Za-z_][\w.:-]*)", re.DOTALL)
_BEGIN = "<cdm"
_END = "</cdm>"
#: All before the first message of a bundle, where nothing of it can be a comment or be unfinished.
_HEAD = re.compile(r"\s*(?:<\?xml[^<>]*\?>)?\s*<[A-Za-z][^<>]*>\s*")


def cut_xml(text: str, file: str, layouts: Layouts) -> Iterator[CdmRecord | MessageError]:
    """Yield each message, or its fault in its place; a fault of the XML itself is raised.

    The parser is not shown messages that have a known layout: they are whole elements, so that
    line ends in their place leave it where it would be. Where comments, CDATA or instructions could
    make them something else, it is shown all.
    """
    root = _ROOT.match(text)
    if root is not None and root[1] in (API_KEY, VERSION_KEY):
        text = f"<tracssCdms><cdm>{text[root.start(1) - 1 :]}</cdm></tracssCdms>"
    cutter = _Cutter(file)
    plain = "<!" not in text and text.find("<?", 2) < 0 and "\r" not in text
    begin, number = 0, 1
    try:
        while begin < len(text):
            end = text.find(_BEGIN, begin + 1)
            end = end if end >= 0 else len(text)
            may_skip = plain and cutter.between(text, begin)
            record = None
            if may_skip:
                again = partial(_again, text, begin, end, number, file, layouts.wanted)
                record = layouts.match(text, begin, end, number, file, again)
            if record is not None and (after := text.rfind("\n", begin, end)) >= begin:
                lines = text.count("\n", begin, end)
                cutter.parser.Parse("\n" * lines + text[after + 1 : end], False)
                yield record
            else:
                may_learn = may_skip and end - begin <= _PIECE
                for at in range(begin, end, _PIECE):
                    piece = text[at : min(at + _PIECE, end)]
                    cutter.parser.Parse(piece, False)
                    yield from _records(cutter, file, layouts, piece, number, may_learn)
            number += text.count("\n", begin, end)
            begin = end
        cutter.parser.Parse("", True)
    except expat.ExpatError as error:
        rows = text.splitlines()
        given = "".join(rows[error.lineno - 1 : error.lineno]).strip()
        yield from _records(cutter, file, layouts, "", 0, False)
        fail(file, error.lineno, "", given, "XML", str(error))
    yield from _records(cutter, file, layouts, "", 0, False)


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

    def between(self, text: str, begin: int) -> bool:
        """Whether the parser, shown text[:begin], stands between two messages of a bundle."""
        if len(self.path) != 1 or self.inside:
            return False
        before = begin
        while text[before - 1].isspace():
            before -= 1
        return text.endswith(_END, 0, before) or _HEAD.fullmatch(text, 0, begin) is not None

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
        elif name in GROUPS:
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
        if attributes and given not in (VERSION_KEY, API_KEY):
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
        if key in (API_KEY, VERSION_KEY):  # flat messages of the API follow each other unwrapped
            if self.pairs and self.pairs[0].key == VERSION_KEY:
                self.finish()
                self.pairs = []
            self.version, self.line = text, number
            self.pairs.insert(0, Pair(VERSION_KEY, text, None, number, key))
            return
        if self.nested and key == "OBJECT" and text != f"OBJECT{self.segments}":
            fail(self.file, number, key, text, f"OBJECT{self.segments}",
                 "objects 1 and 2 follow each other, once each")  # fmt: skip
        self.pairs.append(leaf_pair(key, text, self.units, scope, number))

    def finish(self) -> None:
        self.done.append((self.version, self.line, self.nested, self.pairs))


def _records(
    cutter: _Cutter, file: str, layouts: Layouts, text: str, first: int, may_learn: bool
) -> Iterator[CdmRecord | MessageError]:
    """Messages the parser has come to the end of; `text` is all of it, if `may_learn`."""
    for version, line, nested, pairs in cutter.done:
        try:
            profile = _profile(version, line, nested, pairs, file)
            whole = split_companions(pairs, profile, file)
            record = make_record(whole, profile, line, file, wanted=layouts.wanted)
            is_all = may_learn and len(cutter.done) == 1 and text.rstrip().endswith(_END)
            if is_all and len(whole) == len(pairs):
                layouts.learn(text, first, pairs, record, may_lack=nested)
            yield record
        except MessageError as error:
            yield error
    cutter.done.clear()


def _again(text: str, begin: int, end: int, first: int, file: str, wanted: Wanted) -> CdmRecord:
    """A message of a bundle alone, with the lines it stands on."""
    cutter = _Cutter(file)
    cutter.parser.Parse("<ndm>" + "\n" * (first - 1) + text[begin:end] + "</ndm>", True)
    version, line, nested, pairs = cutter.done[0]
    profile = _profile(version, line, nested, pairs, file)
    return make_record(split_companions(pairs, profile, file), profile, line, file, wanted=wanted)


def _profile(version: str, line: int, nested: bool, pairs: list[Pair], file: str) -> CdmProfile:
    keys = {pair.key for pair in pairs}
    if nested and version == "1.0":
        return "ccsds-1.0"
    api = pairs[0].printed == API_KEY if pairs else False
    if version in ("2.0", "2.1") and (nested or api or "RELATIVE_POSITION_R" in keys):
        return "tracss-2.1"
    if version != CDM_VERSION:
        fail(file, line, VERSION_KEY, version, f"{CDM_VERSION}, or 1.0 in segments",
             "this version of the format is not read")  # fmt: skip
    return "tracss-2.0"
