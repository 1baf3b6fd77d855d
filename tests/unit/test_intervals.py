"""Sets of numbers as intervals do what sets of numbers do."""

from __future__ import annotations

from ansible_collections.portmatrix.firewall.plugins.module_utils._model import intervals
from hypothesis import given, strategies as st

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4)).map(lambda pair: (pair[0], sum(pair))), max_size=6)


def numbers(spans):
    return {number for first, last in spans for number in range(first, last + 1)}


@given(SPANS, SPANS, st.integers(0, 50))
def test_intervals_are_sets(some, others, number):
    one, other = intervals.merge(some), intervals.merge(others)
    assert numbers(one) == numbers(some)
    assert all(first[1] + 1 < second[0] for first, second in zip(one, one[1:]))
    for result, expected in (
        (intervals.common(one, other), numbers(one) & numbers(other)),
        (intervals.without(one, other), numbers(one) - numbers(other)),
    ):
        assert result == intervals.merge((element, element) for element in expected)
    assert intervals.includes(one, number) is (number in numbers(one))
