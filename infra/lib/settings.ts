import { readFileSync } from "node:fs";

import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { RegionInfo } from "aws-cdk-lib/region-info";
import { z } from "zod";

import { parseAddress } from "./address.ts";

/** Where credentials live, as `LWA_VAULT` spells it. */
export type Vault = "parameter-store" | "secrets-manager";

/** A settings file that cannot be used. The message names each key, what was found and what is allowed. */
export class SettingsError extends Error {}

/** More prefixes than this would outgrow what an EventBridge pattern or a role's policy may hold. */
const MAX_PREFIXES = 10;

const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "off"] as const;

const SP_API_REGIONS = ["na", "eu", "fe", "sandbox-na", "sandbox-eu", "sandbox-fe"] as const;

/** The scopes that token-exchanger takes. The one that rotates a client secret is the requester's alone. */
const SCOPES = ["sellingpartnerapi::notifications", "sellingpartnerapi::migration"] as const;

/** How urgent a message is, the least urgent first; also the values of its attribute `severity`. */
const SEVERITIES = ["info", "warning", "critical"] as const;

/** One of {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number];

const RETENTION_DAYS = Object.values(RetentionDays).filter(
  (days): days is number => typeof days === "number" && days !== RetentionDays.INFINITE,
);

/** A path of a parameter: `my-erp`, `my-erp/eu`. The functions apply the same rule. */
const PATH = /^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+){0,11}$/;

const matching = (pattern: RegExp, allowed: string) =>
  z.string({ error: allowed }).refine((text) => pattern.test(text), { error: allowed });

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `one of ${values.join(", ")}` });

