#!/usr/bin/env bash
# Times the models of bench/configs against eager PyTorch on the same machine, and appends to OUT/step.jsonl:
#   bench/compare.sh IOLAUS GRAPHS OUT [OPTIONS OF bench step]
# IOLAUS is the launcher (jobs/iolaus, or that of the bundle), GRAPHS a folder with bench_mol18x64 and bench_mat64x32 as
# .h5, and as .pt too where python3 lacks h5py (bench/hydragnn_step.py --convert). Options as in --device cuda --precision fp32.
# bench/table.py OUT/step.jsonl makes a table of it.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
iolaus=$1 graphs=$2 out=$3
shift 3
mkdir -p "$out"
commit=$(git -C "$here" describe --always --dirty 2> /dev/null || cat "${iolaus%/*}/commit" 2> /dev/null || echo unknown)
suffix=h5
python3 -c 'import h5py' 2> /dev/null || suffix=pt
status=0
for file in bench_mol18x64 bench_mat64x32; do
  for model in schnet egnn painn; do
    for targets in energy forces; do
      "$iolaus" bench step "$here/configs/${model}_$targets.json" --graphs "$graphs/$file.h5" --pieces 12 "$@" >> "$out/step.jsonl" || status=1
    done
  done
done
if python3 -c 'import torch' 2> /dev/null; then
  tf32=''
  case " $* " in *tf32*) tf32=--tf32 ;; esac
  python3 "$here/hydragnn_step.py" --commit "$commit" $tf32 "$graphs/bench_mol18x64.$suffix" "$graphs/bench_mat64x32.$suffix" >> "$out/step.jsonl" || status=1
fi
exit $status
