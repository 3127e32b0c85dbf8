#!/usr/bin/env bash
# Builds the programs that the integration suites drive, from their Go modules, one after another, into a cache outside the tree.
# Usage: test/tools/build-tools.sh [helm|control-plane|kwok|prometheus-adapter]...   (all of them when none is named)
# The cache is $LNMT_TOOLS_DIR (default ~/.cache/lnmt-tools); a folder there carries the version in its name and is complete once it exists.
# A program that cannot be built is reported and left out: its suites skip with that reason. The exit status is the number of failures.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${LNMT_TOOLS_DIR:-$HOME/.cache/lnmt-tools}
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath ${LNMT_GO_BUILD_FLAGS:-}"
version_of() { awk -v tool="$1" '$1 == tool { print $2 }' "$here/versions"; }

build_helm() { GOBIN=$1 go install helm.sh/helm/v3/cmd/helm@$(version_of helm); }

build_control-plane() {
  local stamp=k8s.io/component-base/version version
  version=$(version_of control-plane)
  (cd "$here/../integration/control-plane" &&
    go build -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$(cut -d. -f2 <<< "$version")" -o "$1/control-plane" .) || return
  local part
  for part in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl; do ln -s control-plane "$1/$part" || return; done
}

build_kwok() {
  local version stages
  version=$(version_of kwok)
  GOBIN=$1 go install "sigs.k8s.io/kwok/cmd/kwok@$version" || return
  # kwok does nothing without its life-cycle stages, which its module holds as files.
  stages=$(GOBIN='' go env GOMODCACHE)/sigs.k8s.io/kwok@$version/kustomize/stage
  awk 'FNR == 1 { print "---" } { print }' \
    "$stages"/node/fast/node-initialize.yaml "$stages"/node/heartbeat-with-lease/*.yaml "$stages"/pod/fast/pod-*.yaml |
    sed '/^# /d' > "$1/stages.yaml"
  [ -s "$1/stages.yaml" ]
}

build_prometheus-adapter() {
  (cd "$here/prometheus-adapter" && go build -ldflags '-s -w' -o "$1/prometheus-adapter" sigs.k8s.io/prometheus-adapter/cmd/adapter)
}

failures=0
# shellcheck disable=SC2046 # one word a tool is what is wanted
[ $# -gt 0 ] || set -- $(awk '{ print $1 }' "$here/versions")
if ! command -v go > /dev/null; then
  echo "build-tools: no go on the PATH: nothing built" >&2
  exit $#
fi
mkdir -p "$cache"
for tool in "$@"; do
  version=$(version_of "$tool")
  if [ -z "$version" ]; then
    echo "build-tools: unknown tool '$tool'" >&2
    failures=$((failures + 1))
    continue
  fi
  target=$cache/$tool-$version
  [ -d "$target" ] && continue
  started=$SECONDS
  work=$(mktemp -d "$cache/.build-XXXXXX")
  if "build_$tool" "$work" && mv "$work" "$target"; then
    chmod 755 "$target"
    echo "build-tools: $tool $version built in $((SECONDS - started)) s"
  else
    echo "build-tools: $tool $version could not be built" >&2
    rm -rf "$work"
    failures=$((failures + 1))
  fi
done
exit "$failures"
