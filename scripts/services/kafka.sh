# shellcheck shell=bash disable=SC2154,SC2164 # services.sh reads this file: it sets what is not set here, and errexit
# Kafka in KRaft mode: `kafka`, one broker that is its own controller; or three, each with a vote, that are one cluster.

kafka_version=4.3.1
slf4j_version=1.7.36
maven_dependency_plugin=3.6.1
jars="$tools/kafka-$kafka_version/jars/*"

# Which of both, is decided when they are made.
brokers=(kafka)
if [ -e "$state/kafka-1" ] || [ -e "$state/kafka-2" ] || [ -e "$state/kafka-3" ] ||
    { [ ! -e "$state/kafka" ] && [ "${KAFKA_BROKERS:-}" = 3 ]; }; then
    brokers=(kafka-1 kafka-2 kafka-3)
fi

recent_java() { [ "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" -ge 17 ] 2>/dev/null; }

kafka_packages() {
    recent_java || echo openjdk-17-jre-headless
    installed kafka || command -v mvn >/dev/null || echo maven
    command -v kcat >/dev/null || echo kcat
}

dependency() { echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version>${4:-}</dependency>"; }

# Without Kafka Connect, which brings a web server along.
get_kafka() {
    local connect='<exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>'
    cat >pom.xml <<END
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
$(dependency org.apache.kafka kafka_2.13 "$kafka_version")
$(dependency org.apache.kafka kafka-tools "$kafka_version" "<exclusions>$connect</exclusions>")
$(dependency org.slf4j slf4j-simple "$slf4j_version")
</dependencies></project>
END
    mvn --quiet --batch-mode --strict-checksums -DoutputDirectory=jars \
        "org.apache.maven.plugins:maven-dependency-plugin:$maven_dependency_plugin:copy-dependencies" >&2
}

# Before one of them starts, it must know the ports of all; and before it has data, the name of the cluster.
prepare_kafka() {
    local broker given=${KAFKA_PORT:-} cluster=$state/${brokers[0]}/cluster
    case ${KAFKA_BROKERS:-${#brokers[@]}} in
        "${#brokers[@]}") ;;
        1 | 3) die "the kafka in $state was made with KAFKA_BROKERS=${#brokers[@]}, not $KAFKA_BROKERS;" \
            "to have a new one, without the data: \`down kafka --wipe\`, then \`up\`" ;;
        *) die "KAFKA_BROKERS is 1 or 3, not $KAFKA_BROKERS" ;;
    esac
    (
        flock 8
        for broker in "${brokers[@]}"; do
            choose_ports "$broker" "$given" PORT PROXIED PROXY CONTROLLER SECURED
            given=
        done
        if [ ! -e "$cluster" ]; then
            od -An -N11 -tx1 /dev/urandom | tr -d ' \n' >"$cluster.new"
            mv "$cluster.new" "$cluster"
        fi
    ) 8>"$(lock_of brokers)"
}

id_of() { [ "$1" = kafka ] && echo 1 || echo "${1#kafka-}"; }

joined() { local IFS=, && echo "$*"; }

