package child_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/child"
)

// The main thread is kept for main: it never ends, so it is none for the goroutine below.
func init() { runtime.LockOSThread() }

// In its own process, the test binary starts a child from a thread that ends, reports the child's answers, and
// waits.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_IS_PARENT") == "" {
		os.Exit(m.Run())
	}
	process := exec.Command("cat")
	to, _ := process.StdinPipe()
	from, _ := process.StdoutPipe()
	thread := make(chan int)
	var err error
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		_, err = child.Tied(process, syscall.SIGKILL)
		thread <- syscall.Gettid()
	}()
	for task := fmt.Sprintf("/proc/self/task/%d", <-thread); ; runtime.Gosched() {
		if _, gone := os.Stat(task); gone != nil {
			break
		}
	}
	fmt.Fprintln(to, "lives")
	answer, _ := bufio.NewReader(from).ReadString('\n')
	fmt.Println(process.Process.Pid, err, strings.TrimSpace(answer))
	select {}
}

// running reports whether a process runs; a zombie does not count.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestAChildLivesAsLongAsItsParentsProcess(t *testing.T) {
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), "TEST_IS_PARENT=1")
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	number, words, _ := strings.Cut(strings.TrimSpace(line), " ")
	require.Equal(t, "<nil> lives", words, "the thread that asked for it ended, the process did not")
	pid, err := strconv.Atoi(number)
	require.NoError(t, err)
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	for running(pid) {
		runtime.Gosched()
	}
}

func TestWhatDoesNotStartSaysSo(t *testing.T) {
	_, err := child.Tied(exec.Command("/there/is/no/such/program"), syscall.SIGKILL)
	require.ErrorContains(t, err, "no such file")
	ended, err := child.Tied(exec.Command("sh", "-c", "exit 3"), syscall.SIGKILL)
	require.NoError(t, err)
	require.EqualError(t, <-ended, "exit status 3")
}
