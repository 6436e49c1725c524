import { join } from "node:path";

import { Duration, RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Architecture, Code, Function, Runtime } from "aws-cdk-lib/aws-lambda";
import { SqsDestination } from "aws-cdk-lib/aws-lambda-destinations";
import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

import { type FunctionName, type Resources, statements, viaServices, wildcardReasons } from "./permissions.ts";
import { type Settings, SettingsError, type Vault } from "./settings.ts";

/** What every function of a deployment has in common. */
export interface Deployment {
  readonly settings: Settings;
  /** The folder with one folder per function, each with its `bootstrap`. */
  readonly binaries: string;
  readonly resources: Resources;
  /** Takes asynchronous invocations that failed for good. */
  readonly failedInvocations: IQueue;
}

/** Properties of a function. */
export interface LambdaFunctionProps {
  readonly deployment: Deployment;
  readonly name: FunctionName;
  readonly description: string;
  /** Environment variables besides those that every function reads. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How long one invocation may take. Default: 30 seconds. */
  readonly timeout?: Duration;
  /** In MiB. Default: 128, the least there is. */
  readonly memory?: number;
  /**
   * How many invocations may run at once. Default: as many as the account has left.
   */
  readonly reservedConcurrency?: number;
  /** The vaults it works with. Default: the one in the settings. */
  readonly vaults?: readonly Vault[];
  /**
   * Whether something invokes it asynchronously: a rule, or a schedule. What fails for good is then
   * kept. Default: nothing does.
   */
  readonly asynchronous?: boolean;
  /** The queue that feeds it, with per-message failures. Default: none does. */
  readonly queue?: IQueue;
}

/** A binary on provided.al2023 with a role of its own, a log group of its own and nothing left to default. */
export class LambdaFunction extends Construct {
  readonly function: Function;
  readonly name: FunctionName;

