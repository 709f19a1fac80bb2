#!/usr/bin/env bash
# Finds JDK 25, Maven, Open MPI with its Java bindings and g++, and writes where they are to target/env.sh, which the other jobs read.
# As root on Debian and Ubuntu it installs what is missing with apt; elsewhere it says what to install or load. mpi.jar, which
# distributions leave out, comes from the Open MPI installation or is compiled once from its source package, and goes into Maven's
# local repository. Outside the project nothing else changes. Run again it does nothing; --force looks everything up anew.
#
#   MPI_JAR=/path/mpi.jar jobs/setup.sh     takes that mpi.jar
set -euo pipefail
umask 022
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
settings=$project/target/env.sh
given_java_home=${JAVA_HOME:-}

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# --- Java -------------------------------------------------------------------------------------------------------------------
# java_version HOME: 25.0.1, from the file that every JDK carries; nothing for a runtime without a compiler.
java_version() {
  [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 0
  sed -n 's/^JAVA_VERSION="\([0-9][0-9.]*\).*/\1/p' "$1/release"
}
java_major() { local version; version=$(java_version "$1"); printf '%s' "${version%%.*}"; }

# The JDK that JAVA_HOME names if it is 25 or newer, else the newest of the usual folders, 25 itself first.
find_java() {
  local home major best='' best_major=0 on_path
  if [ -n "$given_java_home" ]; then
    major=$(java_major "$given_java_home")
    if [ "${major:-0}" -ge 25 ]; then printf '%s' "$given_java_home"; return; fi
  fi
  on_path=$(readlink -f "$(command -v javac || true)" || true)
  for home in "${on_path%/bin/javac}" /usr/lib/jvm/* /usr/java/* /opt/*jdk* /opt/java/* /opt/jvm/* "${SDKMAN_DIR:-${HOME:-/}/.sdkman}"/candidates/java/* \
    "${HOME:-/}"/.jdks/* "${HOME:-/}"/*jdk-25*; do
    major=$(java_major "$home")
    if [ "${major:-0}" -eq 25 ]; then printf '%s' "$home"; return; fi
    if [ "${major:-0}" -gt 25 ] && [ "$major" -gt "$best_major" ]; then best=$home best_major=$major; fi
  done
  printf '%s' "$best"
}

# --- apt --------------------------------------------------------------------------------------------------------------------
can_install() { [ "$(id -u)" = 0 ] && [ -r /etc/debian_version ] && command -v apt-get > /dev/null; }

apt_log=''
apt_updated=''
install() {
  say "apt-get install $*"
  apt_log=${apt_log:-$(mktemp)}
  if [ -z "$apt_updated" ]; then
    apt-get update > "$apt_log" 2>&1 || true
    apt_updated=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >> "$apt_log" 2>&1 || {
    tail -n 20 "$apt_log" >&2
    die "apt-get install $* failed; the end of its log is above"
  }
}

# The first of these packages that the distribution offers.
offered() {
  local package
  if [ -z "$apt_updated" ]; then apt-get update > /dev/null 2>&1 || true; apt_updated=yes; fi
  for package in "$@"; do
    if apt-cache policy "$package" 2> /dev/null | grep -q 'Candidate: [0-9]'; then printf '%s' "$package"; return; fi
  done
}

# --- Open MPI ---------------------------------------------------------------------------------------------------------------
# The folder of mpirun: on the PATH, in MPI_HOME, or where distributions and modules put it.
find_mpirun() {
  local candidate
  for candidate in "$(command -v mpirun || true)" "${MPI_HOME:-/nowhere}/bin/mpirun" "${OPENMPI_HOME:-/nowhere}/bin/mpirun" \
    /usr/lib64/openmpi/bin/mpirun /opt/openmpi*/bin/mpirun /usr/local/openmpi*/bin/mpirun /usr/local/bin/mpirun; do
    if [ -x "$candidate" ] && [ -x "$(dirname "$candidate")/ompi_info" ]; then printf '%s' "$candidate"; return; fi
  done
}

ompi_lib() { "$(dirname "$1")/ompi_info" --parsable --path libdir | sed -n 's/^path:libdir://p'; }
ompi_version() { "$(dirname "$1")/ompi_info" --version | sed -n 's/^Open MPI v//p'; }

# The folder that holds libmpi_java.so.
find_java_bindings() {
  local folder
  for folder in "$1" "$1/.." "$1/../.."; do
    if [ -e "$folder/libmpi_java.so" ] || [ -e "$folder/libmpi_java.so.40" ]; then (cd "$folder" && pwd -P); return; fi
  done
}

# Compiles mpi.jar from the distribution's source package of the installed Open MPI: compile_mpi_jar FOLDER. apt works on
# private copies of its lists and settings, so the system's own stay as they are, also when this fails half way.
compile_mpi_jar() {
  local work=$1 version file
  command -v apt-get > /dev/null && command -v dpkg-query > /dev/null || return 1
  version=$(dpkg-query -W -f '${source:Version}' libopenmpi-dev 2> /dev/null || dpkg-query -W -f '${source:Version}' openmpi-bin 2> /dev/null) || return 1
  say "compiling mpi.jar from source package openmpi $version"
  if ! command -v xz > /dev/null && can_install; then install xz-utils; fi
  mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial" "$work/source" "$work/classes"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    if [ -r "$file" ]; then sed -n 's/^deb[[:space:]]/deb-src /p' "$file" | grep -E 'debian|ubuntu' >> "$work/parts/source.list" || true; fi
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    if [ -r "$file" ] && grep -qE '^URIs:.*(debian|ubuntu)' "$file"; then
      sed 's/^Types:.*/Types: deb-src/; /^#/d' "$file" > "$work/parts/$(basename "$file")"
    fi
  done
  local options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/parts" -o "Dir::State::lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1)
  apt-get "${options[@]}" update > "$work/log" 2>&1 || true
  (cd "$work/source" && { apt-get "${options[@]}" source --download-only "openmpi=$version" || apt-get "${options[@]}" source --download-only openmpi; }) \
    >> "$work/log" 2>&1 || { tail -n 10 "$work/log" >&2; return 1; }
  file=$(find "$work/source" -name 'openmpi_*.orig.tar.*' ! -name '*.asc' | head -n 1)
  tar -xf "$file" -C "$work/source" --wildcards '*/ompi/mpi/java/java/*.java' || return 1
  "$JAVA_HOME/bin/javac" --release 17 -nowarn -encoding UTF-8 -d "$work/classes" "$work"/source/*/ompi/mpi/java/java/*.java >> "$work/log" 2>&1 \
    || { tail -n 10 "$work/log" >&2; return 1; }
  "$JAVA_HOME/bin/jar" --create --file "$work/mpi.jar" -C "$work/classes" mpi
}

# --- Maven ------------------------------------------------------------------------------------------------------------------
# Maven's local repository, as far as it can be told without starting Maven.
local_repository() {
  local found home
  found=$(printf '%s\n' "${MAVEN_ARGS:-} ${MAVEN_OPTS:-}" | sed -n 's/.*-Dmaven\.repo\.local=\([^ ]*\).*/\1/p')
  home=$(getent passwd "$(id -u)" 2> /dev/null | cut -d: -f6 || true)
  home=${home:-${HOME:-/}}
  if [ -z "$found" ] && [ -r "$home/.m2/settings.xml" ]; then
    found=$(sed -n 's:.*<localRepository>\(.*\)</localRepository>.*:\1:p' "$home/.m2/settings.xml" | head -n 1)
    found=${found//\$\{user.home\}/$home}
  fi
  printf '%s' "${found:-$home/.m2/repository}"
}

# --- nothing to do? ---------------------------------------------------------------------------------------------------------
artifact=$(local_repository)/org/open-mpi/mpi/installed
if [ "${1:-}" != --force ] && [ -r "$settings" ] && [ "$settings" -nt "${BASH_SOURCE[0]}" ]; then
  # shellcheck disable=SC1090
  if (
    . "$settings"
    major=0
    if [ -n "$given_java_home" ] && [ "$given_java_home" != "$JAVA_HOME" ]; then major=$(java_major "$given_java_home"); fi
    [ "${major:-0}" -lt 25 ] && [ -x "$JAVA_HOME/bin/javac" ] && [ -x "$IOLAUS_MPIRUN" ] && [ -d "$IOLAUS_MPI_LIB" ] && [ -x "$IOLAUS_MAVEN" ] \
      && [ "$(cat "$artifact/openmpi-version" 2> /dev/null)" = "$IOLAUS_MPI_VERSION" ]
  ); then
    say "$(sed -n 's/^# //p' "$settings")"
    exit 0
  fi
fi

# --- look, install, remember ------------------------------------------------------------------------------------------------
work=$(mktemp -d)
trap 'rm -rf "$work" "$apt_log"' EXIT

JAVA_HOME=$(find_java)
if [ -z "$JAVA_HOME" ] && can_install; then
  package=$(offered openjdk-25-jdk-headless temurin-25-jdk)
  if [ -n "$package" ]; then install "$package"; JAVA_HOME=$(find_java); fi
fi
[ -n "$JAVA_HOME" ] || die "want a JDK 25 or newer, found none in JAVA_HOME, PATH, /usr/lib/jvm, /opt, SDKMAN." \
  "Install one, for example Temurin 25 (https://adoptium.net/temurin/releases/?version=25):" \
  "unpack the archive for your machine to /opt (as root) or to your home folder, and run this again," \
  "or name its folder in JAVA_HOME; with SDKMAN: sdk install java 25-tem; on a cluster: module load a JDK 25."
export JAVA_HOME
say "JDK $(java_version "$JAVA_HOME") in $JAVA_HOME"

IOLAUS_MAVEN=$(command -v mvn || true)
if [ -z "$IOLAUS_MAVEN" ]; then
  can_install || die "want Maven 3.8 or newer ('mvn' on the PATH), found none: https://maven.apache.org/download.cgi, or module load maven"
  install maven
  IOLAUS_MAVEN=$(command -v mvn)
fi
say "Maven in $IOLAUS_MAVEN"

mpirun=$(find_mpirun)
bindings=''
if [ -n "$mpirun" ]; then bindings=$(find_java_bindings "$(ompi_lib "$mpirun")"); fi
if [ -z "$bindings" ] && can_install; then
  install openmpi-bin libopenmpi-dev
  mpirun=$(find_mpirun)
  bindings=$(find_java_bindings "$(ompi_lib "$mpirun")")
fi
[ -n "$bindings" ] || die "want Open MPI 4 or 5 built with Java bindings (configure --enable-mpi-java), found ${mpirun:-no mpirun} without libmpi_java.so." \
  "Debian, Ubuntu: apt-get install openmpi-bin libopenmpi-dev. On a cluster: module load openmpi (one with Java bindings;" \
  "'ompi_info | grep Java' says 'yes'), or build it: ./configure --enable-mpi-java --prefix=\$HOME/openmpi && make -j install"
version=$(ompi_version "$mpirun")
say "Open MPI $version in $mpirun, Java bindings in $bindings"

if [ "$(cat "$artifact/openmpi-version" 2> /dev/null)" != "$version" ] || [ ! -r "$artifact/mpi-installed.jar" ] || [ -n "${MPI_JAR:-}" ]; then
  jar=''
  for candidate in "${MPI_JAR:-}" "$(ompi_lib "$mpirun")/mpi.jar" "$bindings/mpi.jar" /usr/share/java/mpi.jar; do
    if [ -r "$candidate" ]; then jar=$candidate; break; fi
  done
  if [ -z "$jar" ]; then
    compile_mpi_jar "$work" || die "want mpi.jar of Open MPI $version: it is neither in the installation nor could it be compiled from a source package." \
      "Compile ompi/mpi/java/java/*.java of https://www.open-mpi.org/software/ (version $version) into mpi.jar and run: MPI_JAR=/path/mpi.jar jobs/setup.sh"
    jar=$work/mpi.jar
  fi
  MAVEN_OPTS="${MAVEN_OPTS:-} --sun-misc-unsafe-memory-access=allow" "$IOLAUS_MAVEN" -B -q -f "$project/pom.xml" \
    org.apache.maven.plugins:maven-install-plugin:3.1.4:install-file "-Dfile=$jar" \
    -DgroupId=org.open-mpi -DartifactId=mpi -Dversion=installed -Dpackaging=jar -DgeneratePom=true
  [ -d "$artifact" ] && printf '%s\n' "$version" > "$artifact/openmpi-version"
  say "mpi.jar (${jar/#$work*/compiled}) as org.open-mpi:mpi:installed in Maven's local repository"
fi

# Only tests and the emulated device need a C++ compiler.
if ! command -v "${CXX:-g++}" > /dev/null; then
  if can_install; then install g++; else say "no C++ compiler: tests of the emulated device need g++, or one that CXX names"; fi
fi

mkdir -p "$project/target"
cat > "$settings" << END
# JDK $(java_version "$JAVA_HOME") ($JAVA_HOME), Maven, Open MPI $version ($bindings)
export JAVA_HOME='$JAVA_HOME'
export IOLAUS_MAVEN='$IOLAUS_MAVEN'
export IOLAUS_MPIRUN='$mpirun'
export IOLAUS_MPI_LIB='$bindings'
export IOLAUS_MPI_VERSION='$version'
END
