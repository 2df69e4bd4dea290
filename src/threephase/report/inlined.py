"""Figures as parts of a page: they take its colour, and their names do not meet those of other figures."""

import re
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
_BLACK = re.compile(r"#000000\b")
_REFERENCE = re.compile(r"(?<=#)(?=[A-Za-z_])")
_URL = re.compile(r"(?<=url\(#)")


def inlined(figure: Path, name: str, label: str) -> Markup:
    """The figure of an .svg file that matplotlib wrote, as an element of HTML.

    What is black in it is drawn in the page's colour of words. Comments, metadata and styles go. Words stay text.

    Args:
        figure: the file.
        name: stands before all names inside, so that they are this figure's alone.
        label: what who does not see it is told.
    """
    root = ElementTree.parse(figure).getroot()
    for parent in root.iter():
        for child in [*parent]:
            if child.tag in (f"{SVG}metadata", f"{SVG}style") or not child.tag.startswith(SVG):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        element.attrib = {
            "href" if key == HREF else key: _own(key, value, name)
            for key, value in element.attrib.items()
            if not key.startswith("{") or key == HREF
        }
    width = root.attrib.pop("width", "")
    root.attrib.pop("height", "")
    root.attrib |= {"role": "img", "aria-label": label, "style": f"width: {width}"}
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _own(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == HREF:
        return _REFERENCE.sub(f"{name}-", value, count=1)
    return _URL.sub(f"{name}-", _BLACK.sub("currentColor", value))
