#!/bin/sh
# Installs the packages of package-lock.json: install.sh NPM SOURCE BUILD. None of their scripts run.
set -eu
npm=$1 source=$2 build=$3
mkdir -p "$build"
cp "$source/package.json" "$source/package-lock.json" "$build"
cd "$build"
"$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error || {
  echo "mla: $source: npm ci failed, see above: npm's registry must be within reach once," \
    "or configure with -DMLA_HTML=OFF to build without the HTML reports" >&2
  exit 1
}
