import { readFileSync } from "node:fs";

import { Validations } from "aws-cdk-lib";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { expect, test } from "vitest";

import { addLwaStack } from "../lib/app.ts";
import { parseSettings } from "../lib/settings.ts";
import { EVERYTHING, MINIMAL, newApp, stubBinaries } from "./support.ts";

test.each([
  ["the least settings", MINIMAL],
  ["settings with everything", EVERYTHING],
])("with %s the rules of AwsSolutions and CloudFormation hold", (_, settings) => {
  const app = newApp(true);
  addLwaStack(app, parseSettings(settings, "the test"), stubBinaries());
  // An unacknowledged finding makes this throw.
  const { directory } = app.synth();
  const report = JSON.parse(readFileSync(`${directory}/validation-report.json`, "utf8"));
  expect(report.pluginReports.flatMap(({ violations }: any) => violations)).toEqual([]);
});

test("they are checked at all: a queue in the clear stops synthesis", () => {
  const app = newApp();
  const stack = addLwaStack(app, parseSettings(MINIMAL, "the test"), stubBinaries());
  new Queue(stack, "InTheClear");
  expect(() => app.synth()).toThrow();
});

test("every acknowledgement is a sentence", () => {
  const app = newApp();
  const stack = addLwaStack(app, parseSettings(EVERYTHING, "the test"), stubBinaries());
  const reasons = stack.node
    .findAll()
    .flatMap((construct) => construct.node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => (Array.isArray(data) ? data : Object.values(data)))
    .map((entry: any) => (typeof entry === "string" ? entry : entry.reason));
  expect(reasons.length).toBeGreaterThan(10);
  for (const reason of reasons) {
    expect(reason).toMatch(/^[A-Z].{30,}\.$/);
  }
});
