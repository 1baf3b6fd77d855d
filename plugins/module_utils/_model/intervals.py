# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of whole numbers (addresses, ports) as intervals: sorted, disjoint, none next to another."""

from __future__ import annotations

import bisect
import typing as t

Interval = t.Tuple[int, int]  # first and last
Intervals = t.Tuple[Interval, ...]


def merge(intervals: t.Iterable[Interval]) -> Intervals:
    """The same numbers as intervals in this form."""
    merged: t.List[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def common(one: Intervals, other: Intervals) -> Intervals:
    """The numbers that are in both."""
    if len(one) > len(other):
        one, other = other, one
    found: t.List[Interval] = []
    for first, last in one:
        for index in range(_first_after(other, first), len(other)):
            low, high = other[index]
            if low > last:
                break
            found.append((max(first, low), min(last, high)))
    return tuple(found)


def without(intervals: Intervals, removed: Intervals) -> Intervals:
    """The numbers in INTERVALS that are not in REMOVED."""
    if len(removed) == 1:
        return _without_one(intervals, removed[0])
    rest: t.List[Interval] = []
    for first, last in intervals:
        start = first  # of what is not looked at yet
        for index in range(_first_after(removed, first), len(removed)):
            low, high = removed[index]
            if low > last:
                break
            if start < low:
                rest.append((start, low - 1))
            start = high + 1
        if start <= last:
            rest.append((start, last))
    return tuple(rest)


def _without_one(intervals: Intervals, removed: Interval) -> Intervals:
    low, high = removed
    start = stop = _first_after(intervals, low)
    rest: t.List[Interval] = []
    while stop < len(intervals) and intervals[stop][0] <= high:
        first, last = intervals[stop]
        rest += [(first, low - 1)] * (first < low) + [(high + 1, last)] * (high < last)
        stop += 1
    return intervals if start == stop else (*intervals[:start], *rest, *intervals[stop:])


def _first_after(intervals: Intervals, number: int) -> int:
    """The index of the first interval that ends at NUMBER or after it."""
    index = bisect.bisect_right(intervals, (number, number)) - 1
    return index if index >= 0 and intervals[index][1] >= number else index + 1


def includes(intervals: Intervals, number: int) -> bool:
    index = _first_after(intervals, number)
    return index < len(intervals) and intervals[index][0] <= number
