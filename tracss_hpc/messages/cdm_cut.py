"""Cut the text of CDM files into records; the notation follows from the first characters.

Fed by the text of a file; feeds `cdm_read`. The profile follows from the version and the keys of
each message. A fault inside one message is yielded in its place, so that the others can be read;
one that spoils the file is yielded last.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm_cut_keys import cut_csv, cut_json, is_csv_header
from tracss_hpc.messages.cdm_cut_kvn import KVN_LINES, cut_kvn
from tracss_hpc.messages.cdm_cut_xml import cut_xml
from tracss_hpc.messages.cdm_layout import Layouts
from tracss_hpc.messages.cdm_layout_keys import KeyLayouts
from tracss_hpc.messages.cdm_records import CdmRecord, Wanted
from tracss_hpc.messages.cdm_xml_lines import XML_LINES

__all__ = ["KnownLayouts", "cut_cdms"]


class KnownLayouts:
    """What the messages read so far look like; one for all files makes reading them faster.

    `wanted` are the lines of the table to take, as in `make_record`.
    """

    def __init__(self, wanted: Wanted = None):
        self.wanted = wanted
        self.kvn, self.xml = Layouts(KVN_LINES, wanted), Layouts(XML_LINES, wanted)
        self.keys = KeyLayouts(wanted)


def cut_cdms(text: str, file: str, known: KnownLayouts) -> Iterator[CdmRecord | MessageError]:
    """Yield each message of a text, or its fault in its place."""
    start = text.lstrip()[:80]
    try:
        if start.startswith(("{", "[")):
            yield from cut_json(text, file, known.keys)
        elif start.startswith("<"):
            yield from cut_xml(text, file, known.xml)
        elif is_csv_header(text):
            yield from cut_csv(text, file, known.keys)
        else:
            yield from cut_kvn(text, file, known.kvn)
    except MessageError as error:
        yield error
