// Holds the stand-in against GitHub's published schema and against octokit.
// Usage: node check.mjs SCHEMA.graphql http://127.0.0.1:PORT
// Run from a folder where package.json is installed; tests/standin/contract.rs does that.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Octokit } from "@octokit/core";
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import {
  buildSchema,
  execute,
  isEnumType,
  isInputObjectType,
  isObjectType,
  isInterfaceType,
  isUnionType,
  parse,
  validate,
} from "graphql";

const [ourFile, url] = process.argv.slice(2);
const theirFile = new URL("node_modules/@octokit/graphql-schema/schema.graphql", import.meta.url);
// GitHub's file defines two fields twice, so it is not checked as a whole.
const theirs = buildSchema(readFileSync(theirFile, "utf8"), { assumeValidSDL: true });
// GitHub declares databaseId as an Int of 32 bits, and sends what does not fit as it is.
theirs.getType("Int").serialize = (value) => (Number.isInteger(value) ? value : assert.fail(value));
const ours = buildSchema(readFileSync(ourFile, "utf8"));

/** Everything of ours must exist identically in GitHub's schema. */
function compareSchemas() {
  const wrong = [];
  const expect = (truth, what) => truth || wrong.push(what);
  const same = (mine, other, what) =>
    expect(String(mine) === String(other), `${what}: ${mine}, GitHub: ${other}`);
  let fields = 0;
  for (const type of Object.values(ours.getTypeMap())) {
    if (type.name.startsWith("__")) continue;
    const other = theirs.getType(type.name);
    if (!other || other.constructor.name !== type.constructor.name) {
      wrong.push(`type ${type.name} does not exist as such`);
      continue;
    }
    if (isEnumType(type)) {
      for (const value of type.getValues()) expect(other.getValue(value.name), `${type}.${value.name}`);
    }
    if (isUnionType(type)) {
      const names = other.getTypes().map(String);
      for (const member of type.getTypes()) expect(names.includes(String(member)), `${type} | ${member}`);
    }
    if (isObjectType(type) || isInterfaceType(type)) {
      const names = other.getInterfaces().map(String);
      for (const one of type.getInterfaces()) expect(names.includes(String(one)), `${type}: ${one}`);
    }
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      fields += 1;
      const match = other.getFields()[field.name];
      const name = `${type}.${field.name}`;
      same(field.type, match?.type, name);
      for (const argument of field.args ?? []) {
        const twin = match?.args.find((one) => one.name === argument.name);
        same(argument.type, twin?.type, `${name}(${argument.name})`);
        same(argument.defaultValue, twin?.defaultValue, `${name}(${argument.name}) default`);
      }
      for (const argument of match?.args ?? []) {
        const required = String(argument.type).endsWith("!") && argument.defaultValue === undefined;
        const known = field.args.some((one) => one.name === argument.name);
        expect(!required || known, `${name}(${argument.name}) is required by GitHub`);
      }
    }
  }
  assert.deepEqual(wrong, [], "schema.graphql differs from GitHub's");
  assert.ok(fields > 200, `only ${fields} fields were compared`);
  console.log(`schema: ${fields} fields are as GitHub's`);
}

async function post(path, body) {
  const response = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.text());
}

