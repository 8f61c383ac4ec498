# shellcheck shell=bash
# nginx before several fairgates: a private one, on the loopback, in the foreground of its own process.

# proxy_config DIR PORT BACKEND_PORT...: writes its configuration. All that it keeps lies below DIR.
proxy_config() {
  local dir="$1" port="$2" backend
  shift 2
  mkdir -p "$dir"/{body,proxy,fastcgi,uwsgi,scgi}
  {
    cat <<-END
	daemon off;
	pid $dir/nginx.pid;
	error_log $dir/error.log;
	worker_processes 1;
	worker_rlimit_nofile 8192;
	events { worker_connections 4096; }
	http {
	  access_log off;
	  client_body_temp_path $dir/body;
	  proxy_temp_path $dir/proxy;
	  fastcgi_temp_path $dir/fastcgi;
	  uwsgi_temp_path $dir/uwsgi;
	  scgi_temp_path $dir/scgi;
	  upstream fairgate {
	    keepalive 128;
	END
    # One that was killed is tried again after a second.
    for backend in "$@"; do echo "    server 127.0.0.1:$backend max_fails=1 fail_timeout=1s;"; done
    cat <<-END
	  }
	  server {
	    listen 127.0.0.1:$port backlog=4096;
	    keepalive_requests 100000;
	    location / {
	      proxy_pass http://fairgate;
	      proxy_http_version 1.1;
	      proxy_set_header Connection "";
	      proxy_set_header Host \$http_host;
	      proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
	      proxy_connect_timeout 2s;
	      proxy_read_timeout 20s;
	      # What was sent to one may have been done: only what no instance has seen goes to the next.
	      proxy_next_upstream error timeout;
	      proxy_next_upstream_tries 3;
	    }
	  }
	}
	END
  } >"$dir/nginx.conf"
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
