import { ArnFormat, Aws, Duration, Fn, Stack, Validations } from "aws-cdk-lib";
import { AnyPrincipal, ArnPrincipal, type Conditions, Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Queue, QueueEncryption, RedrivePermission } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

import { AMAZON_NOTIFICATIONS_ACCOUNT } from "./keys.ts";

/** The longest that SQS keeps a message. */
const LONGEST_RETENTION = Duration.days(14);

/** Properties of a queue for one of Amazon's notifications. */
export interface NotificationQueueProps {
  /** Beginning of the queue's name, and all of its dead-letter queue's but for `-dead-letters`. */
  readonly namePrefix: string;
  /** A customer key that lets Amazon's account in: the policy of the AWS-managed key cannot be changed. */
  readonly key: IKey;
  /** How long a message stays hidden once received; at least six times the function's timeout. */
  readonly visibilityTimeout: Duration;
  /** ARN of the only role or user of this account that may send. Default: none may. */
  readonly senderArn?: string;
  /** How often a message is received before it goes to the dead-letter queue. Default: 5. */
  readonly maxReceiveCount?: number;
  /**
   * How long a message is kept. Default: 4 days. The clock does not start again in the dead-letter queue,
   * which keeps it until 14 days after it was sent.
   */
  readonly retention?: Duration;
}

/**
 * An encrypted, TLS-only queue that Amazon may send to, with a dead-letter queue of its own.
 *
 * Amazon's account sends for every developer who registers a queue. Another developer who knows the ARN
 * of this one can register it, so its name cannot be guessed.
 */
export class NotificationQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: NotificationQueueProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const queueName = `${props.namePrefix}-${stackUuid()}`;
    this.deadLetters = deadLetterQueue(this, "DeadLetters", {
      queueName: `${props.namePrefix}-dead-letters`,
      key: props.key,
      // Written out, because the queue itself needs this one first.
      source: stack.formatArn({ service: "sqs", resource: queueName, arnFormat: ArnFormat.NO_RESOURCE_NAME }),
    });
    // SQS itself moves dead letters here, which is no request of any principal. A principal that
    // sends here would have a message of its own redriven into the queue. No service sends either.
    denySending(this.deadLetters, "OnlyRedrive", { Null: { "aws:PrincipalArn": "false" } });
    this.queue = new Queue(this, "Queue", {
      queueName,
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
    // Both conditions must hold for a request to be denied, and they hold for an anonymous request too.
    // Of a session, `aws:PrincipalArn` is the ARN of its role,
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.
    denySending(this.queue, "OnlyAmazon", {
      StringNotEquals: { "aws:PrincipalAccount": AMAZON_NOTIFICATIONS_ACCOUNT },
      ...(props.senderArn ? { ArnNotEquals: { "aws:PrincipalArn": props.senderArn } } : {}),
    });
  }
}

/**
 * The UUID in the stack's id, without hyphens. It is not known outside the account, and stays the same
 * for as long as the stack exists,
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html.
 */
function stackUuid(): string {
  const uuid = Fn.select(2, Fn.split("/", Aws.STACK_ID));
  return Fn.join("", Fn.split("-", uuid));
}

/** Denies principals to send, whatever their own policies allow. */
function denySending(queue: Queue, sid: string, conditions: Conditions): void {
  queue.addToResourcePolicy(
    new PolicyStatement({
      sid,
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ["sqs:SendMessage"],
      resources: [queue.queueArn],
      conditions,
    }),
  );
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
