import { expect, test } from "vitest";

import { eventRules } from "../lib/event-rules.ts";
import { addLwaStack } from "../lib/app.ts";
import { parseSettings } from "../lib/settings.ts";
import { MINIMAL, newApp, stubBinaries } from "./support.ts";

const settings = (some: object) => parseSettings({ ...MINIMAL, ...some }, "the test");

test("each prefix becomes one alternative of each matcher that names the application", () => {
  const rules = Object.fromEntries(eventRules(settings({ prefixes: ["/a", "/b/c"] })).map((rule) => [rule.name, rule.pattern as any]));
  expect(rules["parameter-policy-actions"].detail).toEqual({ "parameter-name": [{ prefix: "/a/" }, { prefix: "/b/c/" }] });
  expect(rules["parameter-policy-actions"].source).toEqual(["aws.ssm"]);
  expect(rules["secret-rotations"].detail.additionalEventData.SecretId).toEqual([
    { wildcard: "arn:*:secret:a-*" },
    { wildcard: "arn:*:secret:b/c-*" },
    { wildcard: "arn:*:secret:a/*" },
    { wildcard: "arn:*:secret:b/c/*" },
  ]);
});

test("changes are asked for by prefix and by what the names of credentials end in", () => {
  const leaves = { clientId: "id", clientSecret: "lwa/secret", refreshToken: "token" };
  const { pattern } = eventRules(settings({ prefixes: ["/a", "/b/c"], leaves })).find(({ name }) => name === "parameter-changes")!;
  expect(pattern).toEqual({
    source: ["aws.ssm"],
    "detail-type": ["Parameter Store Change"],
    resources: [{ suffix: "/id" }, { suffix: "/lwa/secret" }, { suffix: "/token" }],
    detail: { name: [{ prefix: "/a/" }, { prefix: "/b/c/" }] },
  });
});

test("no placeholder is left in a deployed pattern", () => {
  expect(JSON.stringify(eventRules(settings({})))).not.toContain("${");
});

test("ten prefixes of 150 characters fit into each pattern of Parameter Store", () => {
  const prefixes = Array.from({ length: 10 }, (_, i) => `/${"x".repeat(148)}${i}`);
  addLwaStack(newApp(), settings({ prefixes, canaryApplications: [] }), stubBinaries());
});

test("prefixes that no pattern can hold stop synthesis", () => {
  const prefixes = Array.from({ length: 10 }, (_, i) => `/${"x".repeat(190)}${i}`);
  expect(() => addLwaStack(newApp(), settings({ prefixes }), stubBinaries())).toThrow(/prefixes or leaves are too many or too long.*allowed: 2048/);
});
