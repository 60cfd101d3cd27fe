package generate

import "strconv"

// skylink sends ";"-delimited text with 22 columns, the record type first. The meaning of a column depends on the
// type:
//
//	      D data            S, M message        V call              H                T
//	2     began, local      sent, local         began, local        made, local      records before
//	4     -                 other party         other party         file number      file number
//	6     APN               message centre      O out, I in         -                -
//	7, 8  octets up, down   segments, coding    cause, setup in ms  -                -
//
// The others: 3 IMSI, 5 network (20810, 208-10 or 208,10), 9 seconds, 10 session, 11 part, 12 MSISDN, 13 IMEI, 14 ICCID,
// 15 offset of the visited place, 16 radio access, 17 cell, 18 and 19 nodes, 20 why it was closed, 21 tariff, 22 number
// of the record in its file.
type skylink struct{ *stream }

const skylinkColumns = 22

func (s skylink) header(dst []byte, f *fileSpan) []byte {
	dst = s.local(append(dst, "H;"...), f.at)
	dst = appendDigits(append(dst, ";SKYLINK;"...), int64(f.number), 6)
	return s.end(dst, 4)
}

func (s skylink) trailer(dst []byte, f *fileSpan) []byte {
	dst = strconv.AppendInt(append(dst, "T;"...), int64(f.to-f.from), 10)
	dst = appendDigits(append(dst, ";SKYLINK;"...), int64(f.number), 6)
	return s.end(dst, 4)
}

// end fills a line up to the given number of columns.
func (s skylink) end(dst []byte, columns int) []byte {
	for range skylinkColumns - columns {
		dst = append(dst, ';')
	}
	return append(dst, '\n')
}

// local appends 17.03.2026 00:10:02 in the carrier's zone.
func (s skylink) local(dst []byte, unix int64) []byte {
	c := civilOf(unix + s.zone.offsetAt(unix))
	dst = append(appendDigits(dst, c.day, 2), '.')
	dst = append(appendDigits(dst, c.month, 2), '.')
	dst = append(appendDigits(dst, c.year, 4), ' ')
	return appendClock(dst, c)
}

func (s skylink) record(dst []byte, u *usage, d defect, line uint64) []byte {
	start := len(dst)
	r := &u.details
	letter := "DSMVV"[u.class]
	if d == oddType {
		letter = 'X'
	}
	dst = append(dst, letter, ';')
	if d == badTime {
		dst = append(dst, "31.02.2026 10:00:00"...)
	} else {
		dst = s.local(dst, u.at)
	}
	sim := s.firstSIM + u.sim
	if d == stranger {
		sim += unknownSIM
	}
	dst = append(s.appendIMSI(append(dst, ';'), sim), ';')
	if u.class != data {
		dst = appendPeer(dst, u, r)
	}
	w := r.next()
	dst = append(append(dst, ';'), u.network.mcc...)
	switch w & 7 {
	case 0, 1:
		dst = append(dst, '-')
	case 2:
		dst = append(dst, ',')
	}
	dst = append(append(dst, u.network.mnc...), ';')
	switch u.class {
	case data:
		dst = append(append(dst, apns[within(mix(uint64(sim)), len(apns))]...), ';')
		if d == badNumber {
			dst = append(dst, "12k"...)
		} else {
			dst = strconv.AppendInt(dst, u.up, 10)
		}
		dst = strconv.AppendInt(append(dst, ';'), u.down, 10)
	case smsMO, smsMT:
		dst = append(append(append(dst, "34609090909;"...), byte('0'+u.up)), ';')
		if d == badNumber {
			dst[len(dst)-2] = '?'
		}
		dst = append(dst, "GSM7"...)
	default:
		dst = append(dst, "OI"[u.class-voiceMO], ';')
		if u.seconds > 0 {
			dst = append(dst, "16;"...)
		} else {
			dst = append(dst, "19;"...)
		}
		dst = strconv.AppendInt(dst, int64(200+w>>8&4095), 10)
	}
	dst = append(dst, ';')
	if d == badNumber && u.class >= voiceMO {
		dst = append(dst, "-1"...)
	}
	dst = strconv.AppendInt(dst, u.seconds, 10)
	dst = append(appendHex(append(dst, ';'), u.session), ';', byte('0'+u.part), ';')
	dst = append(s.appendMSISDN(dst, sim), ';')
	dst = append(appendIMEI(dst, sim), ';')
	dst = append(s.appendICCID(dst, sim), ';')
	dst = appendOffset(dst, u.network.offset)
	dst = append(append(append(dst, ';'), rats[w>>20&7]...), ';')
	dst = strconv.AppendUint(dst, w>>24&0x3ff, 16)
	dst = strconv.AppendUint(append(dst, ':'), mix(uint64(sim))&0xffff, 16)
	dst = strconv.AppendUint(append(dst, ";10.20."...), w>>36&31, 10)
	dst = strconv.AppendUint(append(dst, ".1;10.30.0."...), w>>41&7, 10)
	dst = append(dst, ';', byte('0'+w>>44&3), ';', 'B')
	dst = append(strconv.AppendUint(append(dst, ';'), line, 10), '\n')
	if d == cut {
		dst = append(dst[:start+(len(dst)-start)/2], '\n')
	}
	return dst
}

// appendOffset appends +0100.
func appendOffset(dst []byte, hours int) []byte {
	sign := byte('+')
	if hours < 0 {
		sign, hours = '-', -hours
	}
	return append(appendDigits(append(dst, sign), int64(hours), 2), '0', '0')
}
