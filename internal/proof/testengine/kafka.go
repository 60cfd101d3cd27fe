package testengine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Kafka is one Apache Kafka broker on loopback. It begins a segment every two seconds and compacts the previous
// segments at once, so that compacted topics are compacted while a test runs. Authority signs the broker's certificate,
// which is only for the name localhost.
type Kafka struct {
	Addr       string // plain text, without a login
	SCRAMAddr  string // encrypted; User logs in with Password by SCRAM-SHA-512
	MutualAddr string // encrypted; a certificate of the authority is the login
	Authority  *Authority
	User       string
	Password   string

	daemon daemon
}

// Kill kills the broker with kill -9.
func (k *Kafka) Kill() { k.daemon.kill() }

// PIDs returns the process ids of the broker.
func (k *Kafka) PIDs() []int { return k.daemon.pids() }

// Restart starts the broker again with the same data and port.
func (k *Kafka) Restart(t testing.TB) {
	t.Helper()
	k.Kill()
	k.daemon.start(t)
}

const kafkaPassword = "the-broker-says-open-sesame"

var sharedKafka once[Kafka]

// SharedKafka returns the only Apache Kafka of the process; name topics and groups after the test.
func SharedKafka(t testing.TB) *Kafka {
	t.Helper()
	return sharedKafka.get(t, startKafka)
}

// StartKafka starts an Apache Kafka for this test, in about six seconds.
func StartKafka(t testing.TB) *Kafka {
	t.Helper()
	return startKafka(scope{t: t})
}

func startKafka(s scope) *Kafka {
	t := s.t
	t.Helper()
	java, err := program("java")
	if err != nil {
		t.Fatal("Java is missing, which Apache Kafka needs: apt-get install -y default-jre-headless")
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	libs := filepath.Join(root, ".deps", "kafka", "libs")
	if jars, _ := filepath.Glob(filepath.Join(libs, "kafka_2.13-*.jar")); len(jars) == 0 {
		t.Fatal("Apache Kafka is missing: make deps-test")
	}
	dir := tempDir(s, "kafka")
	port, controller, scram, mutual := freePort(t), freePort(t), freePort(t), freePort(t)
	k := &Kafka{
		Addr: fmt.Sprintf("127.0.0.1:%d", port), SCRAMAddr: fmt.Sprintf("localhost:%d", scram), MutualAddr: fmt.Sprintf("localhost:%d", mutual),
		Authority: newAuthority(s), User: "ratemill", Password: kafkaPassword,
	}
	server := k.Authority.Issue(t, "kafka", "localhost")
	chain := filepath.Join(dir, "server.pem")
	write(t, chain, append(server.key, server.cert...))
	config := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(config, fmt.Appendf(nil, `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,SCRAM://127.0.0.1:%[4]d,MUTUAL://127.0.0.1:%[5]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d,SCRAM://localhost:%[4]d,MUTUAL://localhost:%[5]d
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SCRAM:SASL_SSL,MUTUAL:SSL
inter.broker.listener.name=PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location=%[6]s
ssl.truststore.type=PEM
ssl.truststore.location=%[7]s
listener.name.mutual.ssl.client.auth=required
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
controller.listener.names=CONTROLLER
log.dirs=%[3]s
auto.create.topics.enable=false
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
num.network.threads=2
num.io.threads=2
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.backoff.ms=500
log.cleaner.min.cleanable.ratio=0.01
log.roll.ms=2000
`, port, controller, filepath.Join(dir, "log"), scram, mutual, chain, k.Authority.CAFile), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(java, append([]string{"-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(libs, "*")}, args...)...)
		cmd.Dir = dir
		return cmd
	}
	if out, err := command("kafka.tools.StorageTool", "format", "-t", "cmF0ZW1pbGwtdGVzdHMtMQ", "-c", config,
		"--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%s]", k.User, k.Password)).CombinedOutput(); err != nil {
		t.Fatalf("formatting Apache Kafka's log: %v\n%s", err, bytes.TrimSpace(out))
	}
	k.daemon = daemon{
		name: "Apache Kafka", log: filepath.Join(dir, "server.log"),
		command: func() *exec.Cmd { return command("kafka.Kafka", config) },
		ready: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			client := kafkago.Client{Addr: kafkago.TCP(k.Addr), Transport: &kafkago.Transport{}}
			m, err := client.Metadata(ctx, &kafkago.MetadataRequest{})
			if err == nil && len(m.Brokers) == 0 {
				err = fmt.Errorf("no broker is registered yet")
			}
			return err
		},
	}
	k.daemon.start(t)
	s.onEnd(k.Kill)
	return k
}
