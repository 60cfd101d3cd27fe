package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"ratemill/diag"
	"ratemill/udr"
)

// Sessions defines whether a source delivers sessions whole or in parts, and how to recognise the parts of a
// session.
type Sessions struct {
	Whole  bool
	Key    []diag.Text
	Within time.Duration
	at     diag.Pos
}

type sessionsDoc struct {
	Key    []diag.Text   `yaml:"key" doc:"Expressions that together are equal in all parts of one session of a SIM, and in no other record. Default: the field session. A word that names a field set by map means that field." example:"[session]"`
	Within time.Duration `yaml:"within" default:"7d" doc:"How long a session is remembered after its last part."`
}

// longestWithin limits how long sessions are remembered.
const longestWithin = 366 * 24 * time.Hour

// UnmarshalNode reads the word whole, or the key by which parts are recognised.
func (s *Sessions) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	s.at = n.Pos
	if n.Kind == diag.Scalar && n.Text == "whole" {
		s.Whole = true
		return
	}
	if n.Kind == diag.Scalar {
		d.Errorf(n.Pos, "session holds how the parts of a session are recognised, as in { key: [session], within: 7d }, or the word whole: "+
			"each record is its own session")
		return
	}
	var doc sessionsDoc
	d.Decode(n, &doc)
	s.Key, s.Within = doc.Key, doc.Within.Truncate(time.Second)
	if s.Within <= 0 || s.Within > longestWithin {
		d.Errorf(n.Pos, "within is out of range: sessions are remembered for 1s to 366d after their last part")
	}
}

// JSONSchema returns the schema of the word, or of the key of parts.
func (Sessions) JSONSchema() map[string]any {
	parts := diag.Subschema(sessionsDoc{})
	return map[string]any{"oneOf": []any{map[string]any{"const": "whole"}, parts}}
}

// sessions checks the key of sessions.
func (c *compiler) sessions(doc *Document) {
	s := doc.Session
	if s == nil || s.Whole || c.list.HasErrors() {
		return
	}
	key := s.Key
	if len(key) == 0 {
		if _, ok := c.scope.outputs["session"]; !ok {
			c.list.Errorf(s.at, "session: key says which records are parts of one session, and no entry of map sets the field session; write key: "+
				"[charging_id], say")
			return
		}
		key = []diag.Text{{Value: "session", Pos: s.at}}
	}
	for _, k := range key {
		if _, set := c.scope.outputs[k.Value]; set && !c.isField(k.Value) {
			k.Value = "out." + k.Value
		}
		e := c.check(k, "session key", Nothing)
		switch {
		case e == nil:
		case e.top.typ.Kind == List:
			c.list.Errorf(e.top.pos(), "a list cannot be a part of the key")
		default:
			c.session = append(c.session, e)
		}
	}
}

// SetsSession returns where the rules first set the fields session and continues, if they do.
func (p *Program) SetsSession() (session, continues diag.Pos) {
	return p.sets["session"], p.sets["continues"]
}

// ClassNames returns the classes that records of the source can have, nil for any.
func (p *Program) ClassNames() []string {
	var names []string
	for _, s := range p.steps {
		for _, a := range append(slices.Clone(s.chain), s.always, s.otherwise) {
			switch {
			case a == nil || a.class == nil:
			case !a.class.top.constant():
				return nil
			default:
				names = append(names, a.class.top.value.s)
			}
		}
	}
	return names
}

// sessionKey hashes the source and the key's values. A record without any of these values is a separate session.
func (r *Runner) sessionKey(u *udr.Usage) bool {
	from := len(r.buf)
	r.buf = append(append(r.buf, r.p.name...), 0)
	present := false
	for _, e := range r.p.session {
		v := e.eval(r)
		if r.failed.term != nil {
			return false
		}
		present = present || !v.absent()
		start := len(r.buf)
		r.buf = append(r.buf, 0, 0, 0, 0)
		r.appendPlain(v)
		binary.LittleEndian.PutUint32(r.buf[start:], uint32(len(r.buf)-start))
	}
	if present {
		sum := sha256.Sum256(r.buf[from:])
		copy(u.SessionKey[:], sum[:])
	}
	return true
}
