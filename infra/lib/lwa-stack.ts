import { CfnOutput, Duration, Stack, type StackProps } from "aws-cdk-lib";
import { Key } from "aws-cdk-lib/aws-kms";
import { Alias } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";

import { AlertTopic } from "./alert-topic.ts";
import { Audit } from "./audit.ts";
import { checkBinaries } from "./binaries.ts";
import { credentialsKey, messageKey } from "./keys.ts";
import { type Deployment, LambdaFunction } from "./lambda-function.ts";
import { Monitoring } from "./monitoring.ts";
import { deadLetterQueue } from "./notification-queue.ts";
import { ParameterWatch } from "./parameter-watch.ts";
import { Rotation } from "./rotation.ts";
import { ScheduledInvocation } from "./scheduled-invocation.ts";
import { consumerOutput, type Settings, watchedVaults } from "./settings.ts";

/** Properties of the stack. */
export interface LwaStackProps extends StackProps {
  readonly settings: Settings;
  /** The folder with one folder per function, each with its `bootstrap`. */
  readonly binaries: string;
}

/** Everything that keeps the LWA credentials of one account and region alive. */
export class LwaStack extends Stack {
  constructor(scope: Construct, id: string, props: LwaStackProps) {
    const { settings, binaries } = props;
    super(scope, id, {
      stackName: settings.stackName,
      description: "Keeps Selling Partner API integrations alive: LWA credentials, reminders, audit, rotation.",
      env: { account: settings.account, region: settings.region },
      ...props,
    });
    checkBinaries(binaries, settings.architecture);
    const name = settings.stackName;
    const vaults = watchedVaults(settings);

    const credentials = settings.credentialsKeyArn
      ? Key.fromKeyArn(this, "CredentialsKey", settings.credentialsKeyArn)
      : credentialsKey(this, "CredentialsKey", `alias/${name}/credentials`);
    const key = messageKey(this, "MessageKey", `alias/${name}/messages`);
    const alerts = new AlertTopic(this, "Alerts", { namePrefix: name, key, alerts: settings.alerts });
    const { topic } = alerts;
    const failedInvocations = deadLetterQueue(this, "FailedInvocations", { queueName: `${name}-failed-invocations`, key });
    const undelivered = deadLetterQueue(this, "Undelivered", { queueName: `${name}-undelivered`, key });

    const deployment: Deployment = {
      settings,
      binaries,
      resources: { credentialsKey: credentials, messageKey: key, topic },
      failedInvocations,
    };
    const exchanger = new LambdaFunction(this, "TokenExchanger", {
      deployment,
      name: "token-exchanger",
      description: "Hands out LWA access tokens, cached.",
      asynchronous: true,
      environment: settings.consumers ? { CONSUMERS: consumersVariable(settings.consumers) } : {},
    });
    const formatter = new LambdaFunction(this, "PolicyFormatter", {
      deployment,
      name: "policy-formatter",
      description: "Turns events about credentials into messages that people can act on.",
      vaults,
      asynchronous: true,
      environment: { TOPIC_ARN: topic.topicArn },
    });
    const auditor = new LambdaFunction(this, "Auditor", {
      deployment,
      name: "auditor",
      description: "Scans the estate without decrypting anything.",
      vaults,
      timeout: Duration.minutes(5),
      memory: 256,
      environment: {
        TOPIC_ARN: topic.topicArn,
        HEARTBEAT_DAY: settings.audit.heartbeatDay,
        DIGEST_SEVERITY: settings.audit.digestSeverity,
        ...(settings.audit.expectedWriterArn ? { EXPECTED_WRITER_ARN: settings.audit.expectedWriterArn } : {}),
      },
    });
    const rotation = new Rotation(this, "Rotation", { deployment, undelivered });
    formatter.function.addEnvironment("SYSTEM_WRITER_ARN", rotation.receiver.function.role!.roleArn);
    const functions = [exchanger, formatter, auditor, rotation.requester, rotation.receiver];

    new ParameterWatch(this, "Watch", { namePrefix: name, settings, vaults, functions, undelivered });
    const audit = new Audit(this, "Audit", {
      namePrefix: name,
      auditor,
      expression: settings.schedules.audit,
      timeZone: settings.schedules.timeZone,
      undelivered,
      key,
    });
    for (const application of canaryApplications(settings)) {
      new ScheduledInvocation(this, `Canary ${application}`, {
        scheduleName: `${name}-canary-${application.replaceAll("/", ".")}`,
        description: `Exchanges a token for ${application} and uses it once.`,
        expression: settings.schedules.canary,
        timeZone: settings.schedules.timeZone,
        target: { function: exchanger.function },
        input: { action: "check", application },
        undelivered,
        key,
      });
    }
    new Monitoring(this, "Monitoring", {
      settings,
      topics: alerts.alarmTopics,
      functions,
      deadLetters: {
        "secret-expiry": rotation.expiryNotices.deadLetters,
        "new-secret": rotation.newSecrets.deadLetters,
        "failed-invocations": failedInvocations,
        undelivered,
      },
      notifications: {
        "secrets about to expire": rotation.expiryNotices.queue,
        "new secrets": rotation.newSecrets.queue,
      },
      audit: audit.stateMachine,
    });

    new CfnOutput(this, "SecretExpiryQueueArn", {
      description: "Register in the Solution Provider Portal for APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY.",
      value: rotation.expiryNotices.queue.queueArn,
    });
    new CfnOutput(this, "NewSecretQueueArn", {
      description: "Register in the Solution Provider Portal for APPLICATION_OAUTH_CLIENT_NEW_SECRET.",
      value: rotation.newSecrets.queue.queueArn,
    });
    new CfnOutput(this, "SecretExpiryQueueUrl", {
      description: "Send a notice to it to rehearse a rotation.",
      value: rotation.expiryNotices.queue.queueUrl,
    });
    new CfnOutput(this, "CredentialsKeyArn", { description: "Encrypt credentials with it.", value: credentials.keyArn });
    new CfnOutput(this, "TokenExchangerArn", {
      description: settings.consumers
        ? "For the canary only: without an alias the function returns no token."
        : "Let your services invoke it (lambda:InvokeFunction).",
      value: exchanger.function.functionArn,
    });
    for (const { name } of settings.consumers ?? []) {
      // An alias points to a version. `currentVersion` is another one whenever code or variables
      // change; one that was published once would keep the old ones.
      const alias = new Alias(this, `Consumer ${name}`, {
        aliasName: name,
        description: `What the consumer ${name} invokes.`,
        version: exchanger.function.currentVersion,
      });
      new CfnOutput(this, consumerOutput(name), {
        description: `Let ${name}, and nothing else, invoke it (lambda:InvokeFunction).`,
        value: alias.functionArn,
      });
    }
    new CfnOutput(this, "TopicArn", { description: "Messages to people.", value: topic.topicArn });
  }
}

/** What each consumer may have, as `CONSUMERS` has it. */
function consumersVariable(consumers: NonNullable<Settings["consumers"]>): string {
  return JSON.stringify(Object.fromEntries(consumers.map(({ name, ...rights }) => [name, rights])));
}

/** The applications that the canary checks. */
function canaryApplications(settings: Settings): readonly string[] {
  return settings.canaryApplications ?? settings.prefixes.map((prefix) => prefix.slice(1));
}
