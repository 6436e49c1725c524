import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { describeSettings, parseSettings, readSettings, recipients, SettingsError, watchedVaults } from "../lib/settings.ts";
import { EVERYTHING, MINIMAL } from "./support.ts";

/** Sets the value at a dotted key of the minimal settings. */
function withSetting(key: string, value: unknown): unknown {
  const settings = structuredClone(MINIMAL) as any;
  const path = key.split(".");
  let group = settings;
  for (const name of path.slice(0, -1)) {
    group = group[name] ??= {};
  }
  group[path.at(-1)!] = value;
  return settings;
}

function problem(settings: unknown): string {
  try {
    parseSettings(settings, "config.json");
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as Error).message;
  }
  throw new Error("the settings were accepted");
}

describe("a wrong setting stops with its key, the value found and what is allowed", () => {
  test.each([
    ["account", "1234", 'account is "1234"; allowed: an AWS account id of 12 digits, in quotes'],
    ["region", "us-esat-1", 'region is "us-esat-1"; allowed: an AWS region such as us-east-1'],
    ["architecture", "arm", 'architecture is "arm"; allowed: one of x86_64, arm64'],
    ["stackName", "my stack", 'stackName is "my stack"; allowed: 1 to 32 letters'],
    ["prefixes", [], "prefixes is []; allowed: at least one root path"],
    ["prefixes", ["my-erp"], 'prefixes[0] is "my-erp"; allowed: a root path such as /my-erp'],
    ["prefixes", ["/my-erp/"], 'prefixes[0] is "/my-erp/"; allowed: a root path'],
    ["prefixes", ["/my-erp/*"], 'prefixes[0] is "/my-erp/*"; allowed: a root path'],
    ["prefixes", ["/aws/mine"], 'prefixes[0] is "/aws/mine"; allowed: a root path'],
    ["prefixes", ["/a", "/a"], 'prefixes is ["/a","/a"]; allowed: a list of root paths without repetitions'],
    ["prefixes", ["/a", "/a/b"], "prefixes holds /a and /a/b; allowed: root paths of which none is below another"],
    ["vault", "ssm", 'vault is "ssm"; allowed: one of parameter-store, secrets-manager'],
    ["credentialsKeyArn", "alias/mine", 'credentialsKeyArn is "alias/mine"; allowed: the ARN of a KMS key'],
    ["credentialsKeyArn", "arn:aws:kms:eu-west-1:111122223333:key/a", "allowed: a key in us-east-1, as in region"],
    ["leaves.clientSecret", "/secret", 'leaves.clientSecret is "/secret"; allowed: a parameter name below the root'],
    ["leaves.refreshToken", "lwa/clientsecret", "leaves.refreshToken is \"lwa/clientsecret\"; allowed: a name that does not end in lwa/clientsecret, as leaves.clientSecret does"],
    ["leaves.refreshToken", "old/lwa/clientsecret", "allowed: a name that does not end in lwa/clientsecret, as leaves.clientSecret does"],
    ["alerts.emails", ["you.example.com"], 'alerts.emails[0] is "you.example.com"; allowed: an e-mail address'],
    ["alerts.phones", ["015555550123"], 'alerts.phones[0] is "015555550123"; allowed: a phone number in E.164'],
    ["alerts.phones", ["+1 555 555 0123"], 'alerts.phones[0] is "+1 555 555 0123"; allowed: a phone number in E.164'],
    ["alerts.emails", [], "alerts is empty; allowed: at least one e-mail address, phone number, Slack or Teams channel"],
    ["alerts.emails", [5], "alerts.emails[0] is 5; allowed: an e-mail address, or an object with address, leastSeverity, heartbeat"],
    ["alerts.emails", [{ address: "you.example.com" }], 'alerts.emails[0].address is "you.example.com"; allowed: an e-mail address'],
    ["alerts.emails", [{ heartbeat: false }], "alerts.emails[0].address is missing; allowed: an e-mail address"],
    ["alerts.emails", [{ address: "a@example.com", leastSeverity: "high" }], 'alerts.emails[0].leastSeverity is "high"; allowed: one of info, warning, critical'],
    ["alerts.emails", [{ address: "a@example.com", heartbeat: "no" }], 'alerts.emails[0].heartbeat is "no"; allowed: true or false'],
    ["alerts.emails", [{ address: "a@example.com", severity: "info" }], "alerts.emails[0].severity is not a setting; allowed in alerts.emails[0]: address, leastSeverity, heartbeat"],
    ["alerts.phones", [true], "alerts.phones[0] is true; allowed: a phone number, or an object with number, leastSeverity, heartbeat"],
    ["alerts.phones", [{ number: "015555550123" }], 'alerts.phones[0].number is "015555550123"; allowed: a phone number in E.164'],
    ["alerts.emails", ["a@example.com", { address: "a@example.com", heartbeat: false }], "alerts names a@example.com more than once; allowed: once"],
    ["alerts.emails", [{ address: "a@example.com", leastSeverity: "warning" }], "alerts has only recipients with a selection; allowed: at least one that gets everything"],
    ["alerts.slack", { workspaceId: "acme", channelId: "C01234567" }, 'alerts.slack.workspaceId is "acme"; allowed'],
    ["runbookUrl", "http://wiki.example", 'runbookUrl is "http://wiki.example"; allowed: an https:// URL'],
    ["spApi.region", "us", 'spApi.region is "us"; allowed: one of na, eu, fe'],
    ["schedules.audit", "cron(0 6 * * *)", 'schedules.audit is "cron(0 6 * * *)"; allowed: rate(VALUE UNIT)'],
    ["schedules.timeZone", "Berlin", 'schedules.timeZone is "Berlin"; allowed: an IANA time zone'],
    ["canaryApplications", ["other"], 'canaryApplications[0] is "other"; allowed: an application at or below'],
    ["consumers", [], "consumers is []; allowed: at least one consumer; without any, leave the key out"],
    ["consumers", [{ applications: ["my-erp"] }], "consumers[0].name is missing; allowed: the name of an alias"],
    ["consumers", [{ name: "7", applications: ["my-erp"] }], 'consumers[0].name is "7"; allowed: the name of an alias'],
    ["consumers", [{ name: "$LATEST", applications: ["my-erp"] }], 'consumers[0].name is "$LATEST"; allowed: the name of an alias'],
    ["consumers", [{ name: "erp:*", applications: ["my-erp"] }], 'consumers[0].name is "erp:*"; allowed: the name of an alias'],
    ["consumers", [{ name: "erp" }], "consumers[0].applications is missing; allowed: a list of application names"],
    ["consumers", [{ name: "erp", applications: [] }], "consumers[0].applications is []; allowed: at least one application name"],
    ["consumers", [{ name: "erp", applications: ["other"] }], 'consumers[0].applications[0] is "other"; allowed: an application at or below'],
    ["consumers", [{ name: "erp", applications: ["my-erp"], sellers: ["A/B"] }], 'consumers[0].sellers[0] is "A/B"; allowed: the id of a selling partner'],
    ["consumers", [{ name: "erp", applications: ["my-erp"], scopes: ["sellingpartnerapi::client_credential:rotation"] }], "allowed: one of sellingpartnerapi::notifications, sellingpartnerapi::migration"],
    ["consumers", [{ name: "erp", applications: ["my-erp"], seller: ["A1"] }], "consumers[0].seller is not a setting; allowed in consumers[0]: name, applications, sellers, scopes"],
    [
      "consumers",
      [{ name: "a-b", applications: ["my-erp"] }, { name: "a_b", applications: ["my-erp"] }],
      'consumers[1].name is "a_b"; allowed: a name whose letters and digits differ from those of a-b',
    ],
    ["audit.vault", "secrets-manager", 'audit.vault is "secrets-manager"; allowed: parameter-store'],
    ["audit.heartbeatDay", "Mon", 'audit.heartbeatDay is "Mon"; allowed: one of monday'],
    ["audit.digestSeverity", "high", 'audit.digestSeverity is "high"; allowed: one of info, warning, critical'],
    ["audit.remindAtDays", [30.5], "audit.remindAtDays[0] is 30.5; allowed: a whole number from 0 to 3650"],
    ["audit.expectedWriterArn", "ci", 'audit.expectedWriterArn is "ci"; allowed: the ARN of a role'],
    ["rotation.automatic", "yes", 'rotation.automatic is "yes"; allowed: true or false'],
    ["rotation.withinDays", 0, "rotation.withinDays is 0; allowed: a whole number from 1 to 180"],
    ["rotation.senderArn", "redrive", 'rotation.senderArn is "redrive"; allowed: the ARN of one role or user'],
    ["rotation.senderArn", "arn:aws:iam::111122223333:role/*", "allowed: the ARN of one role or user"],
    ["rotation.senderArn", "arn:aws:iam::111122223333:role/*/redrive", "allowed: the ARN of one role or user, without a wildcard"],
    ["rotation.senderArn", "arn:aws:iam::111122223333:role/${aws:username}", "allowed: the ARN of one role or user"],
    ["rotation.senderArn", "arn:aws:iam::111122223333:root", "allowed: the ARN of one role or user"],
    ["rotation.senderArn", "arn:aws:sts::111122223333:assumed-role/redrive/me", "of a session, the ARN of its role"],
    ["rotation.senderArn", "arn:aws:iam::999988887777:role/redrive", "allowed: a role or user of 111122223333, as in account"],
    ["secretLifetimeDays", "180", 'secretLifetimeDays is "180"; allowed: a whole number from 1 to 3650'],
    ["alarms.heartbeatHours", 24, "alarms.heartbeatHours is 24; allowed: a whole number from 25 to 168"],
    ["logRetentionDays", 100, "logRetentionDays is 100; allowed: one of 1, 3, 5"],
    ["metricsNamespace", "AWS/Mine", 'metricsNamespace is "AWS/Mine"; allowed: a namespace that does not begin with AWS/'],
    ["spApi", 3, "spApi is 3; allowed: an object with some of region, endpoint"],
  ])("%s", (key, value, expected) => {
    expect(problem(withSetting(key, value))).toContain(expected);
  });

  test("an unknown key is refused with the ones that exist, at every depth", () => {
    expect(problem(withSetting("prefix", "/a"))).toMatch(/prefix is not a setting; allowed: stackName, account, region/);
    expect(problem(withSetting("alerts.email", "a@b.c"))).toContain(
      "alerts.email is not a setting; allowed in alerts: emails, phones, slack, teams",
    );
  });

  test("a missing key is named", () => {
    expect(problem({ alerts: MINIMAL.alerts })).toContain("region is missing; allowed: an AWS region");
  });

  test("every problem is reported at once", () => {
    expect(problem({ alerts: {}, vault: "x", bogus: 1 }).split("\n")).toHaveLength(4);
  });

  test("a credential in the wrong place is never repeated", () => {
    const secret = `amzn1.oa2-cs.v1.${"ab12".repeat(16)}`;
    for (const [key, value] of [
      ["clientSecret", secret],
      ["account", secret],
      ["alerts.emails", [secret]],
      ["alerts.emails", [{ address: secret }]],
      [secret, 1],
      ["vault", "Atzr|IwEBIA"],
    ] as const) {
      const settings = key === secret ? { ...MINIMAL, [secret]: 1 } : withSetting(key, value);
      expect(problem(settings)).not.toMatch(/ab12|IwEBIA/);
    }
    const file = join(mkdtempSync(join(tmpdir(), "lwa-settings-")), "config.json");
    writeFileSync(file, `{ "clientSecret": ${secret} }`);
    expect(() => readSettings(file)).toThrow(/is not JSON/);
    expect(() => readSettings(file)).not.toThrow(/ab12/);
  });

  test("a file that is not there says how to make one", () => {
    expect(() => readSettings("/nowhere/config.json")).toThrow(/copy config.example.json to config.json/);
  });
});

