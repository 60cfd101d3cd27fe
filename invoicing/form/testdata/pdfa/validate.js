// Checks files against PDF/A-3b, for pdfa_test.go: a line for each, "ok FILE", or "FILE: CLAUSE MESSAGE" for each break of ISO 19005-3.
importPackage(org.verapdf.gf.foundry, org.verapdf.pdfa, org.verapdf.pdfa.flavours)
VeraGreenfieldFoundryProvider.initialise()
for (var i in arguments) {
	var parser = Foundries.defaultInstance().createParser(new java.io.FileInputStream(arguments[i]), PDFAFlavour.PDFA_3_B)
	var result = Foundries.defaultInstance().createValidator(PDFAFlavour.PDFA_3_B, false).validate(parser)
	if (result.isCompliant()) print("ok " + arguments[i])
	for (var all = result.getTestAssertions().iterator(); all.hasNext();) {
		var wrong = all.next()
		if (wrong.getStatus() == "failed") print(arguments[i] + ": " + wrong.getRuleId().getClause() + " " + wrong.getMessage())
	}
}
