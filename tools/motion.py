"""Figures that move when asked: their stills, drawn into a built page from the numbers of a scene.

An article says where: a paragraph `[Animation: what shows](#in-motion){ #in-motion .motion }`. Its
scene has the article's name; tools/scenes.py computed it. A still is a picture with named parts,
whose attributes depend on the step; docs/assets/motion.js sets the same attributes at other times.
"""

import html
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.typeset import relative

FOLDER = "assets/scenes"
MARK = re.compile(r'<p><a\b(?=[^>]*\bclass="motion")[^>]*>(?P<shows>.*?)</a></p>', re.S)

Scene = dict[str, Any]
Attributes = dict[str, Any]
Parts = dict[str, Any]  # attributes of a part by its name, or a list, of each of its children

NEAR, FAR = 0.58, 0.25  # pixels in a step of a coordinate: couplings, scaling
FAINT = 0.12  # how solid a vote without responsibility is drawn
BAR = 150  # pixels of an activation of 1
ARC = 46  # radius, in pixels, of the arc between two arrows
WIDE, HIGH = 17, 100  # pixels of a token, and of a product of 1


class Slider(NamedTuple):
    """What a reader can move: its name, its range, and where it stands in the still."""

    name: str
    first: int
    last: int
    at: int


class Still(NamedTuple):
    """How a scene is drawn.

    Args:
        height: Of the picture, which is 640 wide.
        sliders: The step, then what else can be set.
        picture: From the scene and the values of the sliders to SVG.
        says: From the same to the words that stand below.
        returns: Whether it plays backwards, too.
    """

    height: int
    sliders: tuple[Slider, ...]
    picture: Callable[..., str]
    says: Callable[..., str]
    returns: bool = False


def add_scenes(page: str, path: Path, scene: str) -> str:
    """Put a still and its controls where an article asks for them. A second run changes nothing.

    Args:
        page: The article.
        path: Where it is in the site.
        scene: What the file of its scene holds, if it has one.

    Raises:
        ValueError: The article asks for a scene that is not there.
    """
    return MARK.sub(lambda mark: figure(path, scene, mark["shows"]), page)


def figure(path: Path, source: str, shows: str) -> str:
    """Return the still of an article's scene, with the controls that a script brings to life."""
    slug = path.parent.name
    if slug not in STILLS or not source:
        raise ValueError(f"articles/{slug}: an animation, but no scene; see tools/scenes.py")
    scene, still = read(source), STILLS[slug]
    steps = [slider.at for slider in still.sliders]
    address = relative(path, f"{FOLDER}/{slug}.js")
    returns = " data-returns" if still.returns else ""
    buttons = "".join(f'<button type="button">{name}</button>' for name in ("Play", "Step"))
    sliders = "".join(_slider(slider) for slider in still.sliders)
    return (
        f'<div class="motion" id="in-motion" data-scene="{slug}" data-source="{address}"{returns}>'
        f'<svg viewBox="0 0 640 {still.height}" role="img" aria-label="{_quoted(shows)}">'
        f"{still.picture(scene, *steps)}</svg>"
        f'<div class="motion-controls">{buttons}{sliders}'
        f"<output>{still.says(scene, *steps)}</output></div></div>"
    )


def read(source: str) -> Scene:
    """Return the numbers in a scene's file."""
    return json.loads(source.partition(" = ")[2].rstrip(";\n"))


def nice_parts(scene: Scene, step: int) -> Parts:
    """Two moons and a chessboard after so many layers."""
    clouds = {name: _placed(scene, cloud, step) for name, cloud in scene["clouds"].items()}
    scale = FAR if step > len(scene["axes"]) else NEAR
    corners = {"cells": scene["corners"], "marked": len(clouds["marked"][0])}
    lines = {
        name: _polygons(x, y, corners[name]) if name in corners else _dots(x, y)
        for name, (x, y) in clouds.items()
    }
    return {"view": {"transform": f"scale({scale} {-scale})"}} | {
        name: {"d": line} for name, line in lines.items()
    }


