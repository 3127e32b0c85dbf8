#!/usr/bin/env bash
# Builds the programs that the integration suites drive, from their Go modules, one after another, into a cache outside the tree.
# Usage: test/tools/build-tools.sh [helm|control-plane|kwok|prometheus-adapter]...   (all of them when none is named)
# The cache is $LNMT_TOOLS_DIR (default ~/.cache/lnmt-tools); a folder there carries the version in its name and is complete once it exists.
# A program that cannot be built is reported and left out: its suites skip with that reason. The exit status is the number of failures.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${LNMT_TOOLS_DIR:-$HOME/.cache/lnmt-tools}
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath ${LNMT_GO_BUILD_FLAGS:-}"
kubernetes=1.36.3

build_helm() { GOBIN=$1 go install helm.sh/helm/v3/cmd/helm@v3.21.4; }

build_control-plane() {
  local stamp=k8s.io/component-base/version
  (cd "$here/../integration/control-plane" &&
    go build -ldflags "-s -w -X $stamp.gitVersion=v$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=36" -o "$1/control-plane" .) || return
  local part
  for part in etcd kube-apiserver kube-controller-manager kube-scheduler; do ln -s control-plane "$1/$part" || return; done
}

build_kwok() {
  GOBIN=$1 go install sigs.k8s.io/kwok/cmd/kwok@v0.8.0 || return
  # kwok does nothing without its life-cycle stages, which its module holds as files.
  local stages
  stages=$(GOBIN='' go env GOMODCACHE)/sigs.k8s.io/kwok@v0.8.0/kustomize/stage
  awk 'FNR == 1 { print "---" } { print }' \
    "$stages"/node/fast/node-initialize.yaml "$stages"/node/heartbeat-with-lease/*.yaml "$stages"/pod/fast/pod-*.yaml |
    sed '/^# /d' > "$1/stages.yaml"
  [ -s "$1/stages.yaml" ]
}

build_prometheus-adapter() {
  (cd "$here/prometheus-adapter" && go build -ldflags '-s -w' -o "$1/prometheus-adapter" sigs.k8s.io/prometheus-adapter/cmd/adapter)
}

version_of() {
  case $1 in
    helm) echo v3.21.4 ;;
    control-plane) echo "v$kubernetes" ;;
    kwok) echo v0.8.0 ;;
    prometheus-adapter) echo v0.12.0 ;;
  esac
}

failures=0
[ $# -gt 0 ] || set -- helm control-plane kwok prometheus-adapter
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
