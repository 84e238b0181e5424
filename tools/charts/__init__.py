"""The charts that labs share: each call returns a `draw` for `tools.publish.figure`."""

from tools.charts.base import WIDTH as WIDTH
from tools.charts.base import Draw as Draw
from tools.charts.base import panels as panels
from tools.charts.curves import band_panels as band_panels
from tools.charts.curves import bands as bands
from tools.charts.curves import dots as dots
from tools.charts.curves import lines as lines
from tools.charts.curves import plain as plain
from tools.charts.curves import plane as plane
from tools.charts.curves import plots as plots
from tools.charts.curves import stacks as stacks
from tools.charts.curves import traces as traces
from tools.charts.pictures import areas as areas
from tools.charts.pictures import cells as cells
from tools.charts.pictures import chains as chains
from tools.charts.pictures import ellipses as ellipses
from tools.charts.pictures import heatmaps as heatmaps
from tools.charts.pictures import images as images
from tools.charts.pictures import matrices as matrices
from tools.charts.pictures import photographs as photographs
from tools.charts.pictures import scatter as scatter
from tools.charts.pictures import stages as stages
from tools.charts.pictures import tiles as tiles
