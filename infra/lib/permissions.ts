import { type Acknowledgment, type Stack, Token } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { ITopic } from "aws-cdk-lib/aws-sns";

import listed from "../permissions.json" with { type: "json" };
import type { Settings, Vault } from "./settings.ts";

/** The name of a function and of its binary. */
export type FunctionName = keyof typeof listed;

/** The functions, by the names of their binaries. */
export const FUNCTIONS = Object.keys(listed) as FunctionName[];

/**
 * One call that a function's code can make, and what it needs to make it on. In the patterns
 * - `{prefix}` is a configured prefix, such as `/my-erp`,
 * - `{root}` the root path of an application: a prefix, or any path below it,
 * - `{application}` the names of the secrets of all applications at or below a prefix,
 * - `{clientId}`, `{clientSecret}` and `{refreshToken}` the configured leaves,
 * - `{credentialsKey}`, `{messageKey}`, `{topic}` and `{ownQueue}` the ARN of that part of the stack.
 *
 * A version of a parameter, `name:3`, is authorised as the parameter without it.
 */
export interface Permission {
  readonly action: string;
  readonly on: readonly string[];
  /** The only vault with which the call is made; without it, the call does not depend on the vault. */
  readonly vault?: Vault;
  /** The only tags that the function writes; without it, any. */
  readonly tags?: readonly string[];
  /** Why AWS lets the action be restricted to no resource; required by `*`, and for nothing else. */
  readonly because?: string;
}

/** What the parts of the stack stand for in one deployment. */
export interface Resources {
  readonly credentialsKey: IKey;
  readonly messageKey: IKey;
  readonly topic: ITopic;
  /** The queue that feeds the function; required by `{ownQueue}`. */
  readonly ownQueue?: IQueue;
}

/** The calls that each function's code can make: the one list that roles are generated from. */
export function permissions(): Readonly<Record<FunctionName, readonly Permission[]>> {
  return listed as Record<FunctionName, Permission[]>;
}

/** Calls on the same resources. */
interface Calls {
  readonly actions: string[];
  readonly on: readonly string[];
  readonly tags?: readonly string[];
  readonly because?: string;
}

/** The calls that a function can make with these vaults, by what they are made on. */
function callsByResources(name: FunctionName, vaults: readonly Vault[]): Calls[] {
  const needed = permissions()[name].filter(({ vault }) => vault === undefined || vaults.includes(vault));
  // A parameter and a secret differ in their patterns, so calls of two services share no statement.
  const groups = new Map<string, Calls>();
  for (const { action, on, tags, because } of needed) {
    const key = [...on, ...(tags ?? [])].join();
    const group = groups.get(key) ?? { actions: [], on, tags, because };
    groups.set(key, group);
    group.actions.push(action);
  }
  return [...groups.values()];
}

/** The statements that allow a function exactly the calls it can make with these vaults. */
export function statements(
  stack: Stack,
  name: FunctionName,
  settings: Settings,
  vaults: readonly Vault[],
  resources: Resources,
): PolicyStatement[] {
  return callsByResources(name, vaults).map(({ actions, on, tags }) => {
    return new PolicyStatement({
      actions,
      resources: on.flatMap((pattern) => arns(stack, pattern, settings, resources)),
      ...(tags ? { conditions: onlyTags(tags) } : condition(stack, on, vaults)),
    });
  });
}

/** What each wildcard in those statements is for, in the form that cdk-nag asks for. */
export function wildcardReasons(
  stack: Stack,
  name: FunctionName,
  settings: Settings,
  vaults: readonly Vault[],
  resources: Resources,
): Acknowledgment[] {
  return callsByResources(name, vaults)
    .flatMap((calls) =>
      calls.on
        .flatMap((pattern) => arns(stack, pattern, settings, resources))
        .filter((arn) => /[*?]/.test(arn))
        .map((arn) => ({
          id: `AwsSolutions-IAM5[Resource::${Token.isUnresolved(stack.account) ? arn.replace(stack.account, "<AWS::AccountId>") : arn}]`,
          reason: reason(calls),
        })),
    );
}

function reason({ actions, on, because }: Calls): string {
  if (because !== undefined) {
    return because;
  }
  if (on.includes("parameter{prefix}/*")) {
    return `Applications come and go below the prefix without a deployment, and ${actions.join(" and ")} returns no value.`;
  }
  if (on.includes("secret:{application}")) {
    return "Applications come and go below the prefix without a deployment, and Secrets Manager ends each name in six random characters.";
  }
  return "Applications and sellers come and go below the prefix without a deployment; only parameters with the leaf name of a credential match.";
}

/** The ARNs that a pattern stands for. */
function arns(stack: Stack, pattern: string, settings: Settings, resources: Resources): string[] {
  const arn = (service: string, resource: string) =>
    `arn:${stack.partition}:${service}:${stack.region}:${stack.account}:${resource}`;
  switch (pattern) {
    case "*":
      return ["*"];
    case "{credentialsKey}":
      return [resources.credentialsKey.keyArn];
    case "{messageKey}":
      return [resources.messageKey.keyArn];
    case "{topic}":
      return [resources.topic.topicArn];
    case "{ownQueue}":
      if (!resources.ownQueue) {
        throw new Error("permissions.json grants a call on {ownQueue} to a function that no queue feeds");
      }
      return [resources.ownQueue.queueArn];
    case "secret:{application}":
      return settings.prefixes.flatMap((prefix) =>
        // Secrets Manager appends a hyphen and six characters to the name.
        [`${prefix.slice(1)}-??????`, `${prefix.slice(1)}/*`].map((name) => arn("secretsmanager", `secret:${name}`)),
      );
  }
  return settings.prefixes.flatMap((prefix) => {
    const roots = pattern.includes("{root}") ? [prefix, `${prefix}/*`] : [prefix];
    return roots.map((root) => {
      const values: Readonly<Record<string, string>> = { prefix, root, ...settings.leaves };
      const name = pattern.replace(/\{(\w+)\}/g, (_, key: string) => {
        const value = values[key];
        if (value === undefined) {
          throw new Error(`permissions.json has {${key}} in ${pattern}, which stands for nothing there`);
        }
        return value;
      });
      return arn("ssm", name);
    });
  });
}

/**
 * A condition that holds where a call writes only these tags,
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html.
 */
function onlyTags(tags: readonly string[]) {
  return { "ForAllValues:StringEquals": { "aws:TagKeys": [...tags] } };
}

/** Keys are used through the services that hold the data, never directly. */
function condition(stack: Stack, on: readonly string[], vaults: readonly Vault[]) {
  const service: Record<Vault, string> = { "parameter-store": "ssm", "secrets-manager": "secretsmanager" };
  if (on.includes("{credentialsKey}")) {
    return { conditions: viaServices(stack, vaults.map((vault) => service[vault])) };
  }
  return on.includes("{messageKey}") ? { conditions: viaServices(stack, ["sns"]) } : {};
}

/** A condition that holds when one of these services uses a key on the caller's behalf. */
export function viaServices(stack: Stack, services: readonly string[]) {
  const names = services.map((service) => `${service}.${stack.region}.amazonaws.com`);
  return { StringEquals: { "kms:ViaService": names.length === 1 ? names[0] : names } };
}
