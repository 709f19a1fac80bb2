#!/usr/bin/env bash
# Makes one archive that runs on a node without Java: jobs/bundle.sh
# It holds a Java runtime, the program with its kernels, its libraries and a launcher, and lies in target/bundle/. A node brings the
# NVIDIA driver, cuBLAS, NVRTC and NCCL for `device: cuda`, and Open MPI with its Java bindings for more than one rank.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$project"
jobs/setup.sh
# shellcheck disable=SC1091
. target/env.sh

MAVEN_OPTS="${MAVEN_OPTS:-} --sun-misc-unsafe-memory-access=allow -XX:TieredStopAtLevel=1" "$IOLAUS_MAVEN" -B -q -Dfast -DskipTests package
version=$(sed -n 's:^  <version>\(.*\)</version>$:\1:p' pom.xml | head -n 1)
[ -e target/classes/kernels/iolaus.fatbin ] || echo 'bundle: no nvcc here, so kernels are compiled by NVRTC at their first use' >&2

name=iolaus-$version-linux-$(uname -m)
out=target/bundle
rm -rf "${out:?}/$name"
mkdir -p "$out/$name/lib" "$out/$name/native"
# java.desktop is for the plots
"$JAVA_HOME/bin/jlink" --output "$out/$name/runtime" --strip-debug --no-header-files --no-man-pages --compress zip-0 \
  --add-modules java.base,java.logging,java.xml,java.management,java.naming,java.desktop,jdk.unsupported,jdk.incubator.vector,jdk.zipfs \
  2> >(grep -v 'incubator modules' >&2 || true)
cp target/iolaus.jar "$out/$name/lib/"
echo iolaus.jar > "$out/$name/lib/class-path"
for jar in target/lib/*.jar; do
  case ${jar##*/} in
    jcuda-natives-*) cp target/native/libJCudaDriver-* "$out/$name/native/" ;; # what it has besides is 25 MB
    mpi-*) cp "$jar" "$out/$name/lib/mpi.jar" ;;
    *) cp "$jar" "$out/$name/lib/"; echo "${jar##*/}" >> "$out/$name/lib/class-path" ;;
  esac
done
cp -r configs "$out/$name/"
git describe --always --dirty > "$out/$name/commit" 2> /dev/null || echo unknown > "$out/$name/commit"
cp LICENSE "$out/$name/"
install -m 755 jobs/bundle-launcher "$out/$name/iolaus"

# A small training on the emulated device, from which the JVM keeps what it loaded, linked and found to be hot: with that a command
# begins a second earlier. The cache names the jars by their order, sizes and times, and the JVM passes over one that does not fit.
try=$(mktemp -d)
trap 'rm -rf "$try"' EXIT
(
  cd "$try"
  settings=("$project/configs/rmd17_ethanol.json" --set format=extxyz --set Dataset.path.total=frames.xyz --set shards=shards
    --set 'Dataset.units={"energy": "eV", "length": "angstrom"}' --set 'Dataset.split={"fractions": [0.8, 0.1, 0.1]}' --set radius=3.0)
  "$project/$out/$name/iolaus" generate --frames=40 frames.xyz
  "$project/$out/$name/iolaus" convert "${settings[@]}"
  IOLAUS_AOT_OUTPUT=$project/$out/$name/lib/iolaus.aot "$project/$out/$name/iolaus" train "${settings[@]}" \
    --set num_epoch=3 --set batch_size=4 --set hidden_dim=16 --device emulated --precision fp32 --no-plots
) > "$try/log" 2>&1 || { cat "$try/log" >&2; exit 1; }
IOLAUS_JAVA_OPTIONS=-XX:AOTMode=on "$out/$name/iolaus" --version > /dev/null # fails if the cache is not taken

# for trying out a GPU: IOLAUS_CLASS_PATH=iolaus-tests.jar IOLAUS_MAIN=org.iolaus.cuda.CudaSmoke .../iolaus
"$JAVA_HOME/bin/jar" --create --file "$out/iolaus-tests.jar" -C target/test-classes org/iolaus/cuda

tar -C "$out" -cf - "$name" | xz -T 2 -6 > "$out/$name.tar.xz.part"
mv "$out/$name.tar.xz.part" "$out/$name.tar.xz"
bytes=$(stat -c %s "$out/$name.tar.xz")
printf 'bundle: %s/%s.tar.xz, %d.%d MB\n' "$project/$out" "$name" $((bytes / 1000000)) $((bytes / 100000 % 10))
cat << END
On a node:   tar -xf $name.tar.xz && $name/iolaus --help
             $name/iolaus -np 4 train CONFIG     (through the node's mpirun)
             srun $name/iolaus train CONFIG      (below a launcher it is one rank)
END
[ "$bytes" -lt 60000000 ] || { echo 'bundle: want less than 60 MB' >&2; exit 1; }
