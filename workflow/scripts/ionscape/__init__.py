"""ionscape: compound families from raw mass-spectrometry runs. Pure functions; the rules' scripts are their only doors."""