test("the committed example and settings with every key are accepted", () => {
  readSettings(new URL("../config.example.json", import.meta.url).pathname);
  expect(parseSettings(EVERYTHING, "the test")).toEqual(EVERYTHING);
});

describe("recipients", () => {
  const everything = { leastSeverity: "info", heartbeat: true };

  test.each([
    ["alone", "+15555550123", everything],
    ["in an object without a selection", { number: "+15555550123" }, everything],
    ["with a severity", { number: "+15555550123", leastSeverity: "warning" }, { leastSeverity: "warning", heartbeat: true }],
    ["without the heartbeat", { number: "+15555550123", heartbeat: false }, { leastSeverity: "info", heartbeat: false }],
  ])("%s", (_, phone, expected) => {
    const { alerts } = parseSettings(withSetting("alerts.phones", [phone]), "the test");
    expect(recipients(alerts)).toEqual([
      { protocol: "email", endpoint: "you@example.com", ...everything },
      { protocol: "sms", endpoint: "+15555550123", ...expected },
    ]);
  });

  test("may all have a selection where a chat channel gets everything", () => {
    const alerts = {
      emails: [{ address: "a@example.com", leastSeverity: "critical" }],
      slack: { workspaceId: "T012ABCDEF3", channelId: "C012ABCDEF3" },
    };
    parseSettings({ ...MINIMAL, alerts }, "the test");
  });
});

