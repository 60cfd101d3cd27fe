package generate

import "strconv"

// meshnet sends JSON lines in the format of 5G charging records: a session with its usage by rating group, each
// group with containers, so that a line has up to six amounts. Groups 10 and 20 are data, 30 to 33 messages and
// calls.
type meshnet struct{ *stream }

func (s meshnet) header(dst []byte, _ *fileSpan) []byte { return dst }

func (s meshnet) trailer(dst []byte, _ *fileSpan) []byte { return dst }

func (s meshnet) record(dst []byte, u *usage, d defect, _ uint64) []byte {
	start := len(dst)
	r := &u.details
	sim := s.firstSIM + u.sim
	if d == stranger {
		sim += unknownSIM
	}
	dst = appendHex(append(dst, `{"session":"`...), u.session)
	dst = append(append(dst, `","part":`...), byte('0'+u.part))
	dst = s.appendIMSI(append(dst, `,"supi":"imsi-`...), sim)
	dst = appendIMEI(append(dst, `","pei":"imei-`...), sim)
	dst = append(append(dst, `","plmn":{"mcc":"`...), u.network.mcc...)
	dst = append(append(dst, `","mnc":"`...), u.network.mnc...)
	dst = append(dst, `"},"opened":"`...)
	if d == badTime {
		dst = append(dst, "yesterday"...)
	} else {
		offset := u.network.offset
		dst = appendISO(dst, u.at+int64(offset)*3600)
		dst = appendOffset(dst, offset)
		dst = append(dst[:len(dst)-2], ":00"...)
	}
	dst = append(dst, `","dnn":"`...)
	dst = append(append(dst, apns[within(mix(uint64(sim)), len(apns))]...), `","secs":`...)
	dst = append(strconv.AppendInt(dst, u.seconds, 10), `,"usage":[`...)
	if u.class == data {
		dst = s.volumes(dst, u, d, r)
	} else {
		dst = s.event(dst, u, d, r)
	}
	dst = append(dst, "]}\n"...)
	if d == cut {
		dst = append(dst[:start+(len(dst)-start)/2], '\n')
	}
	return dst
}

// volumes distributes the octets over groups and containers.
func (s meshnet) volumes(dst []byte, u *usage, d defect, r *random) []byte {
	w := r.next()
	groups := 1 + int(w&1)
	up, down := u.up, u.down
	seq := int64(0)
	for g := range groups {
		containers := 1 + int(w>>(8+4*g)&15)/6
		if g > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"group":`...)
		if d == oddType {
			dst = append(dst, '7')
		}
		dst = strconv.AppendInt(dst, int64(10*(g+1)), 10)
		dst = append(dst, `,"containers":[`...)
		for c := range containers {
			partUp, partDown := up, down
			if g+1 < groups || c+1 < containers {
				partUp, partDown = up/3, down/3
			}
			up, down = up-partUp, down-partDown
			if c > 0 {
				dst = append(dst, ',')
			}
			seq++
			dst = strconv.AppendInt(append(dst, `{"seq":`...), seq, 10)
			dst = strconv.AppendInt(append(dst, `,"up":`...), partUp, 10)
			if d == badNumber {
				dst = append(dst, ".5"...)
			}
			dst = append(strconv.AppendInt(append(dst, `,"down":`...), partDown, 10), '}')
		}
		dst = append(dst, "]}"...)
	}
	return dst
}

// event is a message or a call.
func (s meshnet) event(dst []byte, u *usage, d defect, r *random) []byte {
	dst = append(dst, `{"group":`...)
	if d == oddType {
		dst = append(dst, '7')
	}
	dst = strconv.AppendInt(dst, 29+int64(u.class), 10)
	dst = append(dst, `,"containers":[{"seq":1,"peer":"`...)
	dst = appendPeer(dst, u, r)
	amount := u.up
	if u.class >= voiceMO {
		dst, amount = append(dst, `","secs":`...), u.seconds
	} else {
		dst = append(dst, `","count":`...)
	}
	if d == badNumber {
		amount = -1
	}
	return append(strconv.AppendInt(dst, amount, 10), "}]}"...)
}
