"""The medicine: bodies, doses, diseases, rules. Nothing here knows a clock, a file of results or a picture."""