test("both vaults are watched when both are audited", () => {
  expect(watchedVaults(parseSettings(MINIMAL, "the test"))).toEqual(["parameter-store"]);
  expect(watchedVaults(parseSettings(EVERYTHING, "the test"))).toEqual(["parameter-store", "secrets-manager"]);
});

describe("schedule expressions", () => {
  test.each([
    "rate(1 minute)",
    "rate(5 minutes)",
    "rate(1 day)",
    "cron(0 6 * * ? *)",
    "cron(0/15 8-17 ? * MON-FRI *)",
    "cron(0 10 ? * 6L *)",
    "cron(0 10 LW JAN,jul ? 2026-2030)",
    "cron(0 9 ? * 2#1 *)",
  ])("%s is accepted", (text) => {
    expect(parseSettings(withSetting("schedules.audit", text), "the test").schedules.audit).toBe(text);
  });

  test.each([
    "",
    "daily",
    "0 6 * * ? *",
    "cron(0 6 * * *)",
    "cron(0 6 * * ? * *)",
    "cron(0 6  * * ? *)",
    "rate(0 days)",
    "rate(1 week)",
    "at(2026-01-01T00:00:00)",
  ])("%s is refused", (text) => {
    expect(problem(withSetting("schedules.audit", text))).toContain("allowed: rate(VALUE UNIT)");
  });
});

