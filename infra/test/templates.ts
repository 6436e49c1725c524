/**
 * Writes what tools outside Node look at, made with stub functions: `tsx test/templates.ts FOLDER`.
 *
 * For each kind of deployment `NAME.template.json` is the template, and `NAME.policies.json` holds,
 * by function, the two policies of its role as AWS would see them: with ARNs instead of references.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Template } from "aws-cdk-lib/assertions";

import { FUNCTIONS } from "../lib/permissions.ts";
import { ACCOUNT, EVERYTHING, evaluated, functionAndRole, MINIMAL, resources, STACK_UUID, synthesise } from "./support.ts";

const DEPLOYMENTS = {
  "parameter-store": MINIMAL,
  "secrets-manager": { ...MINIMAL, vault: "secrets-manager" },
  // With the prefix that the sample events are about, and others around it.
  both: { ...MINIMAL, prefixes: ["/another", "/my-erp", "/shop/eu"], audit: { vault: "both" } },
  everything: EVERYTHING,
};

const folder = process.argv[2];
if (folder === undefined) {
  console.error("Usage: tsx test/templates.ts FOLDER");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
for (const [name, settings] of Object.entries(DEPLOYMENTS)) {
  const template = synthesise(settings);
  write(`${name}.template.json`, template.toJSON());
  write(`${name}.policies.json`, policies(template, settings.region));
}

function write(file: string, content: unknown): void {
  writeFileSync(join(folder!, file), `${JSON.stringify(content, undefined, 2)}\n`);
}

function policies(template: Template, region: string): unknown {
  const arns = arnsOf(template, region);
  return Object.fromEntries(
    FUNCTIONS.map((name) => {
      const documents = functionAndRole(template, name).role.properties["Policies"];
      return [
        name,
        Object.fromEntries(documents.map((policy: any) => [policy.PolicyName, resolved(policy.PolicyDocument, arns)])),
      ];
    }),
  );
}

/** The ARN of everything that a role may name, by logical id. A key's id is its logical id. */
function arnsOf(template: Template, region: string): ReadonlyMap<string, string> {
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${ACCOUNT}:${resource}`;
  return new Map([
    ...resources(template, "AWS::KMS::Key").map(({ id }) => [id, arn("kms", `key/${id}`)] as const),
    ...resources(template, "AWS::SNS::Topic").map(({ id, properties }) => [id, arn("sns", properties["TopicName"])] as const),
    // Without the stack's UUID, which no other name has: who reads this looks for the rest.
    ...resources(template, "AWS::SQS::Queue").map(
      ({ id, properties }) => [id, arn("sqs", evaluated(properties["QueueName"]).replace(`-${STACK_UUID}`, ""))] as const,
    ),
    ...resources(template, "AWS::Logs::LogGroup").map(
      ({ id, properties }) => [id, arn("logs", `log-group:${properties["LogGroupName"]}:*`)] as const,
    ),
  ]);
}

function resolved(value: any, arns: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) {
    return value.map((element) => resolved(element, arns));
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const reference = value.Ref ?? value["Fn::GetAtt"]?.[0];
  if (reference !== undefined) {
    const arn = arns.get(reference);
    if (arn === undefined) {
      throw new Error(`a policy names ${reference}, whose ARN is not known here`);
    }
    return arn;
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner, arns)]));
}
