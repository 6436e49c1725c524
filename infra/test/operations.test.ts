import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { MINIMAL, resources, synthesise } from "./support.ts";

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
