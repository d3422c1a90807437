"""Policies, one a module: each exposes `build(section, edition)` and the file name is the policy's name."""
