package generate

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/klauspost/compress/gzip"

	"ratemill/diag"
)

var carriers = []carrier{
	{name: "skylink", short: "sky", home: "21407", calling: "34", mobile: "6", zone: "Europe/Madrid", plans: []string{"fleet", "meter"},
		gzip:     true,
		fileName: func(n int, _ string, _ int) string { return fmt.Sprintf("SKY_%06d.csv", n) },
		open:     func(s *stream) layout { return skylink{s} }},
	{name: "northwave", short: "nw", home: "24001", calling: "46", mobile: "7", zone: "Europe/Stockholm", plans: []string{"nordic", "meter"},
		daily:    true,
		fileName: func(_ int, day string, part int) string { return fmt.Sprintf("NW-%s-%03d.csv", day, part) },
		open:     func(s *stream) layout { return northwave{s} }},
	{name: "meshnet", short: "mesh", home: "26202", calling: "49", mobile: "151", zone: "Europe/Berlin", plans: []string{"roam", "meter"},
		fileName: func(n int, _ string, _ int) string { return fmt.Sprintf("mesh-%06d.jsonl", n) },
		open:     func(s *stream) layout { return meshnet{s} }},
}

// File is a file of a carrier, or of the registry.
type File struct {
	Source  string // the carrier; empty for files of the registry
	Name    string
	Records int  // of usage
	Again   bool // the same content was sent before under another name

	write func(io.Writer) error
}

// WriteTo writes the complete file.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	c := counting{w: w}
	err := f.write(&c)
	return c.n, err
}

// Open returns a reader of the content.
func (f *File) Open() (io.ReadCloser, error) {
	var b bytes.Buffer
	if err := f.write(&b); err != nil {
		return nil, err
	}
	return io.NopCloser(&b), nil
}

type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// Files returns all usage files. The files of a carrier are sorted by name, which is the order of usage, apart
// from files sent again. A file may be written any number of times, and concurrently with others.
func Files(o Options) (iter.Seq[File], error) {
	streams, err := open(o)
	if err != nil {
		return nil, err
	}
	return func(yield func(File) bool) {
		for _, s := range streams {
			for i := range s.files {
				f := &s.files[i]
				if !yield(s.file(f, false, o.Plain)) {
					return
				}
				if again := i - resendAfter; s.resend > 0 && again >= 0 && again%s.resend == s.resend/2 {
					if !yield(s.file(&s.files[again], true, o.Plain)) {
						return
					}
				}
			}
		}
	}, nil
}

// resendAfter is the number of files after which a file is sent again.
const resendAfter = 2

func (s *stream) file(f *fileSpan, again, plain bool) File {
	name := f.name
	if again {
		// The copy is sent after the file before it, whose name it continues.
		name = s.files[f.number-s.firstFile+resendAfter].name
		name = name[:len(name)-len(extension(name))] + "_resent" + extension(name)
	}
	zip := s.gzip && !plain
	if zip {
		name += ".gz"
	}
	return File{Source: s.name, Name: name, Records: f.to - f.from, Again: again, write: func(w io.Writer) error {
		if !zip {
			return s.write(w, f)
		}
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			return err
		}
		if err := s.write(z, f); err != nil {
			return err
		}
		return z.Close()
	}}
}

func extension(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			return name[i:]
		}
	}
	return ""
}

// chunk is the size of one write.
const chunk = 128 << 10

func (s *stream) write(w io.Writer, f *fileSpan) error {
	own := *s // hints belong to one writer
	zone := *s.zone
	own.zone = &zone
	l := own.open(&own)
	buf := l.header(make([]byte, 0, chunk+4096), f)
	var u usage
	for place := f.from; place < f.to; place++ {
		what := own.fate(place, f.from)
		own.usage(what.original, &u)
		if what.defect != sound && u.empty() {
			u.up, u.seconds = 1, 1 // otherwise the record would be filtered before the error is noticed
		}
		buf = l.record(buf, &u, what.defect, uint64(place-f.from+1))
		if len(buf) >= chunk {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	_, err := w.Write(l.trailer(buf, f))
	return err
}

// open distributes the options over the carriers.
func open(o Options) ([]*stream, error) {
	o, err := o.with()
	if err != nil {
		return nil, err
	}
	var streams []*stream
	for _, name := range o.Sources {
		i := slices.IndexFunc(carriers, func(c carrier) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("generate: there is no carrier %s%s", name, diag.Suggest(name, Carriers()))
		}
		c := &carriers[i]
		if slices.ContainsFunc(streams, func(s *stream) bool { return s.name == name }) {
			return nil, fmt.Errorf("generate: carrier %s is named twice", name)
		}
		s := &stream{
			carrier: c, seed: mix(mix(o.Seed) + uint64(i)), records: share(o.Records, len(o.Sources), len(streams)),
			duplicates: uint64(o.DuplicateShare * (1 << 32)), suspense: uint64(o.SuspenseShare * (1 << 32)),
			perFile: o.RecordsPerFile, resend: o.Resend, firstSIM: o.FirstSIM, firstFile: o.FirstFile,
		}
		s.sims = population{seed: mix(s.seed), count: max(1, share(o.SIMs, len(o.Sources), len(streams))),
			accounts: max(1, share(o.Accounts, len(o.Sources), len(streams)))}
		s.sims.roots = max(1, s.sims.accounts/4)
		s.clock = newClock(o.From, o.Days, s.records)
		if s.zone, err = newZone(c.zone); err != nil {
			return nil, fmt.Errorf("generate: %w", err)
		}
		s.stride = max(1, s.records/(24*o.Days))
		s.window = max(1, 72*s.stride)
		s.cut()
		streams = append(streams, s)
	}
	return streams, nil
}

// share returns the part of n for the i-th of a number of receivers.
func share(n, parts, i int) int { return n*(i+1)/parts - n*i/parts }

// cut distributes the records over files.
func (s *stream) cut() {
	bounds := []int{0}
	if s.daily && s.records > 0 {
		bounds = s.clock.days()
	}
	for i, from := range bounds {
		end := s.records
		if i+1 < len(bounds) {
			end = bounds[i+1]
		}
		for part := 1; from < end; part++ {
			f := fileSpan{number: s.firstFile + len(s.files), from: from, to: min(from+s.perFile, end)}
			f.at = s.clock.at(f.to-1, &s.hour) + 60
			day := civilOf(s.clock.at(f.from, &s.hour))
			f.name = s.fileName(f.number, string(appendDigits(appendDigits(appendDigits(nil, day.year, 4), day.month, 2), day.day, 2)), part)
			s.files = append(s.files, f)
			from = f.to
		}
	}
}
