#!/usr/bin/env bash
# All tests with the strict build (formatting, Error Prone, warnings are errors): jobs/test.sh [MAVEN ARGUMENTS],
# for example jobs/test.sh -Dtest='Mpi*Test'. Test classes run side by side, one on each core if there are 6 GB for each;
# a missing tool that tests need (Open MPI, g++) is a failure.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs/setup.sh
# shellcheck disable=SC1091
. target/env.sh
export MAVEN_OPTS="${MAVEN_OPTS:-} --sun-misc-unsafe-memory-access=allow -XX:TieredStopAtLevel=1"
forks=$(awk -v cores="$(nproc)" '/^MemAvailable:/ { fit = int($2 / 6e6); n = fit < cores ? fit : cores; print (n > 1 ? n : 1) }' /proc/meminfo)
exec "$IOLAUS_MAVEN" -B test -Dtest.forks="$forks" -Dtests.require=mpi,cxx "$@"
