// libxml2 2.9.14 loses the annotation of an xs:notation in every schema it parses:
// leak_pairs_xml annotated|plain ITERATIONS.
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <stdlib.h>
#include <string.h>

static const char kAnnotated[] =
    "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>"
    "<xs:notation name='n' public='p'><xs:annotation/></xs:notation></xs:schema>";
static const char kPlain[] =
    "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>"
    "<xs:notation name='n' public='p'/></xs:schema>";

static void parse_schema(const char* text) {
  xmlSchemaParserCtxtPtr context = xmlSchemaNewMemParserCtxt(text, (int)strlen(text));
  xmlSchemaPtr schema = xmlSchemaParse(context);
  if (schema == NULL) abort();
  xmlSchemaFree(schema);
  xmlSchemaFreeParserCtxt(context);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* text = strcmp(argv[1], "annotated") == 0 ? kAnnotated : kPlain;
  const long iterations = atol(argv[2]);
  for (long i = 0; i < iterations; ++i) parse_schema(text);
  xmlCleanupParser();
  return 0;
}
