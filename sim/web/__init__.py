"""The teaching page: be the clinician, watch the guideline, compare policies, ask what if."""
