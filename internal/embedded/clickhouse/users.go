package clickhouse

import (
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The library has one user without a password; authentication.go decides who may act as that user. ClickHouse's own
// roles decide what a session may do: the owner's role has every right, the reader's role has SELECT in ratemill's
// database. A session of the reader takes that role and readonly = 1 before its statement. It cannot take another
// role, because its statement is a single one that only reads rows (reading.go).
const (
	configXML = `<clickhouse><users_config>%s</users_config></clickhouse>
`
	usersXML = `<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <roles>
    <owner><grants><query>GRANT ALL ON *.*</query></grants></owner>
    <reader><grants><query>GRANT SHOW, SELECT ON ` + Database + `.*</query></grants></reader>
  </roles>
  <users>
    <default>
      <no_password/>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT owner, reader</query></grants>
    </default>
  </users>
</clickhouse>
`
)

// writeConfig writes ClickHouse's configuration and returns its path.
func writeConfig(dir string) (path string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "config.xml")
	users := filepath.Join(dir, "users.xml")
	var escaped strings.Builder
	err = xml.EscapeText(&escaped, []byte(users))
	return path, errors.Join(err, os.WriteFile(path, fmt.Appendf(nil, configXML, &escaped), 0o600),
		os.WriteFile(users, []byte(usersXML), 0o600))
}
