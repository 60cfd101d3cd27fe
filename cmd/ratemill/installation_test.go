package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/engines"
)

// TestAnInstallation runs the demo twice in an empty folder, and asks the second one, which stays up, all that people
// ask: the transcripts of testdata/installation, in their order, for some change what the next ones find.
func TestAnInstallation(t *testing.T) {
	dir, bin := t.TempDir(), program(t)
	first, err := ratemill(t, dir, bin, made(t, "demo", "ONCE=1")...).CombinedOutput()
	require.NoError(t, err, "%s", first)
	checkGolden(t, "testdata/demo.txt", told(string(first)))
	checkStages(t, string(first), "763", "745", "698")

	again := ratemill(t, dir, bin, made(t, "demo")...)
	out, err := again.StdoutPipe()
	require.NoError(t, err)
	var errors bytes.Buffer
	again.Stderr = &errors
	require.NoError(t, again.Start())
	t.Cleanup(func() { _ = again.Process.Kill() })
	var second strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(&second, lines.Text())
		if strings.HasPrefix(lines.Text(), "ClickHouse answers at http://127.0.0.1:") {
			break
		}
	}
	require.Contains(t, second.String(), "ctrl-C stops the demo.\n", "%s", &errors)
	checkNothingNew(t, string(first), second.String())

	t.Run("tail tells the rated log, from which costs can be added up", func(t *testing.T) { checkTail(t, dir, bin) })
	t.Run("every command of the tour works as typed", func(t *testing.T) { checkTour(t, dir, bin) })
	t.Run("another folder is not answered by it", func(t *testing.T) { checkElsewhere(t, dir, bin) })
	names, err := filepath.Glob("testdata/installation/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			if strings.HasSuffix(name, "-partition.txtar") {
				poison(t, dir)
			}
			checkTranscript(t, name, dir, bin)
		})
	}

	require.NoError(t, again.Process.Signal(syscall.SIGTERM))
	_, _ = io.Copy(io.Discard, out)
	require.NoError(t, again.Wait(), "%s", &errors)
	require.Empty(t, errors.String())
	printed, err := ratemill(t, dir, bin, "tail", "rated").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(printed), "the embedded Kafka does not answer")
	printed, err = ratemill(t, dir, bin, "query", "select sum(rated) from file_balance").CombinedOutput()
	require.NoError(t, err, "the warehouse answers without the demo: %s", printed)
}

// checkElsewhere asks, and runs, in a folder whose configuration names the addresses at which the demo's engines listen.
func checkElsewhere(t *testing.T, demo, bin string) {
	c, list, err := config.Load(filepath.Join(demo, demoConfig))
	require.NoError(t, err)
	require.NoError(t, list.Err())
	dir := t.TempDir()
	printed, err := ratemill(t, dir, bin, "init", "billing").CombinedOutput()
	require.NoError(t, err, "%s", printed)
	dir = filepath.Join(dir, "billing")
	yaml := fmt.Sprintf("listen: ''\nkafka: { listen: %q }\nclickhouse: { listen: %q }\n", c.Kafka.Listen, c.ClickHouse.Listen)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ratemill.yaml"), []byte(yaml), 0o600))
	refused := func(why string, args ...string) {
		t.Helper()
		var out, words bytes.Buffer
		command := ratemill(t, dir, bin, args...)
		command.Stdout, command.Stderr = &out, &words
		var exit *exec.ExitError
		require.ErrorAs(t, command.Run(), &exit, "%s", args)
		require.Equal(t, 2, exit.ExitCode(), "%s", args)
		require.Regexp(t, why, words.String(), "%s", args)
		require.Empty(t, out.String(), "%s", args)
	}
	questions := [][]string{{"query", "select 1"}, {"explain", "0:1"}, {"suspense", "list"}, {"suspense", "retries"}, {"tail", "rated"}}
	for _, question := range append(questions, []string{"files"}, []string{"files", "retry", "1"}, []string{"partition", "list"}) {
		refused(`there is no control store at \.ratemill/control\.db; is this the folder of the installation\?`, question...)
	}
	require.NoDirExists(t, filepath.Join(dir, ".ratemill"))

	printed, err = ratemill(t, dir, bin, "import", "registry").CombinedOutput()
	require.NoError(t, err, "%s", printed)
	for _, question := range questions {
		refused(`^ratemill: 127\.0\.0\.1:\d+ is the (Kafka|ClickHouse) of another installation: it refuses this installation's password, in \.ratemill/embedded-owner\.password; name its configuration with -c, or give this one a (kafka|clickhouse)\.listen of its own\n$`, question...)
	}
	refused(`is the Kafka of another installation: it refuses this installation's password`, "run", "--attach", "--role", "warehouse")
	refused(`is the ClickHouse of another installation: it refuses this installation's password`, "query", "select 1")

	// With the passwords of the other, it is still another's.
	for _, name := range []string{"embedded-owner.password", "embedded-reader.password"} {
		password, err := os.ReadFile(filepath.Join(c.Data, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".ratemill", name), password, 0o600))
	}
	for _, question := range questions {
		refused(`^ratemill: 127\.0\.0\.1:\d+ is the (Kafka|ClickHouse) of another installation \(....…\), not of this one( \(....…\)|, which never ran): name its configuration with -c, or give this one a (kafka|clickhouse)\.listen of its own\n$`, question...)
	}
	refused(`is the Kafka of another installation \(....…\), not of this one \(....…\): name its`, "run", "--attach", "--role", "warehouse")
	refused(`is the ClickHouse of another installation \(....…\), not of this one \(....…\): name its`, "query", "select 1")
}

