# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load and check catalogs: those that are shipped, and those of the user."""

from __future__ import annotations

import hashlib
import os
import typing as t
from pathlib import Path

import yaml

from ...module_utils._base.errors import PortmatrixError
from . import collisions, strict_yaml
from .building import build
from .model import Catalog, Catalogs

DATA = Path(__file__).parent / 'data'
SHIPPED = DATA / 'products'
BASELINE_FILE = DATA / 'baseline.yml'
BASELINE = 'baseline'  # the product name of the baseline, which a user's catalog cannot have


def existing_path(path: str, inventory_dir: str | None) -> str:
    """PATH relative to the working directory if it exists there, otherwise relative to the folder of the inventory."""
    candidates = [os.path.abspath(os.path.expanduser(path)), os.path.join(inventory_dir or '', path)]
    return next((candidate for candidate in candidates if os.path.exists(candidate)), candidates[0])


def load_catalogs(extra: t.Iterable[str] = ()) -> Catalogs:
    """All catalogs by product: the shipped ones, then the files and folders in EXTRA (existing paths).

    Raises PortmatrixError with the problems of all files; a product that is defined twice is one.
    """
    catalogs: Catalogs = {}
    problems: list[str] = []
    for path in [*sorted(SHIPPED.glob('*.yml')), *_files(extra, problems)]:
        try:
            catalog = load_file(path)
        except PortmatrixError as error:
            problems.extend(error.problems)
            continue
        if catalog.product in catalogs or catalog.product == BASELINE:
            defined_in = catalogs[catalog.product].path if catalog.product in catalogs else BASELINE_FILE
            problems.append(
                f'{path}: product: {catalog.product!r} is already defined in {defined_in}; choose another product name'
            )
        else:
            catalogs[catalog.product] = catalog
    problems.extend(collisions.find(catalogs))
    if problems:
        raise PortmatrixError(*problems)
    return catalogs


def _files(extra: t.Iterable[str], problems: list[str]) -> t.Iterator[Path]:
    for path in map(Path, extra):
        if path.is_dir():
            paths = sorted([*path.glob('*.yml'), *path.glob('*.yaml')])
        else:
            paths = [path] if path.is_file() else []
        if not paths:
            problem = 'contains no *.yml or *.yaml file' if path.is_dir() else 'does not exist'
            problems.append(f'portmatrix_catalogs: {path} {problem}; set a catalog file or a folder of them')
        yield from paths


def load_baseline(declared: t.Any, inventory_dir: str | None) -> Catalog:
    """The baseline: DECLARED (portmatrix_baseline) is a catalog as data, a path, or None for the shipped one.

    Raises PortmatrixError for anything that is not a baseline.
    """
    if isinstance(declared, dict):
        baseline = build(declared, 'portmatrix_baseline', '')
    else:
        baseline = load_file(Path(existing_path(declared, inventory_dir)) if declared else BASELINE_FILE)
    if baseline.product != BASELINE or 'host' not in baseline.components:
        raise PortmatrixError(
            f'{baseline.path}: a baseline must be a catalog with product: {BASELINE} and a component host'
        )
    return baseline


def load_file(path: Path) -> Catalog:
    """The catalog in the YAML file PATH. Raises PortmatrixError with each problem: file, key and fix."""
    try:
        content = path.read_bytes()
        data = strict_yaml.load(content, is_ours=path.is_relative_to(DATA))
    except OSError as error:
        raise PortmatrixError(f'{path}: cannot be read ({error.strerror}); set a catalog file') from error
    except strict_yaml.TooLargeError as error:
        raise PortmatrixError(f'{path}: {error}') from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # without its lines: the file may be no catalog at all, but one that nobody else may read
        raise PortmatrixError(
            f'{path}: not valid YAML: {strict_yaml.explain(error)}; fix the line that it names'
        ) from None
    return build(data, str(path), hashlib.sha256(content).hexdigest())
