"""Generate what comes from the shipped catalogs and from the code that reads them: the roles, a page and a
golden plan for each product, and the schema of the format.

python tests/tools/generate.py           write the files that differ, and print their paths
python tests/tools/generate.py --check   write nothing, print the differences, and exit with 1 if there are any
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests'))

import conftest  # noqa: F401  (makes the checkout importable as a collection)

# isort: split
import catalog_schema
import golden_plans
import product_pages
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.loader import Catalog, load_catalogs
from role_files import README, role_files

ROLES, PAGES, SCHEMA = 'roles', 'docs/products', 'docs/catalog.schema.json'
PLANS = 'tests/unit/cases/plans'


def outdated_files(root: Path, catalogs: dict[str, Catalog]) -> dict[Path, str]:
    """Path -> the text that belongs there, for each file in the checkout ROOT that differs from it or is missing.

    Raises PortmatrixError for every README without its parts, and for every role or page without a catalog.
    """
    roles, pages, plans = root / ROLES, root / PAGES, root / PLANS
    outdated: dict[Path, str] = {
        root / SCHEMA: catalog_schema.text(),
        pages / 'index.md': product_pages.index(catalogs),
    }
    outdated.update({pages / f'{product}.md': product_pages.page(catalog) for product, catalog in catalogs.items()})
    problems = [
        f'{folder}: has no catalog; add one named {folder.name}.yml, or remove the role'
        for folder in sorted(path for path in roles.glob('*') if path.is_dir())
        if folder.name not in catalogs
    ]
    outdated.update({plans / f'{product}.txt': golden_plans.text(catalog) for product, catalog in catalogs.items()})
    present = (*pages.glob('*.md'), *plans.glob('*.txt'))
    problems += [f'{path}: has no catalog; remove it' for path in sorted(present) if path not in outdated]
    for product, catalog in catalogs.items():
        try:
            files = role_files(catalog, _read(roles / product / README))
        except PortmatrixError as error:
            problems.extend(error.problems)
            continue
        outdated.update({roles / product / name: text for name, text in files.items()})
    if problems:
        raise PortmatrixError(*problems)
    return {path: text for path, text in outdated.items() if _read(path) != text}


def _read(path: Path) -> str | None:
    return path.read_text(encoding='utf-8') if path.exists() else None


def _difference(path: Path, text: str) -> str:
    present = (_read(path) or '').splitlines(keepends=True)
    return ''.join(difflib.unified_diff(present, text.splitlines(keepends=True), str(path), 'from the catalog'))


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 1 if a catalog or a role has a fault, or if --check finds a difference."""
    parser = argparse.ArgumentParser(description='Generate roles, pages and the schema from the catalogs.')
    parser.add_argument(
        '--check', action='store_true', help='write nothing; print what differs, and exit with 1 if it does'
    )
    parser.add_argument('--root', type=Path, default=ROOT, help='the checkout (default: %(default)s)')
    options = parser.parse_args(arguments)
    try:
        outdated = outdated_files(options.root, load_catalogs())
    except PortmatrixError as error:
        print('\n'.join(error.problems), file=sys.stderr)
        return 1
    for path, text in outdated.items():
        if options.check:
            print(_difference(path, text))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8', newline='\n')
            print(path)
    return 1 if options.check and outdated else 0


if __name__ == '__main__':
    sys.exit(main())
