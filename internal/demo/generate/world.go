package generate

// network is a mobile network that the SIMs visit, with the format of its country's numbers.
type network struct {
	mcc, mnc string
	country  string
	calling  string // code of the country
	mobile   string // beginning of its mobile numbers, after the code
	rest     int    // digits that follow
	abroad   string // international dialling prefix
	offset   int    // hours from UTC in winter
	weight   int
}

// networks are existing networks of many countries; the weights are those of an IoT operator in Europe.
var networks = []network{
	{"214", "07", "ES", "34", "6", 8, "00", 1, 300}, {"214", "01", "ES", "34", "6", 8, "00", 1, 90},
	{"208", "10", "FR", "33", "6", 8, "00", 1, 110},
	{"208", "01", "FR", "33", "6", 8, "00", 1, 60}, {"262", "02", "DE", "49", "1520", 7, "00", 1, 120},
	{"262", "01", "DE", "49", "1511", 7, "00", 1, 80},
	{"268", "01", "PT", "351", "91", 7, "00", 0, 60}, {"222", "10", "IT", "39", "347", 7, "00", 1, 60},
	{"234", "15", "GB", "44", "7400", 6, "00", 0, 50},
	{"240", "01", "SE", "46", "70", 7, "00", 1, 60}, {"242", "01", "NO", "47", "40", 6, "00", 1, 25},
	{"238", "01", "DK", "45", "20", 6, "00", 1, 25},
	{"206", "01", "BE", "32", "470", 6, "00", 1, 25}, {"204", "04", "NL", "31", "6", 8, "00", 1, 35},
	{"228", "01", "CH", "41", "79", 7, "00", 1, 20},
	{"232", "01", "AT", "43", "664", 7, "00", 1, 20}, {"260", "01", "PL", "48", "601", 6, "00", 1, 30},
	{"272", "01", "IE", "353", "87", 7, "00", 0, 15},
	{"604", "00", "MA", "212", "61", 7, "00", 1, 15}, {"286", "01", "TR", "90", "532", 7, "00", 3, 12},
	{"310", "410", "US", "1", "212555", 4, "011", -5, 25},
	{"302", "720", "CA", "1", "416555", 4, "011", -5, 6}, {"334", "020", "MX", "52", "55", 8, "00", -6, 10},
	{"724", "10", "BR", "55", "119", 8, "0014", -3, 10},
	{"655", "01", "ZA", "27", "82", 7, "00", 2, 6}, {"639", "02", "KE", "254", "70", 7, "000", 3, 6},
	{"404", "10", "IN", "91", "98", 8, "00", 5, 8},
	{"440", "10", "JP", "81", "90", 8, "010", 9, 5}, {"505", "01", "AU", "61", "40", 7, "0011", 10, 5},
}

// byWeight picks networks; it is fast, because it may run for each record.
var byWeight = func() [1024]uint8 {
	var table [1024]uint8
	sum, filled := 0, 0
	for i := range networks {
		sum += networks[i].weight
	}
	so := 0
	for i := range networks {
		so += networks[i].weight
		for ; filled < so*len(table)/sum; filled++ {
			table[filled] = uint8(i)
		}
	}
	return table
}()

func anyNetwork(word uint64) *network { return &networks[byWeight[word>>54]] }

// carrier is a sender of files.
type carrier struct {
	name     string
	short    string // how ids begin
	home     string // MCC and MNC of the carrier's SIMs
	calling  string
	mobile   string
	zone     string // time zone of the carrier's accounts, and of its local times
	plans    []string
	daily    bool // one file a day, otherwise files by number of records
	fileName func(file int, day string, part int) string
	open     func(*stream) layout
	gzip     bool
}

// layout writes a carrier's files.
type layout interface {
	header(dst []byte, f *fileSpan) []byte
	record(dst []byte, u *usage, d defect, u2 uint64) []byte
	trailer(dst []byte, f *fileSpan) []byte
}

// unknownSIM is added to the number of a SIM to get the number of an unknown one.
const unknownSIM = 900_000_000

// mostSIMs is the largest number of SIMs of a carrier with distinct phone numbers.
const mostSIMs = 100_000_000

var apns = []string{"iot.sky", "telemetry.iot", "fleet.m2m", "meter.lpwa", "internet", "alarm.secure"}

var rats = []string{"6", "6", "6", "6", "8", "8", "9", "1", "2", "10"}

var senders = []string{"SKYFLEET", "Alarm-24", "22122", "METER", "5050"}

// class of usage.
type class uint8

const (
	data class = iota
	smsMO
	smsMT
	voiceMO
	voiceMT
)

var byClass = func() [256]class {
	var table [256]class
	i := 0
	for c, share := range []int{180, 20, 24, 18, 14} { // of 256
		for range share {
			table[i] = class(c)
			i++
		}
	}
	return table
}()

// defect is the error of a record.
type defect uint8

const (
	sound     defect = iota
	stranger         // an unknown SIM
	cut              // the line ends in the middle
	oddType          // an unannounced record type
	badTime          // a day that does not exist in any month
	badNumber        // a volume that is not a number
	defects
)
