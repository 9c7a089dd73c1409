# First boots of built machines; sourced, not run.

port=${SSH_PORT:-22922}
deadline=600

# boot_seconds FOLDER [OPTION...]: until the machine of a result folder answers over ssh. Nothing is written to its image.
boot_seconds() {
  local start=$EPOCHREALTIME pid
  SSH_PORT=$port "$1/run.sh" -snapshot "${@:2}" </dev/null >"$state/console" 2>&1 &
  pid=$!
  until answers; do
    kill -0 "$pid" 2>/dev/null || fail "$1 ended: see $state/console"
    [ "$(calculate "$EPOCHREALTIME - $start" %d)" -lt "$deadline" ] || fail "$1 does not answer: see $state/console"
    sleep 0.2
  done
  calculate "$EPOCHREALTIME - $start" %.1f
  kill "$pid"
  wait "$pid" 2>/dev/null || true
}

# A look at the server's greeting first: it costs nothing, where an attempt of ssh would slow down the machine.
answers() {
  local greeting
  { exec {socket}<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
  read -r -t 2 -u "$socket" greeting || greeting=
  exec {socket}>&-
  [[ $greeting == SSH-2.0-* ]] && ssh -q -p "$port" -i "$state/key" -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=20 root@127.0.0.1 true </dev/null
}