def capsules_parts(scene: Scene, step: int) -> Parts:
    """Votes, ellipses of one and of two deviations, and activations after so many iterations."""
    found, parts = scene["steps"][step - 1], {}
    for parent, shares in enumerate(found["shares"]):
        (x, y), (across, up) = found["means"][parent], found["deviations"][parent]
        parts[f"votes-{parent + 1}"] = [
            {"stroke-opacity": round(FAINT + (1 - FAINT) * share / 1000, 3)} for share in shares
        ]
        parts[f"parent-{parent + 1}"] = [
            {"cx": x, "cy": y, "rx": size * across, "ry": size * up} for size in (1, 2)
        ]
        width = round(BAR * found["activations"][parent] / 1000, 1)
        parts[f"active-{parent + 1}"] = {"width": width}
    return parts


def positions_parts(scene: Scene, place: int, offset: int) -> Parts:
    """Two arrows, the arc from one to the other, and the product over the offset."""
    query, key, between, product = _turned(scene, place, offset)
    end = f"{ARC * math.cos(between):.2f} {-ARC * math.sin(between):.2f}"
    return {
        "query": {"transform": f"rotate({-math.degrees(query):.2f})"},
        "key": {"transform": f"rotate({-math.degrees(key):.2f})"},
        "between": {"d": f"M{ARC} 0A{ARC} {ARC} 0 0 {int(between < 0)} {end}"},
        "product": {"cx": offset * WIDE, "cy": round(-product * HIGH, 2)},
    }


def _turned(scene: Scene, place: int, offset: int) -> tuple[float, float, float, float]:
    """Return the angles of query and key, from the one to the other, and the product."""
    (x, y), (u, v) = scene["query"], scene["key"]
    query, key = math.atan2(y, x) + place, math.atan2(v, u) + place + offset
    between = math.remainder(key - query, 2 * math.pi)
    lengths = math.hypot(x, y) * math.hypot(u, v)
    return query, key, between, lengths * math.cos(between)


def _nice_picture(scene: Scene, step: int) -> str:
    parts = nice_parts(scene, step)
    view = parts.pop("view")
    far = range(-1400, 1401, 200)  # one unit apart
    paper = "".join(f"M{at} -1400V1400M-1400 {at}H1400" for at in far)
    drawn = _tag("path", {"class": "paper", "d": paper})
    for name, css in (("cells", "cells"), ("marked", "marked")):
        drawn += _tag("path", {"data-part": name, "class": css} | parts[name])
    for name in ("moon-1", "moon-2"):
        css = f"dots tint-{name[-1]}"
        drawn += _tag("path", {"data-part": name, "class": css} | parts[name])
    inner = _tag("g", {"data-part": "view"} | view, drawn)
    return _tag("g", {"transform": "translate(320 215)"}, inner)


def _capsules_picture(scene: Scene, step: int) -> str:
    parts, plane, bars = capsules_parts(scene, step), "", ""
    for parent, votes in enumerate(scene["votes"], 1):
        solid = parts[f"votes-{parent}"]
        dots = "".join(
            _tag("path", {"d": f"M{x} {y}h0"} | attributes)
            for (x, y), attributes in zip(votes, solid, strict=True)
        )
        lines = "".join(_tag("ellipse", each) for each in parts[f"parent-{parent}"])
        named = {"data-part": f"votes-{parent}", "class": f"dots tint-{parent}"}
        plane += _tag("g", named, dots)
        named = {"data-part": f"parent-{parent}", "class": f"outline tint-{parent}"}
        plane += _tag("g", named, lines)
        box = {"x": 200 * parent - 155, "y": 452, "height": 10}
        bars += _tag("rect", box | {"class": "track", "width": BAR})
        named = {"data-part": f"active-{parent}", "class": f"bar tint-{parent}"}
        bars += _tag("rect", box | named | parts[f"active-{parent}"])
    return _tag("g", {"transform": "translate(320 215) scale(.4 -.4)"}, plane) + bars


