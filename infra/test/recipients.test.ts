import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { MINIMAL, resources, synthesise, target } from "./support.ts";

type Attributes = Readonly<Record<string, string>>;

/** What the functions say of a message, by crates/aws/src/notifier.rs. The SMS type is always there. */
const message = (severity: string, kind: string): Attributes => ({ "AWS.SNS.SMS.SMSType": "Transactional", severity, kind });

const MESSAGES = {
  info: message("info", "secret-created"),
  warning: message("warning", "secret-unchanged"),
  critical: message("critical", "audit-digest"),
  heartbeat: message("info", "audit-heartbeat"),
  test: message("info", "test"),
};

/** An alarm: CloudWatch publishes it without attributes. */
const ALARM: Attributes = {};

/**
 * Whether a filter policy lets a message through, by
 * https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html and its pages on
 * key matching and AND/OR logic. It knows the operators that are used here, and no others.
 */
function accepts(policy: any, attributes: Attributes): boolean {
  if (policy === undefined) {
    return true;
  }
  return Object.entries<any>(policy).every(([key, matchers]) =>
    key === "$or"
      ? matchers.some((alternative: any) => accepts(alternative, attributes))
      : matchers.some((matcher: any) => matches(matcher, attributes[key], attributes)),
  );
}

function matches(matcher: any, value: string | undefined, attributes: Attributes): boolean {
  if (typeof matcher === "string") {
    return value === matcher;
  }
  if (matcher.exists === false) {
    // "Only matches if at least one attribute is present."
    return value === undefined && Object.keys(attributes).length > 0;
  }
  if (Array.isArray(matcher["anything-but"])) {
    return value !== undefined && !matcher["anything-but"].includes(value);
  }
  throw new Error(`${JSON.stringify(matcher)} is not read here`);
}

/** The filter policy of the only phone, and whether alarms reach it by a topic without one. */
function phone(selection: object): { policy: any; otherTopics: string[] } {
  const alerts = { ...MINIMAL.alerts, phones: [{ number: "+15555550123", ...selection }] };
  const template = synthesise({ ...MINIMAL, alerts });
  const topics = resources(template, "AWS::SNS::Topic");
  const mine = resources(template, "AWS::SNS::Subscription").filter(({ properties }) => properties["Protocol"] === "sms");
  const named = ({ properties }: any) => topics.find(({ id }) => id === target(properties["TopicArn"]))!.properties["TopicName"];
  const first = mine.find((subscription) => named(subscription) === "lwa-alerts")!;
  expect(first.properties["FilterPolicyScope"]).toBeUndefined();
  const others = mine.filter((subscription) => subscription !== first);
  expect(others.every(({ properties }) => properties["FilterPolicy"] === undefined)).toBe(true);
  return { policy: first.properties["FilterPolicy"], otherTopics: others.map(named) };
}

describe("a recipient with a selection", () => {
  test.each([
    [{ leastSeverity: "info", heartbeat: false }, ["info", "warning", "critical", "test"]],
    [{ leastSeverity: "warning", heartbeat: true }, ["warning", "critical", "heartbeat", "test"]],
    [{ leastSeverity: "warning", heartbeat: false }, ["warning", "critical", "test"]],
    [{ leastSeverity: "critical", heartbeat: true }, ["critical", "heartbeat", "test"]],
    [{ leastSeverity: "critical", heartbeat: false }, ["critical", "test"]],
  ])("%o gets %o, and alarms by the topic without a filter", (selection, expected) => {
    const { policy, otherTopics } = phone(selection);
    const received = Object.entries(MESSAGES).filter(([, attributes]) => accepts(policy, attributes));
    expect(received.map(([name]) => name)).toEqual(expected);
    expect(accepts(policy, ALARM)).toBe(false);
    expect(otherTopics).toEqual(["lwa-alarms"]);
  });

  test("gets a heartbeat that is urgent only if it wants heartbeats", () => {
    const urgent = message("warning", "audit-heartbeat");
    expect(accepts(phone({ leastSeverity: "warning", heartbeat: false }).policy, urgent)).toBe(false);
    expect(accepts(phone({ leastSeverity: "critical", heartbeat: true }).policy, urgent)).toBe(true);
  });

  test("is chosen by the attributes and kinds that the functions use", () => {
    const source = (path: string) => readFileSync(new URL(`../../crates/${path}`, import.meta.url), "utf8");
    expect(source("core/src/audit/digest/mod.rs")).toContain(`[Reason::Heartbeat] => "${MESSAGES.heartbeat["kind"]}"`);
    expect(source("core/src/notice.rs")).toContain(`TEST_KIND: &str = "${MESSAGES.test["kind"]}"`);
    for (const name of Object.keys(MESSAGES.heartbeat)) {
      expect(source("aws/src/notifier.rs")).toContain(`("${name}", `);
    }
  });

  test("gets a message that does not say how urgent it is", () => {
    const { severity: _, ...rest } = MESSAGES.warning;
    expect(accepts(phone({ leastSeverity: "critical", heartbeat: false }).policy, rest)).toBe(true);
  });

  test("has a policy within SNS's limits of five keys and 150 combinations", () => {
    for (const leastSeverity of ["info", "warning", "critical"]) {
      for (const heartbeat of [true, false]) {
        const policy = phone({ leastSeverity, heartbeat }).policy ?? { $or: [] };
        expect(Object.keys(policy)).toEqual(["$or"]);
        // SNS multiplies the lists of each alternative, and adds the alternatives up.
        const combinations = policy.$or.reduce(
          (sum: number, alternative: any) => sum + Object.values<any>(alternative).reduce((product, list) => product * list.length, 1),
          0,
        );
        expect(combinations).toBeLessThanOrEqual(150);
      }
    }
  });
});

describe("if AWS evaluates no attributes of the functions' messages", () => {
  const unread: Attributes = {};

  test("a recipient with a selection gets alarms only, and not even the test message", () => {
    const { policy, otherTopics } = phone({ leastSeverity: "warning", heartbeat: false });
    expect(accepts(policy, unread)).toBe(false);
    expect(otherTopics).toEqual(["lwa-alarms"]);
  });

  test("one without a selection gets everything, and there always is one", () => {
    const template = synthesise({ ...MINIMAL, alerts: { ...MINIMAL.alerts, phones: ["+15555550123"] } });
    for (const { properties } of resources(template, "AWS::SNS::Subscription")) {
      expect(accepts(properties["FilterPolicy"], unread)).toBe(true);
    }
    expect(resources(template, "AWS::SNS::Topic")).toHaveLength(1);
  });
});
