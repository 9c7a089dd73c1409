# The long measurements, which the other benchmarks set their own against; sourced, not run.

# race: one build with an empty cache, then mmdebstrap making only the tree of the very same packages from the same mirror.
race() {
  rm -rf "$state/cache" "$state/cold" "$state"/result.*
  say "$suite, empty cache"
  time_cold_build
  remember cache-bytes "$(du -s --block-size=1 "$state/cache" | cut -f 1)"
  say "mmdebstrap, the tree of the same packages: minutes"
  write_peer_files
  local tree own_mounts=()
  [ "$(id -u)" -ne 0 ] || own_mounts=(unshare --mount --propagation private --) # they would outlive a killed mmdebstrap
  tree=$(seconds "${own_mounts[@]}" mmdebstrap --variant=important --skip=output/dev --include="$(cat "$state/peer.include")" \
    --setup-hook="$merge_usr" --setup-hook="$no_usrmerge" "$suite" "$state/peer.tar" "$state/peer.sources")
  check_same_packages
  remember tree-bytes "$(tree_bytes)"
  rm -f "$state/peer.tar.zst"
  zstd -q -1 -T0 --rm "$state/peer.tar"
  remember tree "$tree"
}

# A merged /usr from the start, as vmbuilder has it; else mmdebstrap installs what converts old systems, and all of Perl.
merge_usr='for link in bin sbin lib lib64; do mkdir -p "$1/usr/$link"; ln -s "usr/$link" "$1/$link"; done'
no_usrmerge='mkdir -p "$1/etc/apt/preferences.d"
printf "Package: usrmerge\nPin: release *\nPin-Priority: -1\n" >"$1/etc/apt/preferences.d/bench"'

# Also watches the peak memory of vmbuilder's own process, without starting a program for each look.
time_cold_build() {
  local start=$EPOCHREALTIME pid peak=0 name value rest
  build_command cold
  "${command[@]}" >"$state/log" 2>&1 &
  pid=$! # node's own, since bin/vmbuilder gives way to it
  exec {never}<> <(:)
  while kill -0 "$pid" 2>/dev/null; do
    while read -r name value rest; do
      [ "$name" != VmHWM: ] || peak=$value
    done 2>/dev/null <"/proc/$pid/status" || true
    read -r -t 0.2 -u "$never" || true
  done
  wait "$pid" || { tail -n 20 "$state/log" >&2; fail "the build failed"; }
  remember cold "$(calculate "$EPOCHREALTIME - $start" %.2f)"
  remember peak-kb "$peak"
}

# The packages that the build asked for, and where they came from, as its record says.
write_peer_files() {
  node -e '
    const { readFileSync, writeFileSync } = require("node:fs");
    const [state] = process.argv.slice(1);
    const { plan, sources } = JSON.parse(readFileSync(`${state}/cold/build.json`, "utf8"));
    const stanza = ({ uri, suites, components, keyring }) =>
      `Types: deb\nURIs: ${uri}\nSuites: ${suites.join(" ")}\nComponents: ${components.join(" ")}\nSigned-By: ${keyring}\n`;
    writeFileSync(`${state}/peer.include`, plan.packages.include.join(","));
    writeFileSync(`${state}/peer.sources`, sources.map(stanza).join("\n"));
  ' "$state"
}

check_same_packages() {
  tar -xOf "$state/peer.tar" ./var/lib/dpkg/status | awk '
    /^Package: / { name = $2 } /^Architecture: / { arch = $2 } /^Version: / { version = $2 }
    /^$/ { print name, version, arch }
  ' | LC_ALL=C sort >"$state/peer.manifest"
  local different
  different=$(LC_ALL=C sort "$state/cold/manifest" | LC_ALL=C comm -3 - "$state/peer.manifest" | wc -l)
  [ "$different" -eq 0 ] || say "$different packages differ from mmdebstrap's"
  [ "$different" -le 6 ] || fail "that is not the same work: compare cold/manifest and peer.manifest in $state"
}

# What the packages take in the tree, without holes and overhead of a file system.
tree_bytes() {
  tar --list --verbose --file "$state/peer.tar" | awk '/^-/ { sum += $3 } END { printf "%d", sum }'
}
