"""Figures as SVG inside a page: in its colours, light and dark, in its type, and with links."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from zoo.report.style import BAND, BLUE, FAINT, GENERATED, GREEN, GREY, INK

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"

COLOURS: Mapping[str, str] = {
    INK: "ink", FAINT: "faint", GREY: "grey", BAND: "band", BLUE: "blue", GREEN: "green", GENERATED: "orange",
    "#ffffff": "surface",
}  # fmt: skip
"""Of the figures, and the variables of the style sheet that stand for them."""

_FONT = re.compile(r"font-family:[^;]*;?\s*|(?<=px )'DejaVu Sans'[^;]*")
_REFERENCE = re.compile(r"#([\w.-]+)")


@dataclass(frozen=True)
class Link:
    """Where a part of a figure leads, and what is said when it is pointed at."""

    target: str
    words: str


def inline_svg(figure: Figure, prefix: str, words: str, links: Mapping[str, Link]) -> str:
    """The figure as an `<svg>` element.

    Args:
        figure: drawn in the colours of the zoo's style.
        prefix: of the ids in it, which must be different from those of the page's other figures.
        words: what it shows, for those who do not see it.
        links: by the gid of an artist.
    """
    drawn = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix}):
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(drawn.getvalue())
    for child in [
        *root.findall(f"{SVG}metadata"),
        *(part for part in root.findall(f"{SVG}defs") if part.find(f"{SVG}style") is not None),
    ]:
        root.remove(child)
    for size in ("width", "height"):
        del root.attrib[size]
    for parent in [*root.iter()]:
        for place, child in enumerate(parent):
            if child.get("id") in links:
                parent[place] = _linked(child, links[child.attrib["id"]])
    _name_ids(root, prefix)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        if "style" in element.attrib:
            element.set("style", _themed(element.attrib["style"]))
    root.set("role", "group")
    root.set("aria-label", words)
    root.set("stroke-linejoin", "round")
    return ElementTree.tostring(root, encoding="unicode")


def _linked(element: ElementTree.Element, link: Link) -> ElementTree.Element:
    anchor = ElementTree.Element(f"{SVG}a", {"href": link.target})
    title = ElementTree.SubElement(anchor, f"{SVG}title")
    title.text = link.words
    anchor.append(element)
    return anchor


def _name_ids(root: ElementTree.Element, prefix: str) -> None:
    """Ids that are referred to get the prefix, all others go; references of old (`xlink:href`) become plain ones."""
    used: set[str] = set()
    for element in root.iter():
        if f"{XLINK}href" in element.attrib:
            element.set("href", element.attrib.pop(f"{XLINK}href"))
        for name in ("href", "clip-path"):
            value = element.get(name, "")
            if "#" in value and element.tag != f"{SVG}a":
                used |= set(_REFERENCE.findall(value))
                element.set(name, _REFERENCE.sub(rf"#{prefix}-\1", value))
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            element.set("id", f"{prefix}-{name}")


def _themed(style: str) -> str:
    style = _FONT.sub("", style)
    for colour, variable in COLOURS.items():
        style = style.replace(colour, f"var(--{variable})")
    return style.rstrip("; ")