def _positions_picture(scene: Scene, place: int, offset: int) -> str:
    parts = positions_parts(scene, place, offset)
    arc = _tag("path", {"data-part": "between", "class": "between"} | parts["between"])
    dial = _tag("circle", {"class": "axis", "r": 130})
    for name, tint, more in (("query", 1, arc), ("key", 2, "")):
        arrow = _tag("path", {"class": "hand", "d": "M0 0H108"})
        arrow += _tag("path", {"class": "bar", "d": "M126 0l-22 -9v18z"})
        named = {"data-part": name, "class": f"tint-{tint}"} | parts[name]
        dial += _tag("g", named, arrow + more)
    values = scene["products"]
    reach = (len(values) - 1) // 2
    curve = [
        f"{(at - reach) * WIDE / 10:.1f} {-value * HIGH:.1f}" for at, value in enumerate(values)
    ]
    chart = _tag("path", {"class": "axis", "d": "M-145 0H145M0 -125V125"})
    chart += _tag("path", {"class": "curve", "d": "M" + "L".join(curve)})
    chart += _tag("circle", {"data-part": "product", "class": "here", "r": 7} | parts["product"])
    chart += _tag("text", {"x": 145, "y": 126, "text-anchor": "end"}, "n − m")
    chart += _tag("text", {"x": 10, "y": -118}, "product")
    dial = _tag("g", {"transform": "translate(155 160)"}, dial)
    return dial + _tag("g", {"transform": "translate(478 160)"}, chart)


def _positions_says(scene: Scene, place: int, offset: int) -> str:
    query, key, between, product = _turned(scene, place, offset)
    angles = [round(math.degrees(angle)) % 360 for angle in (query, key)]
    return (
        f"Query at {place}: {angles[0]}°. Key at {place + offset}: {angles[1]}°. "
        f"From one to the other {round(math.degrees(between))}°, product {product:.2f}."
    ).replace("-", "−")


def _placed(scene: Scene, cloud: list[list[int]], step: int) -> list[list[float]]:
    """Return the coordinates x and y of a cloud after so many layers."""
    place: list[Any] = cloud[:2]
    for axis, moved in zip(scene["axes"][:step], cloud[2:], strict=False):
        place[axis] = moved
    if step <= len(scene["axes"]):
        return place
    pairs = zip(place, scene["factors"], strict=True)
    return [[round(value * factor, 1) for value in row] for row, factor in pairs]


def _dots(x: list[float], y: list[float]) -> str:
    return "".join(f"M{a} {b}h0" for a, b in zip(x, y, strict=True))


def _polygons(x: list[float], y: list[float], corners: int) -> str:
    points = [f"{a} {b}" for a, b in zip(x, y, strict=True)]
    starts = range(0, len(points), corners)
    return "".join(f"M{'L'.join(points[start : start + corners])}Z" for start in starts)


def _slider(slider: Slider) -> str:
    name, first, last, at = slider
    return f'<label>{name} <input type="range" min="{first}" max="{last}" value="{at}"></label>'


def _tag(name: str, attributes: Mapping[str, object], inner: str = "") -> str:
    said = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{said}>{inner}</{name}>"


def _quoted(words: str) -> str:
    """Return text, already escaped for HTML, without tags, for an attribute."""
    return html.escape(html.unescape(re.sub(r"<[^>]*>", "", words)).strip())


STILLS = {
    "nice": Still(
        430,
        (Slider("layer", 0, 5, 2),),
        _nice_picture,
        lambda scene, step: scene["says"][step],
        returns=True,
    ),
    "capsules": Still(
        480,
        (Slider("iteration", 1, 8, 8),),
        _capsules_picture,
        lambda scene, step: scene["says"][step - 1],
    ),
    "positions": Still(
        320,
        (Slider("m", 0, 24, 3), Slider("n − m", -8, 8, 2)),
        _positions_picture,
        _positions_says,
    ),
}
