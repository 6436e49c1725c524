import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { evaluated, MINIMAL, resources, STACK_UUID, synthesise } from "./support.ts";

/** The operations guide, which people open when an alarm wakes them. */
const GUIDE = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");

test("the operations guide has a heading for every alarm, and for none that is gone", () => {
  const alarms = resources(synthesise(MINIMAL), "AWS::CloudWatch::Alarm").map(({ properties }) => properties["AlarmName"]);
  const chapter = GUIDE.split(/^## /m).find((text) => text.startsWith("Alarms\n"))!;
  const headings = chapter.split("\n").filter((line) => line.startsWith("### "));
  const explained = headings.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  expect(explained.toSorted()).toEqual(alarms.toSorted());
});

test("every section of the operations guide says something", () => {
  const sections = GUIDE.split(/^#{2,3} .*$/m).slice(1);
  // A heading may stand right before those below it, but not before one of its own rank.
  const ranks = [...GUIDE.matchAll(/^(#{2,3}) /gm)].map(([, rank]) => rank!.length);
  for (const [index, text] of sections.entries()) {
    expect(text.trim().length > 0 || ranks[index]! < (ranks[index + 1] ?? 0), `section ${index + 1}`).toBe(true);
  }
});

describe.each(["deployment", "operations"])("every command of %s.md", (name) => {
  const guide = readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), "utf8");
  const template = synthesise({ ...MINIMAL, consumers: [{ name: "order-export", applications: ["my-erp"] }] });

  test("is one that a shell can run", () => {
    const blocks = [...guide.matchAll(/^ *```console\n([^]*?)^ *```$/gm)].map(([, text]) => text!);
    expect(blocks.length).toBeGreaterThan(5);
    for (const block of blocks) {
      const { status, stderr } = run(block);
      expect([block, status, stderr]).toEqual([block, 0, ""]);
    }
  });

  test("is about what the stack has", () => {
    const deployed = [
      "AWS::SQS::Queue QueueName",
      "AWS::Lambda::Function FunctionName",
      "AWS::StepFunctions::StateMachine StateMachineName",
      "AWS::CloudWatch::Alarm AlarmName",
      "AWS::SNS::Topic TopicName",
    ].flatMap((text) => {
      const [type, property] = text.split(" ") as [string, string];
      return resources(template, type).map(({ properties }) => evaluated(properties[property]) as string);
    });
    const called = [...guide.matchAll(/^ *aws .*(?:\n {4}.*)*|^QUEUE=.*$/gm)].map(([text]) => text);
    const named = called.flatMap((text) => [...text.matchAll(/\blwa-[a-z-]+/g)].map(([found]) => found));
    expect(named.length).toBeGreaterThanOrEqual(4);
    for (const one of named) {
      // With its UUID, which no guide can know, a queue is named by an output.
      expect(deployed.map((found) => found.replace(STACK_UUID, ""))).toContain(one);
    }
    const outputs = Object.keys(template.toJSON()["Outputs"]);
    for (const [, output] of guide.matchAll(/`([A-Z][A-Za-z]+(?:Arn|Url))`/g)) {
      expect(outputs).toContain(output);
    }
  });
});

/** Runs a block of a guide where every program does nothing, and no other one can be found. */
function run(block: string) {
  const folder = mkdtempSync(join(tmpdir(), "lwa-guide-"));
  mkdirSync(join(folder, "infra"));
  mkdirSync(join(folder, "programs"));
  writeFileSync(join(folder, "credentials.json"), "{}");
  for (const program of ["aws", "cargo", "cp", "jq", "lwa", "npm", "npx"]) {
    writeFileSync(join(folder, "programs", program), "#!/bin/sh\n");
    chmodSync(join(folder, "programs", program), 0o755);
  }
  return spawnSync("/bin/bash", ["--norc", "-euo", "pipefail", "-c", block], {
    cwd: folder,
    env: { PATH: join(folder, "programs") },
    encoding: "utf8",
  });
}
