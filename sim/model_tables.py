"""The models as tables in the terminal."""

from __future__ import annotations

from pathlib import Path


def export_sbml(file: Path, disease: str, product: str, dose_ug_per_kg_day: float, days: int) -> None:
    """Write the typical body of a disease and its daily doses as SBML."""
    from titranc.models import sbml

    course = sbml.Course(product, dose_ug_per_kg_day, days)
    text = sbml.document(sbml.typical_subject(disease), course)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(
        f"{file}: the typical body of {disease} in SBML level {sbml.LEVEL} version {sbml.VERSION}; {sbml.spoken(course)}."
    )
