package mediation

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/safeguard"
	"ratemill/mediation/collect"
	"ratemill/mediation/decode"
	"ratemill/rules"
	"ratemill/udr"
)

// looked is the part of a file's content that determines whether the file is read, and from which byte.
type looked struct {
	decode.Look
	id     udr.FileID
	hash   []byte // hash of the unpacked content
	key    []byte // identifies the content among those of its source
	others []control.OtherKey
}

// look examines a file's content. A compressed file is identified by its uncompressed content, so the same content
// compressed a second time is the same file. If records depend on the file's name, the name is part of the
// identity.
func (t *taken) look(ctx context.Context, content Content) (*looked, error) {
	body, err := content.Open()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	l := &looked{id: content.ID, hash: content.Hash, key: content.Hash}
	if t.file.Pinned {
		return l, t.lookAgain(ctx, content, l)
	}
	if t.prefix != nil {
		l.Look, err = t.prefix.look(t.src, interrupted(ctx, body), content.Size)
	} else {
		l.Look, err = t.src.Decode.Look(interrupted(ctx, body))
	}
	if err != nil {
		return nil, err
	}
	if l.Packed != decode.Plain && !l.Broken {
		l.hash, l.key = l.Hash[:], l.Hash[:]
		l.others = append(l.others, control.OtherKey{Key: content.Hash, Named: t.src.Named()}) // as earlier versions computed it
		l.id = collect.Identity(t.src.Name, t.file.Path, l.Hash)
	}
	if t.src.Named() {
		l.others = append(l.others, control.OtherKey{Key: l.hash, Named: true})
		named := sha256.Sum256(append(append(slices.Clone(l.hash), 0), path.Base(t.file.Path)...))
		l.key = named[:]
	}
	return l, nil
}

// interrupted is content that cannot be read further after ctx has ended.
func interrupted(ctx context.Context, body io.Reader) io.Reader {
	r := &interruptible{ctx, body}
	if file, ok := body.(io.Seeker); ok {
		return struct {
			io.Reader
			io.Seeker
		}{r, file}
	}
	return r
}

// lookAgain checks the content of a pinned file: it must be the pinned content, possibly with more content after it.
func (t *taken) lookAgain(ctx context.Context, content Content, l *looked) error {
	if size := t.file.Pins.Part.Size; size > 0 && content.ID != t.file.FileID && t.prefix == nil {
		sum := sha256.New()
		err := t.copied(ctx, content, func(unpacked io.Reader) error {
			_, err := io.CopyN(sum, unpacked, size)
			return err
		})
		if err := unreadable(err); err != nil {
			return err
		}
		l.hash = sum.Sum(nil)
		l.id = collect.Identity(t.src.Name, t.file.Path, [32]byte(l.hash))
	}
	if l.id == t.file.FileID {
		l.key = t.file.Content
	}
	return nil
}

// postponed records why a file waits, and returns the file to its queue.
func (t *taken) postponed(ctx context.Context, why string, pause time.Duration) error {
	log := t.m.Log.Debug
	if t.file.Why != why {
		log = t.m.Log.Warn
	}
	log("a file waits", "source", t.file.Source, "file", t.file.Path, "why", why)
	return t.m.Files.Postpone(ctx, t.lease, why, pause, t.m.now())
}

// The pause between two looks at a waiting file.
const (
	pauseOfPart  = 2 * time.Second // until the file before it is read
	mostOfPauses = time.Hour
)

// pause is how long a file waits if it looks unfinished or changed; a new listing or a user's order ends the
// wait at once.
func (t *taken) pause() time.Duration {
	return min(max(t.m.now().Sub(t.file.FirstSeen), time.Minute), mostOfPauses)
}

// unfinished returns the reason why the file must not be read yet.
func (t *taken) unfinished(l *looked) string {
	if t.file.Pinned || t.file.AsItIs || l.Unfinished == "" || !t.src.Collect.WaitsForEnd() || !safeguard.On(safeguard.EndAwaited) {
		return ""
	}
	return fmt.Sprintf("%s: it is probably still being written and waits until it changes; `ratemill files retry` reads it as it is, "+
		"and `collect.unfinished: read` reads all such files of the source", l.Unfinished)
}

