package collect

import (
	"fmt"
	stdpath "path"
	"strings"
	"time"

	"ratemill/diag"
)

// Options are the collect block of a source.
type Options struct {
	SFTP       *SFTP         `yaml:"sftp" doc:"The files are on an SFTP server."`
	Dir        string        `yaml:"dir,env" example:"/var/spool/cdr" doc:"The files are in this local directory. Nothing outside of it is read or written; paths below are relative to it."`
	Match      Words         `yaml:"match,required" example:"/out/SKY_*.csv.gz" doc:"Files to collect: a pattern or a list of patterns. * and ? match any characters except /, [a-z] matches one character, ** matches any directories."`
	Exclude    Words         `yaml:"exclude" example:"/out/private /out/**/*.old" doc:"Files and directories to leave alone although match covers them: a pattern or a list of patterns. ratemill reads nothing below such a directory."`
	Settled    time.Duration `yaml:"settled" default:"60s" doc:"A file is complete when its size and modification time have not changed for this long. 0s takes it at once."`
	Marker     string        `yaml:"marker" example:".done" doc:"Instead of settled: a file is complete when another file exists with its name plus this suffix."`
	Temporary  Words         `yaml:"temporary" default:"*.tmp *.part *.partial *.filepart .*" doc:"Names of files that are still incomplete; the carrier renames them when they are complete."`
	After      After         `yaml:"after" default:"leave" doc:"Action after a file was read: leave it, delete it, or { move: directory }."`
	Unfinished string        `yaml:"unfinished" enum:"wait|read" default:"wait" doc:"Treatment of a file that looks incomplete: its last line has no line end although others have one, or its compressed stream or JSON array ends in the middle. wait: until it changes, since its upload has probably stalled. read: as it is. A file that marker declares complete is read in any case."`
	Identity   string        `yaml:"identity" enum:"content|name" doc:"Identity of files. Two files are the same if their content is equal, whatever their names, or if content and name (without the directory) are equal. By default the name counts if the rules read file.name for more than session or an attribute."`
	Verify     string        `yaml:"verify" enum:"daily|always" default:"daily" doc:"How often a growing file is fetched as a whole and compared with the content read before. In between, only its new bytes and the 64 KiB before them are fetched; the latter are compared. Use always if the carrier may change records that were read."`
	Every      time.Duration `yaml:"every" default:"30s" doc:"How often to list the files."`
	Order      string        `yaml:"order" enum:"name|time" default:"name" doc:"Which files are taken first: by name, or by modification time, oldest first."`
	Parallel   bool          `yaml:"parallel" default:"false" doc:"Read several files at a time. By default the next file is taken when the previous one is closed, so that pools, limits and duplicate checks do not depend on timing."`
	Timeout    time.Duration `yaml:"timeout" default:"30s" doc:"With dir: how long to wait for the next part of a listing or of a file, and for any other operation, before the directory counts as away, for example a network mount whose server does not answer. For an SFTP server, see sftp.timeout."`
	Files      int           `yaml:"files" default:"200000" doc:"Largest number of files in one listing, directories included. A longer listing fails."`
}

// SFTP is the address of a server, with the credentials.
type SFTP struct {
	Host          string        `yaml:"host,required,env" doc:"Name or address."`
	Port          int           `yaml:"port" default:"22" doc:"TCP port."`
	User          string        `yaml:"user,required,env" doc:"User name for the login."`
	Password      diag.Secret   `yaml:"password" example:"${SKYLINK_PASSWORD}" doc:"The password, best from the environment."`
	PasswordFile  string        `yaml:"password_file,env" doc:"A file that holds the password."`
	KeyFile       string        `yaml:"key_file,env" doc:"A file that holds the private key."`
	KeyPassphrase diag.Secret   `yaml:"key_passphrase" doc:"The passphrase of the private key."`
	Agent         bool          `yaml:"agent" default:"false" doc:"Use the keys of the SSH agent at SSH_AUTH_SOCK."`
	KnownHosts    string        `yaml:"known_hosts,env" doc:"A file in OpenSSH's format with the server's host key."`
	HostKey       Words         `yaml:"host_key,env" example:"SHA256:uNiVztksCsDhcc0u9e8BrHv8F0Q…" doc:"Instead of known_hosts: the fingerprint of the server's host key; a list while the carrier changes it."`
	Connections   int           `yaml:"connections" default:"4" doc:"Largest number of connections at a time."`
	Timeout       time.Duration `yaml:"timeout" default:"30s" doc:"How long to wait for a connection, for any response on it, and for the next part of the answer to a request. A server that answers keepalives but no requests counts as away."`
	Keepalive     time.Duration `yaml:"keepalive" default:"15s" doc:"How often to send a keepalive."`
}

