"""Makes the checkout importable as the collection portmatrix.firewall, whatever its folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _create_collections_folder() -> Path:
    folder = ROOT / 'build' / 'collections'
    link = folder / 'ansible_collections' / 'portmatrix' / 'firewall'
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink() or os.readlink(link) != str(ROOT):
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT)
    return folder


COLLECTIONS = _create_collections_folder()
sys.path.insert(0, str(COLLECTIONS))
sys.path.insert(0, str(ROOT / 'tests'))
os.environ['ANSIBLE_COLLECTIONS_PATH'] = str(COLLECTIONS)