// part finds the byte from which a file is read: the end of the content of an earlier file of its source with
// which it begins. why is the reason if the file cannot be read now.
func (t *taken) part(ctx context.Context, content Content, l *looked) (part control.Part, why string, pause time.Duration, err error) {
	part = control.Part{Content: l.hash, Size: l.Size}
	if l.Broken {
		part.Content, part.Size = nil, 0
	}
	if t.prefix != nil {
		part.Opening, part.Fetched = t.prefix.Opening, t.prefix.Size
	} else if part.Opening, err = t.opening(ctx, content); err != nil || part.Opening == nil {
		return part, "", 0, err
	}
	found, known, err := t.m.Files.Beginnings(ctx, t.lease, part.Opening, t.src.Named())
	if err != nil {
		return part, "", 0, err
	}
	part.Known = known
	found = slices.DeleteFunc(found, func(b control.Beginning) bool { return b.Hash == nil || b.Size == 0 || !b.Open && !b.Gone && !b.Held })
	prefix, err := t.prefixes(ctx, content, found)
	if err != nil {
		return part, "", 0, err
	}
	var longest, before, longer *control.Beginning
	for i := range found {
		b := &found[i]
		if b.Alike && b.Size > l.Size && !l.Broken {
			longer = b
		}
		switch {
		case prefix[b.Number]:
			if longest == nil || b.Size > longest.Size {
				longest = b
			}
		case b.Alike && b.Held && b.Path == t.file.Path && (before == nil || b.Number > before.Number):
			before = b
		}
	}
	if t.prefix != nil && (longest == nil || longest.Number != t.prefix.Number) {
		return part, "", 0, errWhole // the file continues one that was read under another name
	}
	if before != nil && (longest == nil || before.Number > longest.Number) {
		part.Changed = before.Number
		if t.file.Why == "" {
			t.counts().ChangedFiles.Add(1)
			t.m.Log.Warn("content of a file that was read before has changed", "source", t.file.Source, "file", t.file.Path,
				"read_as_file", before.Number)
		}
		if t.src.DuplicateWithin == 0 && !t.file.AsItIs {
			return part, fmt.Sprintf("file %d was read under this name with %d bytes; this file starts like it but does not contain "+
				"all of it: content that was read has changed, or the file is being written again. It waits until it changes; "+
				"`ratemill files retry` reads everything in it that no other file had", before.Number, before.Size), t.pause(), nil
		}
	}
	if longer != nil && t.src.DuplicateWithin == 0 && !t.file.AsItIs && safeguard.On(safeguard.OlderWaits) {
		return part, fmt.Sprintf("file %d starts like this one and is longer, with %d bytes: this file, with %d, is probably an older "+
			"copy of it, and its records would be charged again. It waits until it changes; `ratemill files retry` reads everything "+
			"in it that no file before it had", longer.Number, longer.Size, l.Size), t.pause(), nil
	}
	if longest == nil {
		return part, "", 0, nil
	}
	if longest.Gone && safeguard.On(safeguard.BeginningFirst) {
		err = t.m.Files.ReadFrom(ctx, longest.Number, t.file.Number)
	}
	if (longest.Gone || longest.Open) && safeguard.On(safeguard.BeginningFirst) {
		return part, fmt.Sprintf("it continues file %d, which must be read to its end first", longest.Number), pauseOfPart, err
	}
	part.Continues, part.From = longest.Number, longest.Size
	return part, "", 0, err
}

