"""Archives and workbooks made by hand, as an attacker makes them."""

# ruff: noqa: E501 - attacks stand on one line

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEAD = '<?xml version="1.0"?>'
OPEN = "http://schemas.openxmlformats.org"
PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{OPEN}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{OPEN}/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{OPEN}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{OPEN}/spreadsheetml/2006/main" '
        f'xmlns:r="{OPEN}/officeDocument/2006/relationships">'
        '<sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{OPEN}/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{OPEN}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}


def packed(members: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    """Pack members into the bytes of an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def workbook(path: Path, cells: str, *, before: str = "") -> Path:
    """Write an XLSX of one sheet with these rows of XML."""
    sheet = f'{before}<worksheet xmlns="{OPEN}/spreadsheetml/2006/main"><sheetData>{cells}</sheetData></worksheet>'
    members = {name: HEAD + text for name, text in {**PARTS, "xl/worksheets/sheet1.xml": sheet}.items()}
    path.write_bytes(packed({name: text.encode() for name, text in members.items()}))
    return path
