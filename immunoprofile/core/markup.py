"""XML from strangers: one parser for the package, that follows nothing, expands nothing and stops in time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from immunoprofile.core.errors import InterchangeError

MOST_BYTES = 64_000_000
MOST_DEPTH = 256
_SCANNED = 65_536
"""Bytes at the start of a document in which a DOCTYPE may stand."""
_DOCTYPE = re.compile(r"<!DOCTYPE", re.IGNORECASE)
_ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))


def xml_parser() -> Any:
    """Make the parser that reads every XML document of the package.

    Returns
    -------
    XMLParser of lxml
        It resolves no entity, loads no DTD, asks no network, and keeps libxml2's limits.
    """
    from lxml import etree

    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_pis=True,
    )


def parse_xml(
    source: Path | bytes, *, where: str = "", most_bytes: int = MOST_BYTES, most_depth: int = MOST_DEPTH
) -> Any:
    """Parse a document.

    Parameters
    ----------
    source : path or bytes
    where : str
        Name of the document, for messages; by default the file's.
    most_bytes, most_depth : int

    Returns
    -------
    lxml element
        The root.

    Raises
    ------
    InterchangeError
        ``xml_unreadable``, ``xml_too_large``, ``xml_doctype``, ``xml_invalid``, ``xml_too_deep``.
    """
    from lxml import etree

    where = where or (source.name if isinstance(source, Path) else "")
    content = source if isinstance(source, bytes) else _content(source, where, most_bytes)
    if len(content) > most_bytes:
        raise _refused("xml_too_large", f"more than {most_bytes // 1_000_000} MB", where)
    refuse_doctype(content, where=where)
    parser = xml_parser()
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        found = " ".join(str(getattr(error, "msg", None) or error).split())[:200]
        raise _refused("xml_invalid", f"not XML that can be read: {found}", where) from None
    # an internal subset beyond the part that was scanned
    info = root.getroottree().docinfo
    dtd = info.internalDTD
    if dtd is not None and (info.system_url or info.public_id or dtd.entities() or dtd.elements()):
        raise _doctype(where)
    _check_depth(root, most_depth, where)
    return root


def _content(path: Path, where: str, most: int) -> bytes:
    try:
        if not path.is_file():
            raise _refused("xml_unreadable", "no such file", where)
        with path.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise _refused("xml_unreadable", f"cannot be read ({error.strerror})", where) from error


def refuse_doctype(content: bytes, *, where: str = "") -> None:
    """Refuse a document type with declarations or an external part; a bare ``<!DOCTYPE name>`` is legal.

    Raises
    ------
    InterchangeError
        ``xml_doctype``.
    """
    head = content[:_SCANNED]
    encoding = next((name for mark, name in _ENCODINGS if head.startswith(mark)), "latin-1")
    text = head.decode(encoding, errors="replace")
    found = _DOCTYPE.search(text)
    if found is None:
        return
    declaration, closed, _ = text[found.end() :].partition(">")
    if not closed or len(declaration.split()) != 1 or "[" in declaration:
        raise _doctype(where)


def _check_depth(root: Any, most: int, where: str) -> None:
    from lxml import etree

    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > most:
            raise _refused("xml_too_deep", f"elements lie more than {most} deep", where)


def _doctype(where: str) -> InterchangeError:
    problem = "a DOCTYPE that declares entities or names another file"
    return InterchangeError("xml_doctype", problem, where=where, hint="remove the line <!DOCTYPE ...>")


def _refused(code: str, problem: str, where: str) -> InterchangeError:
    return InterchangeError(code, problem, where=where, hint="export the document anew")
