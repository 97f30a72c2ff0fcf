# shellcheck shell=bash
# What the scripts of this folder share. Sourced, never run.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Tools built for this repository alone. Worktrees share the main one's, so that
# a new worktree does not pay for them again.
tools_dir() {
  local common
  if [ -n "${BELLOWS_TOOLS:-}" ]; then
    echo "$BELLOWS_TOOLS"
    return
  fi
  common=$(cd "$root" && git rev-parse --path-format=absolute --git-common-dir 2>/dev/null) || common=
  if [ -n "$common" ] && [ -f "${common%/*}/Cargo.toml" ]; then
    echo "${common%/*}/.tools"
  else
    echo "$root/.tools"
  fi
}
tools=$(tools_dir)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: as it is, or through sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "this needs root and there is no sudo: $*"
  fi
}

is_debian() { [ -e /etc/debian_version ] && have apt-get; }

# Installs Debian packages and never removes one: a package that conflicts with
# what is there is for the person at the machine to decide.
apt_install() {
  say "Installing Debian packages: $*"
  local options=(-y -q --no-install-recommends --no-remove)
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@" </dev/null >&2 && return
  # The package lists may never have been fetched, or be old.
  as_root apt-get update -q </dev/null >&2 || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@" </dev/null >&2
}

# Holds the lock on the tools until the script ends, where flock is to be had.
lock_tools() {
  mkdir -p "$tools"
  have flock || return 0
  exec 9>"$tools/lock"
  flock 9
}

# The version of a package in Cargo.lock.
locked_version() {
  awk -v name="\"$1\"" '$1 == "name" { found = ($3 == name) }
    found && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' "$root/Cargo.lock"
}

# Runs cargo so that it builds for the browser, with the compiler that
# scripts/wasm-target found.
wasm_cargo() {
  local WASM_RUSTC='' WASM_SYSROOT=''
  # shellcheck source=/dev/null
  . "$tools/wasm-target.env"
  if [ -n "$WASM_RUSTC" ]; then
    RUSTC=$WASM_RUSTC CARGO_ENCODED_RUSTFLAGS="--sysroot=$WASM_SYSROOT" \
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld cargo "$@"
  else
    cargo "$@"
  fi
}

# A cargo subcommand from PATH, else the pinned one in .tools: built ones come in
# Python packages; where there is no pip they are compiled. Prints the program.
cargo_tool() {
  local name=$1 version=$2 bin=$tools/cargo-tools/$1-$2
  if have "$name"; then
    command -v "$name"
    return
  fi
  if ! [ -x "$bin/bin/$name" ]; then
    say "Installing $name $version"
    if ! python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
      --only-binary :all: --target "$bin" "astral-dev-toolchain-$name==$version" </dev/null >&2; then
      say "There is no built one for this machine: compiling it"
      cargo install "$name" --version "=$version" --locked --quiet --root "$bin" </dev/null >&2
    fi
  fi
  echo "$bin/bin/$name"
}

# --- servers for tests, thrown away afterwards ---

# Runs a command as $owner: database servers refuse to run as root.
# shellcheck disable=SC2154 # the script that makes a server sets it
as_owner() {
  if [ "$(id -un)" = "$owner" ]; then
    "$@"
  elif have runuser; then
    runuser -u "$owner" -- "$@"
  else
    # shellcheck disable=SC2016 # the other shell expands it
    su "$owner" -s /bin/sh -c '"$0" "$@"' -- "$@"
  fi
}

# Who a server runs as: whoever calls, or where that is root the first of the given
# users that there is.
server_owner() {
  local user
  if [ "$(id -u)" != 0 ]; then
    id -un
    return
  fi
  for user in "$@" nobody; do
    if id "$user" >/dev/null 2>&1; then
      echo "$user"
      return
    fi
  done
}

# A port of 127.0.0.1 that nobody listens on, below the range from which the system
# gives out ports by itself.
free_port() {
  local port
  while :; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue; fi
    echo "$port"
    return
  done
}

# start, stop and run of a script that makes a server. It brings: $state, the file
# for `start`; $variable, which tests read; create, which sets $dir and $port;
# remove DIR; url.
# shellcheck disable=SC2154 # that script sets them
throwaway() {
  local usage="usage: scripts/${0##*/} start|stop|run CMD..." here status=0
  case "${1:-}" in
    start)
      [ $# = 1 ] || die "$usage"
      if [ -e "$state" ]; then
        read -r dir port <"$state"
        if [ -d "$dir" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
          echo "$variable=$(url)"
          exit 0
        fi
        remove "$dir"
      fi
      dir=
      trap 'remove "$dir"' EXIT
      create
      mkdir -p "${state%/*}"
      echo "$dir $port" >"$state"
      trap - EXIT
      echo "$variable=$(url)"
      ;;
    stop)
      [ $# = 1 ] || die "$usage"
      [ -e "$state" ] || exit 0
      read -r dir port <"$state"
      remove "$dir"
      rm -f "$state"
      ;;
    run)
      shift
      [ $# -gt 0 ] || die "$usage"
      here=$PWD dir=
      trap 'remove "$dir"' EXIT
      trap 'exit 130' INT
      trap 'exit 143' TERM
      create
      cd "$here"
      env "$variable=$(url)" "$@" || status=$?
      exit $status
      ;;
    *) die "$usage" ;;
  esac
}
