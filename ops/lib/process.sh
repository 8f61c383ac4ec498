# shellcheck shell=bash
# Starting and stopping processes that outlive the script that started them.
# A process is known by its pid file, and believed to be ours only while its command line still says so.

# spawn PIDFILE LOG COMMAND...: start in a session of its own, tied to nothing of the caller's.
spawn() {
  local pidfile="$1" log="$2"
  shift 2
  mkdir -p "$(dirname "$pidfile")" "$(dirname "$log")"
  (
    # An inherited lock or pipe would be held open for as long as the process lives.
    for fd in /proc/self/fd/*; do
      fd="${fd##*/}"
      ((fd > 2)) && eval "exec $fd>&-" 2>/dev/null
    done
    exec setsid "$@" </dev/null >>"$log" 2>&1
  ) &
  echo "$!" >"$pidfile"
  # Until it has become the command, its command line is still this script's, and "running" would not know it.
  while cmp -s "/proc/$!/cmdline" "/proc/$$/cmdline"; do sleep 0.01; done
}

# running PIDFILE MARK: is the process of this pid file alive, and is MARK (a path of ours) in its command line?
# A stale pid file may name a stranger's process by now.
running() {
  local pid
  [ -s "$1" ] || return 1
  pid="$(<"$1")"
  [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$2"
}

# stop PIDFILE MARK SIGNAL SECONDS: ask, wait, and use force only after SECONDS.
stop() {
  local pidfile="$1" mark="$2" signal="$3" limit="$4" pid
  if running "$pidfile" "$mark"; then
    pid="$(<"$pidfile")"
    kill "-$signal" "$pid" 2>/dev/null || true
    wait_until "$limit" gone "$pidfile" "$mark" || kill -KILL "$pid" 2>/dev/null || true
    wait_until 10 gone "$pidfile" "$mark" || return 1
  fi
  rm -f "$pidfile"
}
gone() { ! running "$1" "$2"; }

# wait_until SECONDS COMMAND...: true as soon as COMMAND is, false when the time is up.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

# listening PORT: does anything answer on this port of the loopback?
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# with_lock FILE COMMAND...: one at a time, so that two callers do not both start the same thing.
with_lock() {
  local file="$1"
  shift
  mkdir -p "$(dirname "$file")"
  exec {LOCK}>"$file"
  flock -w 300 "$LOCK" || fail "another command has been working on ${file%/*} for five minutes; end it, then try again."
  "$@"
  exec {LOCK}>&-
}