# The data are named without their folder: Kafka would take a comma in it for a list.
write_properties() {
    local at=127.0.0.1 port proxied controller secured broker voters=() copies=${#brokers[@]}
    port=$(port "$1" PORT) proxied=$(port "$1" PROXIED) controller=$(port "$1" CONTROLLER) secured=$(port "$1" SECURED)
    for broker in "${brokers[@]}"; do voters+=("$(id_of "$broker")@$at:$(port "$broker" CONTROLLER)"); done
    cat <<END
process.roles=broker,controller
node.id=$(id_of "$1")
listeners=PLAINTEXT://$at:$port,PROXIED://$at:$proxied,SECURED://$at:$secured,CONTROLLER://$at:$controller
advertised.listeners=PLAINTEXT://$at:$port,PROXIED://$at:$(port "$1" PROXY),SECURED://$at:$secured
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SECURED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.secured.sasl.enabled.mechanisms=PLAIN
listener.name.secured.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
  user_shop="correct-horse";
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=$(joined "${voters[@]}")
log.dirs=data
auto.create.topics.enable=false
message.max.bytes=2097152
# A killed broker is let in again only when its old session is over, which takes 9 s otherwise.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=250
group.initial.rebalance.delay.ms=0
default.replication.factor=$copies
min.insync.replicas=$((copies / 2 + 1))
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$((copies / 2 + 1))
transaction.state.log.num.partitions=3
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=4194304
END
    # One broker acknowledges from the page cache otherwise. Of three, another one has it too.
    [ "$copies" -gt 1 ] || echo log.flush.interval.messages=1
}

# kafka_tool NAME CLASS ARGUMENTS...
kafka_tool() {
    timeout 60 java -Xmx128m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$jars" "${@:2}" \
        >>"$state/$1/log" 2>&1
}

start_kafka() {
    local limits=(-Xmx512m -XX:+UseG1GC -XX:MaxGCPauseMillis=20)
    # Three must start at once, on what may be two cores: in half the time of the processor, and slower later.
    [ "${#brokers[@]}" -eq 1 ] || limits=(-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1)
    cd "$state/$1"
    write_properties "$1" >server.properties
    if [ ! -d data ]; then
        rm -rf data.partial
        sed 's/^log.dirs=.*/&.partial/' server.properties >format.properties
        kafka_tool "$1" kafka.tools.StorageTool format --config format.properties \
            --cluster-id "$(cat "$state/${brokers[0]}/cluster")" || die "the data of $1 cannot be made: $(tail -n 5 log)"
        mv data.partial data
    fi
    launch "$1" java "${limits[@]}" -Djava.awt.headless=true \
        -Dorg.slf4j.simpleLogger.showDateTime=true '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' \
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn \
        -cp "$jars" kafka.Kafka "$state/$1/server.properties"
}

# topic NAME PARTITIONS BYTES: whether kafka_is_ready found it. One that is not there is created, once all brokers are there
# to hold it.
topic() {
    [[ $found != *" topic \"$1\" with "* ]] || return 0
    [[ $found != *" ${#brokers[@]} brokers:"* ]] || (
        # The `up` of another broker may be at it.
        flock --nonblock 8 || { flock 8 && exit; }
        kafka_tool "$name" org.apache.kafka.tools.TopicCommand --bootstrap-server "$at" --create --if-not-exists \
            --topic "$1" --partitions "$2" --config "max.message.bytes=$3" --config retention.ms=-1 --config retention.bytes=-1
    ) 8>"$(lock_of topics)"
    return 1
}

# Whether our topics are there, all partitions have a leader, and the broker is in sync in those that it holds.
kafka_is_ready() {
    local name=$1 at found
    at=127.0.0.1:$(port "$1" PORT)
    ! silent "${at#*:}" || return 1
    found=$(kcat -L -m 2 -b "$at" 2>/dev/null) || return 1
    topic "${PURCHASE_TOPIC:-purchases}" 3 131072 && topic "${DEAD_LETTER_TOPIC:-purchases-dead-letters}" 1 2097152 &&
        awk -F', (leader |replicas: |isrs: )' -v id=",$(id_of "$1")," '
            /^ *partition / && ($2 < 0 || index("," $3 ",", id) && !index("," $4 ",", id)) { exit 1 }' <<<"$found"
}

kafka_variables() {
    local broker brokers_at=() proxied_at=() proxies=() secured_at=()
    for broker in "${brokers[@]}"; do
        brokers_at+=("127.0.0.1:$(port "$broker" PORT)")
        proxied_at+=("127.0.0.1:$(port "$broker" PROXIED)")
        proxies+=("$(port "$broker" PROXY)")
        secured_at+=("127.0.0.1:$(port "$broker" SECURED)")
    done
    variable KAFKA_BROKER "$(joined "${brokers_at[@]}")"
    variable KAFKA_PROXIED "$(joined "${proxied_at[@]}")"
    variable KAFKA_PROXY_PORT "$(joined "${proxies[@]}")"
    variable KAFKA_SECURED "$(joined "${secured_at[@]}")"
}
