package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// Topics are the names of ratemill's topics under a prefix.
type Topics struct {
	Usage        string // from mediation to rating, in batches
	Rated        string // rating's log: the ledger
	Checkpoint   string // rating's counters, compacted
	Installation string // the installation's name: one small message, compacted
}

// TopicsUnder returns the topics whose names begin with prefix.
func TopicsUnder(prefix string) Topics {
	return Topics{Usage: prefix + ".usage", Rated: prefix + ".rated", Checkpoint: prefix + ".checkpoint", Installation: prefix +
		".installation"}
}

// MaxMessageBytes is the largest append that ratemill's topics accept.
const MaxMessageBytes = 8 << 20

// Topic describes a topic that ratemill needs.
type Topic struct {
	Name       string
	Partitions int
	Compacted  bool
	Retention  time.Duration // for a topic that is not compacted; 0 keeps messages forever
}

// All lists ratemill's topics with their settings: usage and the rated log expire after a time; the checkpoints and
// the name of the installation are compacted.
func (t Topics) All(partitions int, usage, rated time.Duration) []Topic {
	return []Topic{
		{Name: t.Usage, Partitions: partitions, Retention: usage},
		{Name: t.Rated, Partitions: partitions, Retention: rated},
		{Name: t.Checkpoint, Partitions: partitions, Compacted: true},
		{Name: t.Installation, Partitions: 1, Compacted: true},
	}
}

// setting is a topic setting that ratemill chooses.
type setting struct {
	name, value string
	// enough reports whether another value of the setting loses nothing either; nil: any value is acceptable.
	enough func(have string) bool
	// mended means that a value that is not enough is replaced with value. Otherwise an operator must decide.
	mended bool
	// optional means that the topic is created without the setting if a broker does not know or allow it.
	optional bool
}

func (t Topic) settings(replication int) []setting {
	atLeast := func(n int64) func(string) bool {
		return func(have string) bool {
			v, err := strconv.ParseInt(have, 10, 64)
			return err == nil && (v >= n && n >= 0 || v < 0)
		}
	}
	s := []setting{
		// If messages had the time of a producer whose clock is behind, they would expire before any
		// reader has read them.
		{name: "message.timestamp.type", value: "LogAppendTime", mended: true, enough: func(have string) bool { return have == "LogAppendTime" }},
		{name: "max.message.bytes", value: fmt.Sprint(MaxMessageBytes), mended: true, enough: atLeast(MaxMessageBytes)}}
	if t.Compacted {
		s = append(s, setting{name: "cleanup.policy", value: "compact", enough: func(have string) bool { return have == "compact" }},
			// A restore also reads what has not been compacted yet: with 1 M SIMs, 64 MiB more take a second.
			setting{name: "segment.bytes", value: fmt.Sprint(64 << 20), optional: true},
			setting{name: "segment.ms", value: fmt.Sprint(time.Hour.Milliseconds()), optional: true},
			setting{name: "min.cleanable.dirty.ratio", value: "0.1", optional: true})
	} else {
		ms := int64(-1)
		if t.Retention > 0 {
			ms = t.Retention.Milliseconds()
		}
		s = append(s, setting{name: "cleanup.policy", value: "delete", enough: func(have string) bool { return have == "delete" }},
			setting{name: "retention.ms", value: fmt.Sprint(ms), mended: true, enough: atLeast(ms)},
			setting{name: "retention.bytes", value: "-1", mended: true, enough: atLeast(-1)})
	}
	if replication > 1 {
		s = append(s, setting{name: "min.insync.replicas", value: fmt.Sprint(replication - 1), optional: true},
			setting{name: "unclean.leader.election.enable", value: "false", optional: true})
	}
	return s
}

// why describes the effect of another value.
var why = map[string]string{
	"message.timestamp.type": "with timestamps from a producer whose clock is behind, usage would be deleted before it is rated",
	"cleanup.policy": "checkpoints must be compacted and never deleted, or counters are lost; usage and the rated log must be " +
		"deleted by time and never compacted, or records are lost",
	"retention.ms":      "usage and the rated log must be kept for as long as their consumers may be down",
	"retention.bytes":   "if many messages arrive at once, they would be deleted before they are read",
	"max.message.bytes": "messages of ratemill may have this size",
}

// EnsureTopics creates missing topics, and checks existing ones. Harmless settings stay as they are. It raises a
// retention that is too short and a message size limit that is too small. notes list the changes, and settings that an
// operator may want to change. It is an error if a topic has another number of partitions, or settings that lose
// messages.
func (k *Kafka) EnsureTopics(ctx context.Context, replication int, topics []Topic) (notes []string, err error) {
	for _, t := range topics {
		there, err := k.create(ctx, t, replication)
		if err != nil {
			return nil, err
		}
		if !there {
			continue
		}
		n, err := k.Partitions(ctx, t.Name)
		if err != nil {
			return nil, err
		}
		if n != t.Partitions {
			return nil, fmt.Errorf("topic %s has %d partitions, but ratemill was set up with %d; with more partitions, "+
				"accounts would be separated from the partitions that have their counters", t.Name, n, t.Partitions)
		}
		said, err := k.inspect(ctx, t, replication)
		if err != nil {
			return nil, err
		}
		notes = append(notes, said...)
	}
	return notes, nil
}

