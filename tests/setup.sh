#!/usr/bin/env bash
# Install what a part of the tests (see run.sh; "plan": the demo without hosts) needs: a virtual environment in .venv,
# and Debian's packages. Safe to repeat.
set -euo pipefail
cd "$(dirname "$0")/.."

part=${1:-all}
as_root() { [ "$(id -u)" = 0 ]; }
missing() { for package in "$@"; do dpkg -s "$package" >/dev/null 2>&1 || echo "$package"; done; }

packages=()
python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3 python3-venv)
if [ "$part" != fast ] && [ "$part" != plan ]; then
    # mono compiles and runs the C# of the Windows module; gcc builds the COM objects that it is tested with
    mapfile -t -O "${#packages[@]}" packages < <(missing mono-mcs gcc libc6-dev)
fi
if [[ $part =~ ^(all|long|versions|products|machines)$ ]]; then
    # netavark creates the lab's network; slirp, seccomp profiles and registries are not needed
    mapfile -t -O "${#packages[@]}" packages < <(missing podman crun netavark mmdebstrap openssh-client nftables iptables ipset iproute2 util-linux)
fi
if [ "$part" = machines ]; then
    mapfile -t -O "${#packages[@]}" packages < <(missing qemu-system-x86 e2fsprogs)
fi
if [ "${#packages[@]}" -gt 0 ]; then
    as_root || { echo "setup: install ${packages[*]} first, or run this as root" >&2; exit 1; }
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null
fi

[ -x .venv/bin/python ] || python3 -m venv .venv
# Reference assemblies of .NET Framework 4.6.2, which the C# of the Windows module is compiled against: a few files of
# a package that would install 140 others.
if [[ $part =~ ^(all|local)$ && ! -d .venv/net462 ]]; then
    folder=$(mktemp -d)
    if as_root; then apt-get update -qq; fi
    (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root mono-devel && dpkg-deb -x ./*.deb .)
    mv "$folder"/usr/lib/mono/4.6.2-api .venv/net462
    rm -r "$folder"
fi
if ! cmp -s tests/requirements.txt .venv/requirements.txt; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt .venv/requirements.txt
fi
