// Package safeguard lists the protective steps of ratemill's protocol: steps that exist only so that nothing is lost or
// charged twice when something fails at a bad moment.
//
// The names serve one purpose: in a build with the tag mutants, a step can be switched off, and the simulation must
// then find a schedule that goes wrong. In every other build, On is the constant true and costs nothing.
package safeguard

// Step is a protective step.
type Step int

// The steps, by the sections of the design that explain them.
const (
	None Step = iota

	Epochs           // the fold ignores messages of an older epoch than it has seen
	Positions        // the fold ignores messages of an input position that it has seen
	GapLook          // an owner reads messages that other owners appended between two of its appends
	CheckpointEpochs // checkpoint keys carry the epoch
	NewerEntries     // a restore stops at checkpoint entries of a newer epoch
	LowMarkAtStart   // the low-water mark holds the offset of the sweep's start
	LowMarkPosition  // the low-water mark holds the input position
	AcknowledgedOnly // checkpoints are built only from acknowledged appends
	OlderDeltas      // replay applies only deltas newer than the counter's entry
	HighWater        // records up to a file's high-water mark are dropped
	ClosedFiles      // closed files are remembered
	GapStops         // a batch that follows records never seen stops the partition
	Pinned           // routes and versions are pinned when a file is first read
	ProgressAfter    // a file's progress is written after its batches are acknowledged
	EndsBeforeDone   // a file is done only after its ends are acknowledged
	LeaseFence       // a mediator that lost its lease cannot record progress or completion of a file
	IntentFirst      // the warehouse sink writes its intent before the block
	IntentCompleted  // the next owner completes the intent that it finds, with the same token
	PositionAfter    // the sink's position is written after the block
	CompareAndSet    // intents and positions are written by compare-and-set
	RetryNamesOrigin // a retried record leaves suspense in the same step in which its retry batch is created
	SeenFromLog      // a restore takes duplicate keys from the rated log
	FreshKeys        // checkpoint entries whose append was not answered are rewritten under a new epoch
	StandingEnd      // checkpoints are read up to an end that no longer moves
	SplitBlocks      // a sweep also writes blocks into which waiting blocks of duplicate keys were split
	FoundIsAsked     // before a found block is inserted, the warehouse is queried for it
	RepeatedIsAsked  // after a block is inserted again, the warehouse is queried for it
	IntentTaken      // a new owner first invalidates the commit of the sink that recorded the intent it finds
	StopOwner        // only the reader that stopped records that it has continued
	EpochsGiven      // an owner takes no epoch while the rated log has one that the control store never gave out
	FirstIsAsked     // after a takeover, the warehouse is queried for the first block before its intent is recorded
	ForeignEpochs    // a message with an epoch far beyond those that the control store gave out is ignored
	SessionsFromLog  // a restore takes the states of sessions from the rated log
	SessionsByUsage  // a session is forgotten only when it is over according to the received usage too, not by a clock alone
	KeysByUsage      // duplicate keys are forgotten only when usage after their window has arrived, not by a clock alone
	StoreTime        // leases use the control store's time, not a mediator's
	ForgottenMarked  // the low-water mark shows which cycles are no longer counted, so that no owner starts them at zero
	EndingFirst      // before the ends of a file are sent, the ledger has everything needed to send them again
	HomeAlone        // long after a file's ends were sent, a missing end is sent only to the file's home partition
	FormerOwners     // a record that another billing root may have paid for is suspended
	CopiesAsked      // a retry queries the warehouse for rated copies of its records
	CopiesKept       // a mediator that continues a retry uses the warehouse's first answer

	OneTransaction // the position of a consumer by transaction moves in the transaction of its effect
	OwnPosition    // the position contains the consumer's name
	FoldKept       // the position contains the fold, and the next block continues from it
	MovedFrom      // the position moves only if it is where its consumer expects it; otherwise the effect is rolled back
	DrainFirst     // the warehouse is queried for rated records only when all usage has been rated and stored
	BegunFirst     // a retry waits for files that were begun before its SIMs were corrected to another billing root
	FormerName     // a source that was renamed keeps its first name in the identities of its files and in its keys

	CauseOnce       // the control store accepts the facts of a cause only once
	CauseAgain      // a transition that follows again after it was withdrawn has a cause that contains the reason
	SettledTogether // simstate's position in the facts moves in the transaction that settles the SIMs
	NewestSettles   // a transaction of simstate that has older facts than those already settled has no effect
	DatedByDue      // the effect of a time limit is dated at the time when the limit was due, however late it is found
	LaterWithdrawn  // automatic transitions that no longer follow are withdrawn with the change before them
	OriginStated    // a fact that follows from others is marked, and rating derives it again

	BarEnds // a SIM that a limit bars is checked again when the limit's period ends

	// The next steps protect files that continue others: courses in mediation find the faults without them.
	EndAwaited     // a file whose last line is incomplete waits for the rest
	BeginningKnown // a file is pinned only if no other file with the same beginning was pinned since the ledger was queried for such files
	BeginningFirst // a file is read only after the file that it continues was read to its end
	OlderWaits     // a file that begins like a longer one waits: it is probably an older copy of it
	EndCompared    // before only the new bytes of a file are read, the last of the bytes before them are compared
	WholeCompared  // all bytes of a file that grows are fetched and compared once a day
	RulesCompared  // a decoder continues only from a state that the same rules left
	FetchPinned    // if only the new bytes of a file were read at first, only these are read again

	// Random tests of a single package find the faults without the next steps.
	KeysRenewed       // the window of a duplicate key runs from the last time that its record arrived
	SuspendedTogether // the status that a credit limit changes moves in the transaction of its alert
	NewestPinned      // no file is pinned to an older revision of the registry than a retry of its source

	Count // number of steps, with None
)

var names = [...]string{"none", "epochs", "positions", "gap-look", "checkpoint-epochs", "newer-entries", "low-mark-at-start",
	"low-mark-position",
	"acknowledged-only", "older-deltas", "high-water", "closed-files", "gap-stops", "pinned", "progress-after", "ends-before-done",
	"lease-fence",
	"intent-first", "intent-completed", "position-after", "compare-and-set", "retry-names-origin", "seen-from-log", "fresh-keys",
	"standing-end", "split-blocks", "found-is-asked", "repeated-is-asked", "intent-taken", "stop-owner", "epochs-given", "first-is-asked",
	"foreign-epochs", "sessions-from-log", "sessions-by-usage", "keys-by-usage", "store-time", "forgotten-marked", "ending-first",
	"home-alone", "former-owners", "copies-asked", "copies-kept",
	"one-transaction", "own-position", "fold-kept", "moved-from", "drain-first", "begun-first", "former-name",
	"cause-once", "cause-again", "settled-together", "newest-settles", "dated-by-due", "later-withdrawn", "origin-stated", "bar-ends",
	"end-awaited", "beginning-known", "beginning-first", "older-waits", "end-compared", "whole-compared", "rules-compared", "fetch-pinned",
	"keys-renewed", "suspended-together", "newest-pinned"}

// String returns the step's name.
func (s Step) String() string { return names[s] }
