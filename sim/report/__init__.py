"""Pictures, the report page and the terminal's summary: they read a run's tables and compute nothing new."""
