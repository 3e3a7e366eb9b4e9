"""ionscape: compound families from raw mass-spectrometry runs. Pure functions; the rules' scripts are their only doors."""

__version__ = "0.2.0.dev0"
