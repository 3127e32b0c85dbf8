#!/usr/bin/env bash
# Installs the command line of cdktf, as locked in cli-cdktf/, into a folder of its own in the cache of tools: its dependencies do not fit
# beside the library's, and it is large.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${LNMT_TOOLS_DIR:-$HOME/.cache/lnmt-tools}
target=$cache/cli-cdktf-0.21.0
[ -d "$target" ] && exit 0
mkdir -p "$cache"
work=$(mktemp -d "$cache/.build-XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$here"/cli-cdktf/package*.json "$work"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
chmod 755 "$work"
mv "$work" "$target"
