import { Duration } from "aws-cdk-lib";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

import { type Deployment, LambdaFunction } from "./lambda-function.ts";
import { NotificationQueue } from "./notification-queue.ts";
import { ScheduledInvocation } from "./scheduled-invocation.ts";

/** Properties of rotation. */
export interface RotationProps {
  readonly deployment: Deployment;
  /** Takes scheduled invocations that could not be started. */
  readonly undelivered: IQueue;
}

/**
 * How often and how far apart a new secret is tried: the function itself makes the first tries come
 * sooner, none later. LWA may refuse it until it has spread, and the old one works for seven days:
 * 700 times 15 minutes are a little more.
 */
const NEW_SECRET_RETRIES = { maxReceiveCount: 700, visibilityTimeout: Duration.minutes(15) };

/** Rotation by itself: Amazon's two notifications, the two functions for them, and the daily check. */
export class Rotation extends Construct {
  readonly requester: LambdaFunction;
  readonly receiver: LambdaFunction;
  readonly expiryNotices: NotificationQueue;
  readonly newSecrets: NotificationQueue;

  constructor(scope: Construct, id: string, { deployment, undelivered }: RotationProps) {
    super(scope, id);
    const { settings, resources } = deployment;
    const timeout = Duration.minutes(1);

    this.expiryNotices = new NotificationQueue(this, "ExpiryNotices", {
      namePrefix: `${settings.stackName}-secret-expiry`,
      key: resources.messageKey,
      senderArn: settings.rotation.senderArn,
      visibilityTimeout: Duration.seconds(6 * timeout.toSeconds()),
    });
    this.newSecrets = new NotificationQueue(this, "NewSecrets", {
      namePrefix: `${settings.stackName}-new-secret`,
      key: resources.messageKey,
      senderArn: settings.rotation.senderArn,
      ...NEW_SECRET_RETRIES,
      // Longer than all retries together, shorter than the dead-letter queue keeps them.
      retention: Duration.days(8),
    });

    this.requester = new LambdaFunction(this, "Requester", {
      deployment,
      name: "rotation-requester",
      description: "Asks SP-API for a new client secret before the old one expires.",
      timeout,
      // A request is not idempotent: two at once could rotate twice.
      reservedConcurrency: 1,
      queue: this.expiryNotices.queue,
      asynchronous: true,
      environment: { TOPIC_ARN: resources.topic.topicArn },
    });
    this.receiver = new LambdaFunction(this, "Receiver", {
      deployment,
      name: "secret-receiver",
      description: "Verifies a new client secret and stores it.",
      timeout,
      // Parameter Store has no compare-and-set: two at once could store the older secret last.
      reservedConcurrency: 1,
      queue: this.newSecrets.queue,
      environment: { TOPIC_ARN: resources.topic.topicArn },
    });

    new ScheduledInvocation(this, "Daily", {
      scheduleName: `${settings.stackName}-rotation-requester`,
      description: "Checks stored deadlines for rotations that are due.",
      expression: settings.schedules.rotation,
      timeZone: settings.schedules.timeZone,
      target: { function: this.requester.function },
      undelivered,
      key: resources.messageKey,
    });
  }
}
