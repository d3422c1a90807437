"""An independent reading of a finished run: its tables against the invariants of the guideline that it claims to follow.

Nothing here comes from the controller, the engine or the clinic: a reader has the tables, the manifest and the resolved
scenario, and no more.
"""
