# Machines for the benchmarks of their life, in a state folder of their own; sourced, not run.

export VMBUILDER_STATE_DIR=$state/machines VMBUILDER_CACHE_DIR=$state/cache
trap 'remove_machines; end_jobs' EXIT

remove_machines() {
  local name
  for name in $("$vmbuilder" ls --json | sed -n 's/.*"name":"\([^"]*\)".*/\1/p'); do "$vmbuilder" rm --force --quiet "$name" || true; done
  rm -rf "$VMBUILDER_STATE_DIR"
}
