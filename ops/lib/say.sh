# shellcheck shell=bash
# How every script here talks: short lines of what is being done, and one plain sentence when it cannot go on.
# Sourced by all scripts in ops/.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
# Everything that a script makes lies below this folder; removing it loses nothing but private copies.
STATE="$ROOT/.fairgate"
mkdir -p "$STATE"

say() { printf '%s\n' "$*"; }

# fail "sentence": what is wrong and what to do about it.
fail() {
  printf '\n%s: %s\n' "${0#"$ROOT"/}" "$*" >&2
  exit 1
}

# took SECONDS_AT_START: the time since then, for people: "7 s", "2 min 05 s".
took() {
  local s=$((SECONDS - $1))
  if ((s < 60)); then printf '%d s' "$s"; else printf '%d min %02d s' $((s / 60)) $((s % 60)); fi
}

# tail_of FILE [LINES]: the end of a log, indented, for a failure's message.
tail_of() {
  [ -s "$1" ] || return 0
  printf -- '--- the last lines of %s\n' "${1#"$ROOT"/}" >&2
  tail -n "${2:-20}" "$1" | sed 's/^/    /' >&2
}

# step "what": a numbered line. "steps N" says first how many there will be.
STEP=0 STEPS=0
steps() { STEPS="$1"; }
step() {
  STEP=$((STEP + 1))
  printf '[%d/%d] %s (%s since the start)\n' "$STEP" "$STEPS" "$*" "$(took 0)"
}
