"""tracss_hpc: exact all-vs-all conjunction screening, TraCSS style."""

__version__ = "0.1.0"
