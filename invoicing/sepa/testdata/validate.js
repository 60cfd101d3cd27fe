// Checks files against an XML schema, for schema_test.go: arguments are the schema and the files; a line for each file, "ok FILE" or
// "FILE: what is wrong".
var factory = javax.xml.validation.SchemaFactory.newInstance("http://www.w3.org/2001/XMLSchema")
var schema = factory.newSchema(new java.io.File(arguments[0]))
for (var i = 1; i < arguments.length; i++) {
	try {
		schema.newValidator().validate(new javax.xml.transform.stream.StreamSource(new java.io.File(arguments[i])))
		print("ok " + arguments[i])
	} catch (e) {
		print(arguments[i] + ": " + e.javaException.getMessage())
	}
}