async function ask(query, variables) {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { authorization: "bearer contract", "user-agent": "contract" },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

/** Every field of a type, objects by id or name only, connections two rows deep. */
function selection(type, depth) {
  const parts = ["__typename"];
  for (const field of Object.values(type.getFields())) {
    const target = ours.getType(String(field.type).replace(/[[\]!]/g, ""));
    const composite = isObjectType(target) || isInterfaceType(target) || isUnionType(target);
    if (field.name === "pullRequest" && field.args.length > 0) continue;
    if (field.name === "issue") continue;
    if (!composite) {
      parts.push(field.name);
    } else if (target.name.endsWith("Connection")) {
      if (depth === 0) continue;
      const node = ours.getType(target.name.replace("Connection", ""));
      const inner = `totalCount pageInfo { ${selection(ours.getType("PageInfo"), 0)} }
        edges { cursor node { ${selection(node, depth - 1)} } }`;
      parts.push(`${field.name}(first: 2) { ${inner} }`);
    } else if (isUnionType(target)) {
      parts.push(`${field.name} { __typename }`);
    } else if (depth > 0) {
      parts.push(`${field.name} { ${selection(target, 0)} }`);
    }
  }
  return parts.join(" ");
}

/** Answers are completed by graphql-js with GitHub's own types: nothing may change or fail. */
async function checkAnswers() {
  const repository = `repository(owner: "big", name: "one")`;
  const { data } = await ask(`{ ${repository} { pullRequests(first: 100) { nodes { number
    additions comments { totalCount } reviewThreads { totalCount } reviews { totalCount } } } } }`);
  const busy = data.repository.pullRequests.nodes.filter(
    (pull) => pull.comments.totalCount && pull.reviewThreads.totalCount && pull.reviews.totalCount,
  );
  assert.ok(busy.length >= 3, "the made world is too quiet");
  const pull = selection(ours.getType("PullRequest"), 2);
  const queries = [
    `{ ${repository} { ${selection(ours.getType("Repository"), 0)} } }`,
    `{ rateLimit { ${selection(ours.getType("RateLimit"), 0)} } viewer { ${selection(ours.getType("User"), 0)} } }`,
    ...busy.slice(0, 3).map((one) => `{ ${repository} { pullRequest(number: ${one.number}) { ${pull} } } }`),
    `{ repository(owner: "o", name: "r") { issues(first: 2) { nodes { ${selection(ours.getType("Issue"), 1)} } } } }`,
  ];
  for (const query of queries) {
    const document = parse(query);
    assert.deepEqual(validate(theirs, document).map(String), [], query.slice(0, 300));
    const answer = await ask(query);
    assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
    const completed = await execute({
      schema: theirs,
      document,
      rootValue: answer.data,
      fieldResolver: (source, _arguments, _context, info) => source[info.path.key],
      typeResolver: (value) => value.__typename,
    });
    assert.deepEqual(completed.errors?.map(String), undefined);
    assert.deepEqual(JSON.parse(JSON.stringify(completed.data)), answer.data);
  }
  console.log(`answers: ${queries.length} queries answer with GitHub's types`);
}

/** octokit walks all pages through a bad gateway and a secondary limit, without one violation. */
async function walkWithOctokit() {
  await fetch(`${url}/_standin/requests`, { method: "DELETE" });
  await post("/_standin/faults", {
    rules: [
      { match: { operation: "Walk", after_requests: 1, times: 1 }, answer: "502-html" },
      { match: { operation: "Walk", after_requests: 3, times: 1 }, answer: "secondary:1" },
    ],
  });
  let limited = 0;
  const again = () => (limited += 1) < 5;
  const Client = Octokit.plugin(retry, throttling);
  const octokit = new Client({
    auth: "octokit",
    baseUrl: url,
    retry: { retryAfterBaseValue: 10 },
    throttle: { onRateLimit: again, onSecondaryRateLimit: again },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const query = `query Walk($after: String) { repository(owner: "big", name: "one") {
    pullRequests(first: 50, after: $after, orderBy: {field: CREATED_AT, direction: DESC}) {
      pageInfo { hasNextPage endCursor } nodes { number title } } } }`;
  const numbers = [];
  for (let after = null; ; ) {
    const { repository } = await octokit.graphql(query, { after });
    numbers.push(...repository.pullRequests.nodes.map((node) => node.number));
    if (!repository.pullRequests.pageInfo.hasNextPage) break;
    after = repository.pullRequests.pageInfo.endCursor;
  }
  const dump = await (await fetch(`${url}/_standin/world?repository=big/one`)).text();
  const expected = dump.trim().split("\n").map((line) => JSON.parse(line).number);
  assert.deepEqual(numbers.toReversed(), expected);
  const counted = await (await fetch(`${url}/_standin/requests`)).json();
  assert.deepEqual(counted.violations, []);
  assert.deepEqual(counted.by_answer, { "502-html": 1, "secondary:1": 1 });
  assert.equal(limited, 1);
  console.log(`octokit: ${numbers.length} pull requests in ${counted.requests} requests`);
}

compareSchemas();
await checkAnswers();
await walkWithOctokit();
