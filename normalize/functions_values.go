package normalize

var (
	zoneParam = Param{Name: "zone", Type: TextType, Optional: true, Folded: true, Default: "the source's zone",
		Doc: "the IANA zone of times without one, or an offset (+02:00); may be a column"}
	ambiguousParam = Param{Name: "ambiguous", Type: TextType, Optional: true, Constant: true, Default: `"earlier"`, Values: []string{"earlier", "later", "refuse"},
		Doc: "which of two times is meant when the clock was set back and showed both alike"}
	missingParam = Param{Name: "missing", Type: TextType, Optional: true, Constant: true, Default: `"shift"`, Values: []string{"shift", "refuse"},
		Doc: "what to do with a time that the clock never showed: read it as if the clock had not been set forward, or refuse it"}
)

var timeFunctions = []Function{
	{Name: "time", Family: "time", Params: []Param{text("the time as the carrier writes it"),
		{Name: "layout", Type: TextType, Constant: true, Doc: "Go's reference time (02.01.2006 15:04:05), letters (YYYY-MM-DD hh:mm:ss), strftime (%Y%m%d%H%M%S), or rfc3339, iso8601, epoch, epoch_ms, epoch_us, epoch_ns"},
		zoneParam, ambiguousParam, missingParam}, Result: TimeType,
		Doc: "An instant. Local times are read in the zone; times that the clock showed twice or never are flagged and resolved by ambiguous and missing.",
		Go:  "CompileLayout, Layout.Parse", Examples: []Example{
			ex(`time("17.03.2026 00:10:02", "02.01.2006 15:04:05", zone: "Europe/Madrid")`, "2026-03-16T23:10:02Z"),
			ex(`time("2026-03-17 00:10:02", "YYYY-MM-DD hh:mm:ss", zone: "Europe/Madrid")`, "2026-03-16T23:10:02Z"),
			ex(`time("20260317001002+0100", "%Y%m%d%H%M%S%z")`, "2026-03-16T23:10:02Z"),
			ex(`time("2020/2/10 22:41", "2006/1/2 15:04", zone: "UTC")`, "2020-02-10T22:41:00Z"),
			ex(`time("15.02.22", "YY.MM.DD", zone: "UTC")`, "2015-02-22T00:00:00Z"),
			ex(`time("2026-10-25 02:30:00", "2006-01-02 15:04:05", zone: "Europe/Madrid")`, "2026-10-25T00:30:00Z"),
			ex(`time("2026-10-25 02:30:00", "2006-01-02 15:04:05", zone: "Europe/Madrid", ambiguous: "later")`, "2026-10-25T01:30:00Z"),
			ex(`time("2026-03-29 02:30:00", "2006-01-02 15:04:05", zone: "Europe/Madrid")`, "2026-03-29T01:30:00Z"),
			exFails(`time("2026-03-29 02:30:00", "2006-01-02 15:04:05", zone: "Europe/Madrid", missing: "refuse")`, "never showed"),
			exFails(`time("2026-03-17 00:10:02", "2006-01-02 15:04:05", zone: "Europe/Madird")`, "did you mean Europe/Madrid"),
		}},
	{Name: "rfc3339", Family: "time", Params: []Param{text("a time with its offset")}, Result: TimeType,
		Doc: "An instant in the form of RFC 3339.", Go: "ParseRFC3339", Examples: []Example{ex(`rfc3339("2026-03-17T00:10:02.5+01:00")`, "2026-03-16T23:10:02.5Z")}},
	{Name: "iso8601", Family: "time", Params: []Param{text("a time or a day"), zoneParam, ambiguousParam, missingParam}, Result: TimeType,
		Doc: "An instant in the extended or basic form of ISO 8601, with a T or a blank, with or without seconds, clock and offset.", Go: "ParseISO8601", Examples: []Example{
			ex(`iso8601("20260317T001002Z")`, "2026-03-17T00:10:02Z"), ex(`iso8601("2026-03-17 00:10", zone: "Europe/Madrid")`, "2026-03-16T23:10:00Z")}},
	{Name: "epoch", Family: "time", Params: []Param{text("a count since 1970, with decimals or without"),
		{Name: "unit", Type: TextType, Optional: true, Constant: true, Default: `"s"`, Values: []string{"s", "ms", "us", "ns"}, Doc: "what is counted"}}, Result: TimeType,
		Doc: "An instant as a count since 1970. 0 is an error, since systems write it for a time that never came.", Go: "ParseEpoch", Examples: []Example{
			ex(`epoch("1767225600")`, "2026-01-01T00:00:00Z"), ex(`epoch("1767225600250", unit: "ms")`, "2026-01-01T00:00:00.25Z"),
			exFails(`epoch("1767225600", unit: "ms")`, "coarser unit"), exFails(`epoch("0")`, "never came")}},
}

