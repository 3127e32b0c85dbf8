#!/usr/bin/env bash
# Installs the tester of OpenAPI documents that the suite `schemathesis` uses into a virtual environment in the cache of tools.
set -eu
version=4.32.5
work=${LNMT_TOOLS_DIR:-$HOME/.cache/lnmt-tools}/schemathesis-$version
[ -x "$work/bin/schemathesis" ] && exit 0
mkdir -p "$(dirname "$work")"
trap 'rm -rf "$work"' ERR
python3 -m venv "$work"
"$work/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