describe("addresses", () => {
  const settings = ["runbookUrl", "lwaTokenUrl", "spApi.endpoint"];

  test.each([
    "https://api.example.com",
    "https://api.example.com/auth/o2/token",
    "https://api.example.com:8443/",
    "https://[2001:db8::1]/token",
    "http://localhost",
    "http://127.0.0.1:8080/auth/o2/token",
    "http://[::1]:8080/",
  ])("%s is accepted", (text) => {
    for (const key of settings) {
      parseSettings(withSetting(key, text), "the test");
    }
  });

  test.each([
    "http://api.example.com/",
    "ftp://api.example.com/",
    "HTTPS://api.example.com/",
    "https:/api.example.com/",
    "https:///token",
    "api.example.com",
    "",
    // The host is what follows the @.
    "http://127.0.0.1:80@api.example.com/",
    "http://localhost@api.example.com/",
    "http://@127.0.0.1/",
    "https://user:password@api.example.com/",
    // Programs take a backslash for a slash, or for a part of the host.
    "http://127.0.0.1\\@api.example.com/",
    "http://127.0.0.1\\.api.example.com/",
    "http://localhost.example.com/",
    "http://127.0.0.1.example.com/",
    // Another spelling of a number is not 127.0.0.1 to every program.
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "https://api.example.com:port/",
    "https://api.example.com:0/",
    "https://api.example.com:65536/",
    "https://api.example.com:/",
    "https://api example.com/",
    "https://api.example.com/a b",
    "https://api.example.com/\nX: y",
    "https://api.example.com/100%",
    "https://äpi.example.com/",
  ])("%s is refused", (text) => {
    for (const key of settings) {
      expect(problem(withSetting(key, text))).toContain("allowed: an https:// URL, or an http:// one on localhost");
    }
  });

  test("a page may have a query and a fragment, an endpoint may not", () => {
    for (const text of ["https://wiki.example.com/lwa?page=1", "https://wiki.example.com/lwa#rotate", "https://wiki.example.com/?a=b#c"]) {
      parseSettings(withSetting("runbookUrl", text), "the test");
      for (const key of ["lwaTokenUrl", "spApi.endpoint"]) {
        expect(problem(withSetting(key, text))).toContain("without a user name or a password, a query or a fragment");
      }
    }
  });

  test("a password in one is never repeated", () => {
    for (const password of ["hunter2", "hunt/er2", "hunt@er2"]) {
      const found = problem(withSetting("runbookUrl", `https://me:${password}@wiki.example.com/`));
      expect(found).toContain('runbookUrl is "https://…@wiki.example.com/"; allowed');
    }
  });
});

test("the deployment guide lists every setting with its default and meaning", () => {
  const guide = readFileSync(new URL("../../docs/deployment.md", import.meta.url), "utf8");
  for (const { key, fallback, description } of describeSettings()) {
    expect(guide).toContain(`| \`${key}\` | ${fallback === undefined ? "–" : `\`${fallback}\``} | ${description} |`);
  }
});
