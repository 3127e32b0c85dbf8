#!/usr/bin/env bash
# Installs the reference tool of model signatures, which the suite `model-signing` uses, into a virtual environment in the cache of tools.
set -eu
work=${LNMT_TOOLS_DIR:-$HOME/.cache/lnmt-tools}/model-signing-1.1.1
[ -x "$work/bin/model_signing" ] && exit 0
mkdir -p "$(dirname "$work")"
trap 'rm -rf "$work"' ERR
python3 -m venv "$work"
# pyOpenSSL is imported by it, and not among what it installs.
"$work/bin/pip" install --quiet --disable-pip-version-check 'model-signing==1.1.1' 'pyopenssl==26.4.0'
