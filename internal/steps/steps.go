// Package steps names the protective steps of ratemill's protocol: each a thing that is done only so that nothing is
// lost or charged twice when something fails in a bad moment.
//
// Naming them serves one purpose: built with the tag mutants, a step can be switched off, and the simulation must then
// find a schedule that goes wrong. In every other build On is the constant true and costs nothing.
package steps

// Step is a protective step.
type Step int

// The steps, by the sections of the design that explain them.
const (
	None Step = iota

	Epochs           // the fold ignores messages of an older epoch than it has seen
	Positions        // the fold ignores messages of an input position that it has seen
	GapLook          // an owner reads what others appended between two of its own appends
	CheckpointEpochs // checkpoint keys carry the epoch
	NewerEntries     // a restore stops at checkpoint entries of a newer epoch
	LowMarkAtStart   // the low-water mark holds the offset of the sweep's start
	LowMarkPosition  // the low-water mark holds the input position
	AcknowledgedOnly // checkpoints are made from acknowledged appends only
	OlderDeltas      // replay applies only deltas newer than the counter's entry
	HighWater        // records up to a file's high-water mark are dropped
	ClosedFiles      // closed files are remembered
	GapStops         // a batch that follows records never seen stops the partition
	Pinned           // routes and versions are pinned when a file is first read
	ProgressAfter    // a file's progress is written after its batches are acknowledged
	EndsBeforeDone   // a file is done only after its ends are acknowledged
	LeaseFence       // progress and completion of a file are refused to who lost its lease
	IntentFirst      // the warehouse sink writes its intent before the block
	IntentCompleted  // whoever comes next completes the intent that it finds, with the same token
	PositionAfter    // the sink's position is written after the block
	CompareAndSet    // intents and positions are written by compare-and-set
	RetryNamesOrigin // a retried record leaves suspense in the same step in which its retry batch is made
	SeenFromLog      // a restore takes duplicate keys from the rated log
	FreshKeys        // checkpoint entries whose append was not answered are written again under a new epoch
	StandingEnd      // checkpoints are read up to an end at which nothing has come since
	SplitBlocks      // a sweep writes what blocks of duplicate keys were split into while they waited for it
	FoundIsAsked     // of a block that is found begun, the warehouse is asked whether it has it
	RepeatedIsAsked  // of a block that is inserted again, the warehouse is asked afterwards whether it has it
	IntentTaken      // whoever finds an intent makes the commit of the sink that recorded it fail, before anything else
	StopOwner        // only the reader that stopped says that it has gone on
	EpochsGiven      // an owner takes no epoch while the rated log has one that the control store never gave
	FirstIsAsked     // the warehouse is asked for the first block after a takeover before its intent is recorded
	ForeignEpochs    // a message of an epoch far beyond those that the control store gave is ignored
	SessionsFromLog  // a restore takes what sessions have become from the rated log
	SessionsByUsage  // a session is forgotten when it is over by the usage that has come as well, not by a clock alone
	KeysByUsage      // duplicate keys are forgotten when usage that is later than their window has come, not by a clock alone
	StoreTime        // leases are of the control store's time, not of a mediator's
	ForgottenMarked  // the low-water mark says which cycles are counted no longer, so that nobody counts them anew
	EndingFirst      // before the ends of a file go out, the ledger has all that is needed to send them again

	OneTransaction // the position of a consumer in a transaction moves in that of its effect
	OwnPosition    // the position bears the consumer's name
	FoldKept       // the position holds the fold, and the next block goes on from it
	MovedFrom      // the position moves only from where its consumer knows it, and otherwise the effect does not count

	// What follows is of files that continue others: their courses in mediation find what goes wrong without it.
	EndAwaited     // a file whose last line has no end waits for it
	BeginningKnown // a file is pinned only if no other that begins alike was pinned since the ledger was asked for them
	BeginningFirst // a file is read when the one that it continues is read to its end
	OlderWaits     // a file that begins like a longer one waits: it is probably an older copy of it
	EndCompared    // before only the new bytes of a file are read, the last of those before them are compared
	WholeCompared  // all bytes of a file that grows are fetched and compared once a day
	RulesCompared  // a decoder goes on only from the state that the same rules left
	FetchPinned    // a file that was begun by its new bytes is read again so

	Count // number of steps, with None
)

var names = [...]string{"none", "epochs", "positions", "gap-look", "checkpoint-epochs", "newer-entries", "low-mark-at-start", "low-mark-position",
	"acknowledged-only", "older-deltas", "high-water", "closed-files", "gap-stops", "pinned", "progress-after", "ends-before-done", "lease-fence",
	"intent-first", "intent-completed", "position-after", "compare-and-set", "retry-names-origin", "seen-from-log", "fresh-keys", "standing-end", "split-blocks", "found-is-asked", "repeated-is-asked", "intent-taken", "stop-owner", "epochs-given", "first-is-asked",
	"foreign-epochs", "sessions-from-log", "sessions-by-usage", "keys-by-usage", "store-time", "forgotten-marked", "ending-first",
	"one-transaction", "own-position", "fold-kept", "moved-from",
	"end-awaited", "beginning-known", "beginning-first", "older-waits", "end-compared", "whole-compared", "rules-compared", "fetch-pinned"}

// String is the step's name.
func (s Step) String() string { return names[s] }
