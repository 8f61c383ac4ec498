# shellcheck shell=bash
# A private PostgreSQL: trusts whoever comes over the loopback, listens nowhere else.

# PostgreSQL refuses to run as root; there it runs as the user that Debian's package made.
pg_as() {
  if [ "$(id -u)" = 0 ]; then
    PG_AS=(setpriv --reuid=postgres --regid=postgres --init-groups)
  else
    PG_AS=()
  fi
}

# pg_place DIR NAME: makes the data folder where the server's user can reach it.
pg_place() {
  local dir="$1" name="$2" elsewhere
  pg_as
  [ ! -e "$dir/." ] || return 0
  # A link to a folder that somebody removed.
  rm -f "$dir"
  mkdir -m 700 "$dir"
  ((${#PG_AS[@]})) || return 0
  chown postgres:postgres "$dir"
  ! "${PG_AS[@]}" test -w "$dir" || return 0
  # A checkout below /root, say, is closed to that user; its home is not. What lies there by this name was left by an
  # earlier checkout in the same place.
  elsewhere="/var/lib/postgresql/fairgate-$(printf %s "$ROOT" | sha256sum | cut -c1-8)-$name"
  rm -rf "$dir" "$elsewhere"
  mkdir -m 700 "$elsewhere"
  chown postgres:postgres "$elsewhere"
  ln -s "$elsewhere" "$dir"
}

# pg_init DIR: an empty cluster, the first time.
pg_init() {
  local dir="$1" log="${1%/*}/log/postgres-init.log" bin
  [ -s "$dir/PG_VERSION" ] && return
  bin="$(pg_bin "")"
  (cd / && "${PG_AS[@]}" "$bin/initdb" -D "$(readlink -f "$dir")" -U fairgate --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync) >"$log" 2>&1 || {
    tail_of "$log"
    fail "PostgreSQL could not prepare its data folder $dir; see above."
  }
}

# pg_command DIR PORT NAME
pg_command() {
  local dir="$1" port="$2" name="$3" version bin
  version="$(cat "$dir/PG_VERSION" 2>/dev/null || "${PG_AS[@]}" cat "$dir/PG_VERSION")"
  bin="$(pg_bin "$version")"
  [ -n "$bin" ] || fail "the data in $dir is PostgreSQL $version's, which is no longer installed; install postgresql-$version, or remove $dir."
  PG_COMMAND=("${PG_AS[@]}" "$bin/postgres" -D "$(readlink -f "$dir")"
    -c port="$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories=
    -c max_connections=300 -c shared_buffers=256MB -c log_min_messages=warning -c log_min_duration_statement=2000
    -c log_line_prefix='%m [%p] %a ')
  # Tests make and drop hundreds of databases and lose nothing when the machine does; everywhere else a
  # commit is on the disk when it is acknowledged, as in production.
  if [ "$name" = test ]; then
    PG_COMMAND+=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
  fi
}

# pg_forget_crash DIR: after kill -9 the lock file stays, and PostgreSQL believes it as long as a process of that
# number exists, be it a zombie that nobody has buried yet (usual in containers) or a stranger.
# Called only when our own is known not to run; the server's other processes notice that by themselves.
pg_forget_crash() {
  local dir="$1"
  [ -e "$dir/postmaster.pid" ] || return 0
  wait_until 10 pg_nobody_in "$dir" || fail "processes of a PostgreSQL that was killed still hold $dir; end them, then run this again."
  rm -f "$dir/postmaster.pid"
}

# Every process of a PostgreSQL server works in its data folder.
pg_nobody_in() {
  local dir cwd
  dir="$(readlink -f "$1")"
  for cwd in /proc/[0-9]*/cwd; do
    [ "$(readlink "$cwd" 2>/dev/null)" != "$dir" ] || return 1
  done
}

pg_answers() { "$(pg_bin "")/pg_isready" -q -h 127.0.0.1 -p "$1" -U fairgate; }

# pg_database PORT: the database itself, the first time.
pg_database() {
  local psql=("$(pg_bin "")/psql" -XqAt -h 127.0.0.1 -p "$1" -U fairgate)
  [ "$("${psql[@]}" -d postgres -c "select 1 from pg_database where datname = 'fairgate'")" = 1 ] ||
    "${psql[@]}" -d postgres -c 'create database fairgate'
}
