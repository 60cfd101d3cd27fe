package child

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Engine returns the name of the engine that this process was started to run, or "" for an ordinary start.
func Engine() string { return os.Getenv(engineVariable) }

// Life is the parent's side of an engine in a child process.
type Life struct {
	// Stop is closed when the parent requests a graceful end.
	Stop <-chan struct{}

	report *os.File
}

// Ready reports to the parent that the engine serves, with the information that the parent needs.
func (l *Life) Ready(words any) error {
	raw, err := json.Marshal(words)
	if err != nil {
		return err
	}
	return l.send(report{Ready: raw})
}

func (l *Life) send(r report) error {
	defer l.report.Close()
	return json.NewEncoder(l.report).Encode(r)
}

// Run is the main function of a child: it reads its configuration from stdin, runs the engine until it is asked to
// stop, and exits. The process ends at once when its parent has ended.
func Run(config any, engine func(*Life) error) {
	stop := make(chan struct{})
	life := &Life{Stop: stop, report: os.NewFile(4, "ready")}
	os.Unsetenv(engineVariable)
	// ClickHouse and kfake create files and folders that all users may read.
	syscall.Umask(0o077)

	go func() {
		io.Copy(io.Discard, os.NewFile(3, "lifeline"))
		os.Exit(3)
	}()
	signals := make(chan os.Signal, 1)
	// A terminal sends these signals to all its processes; the parent stops the engine after the roles.
	signal.Ignore(os.Interrupt, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		close(stop)
	}()

	raw, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = json.Unmarshal(raw, config)
	}
	if err == nil {
		err = engine(life)
	}
	if err != nil {
		// The report is for a parent that is still waiting for it, the text for a parent that is not.
		life.send(report{Error: err.Error()})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