// create creates a topic, or reports that it already exists.
func (k *Kafka) create(ctx context.Context, t Topic, replication int) (there bool, err error) {
	what := "make topic " + t.Name
	for _, optional := range []bool{true, false} {
		var entries []kafka.ConfigEntry
		for _, s := range t.settings(replication) {
			if optional || !s.optional {
				entries = append(entries, kafka.ConfigEntry{ConfigName: s.name, ConfigValue: s.value})
			}
		}
		res, err := k.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
			{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: replication, ConfigEntries: entries},
		}})
		if err == nil {
			err = res.Errors[t.Name]
		}
		switch {
		case err == nil:
			return false, nil
		case errors.Is(err, kafka.TopicAlreadyExists):
			return true, nil
		case optional && (errors.Is(err, kafka.InvalidConfiguration) || errors.Is(err, kafka.PolicyViolation)):
			continue
		}
		return false, k.explain(ctx, what, err)
	}
	panic("unreachable")
}

// inspect checks the settings of an existing topic.
func (k *Kafka) inspect(ctx context.Context, t Topic, replication int) (notes []string, err error) {
	settings := t.settings(replication)
	var names []string
	for _, s := range settings {
		names = append(names, s.name)
	}
	what := "read the settings of topic " + t.Name
	res, err := k.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
		{ResourceType: kafka.ResourceTypeTopic, ResourceName: t.Name, ConfigNames: names},
	}})
	if err == nil && len(res.Resources) == 1 {
		err = res.Resources[0].Error
	}
	if errors.Is(err, kafka.TopicAuthorizationFailed) {
		return []string{fmt.Sprintf("cannot read the settings of topic %s: the Kafka user may not describe them", t.Name)}, nil
	}
	if err != nil {
		return nil, k.explain(ctx, what, err)
	}
	have := map[string]string{}
	for _, r := range res.Resources {
		for _, e := range r.ConfigEntries {
			have[e.ConfigName] = e.ConfigValue
		}
	}
	var mend []setting
	for _, s := range settings {
		v, known := have[s.name]
		switch {
		case !known || v == s.value:
		case s.enough == nil:
			notes = append(notes, fmt.Sprintf("topic %s has %s=%s; ratemill creates it with %s", t.Name, s.name, v, s.value))
		case s.enough(v) && s.name == "retention.ms":
			notes = append(notes, fmt.Sprintf("topic %s keeps messages longer than configured (retention.ms=%s, not %s); "+
				"ratemill does not change that", t.Name, v, s.value))
		case s.enough(v):
		case !s.mended:
			return nil, fmt.Errorf("topic %s has %s=%s, but ratemill needs %s: %s; correct it: kafka-configs --alter --topic %s --add-config %s=%s",
				t.Name, s.name, v, s.value, why[s.name], t.Name, s.name, s.value)
		default:
			mend = append(mend, s)
			notes = append(notes, fmt.Sprintf("changed topic %s from %s=%s to %s: %s", t.Name, s.name, v, s.value, why[s.name]))
		}
	}
	return notes, k.mend(ctx, t, mend)
}

// mend changes settings of a topic.
func (k *Kafka) mend(ctx context.Context, t Topic, settings []setting) error {
	if len(settings) == 0 {
		return nil
	}
	var configs []kafka.IncrementalAlterConfigsRequestConfig
	var said []string
	for _, s := range settings {
		configs = append(configs, kafka.IncrementalAlterConfigsRequestConfig{Name: s.name, Value: s.value,
			ConfigOperation: kafka.ConfigOperationSet})
		said = append(said, s.name+"="+s.value)
	}
	res, err := k.client.IncrementalAlterConfigs(ctx,
		&kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: t.Name, Configs: configs},
		}})
	if err == nil && len(res.Resources) == 1 {
		err = res.Resources[0].Error
	}
	if slices.ContainsFunc([]error{kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.PolicyViolation},
		func(e error) bool { return errors.Is(err, e) }) {
		return fmt.Errorf("topic %s needs %s, but the Kafka user may not change it (%w): %s; set it: kafka-configs --alter --topic %s "+
			"--add-config %s",
			t.Name, strings.Join(said, ","), err, why[settings[0].name], t.Name, strings.Join(said, ","))
	}
	if err != nil {
		return k.explain(ctx, "change the settings of topic "+t.Name, err)
	}
	return nil
}
