"""How the numbers of grade `calibrated` were found: scripts with fixed seeds, their targets, what was free, what came out."""
