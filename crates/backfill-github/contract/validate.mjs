// Validates GraphQL documents against GitHub's published schema with graphql-js.
//
// Usage: node validate.mjs NODE_MODULES < documents.json
// In: a JSON object, name -> document. Out: one line for each fault; exit code 1 if there is any.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const modules = process.argv[2];
const require = createRequire(join(modules, "anchor.js"));
const { buildSchema, parse, validate, specifiedRules } = require("graphql");
const sdl = readFileSync(join(modules, "@octokit/graphql-schema/schema.graphql"), "utf8");
// The published file declares a field twice, which graphql-js refuses unless told not to look.
const schema = buildSchema(sdl, { assumeValidSDL: true });

const documents = JSON.parse(readFileSync(0, "utf8"));
let faults = 0;
for (const [name, text] of Object.entries(documents)) {
  let found;
  try {
    found = validate(schema, parse(text), specifiedRules, { maxErrors: 50 });
  } catch (error) {
    found = [error];
  }
  for (const error of found) {
    faults += 1;
    const places = (error.locations ?? []).map(({ line, column }) => `${line}:${column}`);
    console.log(`${name} ${places.join(" ")} ${error.message}`);
  }
}
console.log(`${Object.keys(documents).length} documents, ${faults} faults`);
process.exit(faults === 0 ? 0 : 1);