const whole = (min: number, max: number) => {
  const error = `a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
};

const flag = () => z.boolean({ error: "true or false" });

const list = <T extends z.ZodType>(item: T, what: string) =>
  z
    .array(item, { error: `a list of ${what}` })
    .refine((items) => new Set(items).size === items.length, { error: `a list of ${what} without repetitions` });

const group = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? Object.keys(shape).join(", ")
        : `an object with some of ${Object.keys(shape).join(", ")}`,
  });

const emailAddress = () => z.email({ error: "an e-mail address" });

const phoneNumber = () =>
  matching(/^\+[1-9]\d{6,14}$/, "a phone number in E.164: + and 7 to 15 digits, such as +15555550123");

/** What a recipient wants to get. Whoever leaves it out gets everything. */
const selection = () => ({
  leastSeverity: oneOf(SEVERITIES).optional(),
  heartbeat: flag().optional(),
});

/** Where messages go: the address alone, or an object with the address and a selection. */
const recipient = <A extends z.ZodType, S extends z.ZodRawShape>(address: A, selective: S, what: string) =>
  z.union([address, group(selective)], { error: `${what}, or an object with ${Object.keys(selective).join(", ")}` });

const ADDRESS =
  "an https:// URL, or an http:// one on localhost, 127.0.0.1 or [::1], without a user name or a password";

/** A page for people. */
const page = () =>
  z.string({ error: ADDRESS }).refine((text) => parseAddress(text) !== undefined, { error: ADDRESS });

/** Where a function sends requests: it adds the path, or nothing. */
const endpoint = () => {
  const error = `${ADDRESS}, a query or a fragment`;
  return z.string({ error }).refine(
    (text) => {
      const parts = parseAddress(text);
      return parts !== undefined && parts.query === undefined && parts.fragment === undefined;
    },
    { error },
  );
};

const prefix = () =>
  matching(
    /^\/(?!(aws|ssm)(\/|$))[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+){0,11}$/i,
    "a root path such as /my-erp: segments of letters, digits and _.- joined by single slashes, " +
      "with a leading and no trailing slash, not below /aws or /ssm",
  ).max(200, { error: "a root path of at most 200 characters" });

const leaf = () =>
  matching(PATH, "a parameter name below the root, such as lwa/clientsecret, without a leading slash");

const applicationName = () =>
  matching(PATH, "the name of an application: its root path without the leading slash, such as my-erp/eu");

/** The shape only: EventBridge Scheduler checks the values when it is deployed. A crontab has five fields. */
const schedule = () =>
  matching(
    /^(rate\([1-9]\d* (minute|hour|day)s?\)|cron\(\S+( \S+){5}\))$/,
    "rate(VALUE UNIT), such as rate(1 day), or a cron expression of six fields " +
      "(minutes hours day-of-month month day-of-week year) with ? in exactly one of the two day fields, " +
      "such as cron(0 6 * * ? *)",
  );

const timeZone = () =>
  z
    .string({ error: "an IANA time zone such as Europe/Berlin" })
    .refine((name) => isTimeZone(name), { error: "an IANA time zone such as Europe/Berlin" });

/** Every key of the settings file; a key without a default must be given or has no effect. */
const SETTINGS = group({
  stackName: matching(
    /^[A-Za-z][A-Za-z0-9-]{0,31}$/,
    "1 to 32 letters, digits and hyphens, a letter first",
  )
    .default("lwa")
    .describe("Name of the stack, and the beginning of the name of everything in it."),
  account: matching(/^\d{12}$/, "an AWS account id of 12 digits, in quotes")
    .optional()
    .describe("The account to deploy to; refuses every other. Without it, the account of the credentials in use."),
  region: z
    .string({ error: "an AWS region such as us-east-1" })
    .refine((name) => isRegion(name), { error: "an AWS region such as us-east-1" })
    .describe("The AWS region to deploy to."),
  architecture: oneOf(["x86_64", "arm64"])
    .default("x86_64")
    .describe("What the functions run on; build them for the same one."),
  prefixes: list(prefix(), "root paths")
    .min(1, { error: "at least one root path" })
    .max(MAX_PREFIXES, { error: `at most ${MAX_PREFIXES} root paths` })
    .default(["/my-erp"])
    .describe("Root paths that hold applications."),
  vault: oneOf(["parameter-store", "secrets-manager"])
    .default("parameter-store")
    .describe("Where credentials live."),
  credentialsKeyArn: matching(
    /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/,
    "the ARN of a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID",
  )
    .optional()
    .describe(
      "An existing customer key that encrypts the credentials, with a policy that leaves access to IAM; " +
        "without it, the stack makes one.",
    ),
  leaves: group({
    clientId: leaf().default("lwa/clientidentifier").describe("Parameter name of the client id below the root."),
    clientSecret: leaf().default("lwa/clientsecret").describe("Parameter name of the client secret below the root."),
    refreshToken: leaf()
      .default("refreshToken")
      .describe("Parameter name of a refresh token below the root, or below `sellers/{seller}`."),
  })
    .prefault({})
    .describe("Names of the parameters, for estates that have their own."),
  alerts: group({
    emails: list(
      recipient(emailAddress(), { address: emailAddress(), ...selection() }, "an e-mail address"),
      "e-mail addresses",
    )
      .default([])
      .describe("E-mail addresses; each has to confirm once. An entry may say what it gets."),
    phones: list(
      recipient(phoneNumber(), { number: phoneNumber(), ...selection() }, "a phone number"),
      "phone numbers",
    )
      .default([])
      .describe("Phone numbers for SMS. An entry may say what it gets."),
    slack: group({
      workspaceId: matching(/^T[0-9A-Z]{2,254}$/, "a Slack workspace id such as T012ABCDEF3"),
      channelId: matching(/^[CG][0-9A-Z]{2,254}$/, "a Slack channel id such as C012ABCDEF3"),
    })
      .optional()
      .describe("A Slack channel whose workspace is authorised in Amazon Q Developer in chat applications."),
    teams: group({
      tenantId: uuid(),
      teamId: uuid(),
      channelId: matching(
        /^[\w=+/.,-]*%3a[\w=+/.,-]*%40[\w=+/.,-]*$/i,
        "a Microsoft Teams channel id as in the channel's link, such as 19%3aabc%40thread.tacv2",
      ),
    })
      .optional()
      .describe("A Microsoft Teams channel whose tenant is authorised in Amazon Q Developer in chat applications."),
  }).describe("Who is told. At least one of them."),
  runbookUrl: page().optional().describe("A page that tells people what to do; linked from every message."),
  lwaTokenUrl: endpoint().optional().describe("The LWA token endpoint, if not Amazon's; for tests."),
  spApi: group({
    region: oneOf(SP_API_REGIONS).default("na").describe("The SP-API region."),
    endpoint: endpoint().optional().describe("The SP-API endpoint, if not the region's; for tests."),
  })
    .prefault({})
    .describe("The Selling Partner API."),
  schedules: group({
    timeZone: timeZone().default("UTC").describe("The time zone of the three schedules."),
    audit: schedule().default("cron(0 6 * * ? *)").describe("When the estate is audited; at least once a day."),
    canary: schedule().default("cron(30 6 * * ? *)").describe("When the canary exchanges a token and uses it."),
    rotation: schedule()
      .default("cron(0 5 * * ? *)")
      .describe("When stored deadlines are checked for rotations that are due."),
  })
    .prefault({})
    .describe("When things run by themselves."),
  canaryApplications: list(applicationName(), "application names")
    .optional()
    .describe("The applications that the canary checks; without it, one per prefix, named like the prefix."),
  consumers: list(
    group({
      name: matching(
        /^(?!\d+$)[A-Za-z0-9_-]{1,128}$/,
        "the name of an alias: 1 to 128 letters, digits, - and _, not digits alone",
      ),
      applications: list(applicationName(), "application names").min(1, { error: "at least one application name" }),
      sellers: list(
        matching(/^[A-Za-z0-9_.-]{1,100}$/, "the id of a selling partner, such as A2EXAMPLE"),
        "seller ids",
      ).optional(),
      scopes: list(oneOf(SCOPES), "scopes").optional(),
    }),
    "consumers",
  )
    .min(1, { error: "at least one consumer; without any, leave the key out" })
    .optional()
    .describe(
      "The services that get tokens, each by an alias of token-exchanger; without it, what may invoke the " +
        "function gets tokens for everything.",
    ),
  audit: group({
    vault: oneOf(["parameter-store", "secrets-manager", "both"])
      .optional()
      .describe("Which vaults are audited and watched; without it, the one in `vault`."),
    remindAtDays: list(whole(0, 3650), "numbers of days")
      .default([90, 60, 30, 14, 7, 3, 1])
      .describe("Days before the deadline on which the digest reminds."),
    heartbeatDay: oneOf(WEEKDAYS)
      .default("monday")
      .describe("Weekday on which a digest goes out even when all is well."),
    digestSeverity: oneOf(SEVERITIES)
      .default("warning")
      .describe("From which severity on a finding sends a digest by itself."),
    expectedWriterArn: matching(/^arn:aws[a-z-]*:(iam|sts)::\d{12}:\S+$/, "the ARN of a role, a user or a session")
      .optional()
      .describe("The only principal that should write credentials; switches finding LWA012 on."),
  })
    .prefault({})
    .describe("The daily audit."),
  rotation: group({
    automatic: flag().default(true).describe("Whether rotations are requested, or only reminded of."),
    withinDays: whole(1, 180).default(60).describe("How many days before the deadline a rotation is due."),
    senderArn: matching(
      /^arn:aws[a-z-]*:iam::\d{12}:(role|user)\/([\x21-\x7e]+\/)?[\w+=,.@-]{1,64}$/,
      "the ARN of one role or user, arn:aws:iam::ACCOUNT:role/NAME, with its path if it has one; " +
        "of a session, the ARN of its role",
    )
      .refine((arn) => !/[*?$]/.test(arn), { error: "the ARN of one role or user, without a wildcard" })
      .optional()
      .describe(
        "The only role or user besides Amazon that may send to the two notification queues: to redrive dead " +
          "letters and to rehearse; without it, only Amazon may.",
      ),
  })
    .prefault({})
    .describe("Rotation by itself."),
  secretLifetimeDays: whole(1, 3650).default(180).describe("How long a client secret lives."),
  alarms: group({
    daysToDeadline: whole(0, 180)
      .default(7)
      .describe("The alarm goes off when a deadline is this many days away, or fewer."),
    heartbeatHours: whole(25, 168)
      .default(30)
      .describe("The alarm goes off when no audit has reported for this many hours."),
    exchangeErrors: whole(1, 1_000_000)
      .default(5)
      .describe("The alarm goes off when this many token requests fail within five minutes."),
  })
    .prefault({})
    .describe("Thresholds of alarms."),
  logRetentionDays: z
    .number({ error: `one of ${RETENTION_DAYS.join(", ")}` })
    .refine((days) => RETENTION_DAYS.includes(days), { error: `one of ${RETENTION_DAYS.join(", ")}` })
    .default(90)
    .describe("How long logs are kept."),
  metricsNamespace: matching(/^[A-Za-z0-9._/#-]{1,255}$/, "1 to 255 characters of A-Z a-z 0-9 . - _ / #")
    .refine((name) => !/^AWS\//i.test(name), { error: "a namespace that does not begin with AWS/" })
    .default("LwaRotation")
    .describe("Namespace of the CloudWatch metrics."),
  reserveConcurrency: flag()
    .default(true)
    .describe(
      "Whether the two rotation functions run one at a time. " +
        "Off only where the account's concurrency quota leaves nothing to reserve.",
    ),
});

/** What a deployment is made from. */
export type Settings = z.infer<typeof SETTINGS>;

/** One key of the settings file, as the deployment guide lists it. */
export interface SettingDescription {
  readonly key: string;
  /** The default as JSON; undefined when there is none. */
  readonly fallback: string | undefined;
  readonly description: string;
}

/** Reads and checks a settings file. */
export function readSettings(path: string): Settings {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new SettingsError(
      `${path} cannot be read; copy config.example.json to config.json, edit it and name it with -c config=config.json`,
    );
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    // The message may quote the text, and with it a credential that was pasted there.
    const position = /position (\d+)/.exec(String(error))?.[1];
    const where = position === undefined ? "" : `, near line ${lineAt(text, Number(position))}`;
    throw new SettingsError(`${path} is not JSON${where}; compare it with config.example.json`);
  }
  return parseSettings(data, path);
}

/** Checks settings and fills in the defaults. `origin` is where they came from, for messages. */
export function parseSettings(data: unknown, origin: string): Settings {
  const result = SETTINGS.safeParse(data, { reportInput: true });
  const problems = result.success ? problemsBetweenKeys(result.data) : result.error.issues.flatMap(withinUnion).map(describeIssue);
  if (problems.length > 0) {
    throw new SettingsError([`${origin} cannot be used:`, ...problems.map((problem) => `  ${problem}`)].join("\n"));
  }
  return result.data!;
}

/** The vaults whose events are watched and whose contents are audited. */
export function watchedVaults(settings: Settings): readonly Vault[] {
  const audited = settings.audit.vault ?? settings.vault;
  return audited === "both" ? ["parameter-store", "secrets-manager"] : [...new Set([settings.vault, audited])];
}

/** A subscriber of the topic, and what it gets. */
export interface Recipient {
  readonly protocol: "email" | "sms";
  readonly endpoint: string;
  /** Messages that are less urgent do not reach it. */
  readonly leastSeverity: Severity;
  /** Whether the weekly sign of life reaches it, however urgent. */
  readonly heartbeat: boolean;
}

/** E-mail addresses and phone numbers, with everything filled in. */
export function recipients({ emails, phones }: Settings["alerts"]): readonly Recipient[] {
  const everything = { leastSeverity: SEVERITIES[0], heartbeat: true };
  return [
    ...emails.map((email) => {
      const { address: endpoint, ...selection } = typeof email === "string" ? { address: email } : email;
      return { protocol: "email", endpoint, ...everything, ...selection } as const;
    }),
    ...phones.map((phone) => {
      const { number: endpoint, ...selection } = typeof phone === "string" ? { number: phone } : phone;
      return { protocol: "sms", endpoint, ...everything, ...selection } as const;
    }),
  ];
}

/** Whether some messages do not reach a recipient. */
export function isSelective({ leastSeverity, heartbeat }: Recipient): boolean {
  return leastSeverity !== SEVERITIES[0] || !heartbeat;
}

/** The severities from one on. */
export function severitiesFrom(least: Severity): readonly Severity[] {
  return SEVERITIES.slice(SEVERITIES.indexOf(least));
}

/** The output with the ARN that a consumer invokes. Outputs have letters and digits only. */
export function consumerOutput(name: string): string {
  const words = name.split(/[-_]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `Consumer${words.join("")}Arn`;
}

/** Every key with its default and meaning, in the order of the file. */
export function describeSettings(): readonly SettingDescription[] {
  const schema = z.toJSONSchema(SETTINGS, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return describe(schema, "");
}

interface JsonSchema {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

function describe(schema: JsonSchema, parent: string): SettingDescription[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const key = parent + name;
    const keepsDefaultsInside = property.properties !== undefined && !["alerts.slack", "alerts.teams"].includes(key);
    return keepsDefaultsInside
      ? describe(property, `${key}.`)
      : [
          {
            key,
            fallback: property.default === undefined ? undefined : JSON.stringify(property.default),
            description: property.description ?? "",
          },
        ];
  });
}

type Issue = z.core.$ZodIssue;

/** The issues of the one alternative that the value was meant for; the issue itself if it fits none. */
function withinUnion(issue: Issue): readonly Issue[] {
  if (issue.code !== "invalid_union") {
    return [issue];
  }
  const isOfAnotherType = (inner: Issue) => inner.code === "invalid_type" && inner.path.length === 0;
  const meant = issue.errors.find((alternative) => !alternative.some(isOfAnotherType));
  return meant?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

function describeIssue(issue: Issue): string {
  const key = issue.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("").replace(/^\./, "");
  if (issue.code === "unrecognized_keys") {
    // The value of an unknown key is never shown: it may be a credential in the wrong place.
    const where = key === "" ? "" : `${key}.`;
    return issue.keys
      .map((name) => `${where}${printable(name)} is not a setting; allowed${key === "" ? "" : ` in ${key}`}: ${issue.message}`)
      .join("\n  ");
  }
  const name = key === "" ? "the file" : key;
  if (issue.input === undefined) {
    return `${name} is missing; allowed: ${issue.message}`;
  }
  return `${name} is ${shown(issue.input)}; allowed: ${issue.message}`;
}

/** Mistakes that involve several keys. */
function problemsBetweenKeys(settings: Settings): string[] {
  const problems: string[] = [];
  problems.push(...problemsOfAlerts(settings.alerts));
  for (const outer of settings.prefixes) {
    for (const inner of settings.prefixes.filter((other) => other.startsWith(`${outer}/`))) {
      problems.push(`prefixes holds ${outer} and ${inner}; allowed: root paths of which none is below another`);
    }
  }
  const leaves = Object.entries(settings.leaves);
  for (const [key, inner] of leaves) {
    for (const [other, outer] of leaves.filter(([name]) => name !== key)) {
      // A policy names parameters by how they end, so that it would allow one for the other.
      if (inner === outer || inner.endsWith(`/${outer}`)) {
        problems.push(`leaves.${key} is ${shown(inner)}; allowed: a name that does not end in ${outer}, as leaves.${other} does`);
      }
    }
  }
  const applications = [
    ...(settings.canaryApplications ?? []).map((name, index) => [`canaryApplications[${index}]`, name] as const),
    ...(settings.consumers ?? []).flatMap((consumer, index) =>
      consumer.applications.map((name, inner) => [`consumers[${index}].applications[${inner}]`, name] as const),
    ),
  ];
  for (const [key, name] of applications) {
    if (!settings.prefixes.some((prefix) => `/${name}/`.startsWith(`${prefix}/`))) {
      problems.push(
        `${key} is ${shown(name)}; allowed: an application at or below one of the prefixes ${settings.prefixes.join(", ")}`,
      );
    }
  }
  settings.consumers?.forEach(({ name }, index) => {
    const other = settings.consumers?.slice(0, index).find((consumer) => consumerOutput(consumer.name) === consumerOutput(name));
    if (other !== undefined) {
      problems.push(
        `consumers[${index}].name is ${shown(name)}; allowed: a name whose letters and digits differ from those of ${other.name}`,
      );
    }
  });
  if (settings.credentialsKeyArn !== undefined && settings.credentialsKeyArn.split(":")[3] !== settings.region) {
    problems.push(
      `credentialsKeyArn is ${shown(settings.credentialsKeyArn)}; allowed: a key in ${settings.region}, as in region`,
    );
  }
  const { senderArn } = settings.rotation;
  if (senderArn !== undefined && settings.account !== undefined && senderArn.split(":")[4] !== settings.account) {
    problems.push(`rotation.senderArn is ${shown(senderArn)}; allowed: a role or user of ${settings.account}, as in account`);
  }
  if (settings.audit.vault !== undefined && settings.audit.vault !== "both" && settings.audit.vault !== settings.vault) {
    problems.push(`audit.vault is ${shown(settings.audit.vault)}; allowed: ${settings.vault}, as in vault, or both`);
  }
  return problems;
}

function problemsOfAlerts(alerts: Settings["alerts"]): string[] {
  const everyone = recipients(alerts);
  const hasChat = alerts.slack !== undefined || alerts.teams !== undefined;
  if (everyone.length === 0 && !hasChat) {
    return ["alerts is empty; allowed: at least one e-mail address, phone number, Slack or Teams channel"];
  }
  const problems: string[] = [];
  const endpoints = everyone.map(({ endpoint }) => endpoint);
  const repeated = endpoints.find((endpoint, index) => endpoints.indexOf(endpoint) !== index);
  if (repeated !== undefined) {
    problems.push(`alerts names ${repeated} more than once; allowed: once, alone or in an object`);
  }
  if (!hasChat && everyone.every(isSelective)) {
    // AWS does not document that it evaluates a filter policy for the functions' messages.
    problems.push(
      "alerts has only recipients with a selection; allowed: at least one that gets everything, " +
        "which is a Slack or Teams channel, or an entry without leastSeverity and heartbeat",
    );
  }
  return problems;
}

/** A value as JSON, cut short, and nothing that looks like a credential. */
function shown(value: unknown): string {
  // What an address has before an @ may be a password.
  const text = (JSON.stringify(value) ?? String(value)).replace(/\/\/[^"]*@/g, "//…@");
  if (/amzn1\.oa2-cs|Atz[ar]\||Atc\||Atz\.sprdt/i.test(text)) {
    return "something that looks like a credential (secrets never belong in this file)";
  }
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function printable(text: string): string {
  return /^[A-Za-z0-9_.$-]{1,40}$/.test(text) ? text : shown(text);
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

function uuid() {
  return matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "a UUID");
}

function isRegion(name: string): boolean {
  return RegionInfo.regions.some((region) => region.name === name);
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return /^(UTC|[A-Za-z]+\/[A-Za-z0-9_+/-]+)$/.test(name);
  } catch {
    return false;
  }
}
