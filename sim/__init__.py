"""Time, chance and records. Nothing here knows any one disease."""
