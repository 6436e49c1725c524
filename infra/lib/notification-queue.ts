import { ArnFormat, Duration, Stack, Validations } from "aws-cdk-lib";
import { ArnPrincipal, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Queue, QueueEncryption, RedrivePermission } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

import { AMAZON_NOTIFICATIONS_ACCOUNT } from "./keys.ts";

/** The longest that SQS keeps a message. */
const LONGEST_RETENTION = Duration.days(14);

/** Properties of a queue for one of Amazon's notifications. */
export interface NotificationQueueProps {
  /** Name of the queue; its dead-letter queue's name ends in `-dead-letters`. */
  readonly queueName: string;
  /** A customer key that lets Amazon's account in: the policy of the AWS-managed key cannot be changed. */
  readonly key: IKey;
  /** How long a message stays hidden once received; at least six times the function's timeout. */
  readonly visibilityTimeout: Duration;
  /** How often a message is received before it goes to the dead-letter queue. Default: 5. */
  readonly maxReceiveCount?: number;
  /**
   * How long a message is kept. Default: 4 days. The clock does not start again in the dead-letter queue,
   * which keeps it until 14 days after it was sent.
   */
  readonly retention?: Duration;
}

/** An encrypted, TLS-only queue that Amazon may send to, with a dead-letter queue of its own. */
export class NotificationQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: NotificationQueueProps) {
    super(scope, id);
    const stack = Stack.of(this);
    this.deadLetters = deadLetterQueue(this, "DeadLetters", {
      queueName: `${props.queueName}-dead-letters`,
      key: props.key,
      // Written out, because the queue itself needs this one first.
      source: stack.formatArn({ service: "sqs", resource: props.queueName, arnFormat: ArnFormat.NO_RESOURCE_NAME }),
    });
    this.queue = new Queue(this, "Queue", {
      queueName: props.queueName,
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: props.key,
      enforceSSL: true,
      visibilityTimeout: props.visibilityTimeout,
      retentionPeriod: props.retention ?? Duration.days(4),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: props.maxReceiveCount ?? 5 },
      // No other queue may use this one as its dead-letter queue.
      redriveAllowPolicy: { redrivePermission: RedrivePermission.DENY_ALL },
    });
    this.queue.addToResourcePolicy(
      new PolicyStatement({
        sid: "AmazonNotifications",
        principals: [new ArnPrincipal(`arn:${stack.partition}:iam::${AMAZON_NOTIFICATIONS_ACCOUNT}:root`)],
        actions: ["sqs:GetQueueAttributes", "sqs:SendMessage"],
        resources: [this.queue.queueArn],
      }),
    );
  }
}

/** Properties of a dead-letter queue. */
export interface DeadLetterQueueProps {
  readonly queueName: string;
  readonly key: IKey;
  /** ARN of the only queue that may redrive into it. Default: none may; services send to it. */
  readonly source?: string;
}

/** An encrypted, TLS-only queue that keeps what failed as long as SQS can. */
export function deadLetterQueue(scope: Construct, id: string, props: DeadLetterQueueProps): Queue {
  const queue = new Queue(scope, id, {
    queueName: props.queueName,
    encryption: QueueEncryption.KMS,
    encryptionMasterKey: props.key,
    enforceSSL: true,
    retentionPeriod: LONGEST_RETENTION,
    redriveAllowPolicy: props.source
      ? { sourceQueues: [Queue.fromQueueArn(scope, `${id}Source`, props.source)] }
      : { redrivePermission: RedrivePermission.DENY_ALL },
  });
  Validations.of(queue).acknowledge({
    id: "AwsSolutions-SQS3",
    reason: "This queue is itself where dead letters end; an alarm tells people as soon as it holds one.",
  });
  return queue;
}
