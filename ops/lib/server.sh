# shellcheck shell=bash
# The fairgate processes themselves: their keys, starting, readiness, stopping.

# secrets FILE BINARY: exports the keys of FILE, except those that the environment sets itself.
# They are made once; later runs only add what a newer fairgate asks for on top.
secrets() {
  local file="$1" binary="$2" fresh line name
  fresh="$("$binary" keys)" || fail "'fairgate keys' failed; see above."
  (umask 077 && touch "$file")
  while IFS= read -r line; do
    name="${line%%=*}"
    grep -q "^$name=" "$file" || printf '%s\n' "$line" >>"$file"
  done <<<"$fresh"
  while IFS= read -r line; do
    name="${line%%=*}"
    [ -n "${!name:-}" ] || export "${line?}"
  done <"$file"
}

# forget_settings: so that what is meant for a server of the caller's does not leak into one of the tests.
forget_settings() {
  local name
  for name in $(compgen -e FAIRGATE_ || true); do
    case "$name" in
      FAIRGATE_BIN | FAIRGATE_KEEP_STACK | FAIRGATE_TEST_* | *_PORT) ;;
      *) unset "$name" ;;
    esac
  done
}

# spawn_server DIR BINARY [ROLE...]: starts these roles, or the usual ones; the log of the run before is kept as serve.log.1.
spawn_server() {
  local dir="$1" binary="$2"
  shift 2
  mkdir -p "$dir/log"
  [ ! -s "$dir/log/serve.log" ] || mv "$dir/log/serve.log" "$dir/log/serve.log.1"
  spawn "$dir/run/serve.pid" "$dir/log/serve.log" "$binary" serve "$@"
}

server_runs() { running "$1/run/serve.pid" "$2 serve"; }

# await_server DIR BINARY URL: where its management listens; until it says it is ready; at once when it has ended.
await_server() {
  local dir="$1" binary="$2" url="$3" end=$((SECONDS + 90))
  until server_ready "$url"; do
    if ! server_runs "$dir" "$binary"; then
      tail_of "$dir/log/serve.log" 30
      fail "the server ended at once; its log is above."
    fi
    if ((SECONDS >= end)); then
      tail_of "$dir/log/serve.log" 30
      fail "the server did not get ready within 90 s; $url/readyz says: $(curl -s -m 2 "$url/readyz" || echo nothing)."
    fi
    sleep 0.2
  done
}
server_ready() { [ "$(curl -s -m 2 -o /dev/null -w '%{http_code}' "$1/readyz")" = 200 ]; }

# The longest drain that the server allows itself, and a little.
stop_server() { stop "$1/run/serve.pid" "$2 serve" TERM 45; }
