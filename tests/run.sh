#!/usr/bin/env bash
# Set up and run the tests.
#   tests/run.sh            everything below except "long", "versions", "products" and "machines" (root)
#   tests/run.sh fast       linters and pure tests: under a minute, without root, hosts, mono or gcc
#   tests/run.sh local      the fast ones, whole runs of ansible-playbook, and the C# for Windows: no hosts
#   tests/run.sh long       5,000 random rule sets, every case on hosts, 300 random changes in a row: hours (root)
#   tests/run.sh versions   on hosts with other versions and shapes; writes docs/support.md: half an hour (root)
#   tests/run.sh products   hardens real clusters of etcd, Redis, RabbitMQ, Galera and Prometheus: five minutes (root)
#   tests/run.sh machines   on virtual machines with a clock, a disk and a kernel of their own: slow (root)
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}
case $part in all|fast|local|long|versions|products|machines) ;; *) echo "run: unknown part '$part'; choose from fast, local, long, versions, products, machines" >&2; exit 2 ;; esac
if [[ $part =~ ^(all|long|versions|products|machines)$ ]]; then
    if [ "$(id -u)" != 0 ]; then
        echo "run: these tests start real hosts and need root; without it run: bash tests/run.sh local" >&2
        exit 1
    fi
fi
python=.venv/bin/python
bash tests/setup.sh "$part"
.venv/bin/ruff check .
.venv/bin/ruff format --check --quiet .
.venv/bin/mypy
.venv/bin/yamllint --strict .
case $part in
    fast) exec $python -m pytest -q -n 2 tests/unit ;;
    local) exec $python -m pytest -q -n 2 tests/unit tests/playbook tests/windows ;;
esac
# the hosts are built while the tests without hosts run
trap 'wait "$lab" || true; $python tests/lab/lab.py down' EXIT
$python tests/lab/lab.py up "$part" &
lab=$!
suite=tests/integration
case $part in
    all) $python -m pytest -q -n 2 tests/unit tests/playbook tests/windows tests/kernel ;;
    long)
        PORTMATRIX_RANDOM_RULESETS=5000 $python -m pytest -q -n 2 tests/kernel
        export PORTMATRIX_ALL_CASES=1 PORTMATRIX_RANDOM_CHANGES=300
        ;;
    products) suite=tests/products ;;
    versions) suite=tests/versions PORTMATRIX_WRITE_SUPPORT=1; export PORTMATRIX_WRITE_SUPPORT ;;
    machines) suite=tests/machines ;;
esac
wait "$lab"
$python tests/lab/lab.py run -- $python -m pytest -q "$suite"
if [ "$part" = all ]; then
    # the newest firewalld; `versions` has the others
    $python tests/lab/lab.py up versions testing peer stranger
    PORTMATRIX_VERSIONS=testing $python tests/lab/lab.py run -- $python -m pytest -q tests/versions
fi
