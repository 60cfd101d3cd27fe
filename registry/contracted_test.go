package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/udr"
)

func TestContractYearsAreCountedFromTheFirstDayOfTheContract(t *testing.T) {
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return d
	}
	at := func(text string) udr.Instant { return udr.InstantOf(day(text)) }
	reg := registry.New()
	contract := func(id, from, value string) registry.Statement {
		return registry.Statement{Kind: registry.KindContract, Subject: id, From: at(from), State: registry.Holds, Value: []byte(value)}
	}
	changes := []*registry.Changes{
		{Accounts: []registry.AccountFact{
			{Number: 1, ID: "top", Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1, From: at("2024-05-17")},
			{Number: 2, ID: "below", Parent: 1, Partition: registry.NoPartition, From: at("2024-06-02")},
			{Number: 3, ID: "ever", Currency: "EUR", Zone: "UTC", CycleDay: 1},
		}},
		{Statements: []registry.Statement{
			contract("a", "2025-03-01", `{"account":"top","start":"2025-03-01","status":"active"}`),
			contract("b", "2025-08-01", `{"account":"top","start":"2025-08-01","status":"active"}`),
			contract("c", "2024-07-01", `{"account":"top","start":"2024-07-01","status":"draft"}`),
		}},
		{Statements: []registry.Statement{contract("a", "2026-03-01", `{"account":"top","start":"2025-03-01","status":"ended"}`)}},
		{Statements: []registry.Statement{contract("b", "2026-08-01", `{"account":"top","start":"2025-08-01","status":"ended"}`)}},
	}
	for i, c := range changes {
		c.Revision = registry.Revision(i + 1)
		require.NoError(t, reg.Apply(c))
	}
	v := reg.View()
	defer v.Close()
	for _, x := range []struct {
		account uint32
		at      string
		rev     registry.Revision
		want    string
	}{
		{1, "2025-09-01", 1, "2024-05-17"},
		{1, "2025-02-01", 4, "2024-05-17"},
		{2, "2025-02-01", 4, "2024-06-02"},
		{3, "2025-02-01", 4, "1970-01-01"},
		{1, "2025-09-01", 4, "2025-03-01"},
		{2, "2025-09-01", 4, "2025-03-01"},
		{2, "2026-04-01", 2, "2025-03-01"},
		{2, "2026-04-01", 4, "2025-08-01"},
		{2, "2026-09-01", 4, "2025-08-01"},
	} {
		require.EqualValues(t, day(x.want).Unix()/86400, v.Contracted(x.account, at(x.at), x.rev), "%+v", x)
	}
}
