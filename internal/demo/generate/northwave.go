package generate

import "strconv"

// northwave sends RFC 4180 CSV with a header row, one file a day: UTC times, data in MB with six decimals and their sum
// in KB with three, sometimes MNCs without leading zeros, and remarks with commas, quotes and line breaks.
type northwave struct{ *stream }

const northwaveHeader = `Record ID,Usage Type,ICCID,Start Time (UTC),End Time (UTC),Carrier,MCC,MNC,Country,APN,Uplink MB,Downlink MB,Total KB,Duration,Other Party,Messages,Device IMEI,Session ID,Sequence,Remark` + "\r\n"

var northwaveTypes = [...]string{"Data", "SMS-MO", "SMS-MT", "Voice-MO", "Voice-MT"}

var remarks = []string{"", "", "", "", "", "", "", `"late, from roaming partner"`, `"said ""steered"""`,
	"\"first line\nsecond line\"", "ok", ""}

func (s northwave) header(dst []byte, _ *fileSpan) []byte { return append(dst, northwaveHeader...) }

func (s northwave) trailer(dst []byte, _ *fileSpan) []byte { return dst }

func (s northwave) record(dst []byte, u *usage, d defect, line uint64) []byte {
	start := len(dst)
	r := &u.details
	sim := s.firstSIM + u.sim
	if d == stranger {
		sim += unknownSIM
	}
	dst = append(strconv.AppendUint(append(dst, "NW"...), line, 10), ',')
	if d == oddType {
		dst = append(dst, "Fax,"...)
	} else {
		dst = append(append(dst, northwaveTypes[u.class]...), ',')
	}
	dst = append(s.appendICCID(dst, sim), ',')
	if d == badTime {
		dst = append(dst, "2026-02-31T10:00:00Z,"...)
	} else {
		dst = append(appendISO(dst, u.at), 'Z', ',')
	}
	dst = append(appendISO(dst, u.at+u.seconds), 'Z', ',')
	w := r.next()
	n := u.network
	if w&3 == 0 {
		dst = append(dst, `"Roaming, `...)
		dst = append(append(dst, n.country...), '"', ',')
	} else {
		dst = append(append(append(dst, n.country...), " mobile"...), ',')
	}
	mnc := n.mnc
	if w&4 == 0 && len(mnc) == 2 && mnc[0] == '0' {
		mnc = mnc[1:]
	}
	dst = append(append(append(dst, n.mcc...), ','), mnc...)
	dst = append(append(append(dst, ','), n.country...), ',')
	if u.class == data {
		dst = append(append(dst, apns[within(mix(uint64(sim)), len(apns))]...), ',')
		if d == badNumber {
			dst = append(dst, "1,5"...) // a comma as the decimal point adds a column
		} else {
			dst = appendMillionths(dst, u.up)
		}
		dst = append(appendMillionths(append(dst, ','), u.down), ',')
		total := u.up + u.down
		dst = append(strconv.AppendInt(dst, total/1000, 10), '.')
		dst = append(appendDigits(dst, total%1000, 3), ',')
	} else {
		dst = append(dst, ",,,,"...)
	}
	if d == badNumber && u.class != data {
		dst = append(dst, "n.a"...)
	}
	dst = append(strconv.AppendInt(dst, u.seconds, 10), ',')
	if u.class != data {
		dst = appendPeer(dst, u, r)
	}
	dst = append(dst, ',')
	if u.class == smsMO || u.class == smsMT {
		if d == badNumber {
			dst = append(dst, '-')
		}
		dst = append(dst, byte('0'+u.up))
	}
	dst = append(appendIMEI(append(dst, ','), sim), ',')
	dst = append(appendHex(dst, u.session), ',', byte('0'+u.part), ',')
	dst = append(append(dst, remarks[within(mix(w), len(remarks))]...), "\r\n"...)
	if d == cut {
		dst = append(dst[:start+min(40, (len(dst)-start)/3)], "\r\n"...)
	}
	return dst
}

// appendMillionths appends 0.219933 for 219933.
func appendMillionths(dst []byte, n int64) []byte {
	dst = append(strconv.AppendInt(dst, n/1_000_000, 10), '.')
	return appendDigits(dst, n%1_000_000, 6)
}
