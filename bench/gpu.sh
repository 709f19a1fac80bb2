#!/usr/bin/env bash
# Checks and measurements that need a GPU, in one go, cheapest first:
#   bench/gpu.sh IOLAUS OUT [PART ...]
# IOLAUS is the launcher (that of a bundle on a node without Java). Results go to OUT: log.txt, and *.jsonl to be added to
# bench/results. Parts, all by default, with about the seconds on an H100:
#   selftest   every operation in five precisions against its definition, twice (40)
#   smoke      the runtime: memory, graphs, products, NCCL; needs TESTS_JAR=iolaus-tests.jar (10)
#   verify     the reference cases in src/test/resources/golden, fp64, fp32 and tf32x3 (150)
#   ranks      two ranks that share the GPU against one rank, fp64; NCCL on one rank (30)
#   ethanol    SHARDS=folder of configs/rmd17_ethanol.json: 100 epochs, cold and warm (30)
#   compare    GRAPHS=folder of fixed graphs: bench/compare.sh, beside PyTorch (120)
#   equiformer GRAPHS as well: EquiformerV2's training step in four precisions (110)
#   attention  ASPIRIN=folder of bench/configs/rmd17_none.json's shards: PAINN alone, with GPS, with EquiformerV2, each
#              trained for BUDGET seconds, 100 by default (400)
#   sanitizer  compute-sanitizer's memcheck and racecheck over the self-test (100)
set -u
[ $# -ge 2 ] || { sed -n '2,18s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
iolaus=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
shift 2
parts=${*:-selftest smoke verify ranks ethanol compare equiformer attention sanitizer}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit
failed=0
device=${DEVICE:-cuda} # emulated, to try this script itself

say() { printf '\n== %s [%d s]\n' "$*" $SECONDS; }
check() { "$@" || { failed=1; echo "FAILED ($?): $*"; }; }

ethanol() { # ARGUMENTS: train on the shards, logs below the current folder
  sed "s#\"shards\": *\"[^\"]*\"#\"shards\": \"$SHARDS\"#" "$here/configs/rmd17_ethanol.json" > ethanol.json
  "$iolaus" ${RANKS:+-np "$RANKS"} train ethanol.json --device "$device" "$@" 2>&1
}

part_selftest() {
  for precision in fp64 fp32 tf32x3 tf32 bf16; do
    say "selftest $precision"
    check "$iolaus" selftest --device "$device" --precision $precision > selftest.txt
    tail -n 1 selftest.txt
  done
}

part_smoke() {
  say smoke
  [ -n "${TESTS_JAR:-}" ] || { echo 'left out: TESTS_JAR is not set'; return; }
  check env IOLAUS_CLASS_PATH="$TESTS_JAR" IOLAUS_MAIN=org.iolaus.cuda.CudaSmoke "$iolaus"
}

part_verify() {
  for precision in fp64 fp32 tf32x3; do
    for file in "$here"/src/test/resources/golden/{hydragnn/{SchNet,EGNN,PAINN,GIN,interatomic_potential}{,_gps},equiformer_v2/*}.h5; do
      say "verify $precision ${file##*/}"
      check "$iolaus" verify --device "$device" --precision $precision "$file" > "$out/verify_${precision}_$(basename "$file" .h5).txt"
      tail -n 1 "$out/verify_${precision}_$(basename "$file" .h5).txt"
    done
  done
}

part_ranks() {
  say 'two ranks that share the GPU, and one rank'
  [ -n "${SHARDS:-}" ] || { echo 'left out: SHARDS is not set'; return; }
  for ranks in 1 2; do
    RANKS=$ranks check ethanol --precision fp64 --set comm=mpi --set share_gpu=true --set num_epoch=3 \
      --set batch_size=$((10 / ranks)) --set Optimizer.type=SGD --set learning_rate=2e-4 --set log_name=share$ranks --no-plots
    cp logs/share$ranks/metrics.csv "$out/share$ranks.csv"
  done
  say 'NCCL on one rank'
  check ethanol --set comm=nccl --set num_epoch=3 --set batch_size=10 --set log_name=nccl --no-plots
}

part_ethanol() {
  say 'ethanol, kernels not compiled yet'
  [ -n "${SHARDS:-}" ] || { echo 'left out: SHARDS is not set'; return; }
  time check ethanol --precision fp32 --set batch_size=10 --set log_name=cold
  cp logs/cold/metrics.jsonl "$out/ethanol.jsonl"
  say 'ethanol, kernels in the cache'
  time check ethanol --precision fp32 --set batch_size=10 --set log_name=warm --no-plots
}

part_compare() {
  say 'compare with PyTorch'
  [ -n "${GRAPHS:-}" ] || { echo 'left out: GRAPHS is not set'; return; }
  check bash "$here/bench/compare.sh" "$iolaus" "$GRAPHS" "$out" --device "$device" --precision fp32
  python3 "$here/bench/table.py" "$out/step.jsonl"
}

part_equiformer() {
  [ -n "${GRAPHS:-}" ] || { echo 'left out: GRAPHS is not set'; return; }
  for precision in tf32 tf32x3 fp32 bf16; do
    say "EquiformerV2 $precision"
    check "$iolaus" bench step "$here/bench/configs/equiformer_v2_base.json" --graphs "$GRAPHS/bench_graphs_slab8.h5" \
      --device "$device" --precision $precision --steps 8 --warmup 3 --pieces 40 >> "$out/equiformer.jsonl"
    tail -n 1 "$out/equiformer.jsonl" | cut -c1-1500
  done
}

part_attention() { # a few epochs first, which tell how many the time is enough for
  [ -n "${ASPIRIN:-}" ] || { echo 'left out: ASPIRIN is not set'; return; }
  for engine in ${ENGINES:-none gps equiformer}; do
    sed "s#\"shards\": *\"[^\"]*\"#\"shards\": \"$ASPIRIN\"#" "$here/bench/configs/rmd17_$engine.json" > $engine.json
    say "PAINN with $engine, a few epochs"
    check "$iolaus" train $engine.json --device "$device" --precision fp32 --set num_epoch=3 --set log_name=few_$engine
    epochs=$(awk -F, -v budget="${BUDGET:-100}" 'END { n = int(budget / $(NF - 1)); print n < 3 ? 3 : n }' logs/few_$engine/metrics.csv)
    say "PAINN with $engine, $epochs epochs"
    check "$iolaus" train $engine.json --device "$device" --precision fp32 --set num_epoch="$epochs"
    cp logs/rmd17_$engine/metrics.jsonl "$out/rmd17_$engine.jsonl"
  done
}

part_sanitizer() {
  for tool in memcheck racecheck; do
    say "compute-sanitizer $tool"
    check compute-sanitizer --tool $tool --target-processes all --error-exitcode 9 "$iolaus" selftest --device "$device" --precision fp32 > sanitizer.txt
    tail -n 3 sanitizer.txt
  done
}

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export IOLAUS_MPIRUN_OPTIONS="${IOLAUS_MPIRUN_OPTIONS:---oversubscribe}"
export IOLAUS_CACHE="${IOLAUS_CACHE:-$work/cache}"
{
  for part in $parts; do
    "part_$part"
  done
  say "done, $([ $failed = 0 ] && echo 'nothing failed' || echo 'something FAILED')"
} 2>&1 | tee "$out/log.txt"
! grep -q FAILED "$out/log.txt"