// Words is one text or a list of texts.
type Words []string

// UnmarshalNode reads one text, split at blanks, or a list of texts.
func (w *Words) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	if n.Kind == diag.Sequence {
		*w = make(Words, len(n.Items))
		for i, item := range n.Items {
			d.DecodeExpanding(item, &(*w)[i])
		}
		return
	}
	var text string
	d.DecodeExpanding(n, &text)
	if n.Quoted {
		*w = Words{text}
		return
	}
	*w = strings.Fields(text)
}

// After is the action for a file that was read: none, or one of the following.
type After struct {
	Delete bool
	Move   string // the directory
}

// Leaves reports whether the file is left in place.
func (a After) Leaves() bool { return !a.Delete && a.Move == "" }

// UnmarshalNode reads leave, delete, or { move: directory }.
func (a *After) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	if n.Kind == diag.Mapping {
		var m struct {
			Move string `yaml:"move,required,env"`
		}
		d.Decode(n, &m)
		a.Move = m.Move
		return
	}
	switch n.Text {
	case "delete":
		a.Delete = true
	case "leave":
	default:
		d.Errorf(n.Pos, "after is leave, delete or { move: directory }, not %s%s", n.Text, diag.Suggest(n.Text, []string{"leave", "delete"}))
	}
}

// Check reports mistakes in the options of a document.
func (o *Options) Check(n *diag.Node, d *diag.Decoder) {
	at := func(keys ...string) diag.Pos {
		found := n
		for _, k := range keys {
			if m := found.Member(k); m != nil {
				found = m
			}
		}
		return found.Pos
	}
	if (o.SFTP == nil) == (o.Dir == "") && n.Member("sftp") == nil {
		d.Errorf(n.Pos, "collect needs a place: sftp or dir")
	} else if o.SFTP != nil && o.Dir != "" {
		d.Errorf(at("dir"), "collect can have only one place: sftp or dir; write two sources")
	}
	for _, p := range o.Exclude {
		if _, err := stdpath.Match(strings.ReplaceAll(p, "**", "*"), ""); err != nil {
			d.Errorf(at("exclude"), "%q is not a pattern: a [ is not closed", p)
		}
	}
	for _, p := range o.Match {
		if _, err := stdpath.Match(strings.ReplaceAll(p, "**", "*"), ""); err != nil {
			d.Errorf(at("match"), "%q is not a pattern: a [ is not closed", p)
		} else if strings.Contains("/"+p+"/", "/../") {
			d.Errorf(at("match"), "%q leaves its directory with ..", p)
		}
	}
	if o.Settled < 0 {
		d.Errorf(at("settled"), "settled is negative")
	}
	if o.Every < 0 {
		d.Errorf(at("every"), "every is negative")
	}
	if o.Timeout < 0 {
		d.Errorf(at("timeout"), "timeout is negative")
	} else if o.SFTP != nil && n.Member("timeout") != nil {
		d.Errorf(at("timeout"), "timeout belongs to dir; write sftp: { timeout: … }")
	}
	if o.Files < 0 {
		d.Errorf(at("files"), "files is negative")
	}
	if strings.Contains(o.Marker, "/") {
		d.Errorf(at("marker"), "marker is a suffix of names and must not contain /")
	}
	if o.After.Move != "" && strings.Contains("/"+o.After.Move+"/", "/../") {
		d.Errorf(at("after"), "%q leaves its directory with ..", o.After.Move)
	}
	if p := o.takesItsOwn(); p != "" {
		d.Errorf(at("after"), "files moved to %s would match %q and be read again; narrow match, or move them elsewhere",
			o.After.Move, p)
	}
	s := o.SFTP
	if s == nil {
		return
	}
	if s.KnownHosts == "" && len(s.HostKey) == 0 {
		d.Errorf(at("sftp"), "sftp needs known_hosts (a file) or host_key (a fingerprint): without it, any server could impersonate %s. "+
			"`ssh-keyscan -p %d %s` shows the key; compare it with the one the carrier gave you", s.Host, s.port(), s.Host)
	}
	for _, k := range s.HostKey {
		if !strings.HasPrefix(k, "SHA256:") {
			d.Errorf(at("sftp", "host_key"), "%q is not a fingerprint; it begins with SHA256:, as ssh-keygen -l prints it", k)
		}
	}
	if s.Password.IsZero() && s.PasswordFile == "" && s.KeyFile == "" && !s.Agent {
		d.Errorf(at("sftp"), "sftp needs a way to log in: key_file, agent, password or password_file")
	}
	for key, secret := range map[string]diag.Secret{"password": s.Password, "key_passphrase": s.KeyPassphrase} {
		if secret.Literal() {
			d.Warnf(at("sftp", key), "the document contains the %s itself, and the control store will keep a copy; write ${NAME} for "+
				"an environment variable, or name a file", key)
		}
	}
	if s.Port < 0 || s.Port > 65535 {
		d.Errorf(at("sftp", "port"), "port %d is out of range", s.Port)
	}
	if s.Connections < 0 || s.Connections > 64 {
		d.Errorf(at("sftp", "connections"), "connections must be between 1 and 64")
	}
}