var identifierFunctions = []Function{
	{Name: "imsi", Family: "identifier", Params: []Param{text("14 or 15 digits")}, Result: IdentifierType,
		Doc: "An IMSI; leading zeros are kept.", Go: "ParseIMSI", Examples: []Example{ex(`imsi("001010000000001")`, "001010000000001"), exFails(`imsi("2140700")`, "14 or 15")}},
	{Name: "imsi_network", Family: "identifier", Params: []Param{text("an IMSI")}, Result: NetworkType,
		Doc: "The home network of an IMSI.", Go: "IMSI.Network", Examples: []Example{ex(`imsi_network("214070000000001")`, "214-07"), ex(`imsi_network("310410123456789")`, "310-410")}},
	{Name: "iccid", Family: "identifier", Params: []Param{text("18 to 20 digits that begin with 89")}, Result: IdentifierType,
		Doc: "The number of a SIM card. The filler F is dropped; the check digit is not verified.", Go: "ParseICCID", Examples: []Example{
			ex(`iccid("8934071100000000017F")`, "8934071100000000017"), exFails(`iccid("123456789012345678")`, "begins with 89")}},
	{Name: "imei", Family: "identifier", Params: []Param{text("14, 15 or 16 digits")}, Result: IdentifierType,
		Doc: "The number of a device; a check digit must be right or 0.", Go: "ParseIMEI", Examples: []Example{
			ex(`imei("490154203237518")`, "490154203237518"), exFails(`imei("490154203237519")`, "check digit")}},
	{Name: "imei_device", Family: "identifier", Params: []Param{text("an IMEI or IMEISV")}, Result: IdentifierType,
		Doc: "The device alone, with its check digit, so that all notations of one device are equal.", Go: "IMEI.Device", Examples: []Example{
			ex(`imei_device("4901542032375101")`, "490154203237518")}},
	{Name: "eid", Family: "identifier", Params: []Param{text("32 digits")}, Result: IdentifierType,
		Doc: "The number of an embedded SIM; its check digits must be right.", Go: "ParseEID", Examples: []Example{
			ex(`eid("89001012012341234012345678901224")`, "89001012012341234012345678901224"), exFails(`eid("89001012012341234012345678901225")`, "check digits")}},
	{Name: "mac", Family: "identifier", Params: []Param{text("a hardware address")}, Result: IdentifierType,
		Doc: "A MAC address of 48 bits.", Go: "ParseMAC", Examples: []Example{ex(`mac("001B.4411.3AB7")`, "00:1b:44:11:3a:b7")}},
	{Name: "ip", Family: "identifier", Params: []Param{text("an IPv4 or IPv6 address")}, Result: IdentifierType,
		Doc: "An address of the Internet Protocol, in its canonical form.", Go: "ParseIP", Examples: []Example{
			ex(`ip("10.0.0.1")`, "10.0.0.1"), ex(`ip("2001:DB8:0::1")`, "2001:db8::1")}},
	{Name: "cisco_ip", Family: "identifier", Params: []Param{text("a signed number")}, Result: IdentifierType,
		Doc: "An IPv4 address as Cisco Unified CM writes it: a signed little-endian number.", Go: "ParseCiscoIP", Examples: []Example{ex(`cisco_ip("-1139627840")`, "192.168.18.188")}},
	{Name: "uuid", Family: "identifier", Params: []Param{text("a UUID")}, Result: IdentifierType,
		Doc: "A UUID in lower case with dashes.", Go: "ParseUUID", Examples: []Example{
			ex(`uuid("{0B4D3CF2-3F6C-4C1E-9A52-8F5B1A2C3D4E}")`, "0b4d3cf2-3f6c-4c1e-9a52-8f5b1a2c3d4e")}},
}

