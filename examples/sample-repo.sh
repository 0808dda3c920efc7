#!/bin/sh
# Makes a bare git repo of examples/sample-repo, once, and prints its URL.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
bare="$here/.sample-repo"
if [ ! -d "$bare" ]; then
  work="$(mktemp -d)"
  cp "$here"/sample-repo/* "$work"
  git -C "$work" init --quiet --initial-branch=main
  git -C "$work" add --all
  git -C "$work" -c user.name=Example -c user.email=example@localhost commit --quiet --message "Open the shop"
  git clone --quiet --bare "$work" "$bare"
  rm -rf "$work"
fi
echo "file://$bare"
