# Shared by the benchmarks; sourced, not run.
#
#   TMPDIR  where they work (a tmpfs of 6 GB is best)       SUITE  what they build (default bookworm)
#   RUNS    repetitions of short measurements (default 5)   PERFORMANCE_PAGE  the page that they rewrite; empty for none
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suite=${SUITE:-bookworm}
runs=${RUNS:-5}
page=${PERFORMANCE_PAGE-$root/docs/performance.md}
state=${TMPDIR:-/tmp}/vmbuilder-bench-$UID/$suite
vmbuilder=$root/bin/vmbuilder
PATH=$root/node_modules/.bin:$PATH

mkdir -p "$state"
[ -e "$state/key" ] || ssh-keygen -q -t ed25519 -N '' -C bench -f "$state/key"
[ -e "$state/other" ] || ssh-keygen -q -t ed25519 -N '' -C bench -f "$state/other"
trap 'end_jobs' EXIT
trap 'exit 130' INT TERM

end_jobs() {
  local job
  for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
}

say() { printf 'bench: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# seconds CMD...: prints how long a command took; its output is kept in a log and shown when it fails.
seconds() {
  local start=$EPOCHREALTIME
  "$@" >"$state/log" 2>&1 || { tail -n 20 "$state/log" >&2; fail "failed: $*"; }
  calculate "$EPOCHREALTIME - $start" %.2f
}

# build_command HOSTNAME [OPTION...]: sets `command` to a build with the shared cache into $state/HOSTNAME.
build_command() {
  command=("$vmbuilder" build --suite "$suite" --cache-dir "$state/cache" --hostname "$1" --dest "$state/$1" --overwrite
    --quiet --ssh-key "$state/key.pub" "${@:2}")
}

build_seconds() {
  build_command "$@"
  seconds "${command[@]}"
}

calculate() { awk "BEGIN { printf \"${2:-%.3f}\\n\", $1 }"; }

median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

# recall NAME / remember NAME VALUE: results of the race, for the benchmarks that come after it.
recall() { cat "$state/result.$1"; }
remember() { printf '%s\n' "$2" >"$state/result.$1"; }

# The machine and the day, for the line under each table.
conditions() {
  local emulation="no KVM"
  { [ ! -w /dev/kvm ] || ! grep -qwE 'vmx|svm' /proc/cpuinfo; } || emulation=KVM
  printf '%s, vmbuilder %s, Debian %s as the host, %s cores (%s), %s, work folder on %s.\n' "$(date -u +%F)" \
    "$(git -C "$root" describe --always --dirty)" "$(cat /etc/debian_version)" "$(nproc)" \
    "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" "$emulation" "$(stat -f -c %T "$state")"
}

# publish NAME: prints standard input, a table, and puts it between the markers of that name in the page.
publish() {
  local table
  table=$(cat)
  [ -n "$table" ] || fail "no table of $1"
  table=$(printf '%s\n\n' "$table"; conditions)
  printf '%s\n\n' "$table"
  [ -n "$page" ] || return 0
  grep -q "^<!-- bench:$1 -->\$" "$page" || fail "$page has no <!-- bench:$1 -->"
  TABLE=$table awk -v begin="<!-- bench:$1 -->" -v end="<!-- /bench:$1 -->" '
    $0 == begin { print; print ENVIRON["TABLE"]; skip = 1 }
    $0 == end { skip = 0 }
    !skip' "$page" >"$state/page"
  cat "$state/page" >"$page"
}

# need_race: what came out of the last race, or a race now.
need_race() {
  [ -e "$state/result.tree" ] || race
}
