# shellcheck shell=bash
# Apache Kafka from its official jars: fetched once by Maven, started with the system's Java.

KAFKA_LIBS="$STATE/kafka/libs"

# kafka_fetch: the jars that ops/kafka/pom.xml pins, once per content of that file.
kafka_fetch() {
  local pom="$ROOT/ops/kafka/pom.xml" log="$STATE/kafka/maven.log"
  kafka_fetched && return
  need java maven
  say "fetching Apache Kafka's jars (Maven; its output is in ${log#"$ROOT"/})"
  rm -rf "$KAFKA_LIBS"
  mkdir -p "$KAFKA_LIBS"
  mvn -B -q -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$KAFKA_LIBS" \
    >"$log" 2>&1 </dev/null || {
    tail_of "$log"
    fail "Maven could not fetch Kafka's jars; check that Maven Central can be reached (a proxy goes into ~/.m2/settings.xml), then run this again."
  }
  kafka_stamp >"$KAFKA_LIBS/.stamp"
}
kafka_stamp() { sha256sum "$ROOT/ops/kafka/pom.xml" | cut -c1-16; }
kafka_fetched() { [ "$(cat "$KAFKA_LIBS/.stamp" 2>/dev/null)" = "$(kafka_stamp)" ]; }

# axe_fetch: prints where axe.min.js lies, for the browser test.
axe_fetch() {
  local pom="$ROOT/ops/kafka/pom.xml" log="$STATE/kafka/maven.log" file="$STATE/axe/axe.min.js"
  if [ ! -s "$file" ]; then
    need java maven >&2
    mkdir -p "$STATE/axe/unpacked" "$STATE/kafka"
    mvn -B -q -f "$pom" -Paxe dependency:unpack-dependencies -DincludeArtifactIds=axe-core \
      -Dmdep.unpack.includes='**/axe.min.js' -DoutputDirectory="$STATE/axe/unpacked" \
      -DmarkersDirectory="$STATE/axe/markers" >"$log" 2>&1 </dev/null || {
      tail_of "$log"
      fail "Maven could not fetch axe-core, which the browser test needs; check that Maven Central can be reached, then run this again."
    }
    find "$STATE/axe/unpacked" -name axe.min.js -exec cp {} "$file" \;
  fi
  echo "$file"
}

# kafka_java CLASS ARGUMENTS...: one of Kafka's own tools.
kafka_java() { "$(java_bin)" -Xmx256m -cp "$KAFKA_LIBS/*" "$@"; }

# kafka_format DIR PORT CONTROLLER_PORT: writes the settings, and prepares the data folder the first time.
kafka_format() {
  local dir="$1" id
  mkdir -p "$dir/data"
  sed -e "s|@PORT@|$2|g" -e "s|@CONTROLLER_PORT@|$3|g" -e "s|@DATA@|$dir/data|g" \
    "$ROOT/ops/kafka/server.properties.in" >"$dir/server.properties"
  [ -s "$dir/data/meta.properties" ] && return
  # A cluster's id is a UUID in URL-safe base64; the leading F keeps it from looking like an option.
  id="F$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c1-21)"
  kafka_java kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" >>"$dir/format.log" 2>&1 || {
    tail_of "$dir/format.log"
    fail "Kafka could not prepare its data folder $dir/data; see above."
  }
}

kafka_command() {
  local dir="$1"
  # shellcheck disable=SC2034 # for ops/stack
  KAFKA_COMMAND=("$(java_bin)" -Xms256m -Xmx768m -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true
    -Dlog4j2.configurationFile="$ROOT/ops/kafka/log4j2.properties"
    -Dfairgate.kafka.log="${dir%/*}/log/kafka-broker.log"
    -cp "$KAFKA_LIBS/*" kafka.Kafka "$dir/server.properties")
}

# kafka_answers PORT: asks the broker which API versions it speaks, by hand: a tool of Kafka's own would
# need two seconds to start. An open port alone says nothing; the answer must carry our number (7) back.
kafka_answers() {
  local answer
  answer="$(
    exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    # length 10, key 18 (ApiVersions), version 0, number 7, no client id
    printf '\0\0\0\012\0\022\0\0\0\0\0\007\377\377' >&3
    timeout 2 head -c 10 <&3 | od -An -tx1 | tr -d ' \n'
  )"
  [ "${answer:8:12}" = 000000070000 ]
}
