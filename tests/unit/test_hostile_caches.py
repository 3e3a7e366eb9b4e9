"""A sample of damaged caches, of which `make faults` tries thousands."""

from hostile_caches import DAMAGES, artefacts, damaged_caches


def test_damaged_caches(tmp_path):
    kinds = len(artefacts(tmp_path / "kinds"))
    outcomes = damaged_caches(4 * kinds * len(DAMAGES), 1, tmp_path)
    assert not [problem for outcome in outcomes for problem in outcome.problems]
    assert [outcome.tried for outcome in outcomes] == [4 * len(DAMAGES)] * kinds