// opening returns the hash of the content up to the first record that is not filtered; nil if there is no such
// record.
func (t *taken) opening(ctx context.Context, content Content) ([]byte, error) {
	body, err := content.Open()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	sum := &summed{hash: sha256.New()}
	unpacked, _, err := decode.Unpack(interrupted(ctx, body), t.src.Decode.Limits)
	if err != nil {
		return nil, unreadable(err)
	}
	decoder, err := t.src.Open(unpacked)
	if err != nil {
		return nil, unreadable(err)
	}
	r := reader{runner: t.m.runner(t.src, t.file.Path, t.file.MTime), decoder: decoder}
	for n := 0; ; n++ {
		err := decoder.Next(&r.record)
		if bad := (*decode.RecordError)(nil); err == nil {
			r.runner.Run(&r.record, &r.outcome)
		} else if !errors.As(err, &bad) {
			return nil, unreadable(err)
		}
		if err != nil || r.outcome.Kind != rules.Filtered || n == mostFiltered {
			break
		}
	}
	end := r.record.Offset + decoder.Span()
	return t.hashOf(ctx, content, end, sum)
}

// mostFiltered is the largest number of filtered records in an opening.
const mostFiltered = 10_000

// unreadable returns nil for an error within the file, which then has no opening; reading the file reports
// the error.
func unreadable(err error) error {
	var broken *decode.FileError
	if errors.Is(err, io.EOF) || errors.As(err, &broken) && broken.Fault != decode.Unread {
		return nil
	}
	return err
}

// summed computes the hash without the line ends at the end of the content.
type summed struct {
	hash hash.Hash
	ends []byte
}

func (s *summed) Write(p []byte) (int, error) {
	text := bytes.TrimRight(p, "\r\n")
	if len(text) > 0 {
		s.hash.Write(s.ends)
		s.ends = s.ends[:0]
	}
	s.hash.Write(text)
	s.ends = append(s.ends, p[len(text):]...)
	return len(p), nil
}

func (t *taken) hashOf(ctx context.Context, content Content, size int64, sum *summed) ([]byte, error) {
	err := t.copied(ctx, content, func(unpacked io.Reader) error {
		_, err := io.CopyN(sum, unpacked, size)
		return err
	})
	return sum.hash.Sum(nil), err
}

// copied reads the unpacked content without the known part.
func (t *taken) copied(ctx context.Context, content Content, read func(io.Reader) error) error {
	body, err := t.opened(content)
	if err != nil {
		return err
	}
	defer body.Close()
	if t.prefix != nil {
		return read(interrupted(ctx, body))
	}
	unpacked, _, err := decode.Unpack(interrupted(ctx, body), t.src.Decode.Limits)
	if err != nil {
		return err
	}
	return read(unpacked)
}

// prefixes returns the files whose whole content is a proper prefix of this content.
func (t *taken) prefixes(ctx context.Context, content Content, found []control.Beginning) (map[int64]bool, error) {
	shorter := slices.Clone(found)
	slices.SortFunc(shorter, func(a, b control.Beginning) int { return cmp.Compare(a.Size, b.Size) })
	prefix := map[int64]bool{}
	if len(shorter) == 0 {
		return prefix, nil
	}
	err := t.copied(ctx, content, func(unpacked io.Reader) error {
		sum, at, err := t.sum()
		if err != nil {
			return err
		}
		for i := range shorter {
			b := &shorter[i]
			if b.Size < at {
				continue // the known file is longer
			}
			n, err := io.CopyN(sum, unpacked, b.Size-at)
			if at += n; err != nil {
				return unreadable(err)
			}
			prefix[b.Number] = bytes.Equal(sum.Sum(nil), b.Hash)
		}
		return nil
	})
	return prefix, err
}

// readOnly records how much of a file was read if it could not be read to its end; a file that continues it starts
// there.
func (r *reader) readOnly(ctx context.Context, content Content) error {
	if r.decoder == nil {
		return nil
	}
	size := r.decoder.Framing() + r.decoded
	sum, from, err := r.t.sum()
	if err != nil {
		return err
	}
	err = r.t.copied(ctx, content, func(unpacked io.Reader) error {
		_, err := io.CopyN(sum, unpacked, size-from)
		return err
	})
	if err != nil {
		return unreadable(err)
	}
	return r.t.m.Files.ReadOnly(ctx, r.t.lease, sum.Sum(nil), size)
}