var unitFunctions = []Function{
	{Name: "octets", Family: "unit", Params: []Param{text("a volume, with decimals and a unit behind it or without"),
		{Name: "unit", Type: TextType, Optional: true, Constant: true, Default: `"B"`, Values: []string{"B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"}, Doc: "the unit of a text without one; kB are 1000, KiB 1024"},
		{Name: "round", Type: TextType, Optional: true, Constant: true, Default: `"exact"`, Values: roundings, Doc: "how to round a fraction of an octet"}}, Result: QuantityType, Unit: "B",
		Doc: "A volume in octets. A negative volume or an empty text is an error (see absent).", Go: "Octets", Examples: []Example{
			ex(`octets("1200")`, "1200 B"), ex(`octets("0.219933", unit: "MB")`, "219933 B"), ex(`octets("1.5 KiB")`, "1536 B"),
			ex(`octets("0.0000001", unit: "MB", round: "up")`, "1 B"),
			exFails(`octets("0.2199331", unit: "MB")`, "not a whole number"), exFails(`octets("-2")`, "unsigned32")}},
	{Name: "seconds", Family: "unit", Params: []Param{text("a duration"),
		{Name: "unit", Type: TextType, Optional: true, Constant: true, Default: `"s"`, Values: []string{"s", "ms", "10ms", "100ms", "min", "h", "hh:mm:ss", "mm:ss"}, Doc: "the unit of a text without one"},
		{Name: "round", Type: TextType, Optional: true, Constant: true, Default: `"up"`, Values: roundings, Doc: "how to round a fraction of a second"}}, Result: QuantityType, Unit: "s",
		Doc: "A duration in whole seconds; a begun second counts as a whole one, unless round says otherwise. A text may name its units itself: 10s, 5 min, 1h2m3s, or PT5M (ISO 8601).", Go: "DurationSeconds", Examples: []Example{
			ex(`seconds("81")`, "81 s"), ex(`seconds("299", unit: "10ms")`, "3 s"), ex(`seconds("1.5", unit: "min")`, "90 s"),
			ex(`seconds("01:02:03", unit: "hh:mm:ss")`, "3723 s"), ex(`seconds("75:30", unit: "mm:ss")`, "4530 s"),
			ex(`seconds("1h2m3s")`, "3723 s"), ex(`seconds("PT5M")`, "300 s"), exFails(`seconds("P1M")`, "no fixed length"), exFails(`seconds("2.5", round: "exact")`, "not a whole number")}},
	{Name: "milliseconds", Family: "unit", Params: []Param{text("a duration"),
		{Name: "unit", Type: TextType, Optional: true, Constant: true, Default: `"ms"`, Values: []string{"s", "ms", "10ms", "100ms", "min", "h", "hh:mm:ss", "mm:ss"}, Doc: "the unit of a text without one"},
		{Name: "round", Type: TextType, Optional: true, Constant: true, Default: `"up"`, Values: roundings, Doc: "how to round a fraction of a millisecond"}}, Result: QuantityType, Unit: "ms",
		Doc: "A duration in milliseconds.", Go: "DurationMilliseconds", Examples: []Example{ex(`milliseconds("299", unit: "10ms")`, "2990 ms")}},
	{Name: "comma", Family: "encoding", Params: []Param{text("a number")}, Result: TextType,
		Doc: "A number with a decimal comma, as one with a decimal point: octets(comma(mb), unit: \"MB\"). Points, blanks or apostrophes between thousands are dropped.", Go: "DecimalComma", Examples: []Example{
			ex(`comma("0,219933")`, "0.219933"), ex(`comma("1.234,5")`, "1234.5"), exFails(`comma("0.5")`, "decimal comma")}},
	{Name: "hex", Family: "encoding", Params: []Param{text("hexadecimal digits")}, Result: IntType,
		Doc: "A whole number written in hexadecimal, with 0x or without.", Go: "Hexadecimal", Examples: []Example{ex(`hex("0x1f")`, "31"), exFails(`hex("12G")`, "hexadecimal")}},
	{Name: "url_decode", Family: "encoding", Params: []Param{text("percent-encoded text"),
		{Name: "form", Type: BoolType, Optional: true, Constant: true, Default: "false", Doc: "a plus sign is a blank, as in what forms send"}}, Result: TextType,
		Doc: "A text without its percent-encoding (RFC 3986 2.1).", Go: "URLDecoded", Examples: []Example{
			ex(`url_decode("sip%3A%2B34600")`, "sip:+34600"), ex(`url_decode("a+b%21", form: true)`, "a b!"), exFails(`url_decode("50%")`, "two hexadecimal digits")}},
	{Name: "count", Family: "unit", Params: []Param{text("a whole number")}, Result: QuantityType, Unit: "1",
		Doc: "A number of things: messages, segments.", Go: "Count", Examples: []Example{ex(`count("3")`, "3"), exFails(`count("3.5")`, "not a whole number")}},
	{Name: "unsigned32", Family: "unit", Params: []Param{text("a 32-bit number")}, Result: IntType,
		Doc: "A 32-bit counter that a system wrote as a signed number.", Go: "Unsigned32", Examples: []Example{ex(`unsigned32("-2")`, "4294967294"), ex(`unsigned32("7")`, "7")}},
}

var otherFunctions = []Function{
	{Name: "currency", Family: "currency", Params: []Param{text("three letters")}, Result: IdentifierType,
		Doc: "A currency in use (ISO 4217), in capitals.", Go: "ParseCurrency", Examples: []Example{ex(`currency("eur")`, "EUR"), exFails(`currency("DEM")`, "no currency in use")}},
	{Name: "minor_units", Family: "currency", Params: []Param{text("three letters")}, Result: IntType,
		Doc: "The number of decimals in which amounts of a currency are paid.", Go: "Currency.MinorUnits", Examples: []Example{ex(`minor_units("EUR")`, "2"), ex(`minor_units("JPY")`, "0")}},
	{Name: "absent", Family: "absent", Params: []Param{text("any text")}, Result: BoolType,
		Doc: "Whether a text says that there is no value: empty, NULL, nil, none, n/a, NA, unknown, undefined, -, --, \\N, in any case.", Go: "Absent", Examples: []Example{
			ex(`absent("")`, "true"), ex(`absent("NULL")`, "true"), ex(`absent("n/a")`, "true"), ex(`absent("0")`, "false")}},
}
