package roles

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAProcessIsToldEveryMistakeOfItsOptions(t *testing.T) {
	idle := Role{Name: "idle", Begin: func(context.Context, *Node) (*Running, error) { return &Running{}, nil }}
	_, err := Open(t.Context(), Options{BalanceDue: -time.Second, Known: []Role{idle, idle, {Name: "empty"}}, Roles: []Role{idle,
		Rating, idle}})
	require.EqualError(t, err, `roles: a process needs a configuration
roles: a process needs a project
roles: a process needs a log
roles: a process needs a time after which the balance of a file counts that is 0, for the default, or longer
roles: a process needs one role of each name, and has two named idle
roles: a process needs roles with a name and a beginning; "empty" lacks one of them
roles: a process needs roles of this binary, and rating is none
roles: a process needs each role once, and was given idle twice`)
}
