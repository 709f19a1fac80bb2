#!/usr/bin/env bash
# All tests with the strict build (formatting, Error Prone, warnings are errors): jobs/test.sh [MAVEN ARGUMENTS],
# for example jobs/test.sh -Dtest='Mpi*Test'.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs/setup.sh
# shellcheck disable=SC1091
. target/env.sh
export MAVEN_OPTS="${MAVEN_OPTS:-} --sun-misc-unsafe-memory-access=allow"
exec "$IOLAUS_MAVEN" -B test "$@"
