#!/usr/bin/env bash
# The main job: jobs/train.sh [CONFIG] [-np N] [--set KEY=VALUE ...]
# Writes the shards of the configuration unless they are there, then trains on N ranks of this machine (2 unless told). Without CONFIG it is
# configs/default.json, whose small dataset is generated first. Paths in a configuration are relative to the folder one is in.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

config='' ranks=2 overrides=() options=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -np | -n) ranks=${2:-}; shift ;;
    --set) overrides+=(--set "${2:-}"); shift ;;
    --set=*) overrides+=("$1") ;;
    -*) options+=("$1") ;;
    *) [ -z "$config" ] || { echo "train.sh: want one CONFIG, got '$config' and '$1'" >&2; exit 2; }; config=$1 ;;
  esac
  shift || { echo "train.sh: want a value after the last option" >&2; exit 2; }
done

"$project/jobs/setup.sh"
iolaus=$project/jobs/iolaus
if [ -z "$config" ]; then
  cd "$project"
  config=configs/default.json
  if [ ! -e dataset/generated.xyz ]; then "$iolaus" generate dataset/generated.xyz; fi
fi
"$iolaus" -np "$ranks" convert "$config" --if-missing "${overrides[@]}"
exec "$iolaus" -np "$ranks" train "$config" "${overrides[@]}" "${options[@]}"