// TestTheDemoGeneratesRecords: with another seed than the default, in its own folder.
func TestTheDemoGeneratesRecords(t *testing.T) {
	dir, bin := t.TempDir(), program(t)
	command := made(t, "demo", "N=3000", "SEED=7", "ONCE=1")
	printed, err := ratemill(t, dir, bin, append(command, "--dir", "many", "--stages", "stages.json")...).CombinedOutput()
	require.NoError(t, err, "%s", printed)
	require.Regexp(t, `  generated   3,\d\d\d records in `, string(printed))
	require.Regexp(t, `(?m)^all \d\d files, of which 30 are shown .* 0 ✓$`, string(printed))
	require.NotRegexp(t, `\d ✗`, string(printed))
	require.Contains(t, string(printed), "ratemill -c many query ")
	require.Regexp(t, `(?m)^northwave/NW-20260401-001.csv +\d`, string(printed))
	var stages []struct {
		Records int
		CPU     float64 `json:"cpu_seconds"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "stages.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &stages))
	require.Len(t, stages, len(allRoles)+3, "a role each, two engines, and the whole")
	whole := stages[len(stages)-1]
	require.Greater(t, whole.Records, 3700)
	require.Positive(t, whole.CPU)
	printed, err = ratemill(t, dir, bin, "demo", "--once", "--records", "3000", "--dir", "many").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(printed), "this demo's folder holds records 3000, seed 7, not records 3000, seed 1; name another "+
		"folder with --dir")
}

// made is the arguments with which make would run the program; README's tour shows the demo's commands with make.
func made(t *testing.T, args ...string) []string {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "make "+args[0])
	for _, variable := range args[1:] {
		name, _, _ := strings.Cut(variable, "=")
		require.Regexp(t, "`(make demo )?"+name+"=\\d+`", string(readme))
	}
	c := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "-n", "-C", "../.."}, args...)...)
	c.Env = []string{"PATH=" + os.Getenv("PATH")} // without the variables of a make that runs the tests
	printed, err := c.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
	command, ok := strings.CutPrefix(lines[len(lines)-1], "bin/ratemill ")
	require.True(t, ok, "%s", printed)
	return strings.Fields(command)
}

// program is a folder with the test's own binary as ratemill.
func program(t *testing.T) (bin string) {
	executable, err := os.Executable()
	require.NoError(t, err)
	bin = t.TempDir()
	require.NoError(t, os.Symlink(executable, filepath.Join(bin, "ratemill")))
	return bin
}

// ratemill is a command to be run in a folder, with an empty home.
func ratemill(t *testing.T, dir, bin string, args ...string) *exec.Cmd {
	c := exec.CommandContext(t.Context(), filepath.Join(bin, "ratemill"), args...)
	c.Args[0] = "ratemill"
	c.Dir, c.Env = dir, environment(t, dir, bin)
	return c
}

func environment(t *testing.T, dir, bin string) []string {
	library, err := filepath.Abs("../../.deps/chdb/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so")
	require.NoError(t, err)
	if named := os.Getenv("RATEMILL_LIBCHDB"); named != "" {
		library = named
	}
	return []string{"PATH=" + bin + ":" + os.Getenv("PATH"), asRatemill + "=1", "HOME=" + dir, "TMPDIR=" + t.TempDir(), "RATEMILL_LIBCHDB=" +
		library}
}

var volatile = []struct {
	is  *regexp.Regexp
	say string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+ *`), "ADDRESS "},
	{regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ`), "YYYY-MM-DD HH:MM:SSZ"},
	{regexp.MustCompile(`(rules \w+@)[0-9a-f]{4}`), "${1}RULE"},
	{regexp.MustCompile(`file \d+ of the ledger`), "file N of the ledger"},
	{regexp.MustCompile(`taken \d+ billing cycles after`), "taken N billing cycles after"}, // by the month of the run
	{regexp.MustCompile(`embedded, [0-9.]+`), "embedded, VERSION"},
	{regexp.MustCompile(`\(\d+(\.\d+)?m?s\)`), "(TIME)"},
	{regexp.MustCompile("proto:\u00a0"), "proto: "}, // its errors differ from build to build, so that nobody relies on them
	{regexp.MustCompile(`in use by process \d+`), "in use by process N"},
	{regexp.MustCompile(`(was dropped on .* by )\S+:`), "${1}SOMEBODY:"},
	{regexp.MustCompile(`(dropped  by )\S+:`), "${1}SOMEBODY:"},
	{regexp.MustCompile(`(?m)^(  )\S+( ordered to skip)`), "${1}SOMEBODY$2"},
}

// steady is the output of a command without the parts that differ from run to run.
func steady(text string) string {
	for _, v := range volatile {
		text = v.is.ReplaceAllString(text, v.say)
	}
	return text
}

var stageTable = regexp.MustCompile(`(?ms)^stage .*?^(from start to here) [^\n]*\n`)

// told is the part of the demo's output that is the same each time.
func told(printed string) string {
	return steady(stageTable.ReplaceAllString(printed, "STAGES\n"))
}

// checkStages looks at what each stage did and cost.
func checkStages(t *testing.T, printed, mediated, rated, stored string) {
	table := stageTable.FindString(printed)
	for stage, records := range map[string]string{"mediation: collect, decode, rules": mediated, "rating": rated, "warehouse sink": stored,
		"all, from files to rows": mediated} {
		require.Regexp(t, `(?m)^`+stage+` +`+records+` +([\d,]+|–) +\d+\.\d\d s +(\d+\.\d\d µs|–) +\d+ MB$`, table)
	}
}

// invoiceLine is what explain says of a record once it is on an invoice, which the first demo makes after it has explained.
var invoiceLine = regexp.MustCompile(`(?m)^ invoice  .*\n`)

// checkNothingNew: nothing is read, rated or charged again, and the demo reports its former results in the same words.
func checkNothingNew(t *testing.T, first, second string) {
	const words = "nothing new: all 13 files were read before, and nothing is charged twice\n\n"
	require.Contains(t, second, words)
	checkStages(t, second, "0", "0", "0")
	_, before, ok := strings.Cut(told(first), "\n\n")
	require.True(t, ok)
	before, _, ok = strings.Cut(before, "with so few records")
	require.True(t, ok)
	require.Contains(t, invoiceLine.ReplaceAllString(told(second), ""), words+before)
}

// checkTail folds the rated log as docs/integrate.md says, and compares with what the warehouse has.
func checkTail(t *testing.T, dir, bin string) {
	printed, err := ratemill(t, dir, bin, "tail", "rated").Output()
	require.NoError(t, err)
	type charge struct {
		Tier     int
		Currency string
		Total    struct {
			High int64
			Low  uint64
		}
	}
	epoch, position, total, records := map[int]int64{}, map[int]int64{}, map[string]decimal.D{}, 0
	for line := range bytes.Lines(printed) {
		var m struct {
			Partition int
			Offset    int64
			Message   struct {
				Epoch, Input int64
				Rated        []struct{ Charge []charge }
			}
		}
		require.NoError(t, json.Unmarshal(line, &m), "%s", line)
		if b := &m.Message; b.Epoch >= epoch[m.Partition] {
			epoch[m.Partition] = b.Epoch
			if b.Input > position[m.Partition] {
				position[m.Partition] = b.Input
				for _, r := range b.Rated {
					records++
					for _, c := range r.Charge {
						if c.Tier == 0 {
							amount, err := decimal.FromParts(c.Total.High, c.Total.Low)
							require.NoError(t, err)
							total[c.Currency], err = total[c.Currency].Add(amount)
							require.NoError(t, err)
						}
					}
				}
			}
		}
	}
	require.Equal(t, 698, records)
	for currency, sum := range total {
		stored, err := ratemill(t, dir, bin, "query", "-o", "csv", "select sum(amount) total from charges where tier = 0 and currency = '"+
			currency+"'").Output()
		require.NoError(t, err)
		require.Equal(t, "total\n"+sum.String()+"\n", string(stored))
	}
	require.Len(t, total, 3)

	one, err := ratemill(t, dir, bin, "tail", "usage", "--partition", "1", "-n", "1").Output()
	require.NoError(t, err)
	require.Regexp(t, `^\{"partition":1,"offset":0,"message":\{"file":"[0-9a-f]{32}",.*\}\n$`, string(one))
	later, err := ratemill(t, dir, bin, "tail", "usage", "--partition", "1", "--from", "1", "-n", "1").Output()
	require.NoError(t, err)
	require.Regexp(t, `^\{"partition":1,"offset":1,`, string(later))

	follow := ratemill(t, dir, bin, "tail", "rated", "--follow")
	out, err := follow.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, follow.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, follow.Process.Signal(syscall.SIGTERM))
	_, _ = io.Copy(io.Discard, out)
	require.NoError(t, follow.Wait(), "it follows until it is asked to end")
}

// poison puts a message into the usage topic that nobody can read.
func poison(t *testing.T, dir string) {
	c, list, err := config.Load(filepath.Join(dir, demoConfig))
	require.NoError(t, err)
	require.NoError(t, list.Err())
	kafka, topics, err := engines.OpenKafka(c)
	require.NoError(t, err)
	defer kafka.Close()
	_, err = kafka.Append(t.Context(), topics.Usage, 0, []broker.Message{{Value: []byte("no batch")}}).Wait(t.Context())
	require.NoError(t, err)
}
