"""The cases of tests/windows/cases/playbooks.yml."""

from __future__ import annotations

import csharp
import yaml

CASES = yaml.safe_load((csharp.HERE / 'cases' / 'playbooks.yml').read_text(encoding='utf-8'))
