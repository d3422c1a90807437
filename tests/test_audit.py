"""The audit of the source article: complete, answered, quoted."""

import pytest

from titranc.models import catalogue
from titranc.models.audit import audit, problems_with_audit

ROWS = audit("source")
RULES = {rule.id: rule.audit_rows for rule in catalogue.edition("source").rules}
REFERENCES = catalogue.references()


def test_the_audit_has_every_row_once_in_order() -> None:
    assert list(ROWS) == list(range(1, 37))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_is_answered_by_rules_or_says_why_by_none(row: int) -> None:
    rules = [name for name, rows in RULES.items() if row in rows]
    assert bool(rules) != bool(ROWS[row].no_rule_because)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_quotes_lines_of_the_article_or_is_a_silence(row: int) -> None:
    entry = ROWS[row]
    assert bool(entry.article_says) <= bool(entry.lines)
    assert entry.cites
    assert len(entry.evidence) > 60
    assert all(20 <= line <= 143 for line in entry.lines)


def told(rows_of: dict[str, list[int]]) -> str:
    return "\n".join(map(str, problems_with_audit("source", rows_of, REFERENCES)))


def test_a_rule_with_an_unknown_row_is_refused() -> None:
    assert not told(RULES)
    assert "scn-raise: audit row: 99 is not allowed" in told(RULES | {"scn-raise": [8, 99]})


def test_a_row_that_nothing_answers_is_refused_with_its_line() -> None:
    refused = told({name: [row for row in rows if row != 28] for name, rows in RULES.items()})
    assert "audits/source.yaml:" in refused
    assert "row: 28 is not allowed" in refused


def test_a_row_with_both_a_rule_and_a_reason_is_refused() -> None:
    assert "row: 32 is not allowed" in told(RULES | {"scn-raise": [8, 32]})


def test_an_unknown_citation_is_refused() -> None:
    some = {key: text for key, text in REFERENCES.items() if key != "bunn_1995"}
    refused = [str(problem) for problem in problems_with_audit("source", RULES, some)]
    assert len(refused) == 1
    assert "bunn_1995" in refused[0]
