package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	for i := range files {
		want, err := files[i].generate()
		require.NoError(t, err)
		got, err := os.ReadFile("../../" + files[i].path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is stale: run go generate ./proto", files[i].path)
	}
}

// A field that the table names and the .proto lacks, and one that no code can be made for, are errors, not left out.
func TestAFieldIsNotLeftOut(t *testing.T) {
	for want, m := range map[string]message{
		"message Origin has no field gone": {name: "Origin", goType: "ID", append: "a",
			fields: map[string]field{"gone": {}}},
		"message Origin has no field former":                 {name: "Origin", goType: "ID", parse: "p", only: []string{"former"}},
		"message Origin has no field later":                  {name: "Origin", sets: []set{{fields: []string{"later"}}}},
		"ratemill/v1/usage.proto has no message Gone":        {name: "Gone"},
		"FileEnd.units: nothing appends a message UnitTotal": {name: "FileEnd", goType: "FileEnd", append: "a"},
		"UsageBatch.usage: nothing parses a message Usage":   {name: "UsageBatch", goType: "Batch", parse: "p"},
		"Usage.unit: no Go type":                             {name: "Usage", goType: "Usage", parse: "p"},
		"UsageBatch.usage: nothing appends a message Usage": {name: "UsageBatch", goType: "Batch", append: "a",
			fields: map[string]field{"usage": {one: "b"}, "suspended": {apart: true}, "end": {apart: true}}},
	} {
		f := file{pkg: "udr", proto: "ratemill/v1/usage.proto", messages: []message{m}}
		_, err := f.generate()
		require.EqualError(t, err, want)
	}
}

// It is an error if the .proto lacks a member that the table names, if no code can be made for a member, or if an
// object may or may not need a comma.
func TestAMemberIsNotLeftOut(t *testing.T) {
	for want, o := range map[string]object{
		"no Go type has a message Gone":  {message: "Gone"},
		"message Draw has no field gone": {message: "Draw", members: map[string]member{"gone": none}},
		"message Draw has no field former": {message: "Draw",
			members: map[string]member{"size": {after: "former"}}},
		"Draw.share: the first member of an object is always there":       {message: "Draw"},
		"Charge.draws: nothing appends a message Draw as JSON":            {message: "Charge", members: map[string]member{"tier": zero}},
		"Suspended.raw: no code for its JSON":                             {message: "Suspended", open: true},
		"SessionState.session: nothing appends a message Session as JSON": {message: "SessionState", members: map[string]member{"id": zero}},
	} {
		f := file{pkg: "offline", objects: []object{o}}
		_, err := f.generate()
		require.EqualError(t, err, want)
	}
}
