# shellcheck shell=bash
# Installs what is missing, through apt-get, and nothing that is there already.
# Whatever Debian would start by itself after installing stays off: only private copies run.

APT_LOG="$STATE/apt.log"

# need WHAT...: postgres, redis, java, maven, mail, build, browser, shop, venv, proxy. Asks for all missing packages in one go.
need() {
  local what missing=()
  for what in "$@"; do
    "have_$what" || mapfile -t -O "${#missing[@]}" missing < <("packages_$what")
  done
  ((${#missing[@]})) || return 0
  install_packages "${missing[@]}"
  for what in "$@"; do
    "have_$what" || fail "$("lacking_$what")"
  done
}

have_postgres() { [ -n "$(pg_bin "")" ]; }
packages_postgres() { echo postgresql; }
lacking_postgres() { echo "no PostgreSQL 15 or newer is to be had from this system's packages; name one in FAIRGATE_DATABASE_URL."; }

have_redis() { command -v redis-server >/dev/null && command -v redis-cli >/dev/null; }
packages_redis() { printf '%s\n' redis-server redis-tools; }
lacking_redis() { echo "no redis-server is to be had from this system's packages; name one in FAIRGATE_REDIS_URL."; }

have_java() { [ -n "$(java_bin)" ]; }
# 17 on Debian 12, 21 on Debian 13, which has 17 no more; Kafka runs on both.
packages_java() { echo default-jre-headless; }
lacking_java() { echo "no Java 17 or newer is to be had from this system's packages; install one and set JAVA_HOME, or name brokers in FAIRGATE_KAFKA_BROKERS."; }

have_maven() { command -v mvn >/dev/null; }
packages_maven() { echo maven; }
lacking_maven() { echo "Maven could not be installed; install the package maven, or name brokers in FAIRGATE_KAFKA_BROKERS."; }

have_mail() { [ -n "$(mail_python)" ]; }
packages_mail() { echo python3-aiosmtpd; }
lacking_mail() { echo "no aiosmtpd is to be had from this system's packages; install python3-aiosmtpd, or name a mail server in FAIRGATE_SMTP_URL."; }

# librdkafka is C and C++, built with make.
have_build() {
  command -v cc >/dev/null && command -v c++ >/dev/null && command -v make >/dev/null &&
    command -v pkg-config >/dev/null && [ -e /usr/include/zlib.h ]
}
packages_build() { printf '%s\n' build-essential pkg-config zlib1g-dev; }
lacking_build() { echo "a C compiler is still missing; install build-essential, pkg-config and zlib1g-dev."; }

have_browser() { command -v chromium >/dev/null && command -v chromedriver >/dev/null; }
packages_browser() { printf '%s\n' chromium chromium-driver; }
lacking_browser() { echo "chromium and chromedriver are still missing; install the packages chromium and chromium-driver."; }

# The example shop is in Python and verifies Ed25519 signatures; the tests run it with Debian's own interpreter.
have_shop() { /usr/bin/python3 -c 'import cryptography' 2>/dev/null; }
packages_shop() { printf '%s\n' python3 python3-cryptography; }
lacking_shop() { echo "the example shop's test needs Python; install the packages python3 and python3-cryptography."; }

# ops/api-check's checkers come from PyPI, into a place of their own.
have_venv() { [ -n "$(venv_python)" ]; }
packages_venv() { printf '%s\n' python3 python3-venv; }
lacking_venv() { echo "no Python 3.10 or newer with venv is to be had from this system's packages; install python3-venv."; }

# The one that ops/faults puts before several instances, and tests and benches before those who wait.
have_proxy() { PATH="$PATH:/usr/sbin" command -v nginx >/dev/null; }
packages_proxy() { echo nginx; }
lacking_proxy() { echo "nginx is still missing; install the package nginx."; }

have_tools() { command -v curl >/dev/null && command -v flock >/dev/null && command -v setpriv >/dev/null; }
packages_tools() { printf '%s\n' curl ca-certificates util-linux; }
lacking_tools() { echo "install the packages curl and util-linux."; }

# pg_bin MAJOR: where that PostgreSQL's programs are; with "", the newest of at least 15. Debian keeps them off the PATH.
pg_bin() {
  local dir version
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    version="${dir%/bin}" version="${version##*/}"
    if [ ! -x "$dir/postgres" ] || [ ! -x "$dir/initdb" ] || ((version < 15)); then continue; fi
    [ -z "$1" ] || [ "$1" = "$version" ] || continue
    echo "$dir"
    return
  done
}

# The first Java of at least 17: JAVA_HOME's, the PATH's, any that Debian installed.
java_bin() {
  local java major
  for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java)" /usr/lib/jvm/*/bin/java; do
    [ -x "$java" ] || continue
    major="$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)"
    if ((${major:-0} >= 17)); then
      echo "$java"
      return
    fi
  done
}

# The first Python that has aiosmtpd: the PATH's may be one that does not see Debian's packages.
mail_python() {
  local python
  for python in "$(command -v python3)" /usr/bin/python3; do
    [ -x "$python" ] || continue
    if "$python" -c 'import aiosmtpd' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
}

# The first Python of at least 3.10 that can make a place of its own: the PATH's may be one without pip.
venv_python() {
  local python
  for python in "$(command -v python3)" /usr/bin/python3; do
    [ -x "$python" ] || continue
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
}

# need_rust: Rust is not installed for anyone; Debian's own is too old for this workspace.
need_rust() {
  local wanted found
  [ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"
  wanted="$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -n 1)"
  if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    fail "cargo was not found; install Rust ${wanted:-stable} or newer with rustup, then run this again."
  fi
  found="$(cd "$ROOT" && rustc --version | cut -d' ' -f2)"
  [ "$(printf '%s\n' "${wanted:-0}" "$found" | sort -V | head -n 1)" = "${wanted:-0}" ] ||
    fail "Rust $found is too old, $wanted or newer is needed; run 'rustup update', then this again."
}

# light_c: librdkafka and the like are compiled for trying out and testing: without optimisation and debug symbols, which takes
# a third of the time. Whoever sets CFLAGS is asked nothing.
light_c() {
  export CFLAGS="${CFLAGS:--O0 -g0}" CXXFLAGS="${CXXFLAGS:--O0 -g0}"
}

install_packages() {
  command -v apt-get >/dev/null || fail "this system has no apt-get; install by hand: $*."
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    fail "these packages are missing: $*. Become root and run 'apt-get install $*', then this again."
  fi
  say "installing $* (apt-get; its output is in ${APT_LOG#"$ROOT"/})"
  if ! known_to_apt "$@" || ! apt_install "$@"; then
    # Package lists that are missing or out of date look just like this.
    say "refreshing the package lists"
    as_root apt-get update -q >>"$APT_LOG" 2>&1 || true
    apt_install "$@" || {
      tail_of "$APT_LOG"
      fail "apt-get could not install: $*. Install them by hand, then run this again."
    }
  fi
}

known_to_apt() {
  local package
  for package in "$@"; do
    apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
  done
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# In a subshell, so that the two notes that keep Debian from starting anything go away with it.
apt_install() (
  trap '{ allow_services; } 2>/dev/null' EXIT
  forbid_services
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 "$@" >>"$APT_LOG" 2>&1 </dev/null || return 1
  # Nor at the next boot; these packages have only just come, for us.
  if command -v systemctl >/dev/null; then
    case " $* " in *" redis-server "*) as_root systemctl disable redis-server >>"$APT_LOG" 2>&1 || true ;; esac
    case " $* " in *" nginx "*) as_root systemctl disable nginx >>"$APT_LOG" 2>&1 || true ;; esac
    case " $* " in *" postgresql "*) as_root systemctl disable postgresql >>"$APT_LOG" 2>&1 || true ;; esac
  fi
)

POLICY=/usr/sbin/policy-rc.d
NO_CLUSTER=/etc/postgresql-common/createcluster.d/fairgate.conf

forbid_services() {
  if [ -e "$POLICY" ]; then as_root mv "$POLICY" "$POLICY.before-fairgate"; fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
  as_root mkdir -p "${NO_CLUSTER%/*}"
  echo 'create_main_cluster = false' | as_root tee "$NO_CLUSTER" >/dev/null
}

allow_services() {
  as_root rm -f "$POLICY" "$NO_CLUSTER"
  if [ -e "$POLICY.before-fairgate" ]; then as_root mv "$POLICY.before-fairgate" "$POLICY"; fi
}
