from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / 'lab'))

if 'PORTMATRIX_LAB_KEY' not in os.environ:
    raise pytest.UsageError('these tests run inside the lab: bash tests/run.sh products')
