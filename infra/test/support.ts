import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";

import { addLwaStack } from "../lib/app.ts";
import { FUNCTIONS } from "../lib/permissions.ts";
import { parseSettings } from "../lib/settings.ts";

/** The account in which templates are rendered. */
export const ACCOUNT = "111122223333";

/** Settings that nothing but the necessary is said in. */
export const MINIMAL = { account: ACCOUNT, region: "us-east-1", alerts: { emails: ["you@example.com"] } };

/** Settings that say everything, but for a key of their own. */
export const EVERYTHING = {
  ...MINIMAL,
  stackName: "everything",
  region: "eu-west-1",
  architecture: "arm64",
  prefixes: ["/my-erp", "/shop/eu"],
  vault: "secrets-manager",
  leaves: { clientId: "id", clientSecret: "secret", refreshToken: "token" },
  alerts: {
    emails: ["you@example.com", { address: "team@example.com", leastSeverity: "warning", heartbeat: true }],
    phones: ["+15555550123", { number: "+15555550124", leastSeverity: "critical", heartbeat: false }],
    slack: { workspaceId: "T012ABCDEF3", channelId: "C012ABCDEF3" },
    teams: {
      tenantId: "11111111-2222-3333-4444-555555555555",
      teamId: "11111111-2222-3333-4444-666666666666",
      channelId: "19%3aabc%40thread.tacv2",
    },
  },
  runbookUrl: "https://wiki.example.com/lwa",
  lwaTokenUrl: "http://127.0.0.1:8080/auth/o2/token",
  spApi: { region: "eu", endpoint: "http://127.0.0.1:8080" },
  schedules: { timeZone: "Europe/Berlin", audit: "rate(12 hours)", canary: "rate(1 hour)", rotation: "rate(1 day)" },
  canaryApplications: ["my-erp/de", "shop/eu"],
  consumers: [
    { name: "order-export", applications: ["my-erp"] },
    {
      name: "Stock_2",
      applications: ["my-erp/de", "shop/eu"],
      sellers: ["A2EXAMPLE"],
      scopes: ["sellingpartnerapi::notifications"],
    },
    { name: "books", applications: ["shop/eu"], sellers: [], scopes: [] },
  ],
  audit: {
    vault: "both",
    remindAtDays: [30, 7],
    heartbeatDay: "off",
    digestSeverity: "critical",
    expectedWriterArn: `arn:aws:iam::${ACCOUNT}:role/everything-secret-receiver`,
  },
  rotation: { automatic: false, withinDays: 14, senderArn: `arn:aws:iam::${ACCOUNT}:role/operations/redrive` },
  secretLifetimeDays: 90,
  alarms: { daysToDeadline: 14, heartbeatHours: 48, exchangeErrors: 50 },
  logRetentionDays: 365,
  metricsNamespace: "Everything/Lwa",
  reserveConcurrency: false,
};

/** A folder of functions that are only there. */
export function stubBinaries(): string {
  const folder = mkdtempSync(join(tmpdir(), "lwa-stubs-"));
  for (const name of FUNCTIONS) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "bootstrap"), "#!/bin/sh\nexit 1\n");
    chmodSync(join(folder, name, "bootstrap"), 0o755);
  }
  return folder;
}

/** An app with the feature flags that deployments have. */
export function newApp(builtinCloudFormationValidation = false): App {
  const { context } = JSON.parse(readFileSync(new URL("../cdk.json", import.meta.url), "utf8")) as {
    context: Record<string, unknown>;
  };
  return new App({ context, builtinCloudFormationValidation });
}

/** The template of these settings, synthesised with every AwsSolutions rule. */
export function synthesise(settings: unknown, binaries = stubBinaries()): Template {
  return Template.fromStack(addLwaStack(newApp(), parseSettings(settings, "the test"), binaries));
}

/** One resource of a template. */
export interface Resource {
  readonly id: string;
  readonly type: string;
  readonly properties: Readonly<Record<string, any>>;
  readonly deletionPolicy?: string;
}

/** All resources of a type, in the order of the template. */
export function resources(template: Template, type: string): Resource[] {
  return Object.entries(template.findResources(type)).map(([id, resource]) => ({
    id,
    type,
    properties: resource["Properties"] ?? {},
    deletionPolicy: resource["DeletionPolicy"],
  }));
}

/** One statement of a policy, with lists where there may be one or many. */
export interface Statement {
  readonly effect: string;
  readonly principal: unknown;
  readonly actions: readonly string[];
  readonly resources: readonly unknown[];
  readonly condition: unknown;
}

/** The statements of a policy document. */
export function statementsOf(document: any): Statement[] {
  return document.Statement.map((statement: any) => ({
    effect: statement.Effect,
    principal: statement.Principal,
    actions: [statement.Action].flat(),
    resources: [statement.Resource].flat(),
    condition: statement.Condition,
  }));
}

/** The logical id behind `Ref` or `Fn::GetAtt`. */
export function target(value: any): string {
  return value?.Ref ?? value?.["Fn::GetAtt"]?.[0] ?? JSON.stringify(value);
}

/** A stack's id, as the templates' functions see it. */
const STACK_ID = `arn:aws:cloudformation:us-east-1:${ACCOUNT}:stack/lwa/5e6c0f10-1234-11ee-8a3c-0a1b2c3d4e5f`;

/** How the names end that the stack's id is in. */
export const STACK_UUID = "5e6c0f10123411ee8a3c0a1b2c3d4e5f";

/** What CloudFormation makes of a value with its functions for text. */
export function evaluated(value: any): any {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return Array.isArray(value) ? value.map(evaluated) : value;
  }
  if (value.Ref === "AWS::StackId") {
    return STACK_ID;
  }
  const [name, given] = Object.entries(value)[0]!;
  const [first, second] = name === "Fn::GetAtt" || !Array.isArray(given) ? [] : given.map(evaluated);
  switch (name) {
    case "Fn::Join":
      return second.join(first);
    case "Fn::Split":
      return second.split(first);
    case "Fn::Select":
      return second[first];
    default:
      return value;
  }
}

/** The function with this name, and its role. */
export function functionAndRole(template: Template, name: string): { lambda: Resource; role: Resource } {
  const lambda = resources(template, "AWS::Lambda::Function").find(({ properties }) =>
    properties["FunctionName"].endsWith(`-${name}`),
  );
  const role = resources(template, "AWS::IAM::Role").find(({ id }) => id === target(lambda?.properties["Role"]));
  if (!lambda || !role) {
    throw new Error(`the template has no function ${name} with a role`);
  }
  return { lambda, role };
}

/** The statements of a role that the function's own calls need, or the platform's. */
export function rolePolicy(role: Resource, name: "Calls" | "Platform"): Statement[] {
  const policy = role.properties["Policies"].find(({ PolicyName }: any) => PolicyName === name);
  return statementsOf(policy.PolicyDocument);
}
