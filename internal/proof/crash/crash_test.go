package crash_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/crash"
	"ratemill/internal/proof/seeds"
	"ratemill/internal/proof/testengine"
)

func TestMain(m *testing.M) { testengine.Main(m) }

// TestNothingIsLostAndNothingIsChargedTwice is short by itself. `make crash` makes it long, by RECORDS, KILLS, BROKER,
// STORE and SEED in the environment. In the end, the warehouse of the first run is spoiled, and the comparison must see it.
func TestNothingIsLostAndNothingIsChargedTwice(t *testing.T) {
	for _, c := range []crash.Options{{Broker: crash.Embedded, Store: crash.SQLite}, {Broker: crash.Apache, Store: crash.Postgres}} {
		if broker := os.Getenv("BROKER"); broker != "" && broker != c.Broker {
			continue
		}
		if store := os.Getenv("STORE"); store != "" {
			c.Store = store
		}
		c.Kills = number(t, "KILLS", 10)
		c.Records = number(t, "RECORDS", 50_000)
		c.Seed = seeds.Fresh(t)
		c.Outage = 3 * time.Second
		if c.Kills > 30 {
			c.Outage, c.Aloud = 15*time.Second, true
		}
		if c.Broker == crash.Embedded {
			c.Spoil = spoiling()
		}
		t.Run(c.Broker+" and "+c.Store, func(t *testing.T) {
			report := crash.Run(t, c)
			t.Logf("\n%s", report)
			require.Zero(t, report.Differing)
			for _, what := range []string{"rated", "charges of tiers above", "events", "duplicates", "suspended", "counters", "files",
				"duplicate files", "retried", "files moved",
				"lines of the file that grows", "events of SIMs with life cycles", "states of SIMs", "facts", "rows of the view sims",
				"rows of the view sim_states", "bars of SIMs", "files of the removed source", "files of a renamed source", "stores of one day",
				"refusals of an older control store", "clocks that jumped"} {
				require.NotZero(t, report.Compared[what], "the run had no %s, so it shows nothing about them", what)
			}
			for _, what := range []string{"draws from pools", "pool.exhausted", "included.exhausted", "limit.passed", "sim.first_use",
				"life.exhausted", "limit.suspends", "limit.throttles",
				"draws from packages", "draws within the cap of a package", "draws from renewed packages", "draws of units that rolled over",
				"draws by weight", "draws from passes", "pools that grow", "prices with conditions", "credits",
				"lines of kind discount", "lines of kind repriced", "periods: fee", "periods: pass", "periods: minimum", "periods: cap",
				"periods: renewal"} {
				require.NotZero(t, report.Flowed[what], "the run had no %s, so it shows nothing about them", what)
			}
			if c.Broker == crash.Apache {
				require.NotZero(t, report.Compacted, "nothing was compacted, so restoring after that was not shown")
			}
			require.Greater(t, report.Revisions, 1, "all files were pinned to one revision of the registry")
			require.Greater(t, report.Catalogues, 1, "all files were pinned to one version of the catalogue")
			if len(c.Spoil) > 0 {
				seen(t, report)
			}
		})
	}
}

// spoiling makes a warehouse that is right wrong: a row is lost, one is there twice, one has another amount, so has one of a
// record that came back. A mutation runs its subquery again for every part, after it has changed the parts before: so the
// row is chosen once, and kept in its own table.
func spoiling() []string {
	const (
		// The file that grows is compared by itself, and other sources have their own errors below.
		choose = "CREATE TABLE %s ENGINE = Memory AS SELECT file, seq FROM rated_usage WHERE source IN ('skylink', 'northwave') " +
			"AND attributes['retry_of'] %s '' ORDER BY file, seq LIMIT 1 OFFSET %d"
		chosen = " WHERE (file, seq) IN (SELECT file, seq FROM %s) SETTINGS mutations_sync = 2"
	)
	return []string{
		fmt.Sprintf(choose, "lost", "=", 10),
		fmt.Sprintf(choose, "changed", "=", 20),
		fmt.Sprintf(choose, "retried", "!=", 0),
		fmt.Sprintf("ALTER TABLE rated_usage DELETE"+chosen, "lost"),
		fmt.Sprintf("ALTER TABLE rated_usage UPDATE amount = amount + 0.000001"+chosen, "changed"),
		fmt.Sprintf("ALTER TABLE rated_usage UPDATE amount = amount + 0.000001"+chosen, "retried"),
		"CREATE TABLE renamed ENGINE = Memory AS SELECT file, seq FROM rated_usage WHERE source = 'meshnet' AND attributes['retry_of'] = '' " +
			"ORDER BY file, seq LIMIT 1",
		"ALTER TABLE rated_usage UPDATE source = 'meshnet-1'" + fmt.Sprintf(chosen, "renamed"),
		"CREATE TABLE left ENGINE = Memory AS SELECT file, seq FROM rated_usage WHERE source = 'leaving' ORDER BY file, seq LIMIT 1",
		"ALTER TABLE rated_usage DELETE" + fmt.Sprintf(chosen, "left"),
		"CREATE TABLE weighed ENGINE = Memory AS SELECT file, seq FROM rated_usage WHERE plan = 'weighted' ORDER BY file, seq LIMIT 1",
		"ALTER TABLE rated_usage UPDATE amount = amount + 0.01" + fmt.Sprintf(chosen, "weighed"),
		"INSERT INTO ratemill_mark (mark) SELECT mark + 1000 FROM ratemill_mark ORDER BY mark DESC LIMIT 1",
		"CREATE TABLE unstated ENGINE = Memory AS SELECT max(sim) FROM sim_state_facts",
		"ALTER TABLE sim_state_facts DELETE WHERE sim IN (SELECT * FROM unstated) SETTINGS mutations_sync = 2",
		"INSERT INTO usage_events SELECT * FROM usage_events WHERE file NOT IN (SELECT file FROM rated_usage WHERE source = 'switch') " +
			"ORDER BY file, seq LIMIT 1 SETTINGS insert_deduplicate = 0",
	}
}

// seen checks that a comparison sees what spoiling did.
func seen(t *testing.T, report *crash.Report) {
	found := strings.Join(report.Spoiled, "\n")
	for _, words := range []string{"rated_usage, .*: lacks", "rated_usage, .*: record .*; amount is .* and ought to be",
		"records that came back: record .*; amount is .* and ought to be", "usage_events, .*: has unexpected or repeated rows",
		"sim_state_facts: lacks", "the view sim_states: ",
		"rated_usage, .*/meshnet/.*: record .*; source is meshnet-1 and ought to be meshnet", "rated_usage, .*/leaving/.*: lacks",
		"rated_usage, .*/priced/.*: record .*; amount is .* and ought to be",
		"the stores are of different days: the control store is older than ClickHouse",
		"the balance of .* is 1 records", "rated_usage has .* rows"} {
		require.Regexp(t, words, found)
	}
}

func number(t *testing.T, name string, usual int) int {
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}
