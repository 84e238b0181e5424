"""tools/gaussians.py: what a reader sees of points, weights and fits."""

import torch
from matplotlib.figure import Figure

from tools.gaussians import fits
from tools.palette import LIGHT


def test_fits_show_weights_as_opacity_and_two_ellipses() -> None:
    fit = torch.zeros(2, 2), torch.tensor([0.0, 1.0]), torch.ones(2), torch.tensor([0.5, 1.0])
    figure = fits({"iteration 1": [fit, fit]})(LIGHT)
    assert isinstance(figure, Figure)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 1
    assert shown[0].get_title() == "iteration 1"
    opacities = [cloud.get_facecolors()[:, 3].tolist() for cloud in shown[0].collections]  # pyright: ignore
    assert len(opacities) == 2
    assert opacities[0][0] < 0.2
    assert opacities[0][1] == 1
    sizes = [(patch.width, patch.height) for patch in shown[0].patches]  # pyright: ignore
    assert sizes == [(1, 2), (2, 4)] * 2
    assert tuple(shown[0].patches[0].get_center()) == (1, 1)  # pyright: ignore
