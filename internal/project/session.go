package project

import (
	"ratemill/diag"
)

// CheckSessions warns about sources that set a session but do not state whether records are whole sessions, if plans
// charge something per session: each part would be charged.
func (p *Project) CheckSessions() (list diag.List) {
	if p.Catalogue == nil {
		return nil
	}
	for _, s := range p.Sources.Sources {
		session, continues := s.Program.SetsSession()
		if s.Session != nil || session.File == nil && continues.File == nil {
			continue
		}
		reasons := p.Catalogue.PerSession(s.Program.ClassNames())
		if reasons == "" {
			continue
		}
		at, what := session, "sets session"
		if session.File == nil {
			at, what = continues, "sets continues"
		}
		list.Warnf(at, "source %s %s and does not state whether its records are whole sessions, but %s: each part of a session would pay it."+
			" "+
			"Write `session: { key: [session], within: 7d }` if the carrier delivers sessions in parts, or `session: "+
			"whole`", s.Name, what, reasons)
	}
	return list
}
