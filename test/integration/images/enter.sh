#!/usr/bin/env bash
# enter.sh ROOT UID:GID [HOST_FOLDER=PATH | tmpfs=PATH]... -- COMMAND...
# Runs a command in an image's file system as a kubelet would with the manifest's security context: root read-only, the given user, no
# capabilities, no new privileges, its own processes; only the named paths are mounted, tmpfs ones writable. The network is the host's.
# Where cgroups are of a kind that OCI runtimes refuse, this still works; it needs root.
set -eu
if [ -z "${LNMT_ENTERED:-}" ]; then
  LNMT_ENTERED=1 exec unshare --mount --ipc --uts --pid --fork --kill-child=SIGKILL "$0" "$@"
fi
root=$1 user=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,size=1m tmpfs "$root/dev"
for device in null zero random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -m 1777 "$root/dev/shm"
while [ "$1" != -- ]; do
  source=${1%%=*} target=$root${1#*=}
  mkdir -p "$target"
  if [ "$source" = tmpfs ]; then
    mount -t tmpfs -o "mode=2775,uid=0,gid=${user#*:},size=1g" tmpfs "$target"
  else
    mount --bind "$source" "$target"
    mount -o remount,bind,ro "$target"
  fi
  shift
done
shift
mount -o remount,bind,ro "$root"
unset LNMT_ENTERED
exec setpriv --no-new-privs chroot --userspec="$user" --groups="${user#*:}" "$root" "$@"
