package simulation

import (
	"fmt"
	"strings"
)

// Fault is a kind of fault.
type Fault int

// The faults.
const (
	Crash            Fault = iota // an actor ends between two effects and never runs again
	Pause                         // an actor stands still for longer than its session, and then continues
	Rebalance                     // another owner takes a partition, whatever the current one does
	Stop                          // an actor is asked to end, and ends gracefully
	LostAnswer                    // an append is in the log, but its answer is lost
	LateAppend                    // an append fails, and enters the log later, perhaps after its owner was replaced
	RefusedWrite                  // an append fails
	OldAppend                     // an append fails, and enters the log after its own retry and later appends
	FetchFails                    // a read fails
	PartialRead                   // a read returns only a part of the messages
	Compaction                    // the broker compacts the checkpoint topic
	StoreFails                    // the control store does not answer, and has done nothing
	LostCommit                    // the control store has done the operation, but its answer is lost
	Retention                     // the broker deletes the beginning of the usage topic
	Change                        // registry and catalogue change in the middle of files
	Takeover                      // another mediator takes a file while the current one continues
	FileVanishes                  // a file is gone when a mediator fetches it, and returns under another name
	FileGrows                     // a file grows while a mediator fetches it
	FileAgain                     // a file arrives again under another name
	ConnectionBreaks              // the connection to a source breaks at some byte
	InsertFails                   // the warehouse does not answer, and has stored nothing
	LostInsert                    // the warehouse stored a block but returned an error
	LateInsert                    // the warehouse returned an error, and stored the block later
	Loss                          // the broker loses a message that it acknowledged: the partition must stop
	RatedRetention                // the broker deletes the beginning of the rated log
	DiskFull                      // an engine has no disk space for a while: it rejects writes and reports the reason
	NotKnownYet                   // a process does not know a catalogue or a revision of the registry yet
	FileChanges                   // a file has other content when a mediator fetches it than when it was listed
	Retry                         // an operator corrects a mistake, and retries suspended records
	Poison                        // an unreadable message is in a topic, until an operator orders to skip it
	Forgotten                     // the warehouse forgets the token of a block that an owner began long ago
	TokenAlone                    // the warehouse stores a block's token and returns an error, and the rows never arrive
	SetBack                       // the control store loses its last epochs and positions, as after a restore from a backup or a failover
	Forged                        // another program writes a message with a huge epoch into the rated log
	ClockJumps                    // the clock of an actor's machine jumps forward or back
	ServerAway                    // the server of a begun file is unreachable for longer than the broker keeps usage
	ServerStalls                  // a carrier's server does not answer for a while, and closes no connection
	SourceRemoved                 // the project does not have the source for a while
	EndsLate                      // a mediator ends while it sends a file's ends, and none takes the file for longer than usage is kept
	SourceRenamed                 // the source is renamed and its document states the former name; or it gets that name back
	FaultCount
)

var faultNames = [...]string{"crash", "pause", "rebalance", "stop", "lost-answer", "late-append", "refused-write", "old-append",
	"fetch-fails",
	"partial-read", "compaction", "store-fails", "lost-commit", "retention", "change", "takeover", "file-vanishes", "file-grows", "file-again",
	"connection-breaks", "insert-fails", "lost-insert", "late-insert", "loss",
	"rated-retention", "disk-full", "not-known-yet", "file-changes", "retry", "poison", "forgotten", "token-alone", "set-back", "forged",
	"clock-jumps",
	"server-away", "server-stalls", "source-removed", "ends-late", "source-renamed"}

var faultMeanings = [...]string{
	"an actor ended between two effects",
	"an actor stood still for longer than its session, and went on",
	"another owner took a partition while the former one continued",
	"an actor was asked to end, and did",
	"an append was in the log, but its answer was lost",
	"an append failed, and entered the log later",
	"an append failed",
	"an append failed, and entered the log after its repetition",
	"a read failed",
	"a read returned only a part of the messages",
	"the checkpoint topic was compacted",
	"the control store did not answer",
	"the control store's answer was lost",
	"the broker deleted the beginning of the usage topic",
	"registry or catalogue changed",
	"another mediator took a file while the former one continued",
	"a file was gone when a mediator fetched it, and came back under another name",
	"a file grew while a mediator fetched it",
	"a file came again under another name",
	"the connection to a source broke at some byte",
	"the warehouse did not answer, and stored nothing",
	"the warehouse stored a block and answered an error",
	"the warehouse answered an error and stored the block later",
	"an acknowledged message was lost, and its partition stopped",
	"the broker deleted the beginning of the rated log",
	"an engine had no disk space for a while",
	"a catalogue or a revision was not known where it was needed",
	"a file had other content when a mediator fetched it",
	"suspended records were retried",
	"somebody ordered to skip an unreadable message",
	"the warehouse forgot the token of a begun block before another sink found the block",
	"the warehouse stored a block's token, and never its rows",
	"the control store lost epochs or positions, and a partition stopped because of it",
	"somebody wrote a message with an epoch that the control store never gave out",
	"the clock of an actor's machine jumped",
	"the server of a begun file was away for longer than usage is kept",
	"a carrier's server did not answer, and closed no connection",
	"the project lost the source, and got it back",
	"a mediator took a file long after another had begun to send its ends",
	"the source got another name",
}

func (f Fault) String() string { return faultNames[f] }

// Meaning describes the fault in a sentence.
func (f Fault) Meaning() string { return faultMeanings[f] }

// Faults is a set of faults.
type Faults uint64

// AllFaults contains every fault.
const AllFaults Faults = 1<<FaultCount - 1

// Has reports whether f is in the set.
func (s Faults) Has(f Fault) bool { return s&(1<<f) != 0 }

// Without returns the set without f.
func (s Faults) Without(f Fault) Faults { return s &^ (1 << f) }

// String returns the names, separated by commas, in the form that ParseFaults reads.
func (s Faults) String() string {
	if s == AllFaults {
		return "all"
	}
	var names []string
	for f := range FaultCount {
		if s.Has(f) {
			names = append(names, f.String())
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ",")
}

// ParseFaults reads names of faults, separated by commas, or the word all or none.
func ParseFaults(text string) (Faults, error) {
	switch text {
	case "all":
		return AllFaults, nil
	case "none":
		return 0, nil
	}
	var set Faults
names:
	for _, name := range strings.Split(text, ",") {
		for f := range FaultCount {
			if f.String() == name {
				set |= 1 << f
				continue names
			}
		}
		return 0, fmt.Errorf("there is no fault %q; there are %s", name, strings.Join(faultNames[:], ", "))
	}
	return set, nil
}

// Met counts faults.
type Met [FaultCount]int

// Add adds the counts of another schedule.
func (m *Met) Add(other *Met) {
	for i := range m {
		m[i] += other[i]
	}
}
