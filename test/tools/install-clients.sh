#!/usr/bin/env bash
# Installs the Python clients that the suite `clients` uses into a virtual environment in the cache of tools.
set -eu
work=${LNMT_TOOLS_DIR:-$HOME/.cache/lnmt-tools}/clients-2.73.0-3.57.0
[ -x "$work/bin/python" ] && exit 0
mkdir -p "$(dirname "$work")"
trap 'rm -rf "$work"' ERR
python3 -m venv "$work"
"$work/bin/pip" install --quiet --disable-pip-version-check 'tritonclient[all]==2.73.0' 'openai==3.57.0'
