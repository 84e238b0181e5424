"""What the animations show, computed by the models themselves: `python -m tools.scenes`.

Writes docs/assets/scenes/SLUG.js, one file of numbers a scene. tools/motion.py draws the still of
a page from it, docs/assets/motion.js the moving picture. A script and no JSON, for a page that is
opened from a folder may not fetch.
"""

import json
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import make_moons
from torch import Generator, Tensor
from torch.optim import Adam

from snippets import rivals
from snippets.nice import NICE
from snippets.positions import rotary
from snippets.training import fit
from tools.charts import areas, tiles

FOLDER = Path(__file__).parents[1] / "docs" / "assets" / "scenes"
Scene = dict[str, Any]

UNIT = 200  # steps of a coordinate in one unit of the plane
FINE = 1000  # steps from 0 to 1 of a share or an activation
MARKED = 12  # of the black cells, the one whose area is told
EVERY = 8  # of the corners of a cell that are drawn, of 256
SHOWN = 200  # points of the moons
ITERATIONS = 8
PLACES = torch.tensor([[-1.2, 0.5], [0.4, 1.0], [0.8, -0.9]])
REACH = 8  # tokens from query to key, at most


def nice() -> Scene:
    """Two moons and a chessboard, layer by layer through a flow that was trained on the moons.

    A cloud is its coordinates x and y, then what each coupling makes of the one that it moves.
    """
    flow, points, moon = trained_flow()
    board = tiles((-1.3, 2.3), (-0.8, 1.2), 0.4).double()[::2]
    clouds = {f"moon-{kind + 1}": points[:SHOWN][moon[:SHOWN] == kind] for kind in (0, 1)}
    clouds["cells"] = torch.cat([board[:MARKED], board[MARKED + 1 :]])[:, ::EVERY].flatten(0, 1)
    clouds["marked"] = board[MARKED, ::EVERY]
    axes = [0 if layer.keep_odd else 1 for layer in flow.couplings]
    factors = flow.scaling.log_scale.exp()
    return {
        "axes": axes,
        "factors": [round(factor.item(), 4) for factor in factors],
        "corners": board.shape[1] // EVERY,
        "clouds": {name: _moves(flow, cloud) for name, cloud in clouds.items()},
        "says": _areas_told(flow, board[MARKED]),
    }


def trained_flow() -> tuple[NICE, Tensor, Tensor]:
    """Train a flow as the lab does, in float64; return it with its data and their moons.

    In float64, so that two processors agree on what they draw after a thousand steps.
    """
    points, moon = (torch.tensor(each) for each in make_moons(2000, noise=0.05, random_state=0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        flow = NICE(2, hidden=64, hidden_layers=2).double()
    adam, order = Adam(flow.parameters(), 3e-3), Generator().manual_seed(0)
    fit(flow, lambda x: -flow.log_prob(x).mean(), [points], adam, epochs=60, generator=order)
    return flow.requires_grad_(False).cpu(), points, moon


def capsules() -> Scene:
    """EM routing of the lab's forty children, after each of eight iterations."""
    drawn: Any = {"members": 10, "strays": 10, "spread": 0.12}
    votes, belongs = rivals.knots(PLACES, **drawn, generator=Generator().manual_seed(5))
    how = {"beta_u": 0, "beta_a": 0, "inverse_temperature": 0.1}
    steps, says = [], []
    for count in range(1, ITERATIONS + 1):
        routing, group = rivals.fitted(
            votes, torch.ones(1, 40), [0, 1, 2], [0, 1], iterations=count, **how
        )
        shares, active = routing.responsibilities[0], routing.activations[0]
        found = int((shares.argmax(1) == belongs).sum())
        steps.append(
            {
                "means": [_whole(mean) for _, _, mean, _ in group],
                "deviations": [_whole(std) for *_, std in group],
                "shares": _whole(shares.T, FINE),
                "activations": _whole(active, FINE),
            }
        )
        says.append(_iteration_told(count, found, active))
    return {"votes": _whole(votes[0].transpose(0, 1)), "steps": steps, "says": says}


def positions() -> Scene:
    """A query and a key of two features, and their product under rotary by offset."""
    query, key = torch.tensor([[[0.6, 0.8]], [[1.0, 0.0]]], dtype=torch.float64)
    offsets = torch.arange(-10 * REACH, 10 * REACH + 1).double() / 10
    keys = rotary(key.expand(len(offsets), 2), positions=offsets)
    product = rotary(query, positions=torch.zeros(1)) @ keys.T
    return {
        "query": query[0].tolist(),
        "key": key[0].tolist(),
        "products": [round(value, 4) for value in product[0].tolist()],
    }


SCENES = {"nice": nice, "capsules": capsules, "positions": positions}


def written(slug: str, scene: Scene) -> str:
    """Return a scene as the script that hands it over."""
    return f"(window.scenes ??= {{}}).{slug} = {json.dumps(scene, separators=(',', ':'))};\n"


def main() -> None:
    """Write all scenes."""
    FOLDER.mkdir(exist_ok=True)
    for slug, scene in SCENES.items():
        (FOLDER / f"{slug}.js").write_text(written(slug, scene()), "utf-8")


def _whole(values: Tensor, steps: int = UNIT) -> list[Any]:
    return (steps * values).round().int().tolist()


def _moves(flow: NICE, points: Tensor) -> list[list[int]]:
    rows = [points[:, 0], points[:, 1]]
    for layer in flow.couplings:
        points, _ = layer(points)
        rows.append(points[:, 0 if layer.keep_odd else 1])
    return [_whole(row) for row in rows]


def _areas_told(flow: NICE, cell: Tensor) -> list[str]:
    first = areas(cell).item()
    says = [f"The data. The marked cell has the area {first:.3f}."]
    for count, layer in enumerate(flow.couplings, 1):
        cell, _ = layer(cell)
        way = "left or right" if layer.keep_odd else "up or down"
        says.append(f"After coupling {count}, points moved {way}. Area {areas(cell):.3f}.")
    cell, _ = flow.scaling(cell)
    times = areas(cell).item() / first
    return [*says, f"After the scaling. Area {areas(cell):.2f}, {times:.0f} times as large."]


def _iteration_told(count: int, found: int, active: Tensor) -> str:
    told = ", ".join(f"{value:.2f}" for value in active.tolist())
    shares = f"{found} of 30 children have found their parent" if count > 1 else "All shares equal"
    return f"Iteration {count}. {shares}; activations {told}."


if __name__ == "__main__":
    main()
