# shellcheck shell=bash
# nginx before several fairgates: a private one, on the loopback, in the foreground of its own process.

# proxy_config DIR PORT BACKEND_PORT...: writes its configuration. All that it keeps lies below DIR. With PROXY_CACHE=fairgate it is
# an edge; without, each request reaches an instance.
proxy_config() {
  local dir="$1" port="$2" backend backends=""
  shift 2
  mkdir -p "$dir"/{body,proxy,fastcgi,uwsgi,scgi}
  # One that was killed is tried again after a second.
  for backend in "$@"; do backends+="    server 127.0.0.1:$backend max_fails=1 fail_timeout=1s;\n"; done
  sed -e "s|@DIR@|$dir|g" -e "s|@LISTEN@|127.0.0.1:$port|" -e "s|@LOG@|off|" -e "s|@CACHE@|${PROXY_CACHE:-off}|" \
    -e "s|^@BACKENDS@|${backends%\\n}|" "$ROOT/ops/edge/nginx.conf.in" >"$dir/nginx.conf"
}

# spawn_proxy DIR PORT BACKEND_PORT...
spawn_proxy() {
  proxy_config "$@"
  # Debian keeps it in sbin, which is not on everybody's PATH.
  spawn "$1/run.pid" "$1/nginx.log" "$(proxy_bin)" -e "$1/error.log" -p "$1/" -c "$1/nginx.conf"
}
proxy_runs() { running "$1/run.pid" "$1/nginx.conf"; }
stop_proxy() { stop "$1/run.pid" "$1/nginx.conf" TERM 10; }
proxy_bin() { PATH="$PATH:/usr/sbin" command -v nginx; }
