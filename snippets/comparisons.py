"""Comparisons of methods over the same seeds: what differs, and what may not.

Article:  none of its own; docs/labs/positions.py marks its tables with it.
Source:   Student's paired t-test; Holm (1979) for many at once.
Shapes:   scores (members, schemes), one row a seed.
Units:    those of the scores; p-values from 0 to 1.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from snippets.checks import (
    require,
    require_count,
    require_floating,
    require_shape,
)

Scores = Float[Tensor, "members schemes"]
LEVEL = 0.05


def paired_differences(
    scores: Scores, reference: int
) -> tuple[Float[Tensor, "schemes"], Float[Tensor, "schemes"]]:
    """Compare schemes with one of them, seed by seed.

    Returns:
        The mean differences, and the p-values of paired t-tests, corrected
        for their number by Holm's method; those of the reference are 0 and 1.
    """
    require_floating("scores", scores)
    require(scores.ndim == 2, "rank of scores", 2, scores.ndim)  # noqa: PLR2004
    members, schemes = scores.shape
    require(members > 1, "members of scores", "at least 2", members)
    require_count("reference", reference, 0, schemes - 1)
    differences = scores.double() - scores[:, reference, None].double()
    others = [i for i in range(schemes) if i != reference]
    means, errors = differences.mean(0), differences.std(0) / members**0.5
    ratio = means.abs() / errors.clamp(min=1e-300)
    raw = {
        i: 2 * float(stats.t.sf(float(ratio[i]), members - 1)) for i in others
    }
    values, worst = torch.ones(schemes, dtype=torch.float64), 0.0
    for rank, i in enumerate(sorted(others, key=lambda i: raw[i])):
        worst = max(worst, min(1.0, (len(others) - rank) * raw[i]))
        values[i] = worst
    return means, values


def best_marked(
    columns: Mapping[str, Scores],
    names: Sequence[str],
    *,
    low: Sequence[str] = (),
    digits: int = 2,
) -> tuple[list[list[str]], dict[str, list[float]]]:
    """Write means and deviations as a table, and mark the best of a column.

    The mark is for the best and for all that are not told apart from it, at
    5 %. A scheme with a score that is not a number refuses.

    Args:
        columns: Scores by name.
        names: Of the schemes.
        low: Columns in which less is better.
        digits: After the point.

    Returns:
        The rows, names first; and by "name: column" the mean, the deviation,
        how far the best is ahead, and the p-value.
    """
    cells, numbers = {name: [name] for name in names}, {}
    for column, scores in columns.items():
        require_shape(column, scores, (len(scores), len(names)))
        takes = [i for i in range(len(names)) if scores[:, i].isfinite().all()]
        require(bool(takes), column, "finite for some scheme", scores)
        few = scores[:, takes]
        sign = -1 if column in low else 1
        best = int((sign * few.mean(0)).argmax())
        means, values = paired_differences(few, best)
        for name in names:
            cells[name].append("refuses")
        for place, i in enumerate(takes):
            spread, mean = torch.std_mean(few[:, place])
            mark = " †" if values[place] >= LEVEL else ""
            text = f"{mean:.{digits}f} ± {spread:.{digits}f}{mark}"
            cells[names[i]][-1] = text.replace(" ", "\N{NO-BREAK SPACE}")
            parts = mean, spread, -sign * means[place], values[place]
            numbers[f"{names[i]}: {column}"] = [float(x) for x in parts]
    return list(cells.values()), numbers