  constructor(scope: Construct, id: string, props: LambdaFunctionProps) {
    super(scope, id);
    const { settings, binaries, resources, failedInvocations } = props.deployment;
    const { queue, name, asynchronous = false } = props;
    const stack = Stack.of(this);
    const vaults = props.vaults ?? [settings.vault];
    this.name = name;

    const logGroup = new LogGroup(this, "Logs", {
      logGroupName: `/aws/lambda/${settings.stackName}-${name}`,
      retention: settings.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(this, "Role", {
      description: `What ${name} may do.`,
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
      inlinePolicies: {
        Calls: new PolicyDocument({
          statements: statements(stack, name, settings, vaults, { ...resources, ownQueue: queue }),
        }),
        Platform: new PolicyDocument({
          statements: platformStatements(stack, {
            logGroup,
            messageKey: resources.messageKey,
            failedInvocations: asynchronous ? failedInvocations : undefined,
            queue,
          }),
        }),
      },
    });
    const reasons = wildcardReasons(stack, name, settings, vaults, { ...resources, ownQueue: queue });
    if (reasons.length > 0) {
      Validations.of(role).acknowledge(...reasons);
    }
    const variables = environment(name, settings, vaults, props.environment);
    checkSize(name, variables);
    this.function = new Function(this, "Function", {
      functionName: `${settings.stackName}-${name}`,
      description: props.description,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: settings.architecture === "arm64" ? Architecture.ARM_64 : Architecture.X86_64,
      handler: "bootstrap",
      code: Code.fromAsset(join(binaries, name)),
      memorySize: props.memory ?? 128,
      timeout: props.timeout ?? Duration.seconds(30),
      environment: variables,
      reservedConcurrentExecutions: settings.reserveConcurrency ? props.reservedConcurrency : undefined,
      logGroup,
      // Everything it may do is above; nothing adds to it from elsewhere.
      role: role.withoutPolicyUpdates(),
      ...(asynchronous
        ? { retryAttempts: 2, maxEventAge: Duration.hours(6), onFailure: new SqsDestination(failedInvocations) }
        : {}),
    });
    if (queue) {
      this.function.addEventSource(
        new SqsEventSource(queue, {
          batchSize: 10,
          reportBatchItemFailures: true,
          // The fewest pollers there are: with one invocation at a time, more would only be throttled,
          // and each throttled batch counts as received.
          maxConcurrency: 2,
        }),
      );
    }
  }
}

/** What the platform uses on a function's behalf. */
interface Platform {
  readonly logGroup: LogGroup;
  readonly messageKey: IKey;
  readonly failedInvocations: IQueue | undefined;
  readonly queue: IQueue | undefined;
}

/** What the Lambda service does with the function's role; the function's code never makes these calls. */
function platformStatements(stack: Stack, { logGroup, messageKey, failedInvocations, queue }: Platform): PolicyStatement[] {
  const useKey = (sid: string, actions: string[]) =>
    new PolicyStatement({
      sid,
      actions,
      resources: [messageKey.keyArn],
      conditions: viaServices(stack, ["sqs"]),
    });
  const result = [
    new PolicyStatement({
      sid: "Logs",
      actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
      // The streams of its own group, whose names the platform makes up.
      resources: [logGroup.logGroupArn],
    }),
  ];
  if (failedInvocations) {
    result.push(
      new PolicyStatement({
        sid: "FailureDestination",
        actions: ["sqs:SendMessage"],
        resources: [failedInvocations.queueArn],
      }),
      useKey("FailureEncryption", ["kms:Decrypt", "kms:GenerateDataKey"]),
    );
  }
  if (queue) {
    result.push(
      new PolicyStatement({
        sid: "Polling",
        actions: ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        resources: [queue.queueArn],
      }),
    );
    if (!failedInvocations) {
      result.push(useKey("PollingDecryption", ["kms:Decrypt"]));
    }
  }
  return result;
}

/**
 * The most that all variables of a function may have, in bytes,
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
 */
const LARGEST_ENVIRONMENT = 4096;

/** Lambda measures the variables as JSON, in which each quote within a value takes two bytes. */
function checkSize(name: FunctionName, variables: Readonly<Record<string, string>>): void {
  const size = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
  if (size(variables) > LARGEST_ENVIRONMENT) {
    const parts = Object.entries(variables).map(([key, value]) => [key, size(value)] as const);
    const [largest, bytes] = parts.reduce((one, other) => (other[1] > one[1] ? other : one));
    throw new SettingsError(
      `the variables of ${name} would have ${size(variables)} bytes; allowed: ${LARGEST_ENVIRONMENT}. ` +
        `The largest is ${largest} with ${bytes}` +
        (largest === "CONSUMERS"
          ? ": in consumers, leave sellers out where a consumer may have them all, or deploy a second stack for some of them"
          : ""),
    );
  }
}

/** The variables that the function reads, all of them set, so that a template shows what holds. */
function environment(
  name: FunctionName,
  settings: Settings,
  vaults: readonly Vault[],
  own: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const speaksToLwa = ["token-exchanger", "rotation-requester", "secret-receiver"].includes(name);
  const speaksToSpApi = ["token-exchanger", "rotation-requester"].includes(name);
  const notifies = name !== "token-exchanger";
  const reminds = ["auditor", "rotation-requester"].includes(name);
  return {
    LWA_PARAMETER_PREFIX: settings.prefixes.join(","),
    LWA_VAULT: vaults.length > 1 ? "both" : vaults[0]!,
    LWA_CLIENT_ID_LEAF: settings.leaves.clientId,
    LWA_CLIENT_SECRET_LEAF: settings.leaves.clientSecret,
    LWA_REFRESH_TOKEN_LEAF: settings.leaves.refreshToken,
    SECRET_LIFETIME_DAYS: String(settings.secretLifetimeDays),
    METRICS_NAMESPACE: settings.metricsNamespace,
    ...(speaksToLwa && settings.lwaTokenUrl ? { LWA_TOKEN_URL: settings.lwaTokenUrl } : {}),
    ...(speaksToSpApi ? { SP_API_REGION: settings.spApi.region } : {}),
    ...(speaksToSpApi && settings.spApi.endpoint ? { SP_API_ENDPOINT: settings.spApi.endpoint } : {}),
    ...(notifies
      ? {
          ROTATE_WITHIN_DAYS: String(settings.rotation.withinDays),
          AUTO_ROTATE: String(settings.rotation.automatic),
        }
      : {}),
    ...(reminds ? { REMIND_AT_DAYS: settings.audit.remindAtDays.join(",") } : {}),
    ...(notifies && settings.runbookUrl ? { RUNBOOK_URL: settings.runbookUrl } : {}),
    ...own,
  };
}
