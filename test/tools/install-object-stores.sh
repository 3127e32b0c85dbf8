#!/usr/bin/env bash
# Installs the object stores that the suite `object-stores` asks: an emulator of Azure Blob Storage, and one of Google Cloud Storage.
set -eu
work=${LNMT_TOOLS_DIR:-$HOME/.cache/lnmt-tools}/object-stores-3.37.0-2026.7.19
[ -f "$work/ready" ] && exit 0
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' ERR
python3 -m venv "$work/gcs"
"$work/gcs/bin/pip" install --quiet --disable-pip-version-check 'gcp-storage-emulator==2026.7.19'
npm install --prefix "$work/azure" --no-save --ignore-scripts --no-audit --no-fund --loglevel=error azurite@3.37.0
touch "$work/ready"
