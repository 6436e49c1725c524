import { expect, test } from "vitest";

import { eventRules } from "../lib/event-rules.ts";
import { addLwaStack } from "../lib/app.ts";
import { parseSettings } from "../lib/settings.ts";
import { MINIMAL, newApp, stubBinaries } from "./support.ts";

test("each prefix becomes one alternative of each matcher that names the application", () => {
  const rules = Object.fromEntries(eventRules(["/a", "/b/c"]).map((rule) => [rule.name, rule.pattern as any]));
  expect(rules["parameter-policy-actions"].detail).toEqual({ "parameter-name": [{ prefix: "/a/" }, { prefix: "/b/c/" }] });
  expect(rules["parameter-policy-actions"].source).toEqual(["aws.ssm"]);
  expect(rules["secret-rotations"].detail.additionalEventData.SecretId).toEqual([
    { wildcard: "arn:*:secret:a-*" },
    { wildcard: "arn:*:secret:b/c-*" },
    { wildcard: "arn:*:secret:a/*" },
    { wildcard: "arn:*:secret:b/c/*" },
  ]);
});

test("prefixes that no pattern can hold stop synthesis", () => {
  const prefixes = Array.from({ length: 10 }, (_, i) => `/${"x".repeat(190)}${i}`);
  const settings = parseSettings({ ...MINIMAL, prefixes }, "the test");
  expect(() => addLwaStack(newApp(), settings, stubBinaries())).toThrow(/prefixes are too many or too long.*allowed: 2048/);
});
