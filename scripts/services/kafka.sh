# shellcheck shell=bash disable=SC2154,SC2164 # services.sh reads this file: it sets what is not set here, and errexit
# The broker: Kafka in KRaft mode, which is its own controller.

kafka_version=4.3.1
slf4j_version=1.7.36
maven_dependency_plugin=3.6.1
jars="$tools/kafka-$kafka_version/jars/*"

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

prepare_kafka() { choose_ports kafka "${KAFKA_PORT:-}" PORT PROXIED PROXY CONTROLLER; }

# The data are named without their folder: Kafka would take a comma in it for a list.
write_properties() {
    local at=127.0.0.1 port proxied controller
    port=$(port kafka PORT) proxied=$(port kafka PROXIED) controller=$(port kafka CONTROLLER)
    cat >server.properties <<END
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://$at:$port,PROXIED://$at:$proxied,CONTROLLER://$at:$controller
advertised.listeners=PLAINTEXT://$at:$port,PROXIED://$at:$(port kafka PROXY)
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@$at:$controller
log.dirs=data
# One broker acknowledges from the page cache otherwise.
log.flush.interval.messages=1
auto.create.topics.enable=false
message.max.bytes=2097152
# A killed broker is let in again only when its old session is over, which takes 9 s otherwise.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=250
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=4194304
END
}

# kafka_tool CLASS ARGUMENTS...
kafka_tool() {
    timeout 60 java -Xmx128m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$jars" "$@" \
        >>"$state/kafka/log" 2>&1
}

start_kafka() {
    cd "$state/kafka"
    write_properties
    if [ ! -d data ]; then
        rm -rf data.partial
        sed 's/^log.dirs=.*/&.partial/' server.properties >format.properties
        kafka_tool kafka.tools.StorageTool format --config format.properties \
            --cluster-id "$(od -An -N11 -tx1 /dev/urandom | tr -d ' \n')" ||
            die "Kafka's data cannot be made: $(tail -n 5 log)"
        mv data.partial data
    fi
    launch kafka java -Xmx512m -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -Djava.awt.headless=true \
        -Dorg.slf4j.simpleLogger.showDateTime=true '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' \
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn \
        -cp "$jars" kafka.Kafka "$state/kafka/server.properties"
}

# topic NAME PARTITIONS BYTES: whether each partition has a leader. A topic that is not there is created.
topic() {
    local broker found
    broker=127.0.0.1:$(port kafka PORT)
    ! silent "${broker#*:}" || return 1
    found=$(kcat -L -m 2 -b "$broker" -t "$1" 2>/dev/null) || return 1
    [[ $found != *"Unknown topic"* ]] ||
        kafka_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$broker" --create --if-not-exists --topic "$1" \
            --partitions "$2" --config "max.message.bytes=$3" --config retention.ms=-1 --config retention.bytes=-1
    [[ $found = *", leader "* && $found != *", leader -1"* ]]
}

kafka_is_ready() {
    topic "${PURCHASE_TOPIC:-purchases}" 3 131072 && topic "${DEAD_LETTER_TOPIC:-purchases-dead-letters}" 1 2097152
}

kafka_variables() {
    variable KAFKA_BROKER "127.0.0.1:$(port kafka PORT)"
    variable KAFKA_PROXIED "127.0.0.1:$(port kafka PROXIED)"
    variable KAFKA_PROXY_PORT "$(port kafka PROXY)"
}
