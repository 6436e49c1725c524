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
 * What an action may be used on. `*` is for actions that AWS authorises on everything or nothing,
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html.
 */
export type ResourceClass =
  | "*"
  | "parameters"
  | "credential-parameters"
  | "client-secret-parameters"
  | "secrets"
  | "credentials-key"
  | "message-key"
  | "topic"
  | "own-queue";

/** One call that a function's code can make. */
export interface Permission {
  readonly action: string;
  readonly on: ResourceClass;
  /** The only vault with which the call is made; without it, the call does not depend on the vault. */
  readonly vault?: Vault;
}

/** What the resource classes stand for in one deployment. */
export interface Resources {
  readonly credentialsKey: IKey;
  readonly messageKey: IKey;
  readonly topic: ITopic;
  /** The queue that feeds the function; required by `own-queue`. */
  readonly ownQueue?: IQueue;
}

/** The calls that each function's code can make: the one list that roles are generated from. */
export function permissions(): Readonly<Record<FunctionName, readonly Permission[]>> {
  return listed as Record<FunctionName, Permission[]>;
}

/** The calls that a function can make with these vaults, by what they are made on. */
function callsByClass(name: FunctionName, vaults: readonly Vault[]): readonly (readonly [ResourceClass, string[]])[] {
  const needed = permissions()[name].filter(({ vault }) => vault === undefined || vaults.includes(vault));
  const classes = [...new Set(needed.map(({ on }) => on))];
  return classes.map((on) => [on, needed.filter((call) => call.on === on).map(({ action }) => action)]);
}

/** The statements that allow a function exactly the calls it can make with these vaults. */
export function statements(
  stack: Stack,
  name: FunctionName,
  settings: Settings,
  vaults: readonly Vault[],
  resources: Resources,
): PolicyStatement[] {
  return callsByClass(name, vaults).map(([on, actions]) => {
    return new PolicyStatement({
      actions,
      resources: arns(stack, on, settings, resources),
      ...condition(stack, on, vaults),
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
  return callsByClass(name, vaults)
    .flatMap(([on, actions]) =>
      arns(stack, on, settings, resources)
        .filter((arn) => /[*?]/.test(arn))
        .map((arn) => ({
          id: `AwsSolutions-IAM5[Resource::${Token.isUnresolved(stack.account) ? arn.replace(stack.account, "<AWS::AccountId>") : arn}]`,
          reason: reason(on, actions),
        })),
    );
}

function reason(on: ResourceClass, actions: readonly string[]): string {
  switch (on) {
    case "*":
      return `AWS authorises ${actions.join(" and ")} on all resources or on none, and gets no value back.`;
    case "parameters":
      return `Applications come and go below the prefix without a deployment, and ${actions.join(" and ")} returns no value.`;
    case "secrets":
      return "Applications come and go below the prefix without a deployment, and Secrets Manager ends each name in six random characters.";
    default:
      return "Applications and sellers come and go below the prefix without a deployment; only parameters with the leaf name of a credential match.";
  }
}

function arns(stack: Stack, on: ResourceClass, settings: Settings, resources: Resources): string[] {
  const { clientId, clientSecret, refreshToken } = settings.leaves;
  switch (on) {
    case "*":
      return ["*"];
    case "parameters":
      return settings.prefixes.map((prefix) => parameterArn(stack, `${prefix}/*`));
    case "credential-parameters":
      return parameterArns(stack, settings, [...new Set([clientId, clientSecret, refreshToken])]);
    case "client-secret-parameters":
      return parameterArns(stack, settings, [clientSecret]);
    case "secrets":
      return settings.prefixes.flatMap((prefix) =>
        // Secrets Manager appends a hyphen and six characters to the name.
        [`${prefix.slice(1)}-??????`, `${prefix.slice(1)}/*`].map(
          (name) => `arn:${stack.partition}:secretsmanager:${stack.region}:${stack.account}:secret:${name}`,
        ),
      );
    case "credentials-key":
      return [resources.credentialsKey.keyArn];
    case "message-key":
      return [resources.messageKey.keyArn];
    case "topic":
      return [resources.topic.topicArn];
    case "own-queue":
      if (!resources.ownQueue) {
        throw new Error("permissions.json grants a call on own-queue to a function that no queue feeds");
      }
      return [resources.ownQueue.queueArn];
  }
}

/** The parameters with these leaves directly at a prefix, and in any application below it. */
function parameterArns(stack: Stack, settings: Settings, leaves: readonly string[]): string[] {
  return settings.prefixes.flatMap((prefix) =>
    leaves.flatMap((leaf) =>
      [`${prefix}/${leaf}`, `${prefix}/*/${leaf}`].map((name) => parameterArn(stack, name)),
    ),
  );
}

function parameterArn(stack: Stack, name: string): string {
  return `arn:${stack.partition}:ssm:${stack.region}:${stack.account}:parameter${name}`;
}

/** Keys are used through the services that hold the data, never directly. */
function condition(stack: Stack, on: ResourceClass, vaults: readonly Vault[]) {
  const service: Record<Vault, string> = { "parameter-store": "ssm", "secrets-manager": "secretsmanager" };
  switch (on) {
    case "credentials-key":
      return { conditions: viaServices(stack, vaults.map((vault) => service[vault])) };
    case "message-key":
      return { conditions: viaServices(stack, ["sns"]) };
    default:
      return {};
  }
}

/** A condition that holds when one of these services uses a key on the caller's behalf. */
export function viaServices(stack: Stack, services: readonly string[]) {
  const names = services.map((service) => `${service}.${stack.region}.amazonaws.com`);
  return { StringEquals: { "kms:ViaService": names.length === 1 ? names[0] : names } };
}
