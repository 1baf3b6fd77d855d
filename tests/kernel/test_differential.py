"""What the evaluator says of random rule sets is what happens to packets: never "is denied" for what passes, never
"passes" for what does not. Needs root."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name('differential.py')
RULESETS = int(os.environ.get('PORTMATRIX_RANDOM_RULESETS', '120'))
PARTS = 2  # processes


@pytest.mark.parametrize('part', range(PARTS))
def test_the_answer_is_what_happens(part):
    seed = random.SystemRandom().randrange(10**6)
    result = compared(str(seed), str(RULESETS // PARTS))
    print(seed, result['counts'])  # shown if the test fails
    assert result['wrong'] == []
    counts = result['counts']
    assert counts['passes, passes'] > RULESETS and counts['is denied, is denied'] > RULESETS
    unknown = sum(number for answer, number in counts.items() if answer.startswith('cannot be told'))
    assert unknown < sum(counts.values()) / 5, 'an answer that is seldom given says little'


def test_rule_sets_by_hand():
    result = compared('hand-made')
    assert result['wrong'] == [] and result['rulesets'] > 25
    # a proxy, a queue, a full set: not to be told is an answer, but the exception
    assert result['counts']['passes, passes'] > 300 and result['counts']['is denied, is denied'] > 30


def compared(*arguments: str) -> dict:
    command = [sys.executable, str(SCRIPT), *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=3000).stdout)
