"""XML of messages as a small tree that knows its lines and reads nothing but its own text.

Fed by the text of a file; feeds the readers of OEM and OPM. A document type or an entity
declaration is refused when the parser meets it, so nothing is expanded and nothing outside the
text is opened. Depth is bounded; length is the caller's to bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from tracss_hpc.messages.findings import Judge

__all__ = ["XmlNode", "message_root", "parse_xml"]

#: No message of CCSDS 505.0-B nests deeper than 7.
_MAX_DEPTH = 20


@dataclass(slots=True)
class XmlNode:
    """An element: name without namespace, line from 1, attributes, text trimmed, children.

    Those without attributes or children share the empty ones: five days with covariances have
    200,000 leaves. (One dict for equal attributes gains nothing.)
    """

    tag: str
    line: int
    attributes: dict[str, str]
    text: str
    children: list[XmlNode]


_NO_ATTRIBUTES: dict[str, str] = {}
_NO_CHILDREN: list[XmlNode] = []


def message_root(text: str, tag: str, judge: Judge) -> XmlNode:
    """Root of an XML message: ``<tag>`` itself, or the only message of an ``<ndm>``; else O01."""
    root = parse_xml(text, judge)
    if root.tag == "ndm":
        messages = [node for node in root.children if node.tag not in ("COMMENT", "MESSAGE_ID")]
        if [node.tag for node in messages] != [tag]:
            raise judge.fatal(
                "O01", root.line, "ndm", ", ".join(node.tag for node in messages), f"one <{tag}>",
                "give every message a file of its own",
            )  # fmt: skip
        root = messages[0]
    if root.tag != tag:
        expected = f"<{tag}> or <ndm>"
        raise judge.fatal("O01", root.line, "", f"<{root.tag}>", expected, "another XML root")
    return root


def parse_xml(text: str, judge: Judge) -> XmlNode:
    """Root of an XML text.

    Raises
    ------
    MessageError
        O01 if the text is not well-formed, declares a document type or an entity, nests deeper
        than any message does, or has text beside elements.
    """
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    top = XmlNode("", 0, _NO_ATTRIBUTES, "", _NO_CHILDREN)
    open_nodes = [top]
    words: list[str] = []  # since the last tag: joined once, a long text comes in many pieces
    tags: dict[str, str] = {}  # names without namespace

    def text_beside(text: str) -> NoReturn:
        node, why = open_nodes[-1], "text beside elements"
        raise judge.fatal("O01", node.line, node.tag, text, "elements only", why)

    def refuse(*_: object) -> NoReturn:
        line = parser.CurrentLineNumber
        raise judge.fatal("O01", line, "DOCTYPE", "a declaration", "none", "refused: remove it")

    def start(name: str, attributes: dict[str, str]) -> None:
        line = parser.CurrentLineNumber
        if words:
            text = "".join(words).strip()
            words.clear()
            if text:
                text_beside(text)
        if len(open_nodes) > _MAX_DEPTH:
            raise judge.fatal(
                "O01", line, name, f"depth {len(open_nodes)}", f"at most {_MAX_DEPTH}",
                "nested too deeply",
            )  # fmt: skip
        tag = tags.get(name)
        if tag is None:
            tag = tags[name] = name.rpartition(":")[2]
        node = XmlNode(tag, line, attributes or _NO_ATTRIBUTES, "", _NO_CHILDREN)
        parent = open_nodes[-1]
        if parent.children is _NO_CHILDREN:
            parent.children = [node]
        else:
            parent.children.append(node)
        open_nodes.append(node)

    def end(_: str) -> None:
        if words:
            node = open_nodes[-1]
            node.text = "".join(words).strip()
            words.clear()
            if node.text and node.children:
                text_beside(node.text)
        open_nodes.pop()

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.CharacterDataHandler = words.append
    parser.EndElementHandler = end
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        line = getattr(error, "lineno", 0)
        why = "not well-formed; is the file whole?"
        raise judge.fatal("O01", line, "", str(error), "well-formed XML", why) from error
    return top.children[0]