// takesItsOwn returns a pattern that matches files in the directory to which read files are moved.
func (o *Options) takesItsOwn() string {
	if o.After.Move == "" {
		return ""
	}
	m := newMatcher(o, o.Dir != "")
	to := stdpath.Clean(o.After.Move)
	if o.Dir != "" {
		to = strings.Trim(to, "/")
	}
	for i, p := range m.patterns {
		if last := len(p) - 1; p[last] == "**" && p.match(strings.Split(joined(to, "x"), "/"), false) ||
			p[:last].match(strings.Split(to, "/"), false) {
			return o.Match[i]
		}
	}
	return ""
}

func (s *SFTP) port() int                 { return orDefault(s.Port, 22) }
func (s *SFTP) connections() int          { return orDefault(s.Connections, 4) }
func (o *Options) timeout() time.Duration { return orDefault(o.Timeout, 30*time.Second) }

func (s *SFTP) timeout() time.Duration   { return orDefault(s.Timeout, 30*time.Second) }
func (s *SFTP) keepalive() time.Duration { return orDefault(s.Keepalive, 15*time.Second) }

// WaitsForEnd reports whether files that look unfinished have to wait.
func (o *Options) WaitsForEnd() bool { return o.Marker == "" && o.Unfinished != "read" }

func (o *Options) files() int { return orDefault(o.Files, 200_000) }

// WaitsFor describes the event for which an incomplete file waits.
func (o *Options) WaitsFor(path string) string {
	if o.Marker != "" {
		return fmt.Sprintf("it waits for its marker file, %s; if that file never comes, ask the carrier, or change collect.marker",
			base(path)+o.Marker)
	}
	return fmt.Sprintf("it is read when a listing, one each %s (collect.every), finds that its size and modification "+
		"time have not changed for %s (collect.settled)", o.Interval(), o.Settled)
}

// Interval returns the time between two listings.
func (o *Options) Interval() time.Duration { return orDefault(o.Every, 30*time.Second) }

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}
