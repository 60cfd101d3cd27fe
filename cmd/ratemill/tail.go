package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/bufbuild/protocompile"
	"github.com/spf13/cobra"
	gproto "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"ratemill/internal/backoffice"
	"ratemill/internal/broker"
	"ratemill/proto"
	"ratemill/udr"
)

func tailCommand(f *flags) *cobra.Command {
	var partitions []int
	var from int64
	var count int
	var follow bool
	c := &cobra.Command{
		Use:   "tail usage|rated",
		Short: "Print messages of a topic as JSON, one per line",
		Long: `Tail prints the batches of the topic ratemill.usage or ratemill.rated as they are published in proto/, one JSON object
a line, with the partition and offset of each. File ids and keys are hex; times are RFC 3339.`,
		Example:   "  ratemill tail rated -n 1 | jq .\n  ratemill tail usage --partition 3 --from 1200 --follow",
		Args:      cobra.MatchAll(needing(1, 1, "one topic, usage or rated: ratemill tail rated -n 1"), topicWord),
		ValidArgs: backoffice.TopicWords,
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := f.load()
			if err != nil {
				return err
			}
			kafka, topics, n, err := openKafka(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer kafka.Close()
			topic, message := topics.Usage, "UsageBatch"
			if args[0] == "rated" {
				topic, message = topics.Rated, "RatedBatch"
			}
			for _, p := range partitions {
				if p < 0 || p >= n {
					return fmt.Errorf("there is no partition %d; %s has %s", p, topic, upTo(n))
				}
			}
			if len(partitions) == 0 {
				for p := range n {
					partitions = append(partitions, p)
				}
			}
			t := &tailer{kafka: kafka, topic: topic, out: objects(cmd), left: count}
			if t.message, err = publishedMessage(cmd.Context(), message); err != nil {
				return err
			}
			if err = t.run(cmd.Context(), partitions, from, follow); cmd.Context().Err() != nil {
				return nil // interrupted
			}
			return err
		},
	}
	c.Flags().IntSliceVar(&partitions, "partition", nil, "partition to read; repeat for more (default all)")
	c.Flags().Int64Var(&from, "from", -1, "offset to begin at (default: the oldest kept)")
	c.Flags().IntVarP(&count, "count", "n", 0, "stop after this many messages (default all)")
	c.Flags().BoolVar(&follow, "follow", false, "wait for more")
	return c
}

// upTo returns the numbers of n partitions.
func upTo(n int) string {
	switch n {
	case 1:
		return "0 only"
	case 2:
		return "0 and 1"
	}
	return fmt.Sprintf("0 to %d", n-1)
}

type tailer struct {
	kafka   *broker.Kafka
	topic   string
	message protoreflect.MessageDescriptor
	out     io.Writer
	left    int // number of messages to print, 0 for all
}

func (t *tailer) run(ctx context.Context, partitions []int, from int64, follow bool) error {
	next := map[int]int64{}
	for _, p := range partitions {
		first, _, err := t.kafka.Bounds(ctx, t.topic, p)
		if err != nil {
			return err
		}
		next[p] = max(first, from)
	}
	for {
		waiting := true
		for _, p := range partitions {
			_, end, err := t.kafka.Bounds(ctx, t.topic, p)
			if err != nil {
				return err
			}
			if next[p] >= end {
				continue
			}
			waiting = false
			messages, err := t.kafka.Fetch(ctx, t.topic, p, next[p], time.Second, nil)
			if err != nil {
				return err
			}
			for _, m := range messages {
				if err := t.print(p, m); err != nil {
					return err
				}
				next[p] = m.Offset + 1
				if t.left--; t.left == 0 {
					return nil
				}
			}
		}
		if waiting && !follow || ctx.Err() != nil {
			return nil
		}
		if waiting {
			select {
			case <-ctx.Done():
			case <-time.After(300 * time.Millisecond):
			}
		}
	}
}

func (t *tailer) print(partition int, m broker.Message) error {
	d := dynamicpb.NewMessage(t.message)
	damaged := gproto.Unmarshal(m.Value, d)
	line := append([]byte(`{"partition":`), strconv.Itoa(partition)...)
	line = append(line, `,"offset":`...)
	line = strconv.AppendInt(line, m.Offset, 10)
	if damaged != nil { // the command partition shows how to deal with it
		why, _ := json.Marshal(fmt.Sprintf("no %s: %v", t.message.Name(), damaged)) // encoding a string cannot fail
		line = fmt.Appendf(line, `,"damaged":%s,"hex":"%x"`, why, m.Value)
	} else {
		line = append(line, `,"message":`...)
		line = appendMessageJSON(line, d)
	}
	_, err := t.out.Write(append(line, "}\n"...))
	return err
}

// appendMessageJSON appends a message in Protobuf's JSON, adapted for display: bytes are text or
// hex, instants RFC 3339.
func appendMessageJSON(dst []byte, m protoreflect.Message) []byte {
	dst = append(dst, '{')
	first := true
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = strconv.AppendQuote(dst, string(f.Name()))
		dst = append(dst, ':')
		if !f.IsList() {
			dst = appendValueJSON(dst, f, m.Get(f))
			continue
		}
		dst = append(dst, '[')
		for j, list := 0, m.Get(f).List(); j < list.Len(); j++ {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendValueJSON(dst, f, list.Get(j))
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendValueJSON(dst []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	quote := func(s string) []byte {
		text, _ := json.Marshal(s) // encoding a string cannot fail
		return append(dst, text...)
	}
	switch f.Kind() {
	case protoreflect.MessageKind:
		return appendMessageJSON(dst, v.Message())
	case protoreflect.EnumKind:
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			return quote(string(d.Name()))
		}
		return strconv.AppendInt(dst, int64(v.Enum()), 10)
	case protoreflect.StringKind:
		return quote(v.String())
	case protoreflect.BytesKind:
		if text := f.Name() == "raw" || f.Name() == "preamble"; text && utf8.Valid(v.Bytes()) {
			return quote(string(v.Bytes()))
		}
		return quote(hex.EncodeToString(v.Bytes()))
	case protoreflect.Sfixed64Kind:
		return quote(udr.Instant(v.Int()).String())
	}
	return append(dst, v.String()...)
}

// publishedMessage compiles the .proto files embedded in the binary.
func publishedMessage(ctx context.Context, name string) (protoreflect.MessageDescriptor, error) {
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{Accessor: func(path string) (io.ReadCloser, error) {
		return proto.Files.Open(path)
	}}}
	for _, file := range []string{"ratemill/v1/usage.proto", "ratemill/v1/log.proto"} {
		files, err := c.Compile(ctx, file)
		if err != nil {
			return nil, err
		}
		if d := files[0].Messages().ByName(protoreflect.Name(name)); d != nil {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%s is not published: %w", name, os.ErrNotExist)
}
