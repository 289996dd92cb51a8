"""Figures of the book: the only place that draws."""

from .diagrams import draw_time_unet, draw_unet
from .films import (
    scrub_grid,
    scrub_histograms,
    scrub_images,
    scrub_linked,
    scrub_points,
)
from .ladder import draw_ladder
from .live import (
    draw_chain,
    draw_jump,
    draw_samples,
    live_chain,
    live_guidance,
    live_jump,
)
from .notebook import use_style
from .page import show_lines, show_source
from .plots import (
    plot_arrows,
    plot_balls,
    plot_bars,
    plot_curves,
    plot_histograms,
    plot_maps,
    plot_paths,
    plot_points,
    plot_rivals,
    plot_runs,
    plot_schedules,
    plot_shares_below,
    plot_stops,
    plot_targets,
    plot_walkers,
    show_images,
)
from .pulse import Pulse
from .residual import draw_res_block
from .runs import (
    plot_copying,
    plot_losses,
    plot_rates,
    plot_rounded,
    plot_tuned,
)
from .style import COLORS
from .turn import draw_turn
from .widgets import Live, Scrubber

__all__ = [
    "COLORS",
    "Live",
    "Pulse",
    "Scrubber",
    "draw_chain",
    "draw_jump",
    "draw_ladder",
    "draw_res_block",
    "draw_samples",
    "draw_time_unet",
    "draw_turn",
    "draw_unet",
    "live_chain",
    "live_guidance",
    "live_jump",
    "plot_arrows",
    "plot_balls",
    "plot_bars",
    "plot_copying",
    "plot_curves",
    "plot_histograms",
    "plot_losses",
    "plot_maps",
    "plot_paths",
    "plot_points",
    "plot_rates",
    "plot_rivals",
    "plot_rounded",
    "plot_runs",
    "plot_schedules",
    "plot_shares_below",
    "plot_stops",
    "plot_targets",
    "plot_tuned",
    "plot_walkers",
    "scrub_grid",
    "scrub_histograms",
    "scrub_images",
    "scrub_linked",
    "scrub_points",
    "show_images",
    "show_lines",
    "show_source",
    "use_style",
]
