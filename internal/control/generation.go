package control

import (
	"context"
	"fmt"
	"strconv"
)

const generationSetting = "generation of the rated log"

// LogGeneration returns the generation of the rated log: 1 for the first Kafka. A Kafka that lost messages, or
// was replaced by an empty one, uses offsets a second time. Generation, partition and offset together always
// identify the same message.
func (s *Store) LogGeneration(ctx context.Context) (uint32, error) {
	generation, _, err := s.logGeneration(ctx)
	return generation, err
}

// BeginLog begins the next generation of the rated log.
func (s *Store) BeginLog(ctx context.Context) (uint32, error) {
	generation, version, err := s.logGeneration(ctx)
	if err != nil {
		return 0, err
	}
	generation++
	return generation, s.SetSetting(ctx, generationSetting, strconv.AppendUint(nil, uint64(generation), 10), version)
}

func (s *Store) logGeneration(ctx context.Context) (generation uint32, version int64, err error) {
	setting, err := s.Setting(ctx, generationSetting)
	if err != nil || setting.Version == 0 {
		return 1, 0, err
	}
	n, err := strconv.ParseUint(string(setting.Value), 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("control store %s: the %s: %w", s, generationSetting, err)
	}
	return uint32(n), setting.Version, nil
}
