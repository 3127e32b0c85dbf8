#!/usr/bin/env bash
# Installs the scanner that the suite `checkov` uses into a virtual environment in the cache of tools.
set -eu
cache=${LNMT_TOOLS_DIR:-$HOME/.cache/lnmt-tools}
[ -x "$cache/checkov/bin/checkov" ] && exit 0
mkdir -p "$cache"
work=$cache/checkov
trap 'rm -rf "$work"' ERR
python3 -m venv "$work"
"$work/bin/pip" install --quiet --disable-pip-version-check checkov==3.3.30
