import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { CfnMicrosoftTeamsChannelConfiguration, SlackChannelConfiguration } from "aws-cdk-lib/aws-chatbot";
import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { SubscriptionFilter, Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription, SmsSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Construct } from "constructs";

import { isSelective, type Recipient, recipients, type Settings, severitiesFrom } from "./settings.ts";

/** The kind of the weekly sign of life, crates/core/src/audit/digest/mod.rs. */
const HEARTBEAT = "audit-heartbeat";

/** The kind of test messages, as `lwa doctor --send-test` asks for, crates/core/src/notice.rs. */
const TEST = "test";

/** A message without the attribute, if it has another one. */
const ABSENT = { exists: false };

/** Properties of the topics that messages to people go to. */
export interface AlertTopicProps {
  /** Begins the names of the topics. */
  readonly namePrefix: string;
  /** A customer key that lets CloudWatch in: alarms cannot use the AWS-managed one. */
  readonly key: IKey;
  /** The recipients. */
  readonly alerts: Settings["alerts"];
}

/**
 * The encrypted topic for people: e-mail, SMS and chat; and, if a recipient has a selection, a second
 * one for alarms only.
 *
 * An alarm has no attributes, and a message without any attribute matches no filter policy, not even
 * `exists: false`, https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html. So whoever
 * has a filter policy gets alarms from a topic without one.
 */
export class AlertTopic extends Construct {
  /** Takes the functions' messages and alarms. */
  readonly topic: Topic;
  /** What an alarm is published to, so that it reaches each recipient. */
  readonly alarmTopics: readonly Topic[];

  constructor(scope: Construct, id: string, props: AlertTopicProps) {
    super(scope, id);
    const everyone = recipients(props.alerts);
    this.topic = this.addTopic("Topic", `${props.namePrefix}-alerts`, props.key);
    for (const recipient of everyone) {
      subscribe(this.topic, recipient, filterPolicy(recipient));
    }
    const selective = everyone.filter(isSelective);
    this.alarmTopics =
      selective.length > 0
        ? [this.topic, this.addTopic("AlarmTopic", `${props.namePrefix}-alarms`, props.key)]
        : [this.topic];
    for (const recipient of selective) {
      subscribe(this.alarmTopics.at(-1)!, recipient);
    }
    this.addChat(props);
  }

  private addTopic(id: string, topicName: string, key: IKey): Topic {
    const topic = new Topic(this, id, {
      topicName,
      masterKey: key,
      enforceSSL: true,
      // No display name: SNS would put it before every SMS, which then no longer fits into one part.
    });
    topic.applyRemovalPolicy(RemovalPolicy.DESTROY);
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: "CloudWatchAlarms",
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [topic.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": Stack.of(this).account } },
      }),
    );
    return topic;
  }

  private addChat({ alerts, namePrefix }: AlertTopicProps): void {
    if (!alerts.slack && !alerts.teams) {
      return;
    }
    const role = new Role(this, "ChatRole", {
      description: "Nothing: the channel only receives messages.",
      assumedBy: new ServicePrincipal("chatbot.amazonaws.com"),
    });
    // Without a guardrail the channel's would be AdministratorAccess.
    const guardrail = ManagedPolicy.fromAwsManagedPolicyName("AWSDenyAll");
    if (alerts.slack) {
      new SlackChannelConfiguration(this, "Slack", {
        slackChannelConfigurationName: `${namePrefix}-alerts`,
        slackWorkspaceId: alerts.slack.workspaceId,
        slackChannelId: alerts.slack.channelId,
        notificationTopics: [this.topic],
        guardrailPolicies: [guardrail],
        role,
      });
    }
    if (alerts.teams) {
      new CfnMicrosoftTeamsChannelConfiguration(this, "Teams", {
        configurationName: `${namePrefix}-alerts-teams`,
        teamsTenantId: alerts.teams.tenantId,
        teamId: alerts.teams.teamId,
        teamsChannelId: alerts.teams.channelId,
        snsTopicArns: [this.topic.topicArn],
        guardrailPolicies: [guardrail.managedPolicyArn],
        iamRoleArn: role.roleArn,
      });
    }
  }
}

type FilterPolicy = Record<string, SubscriptionFilter>;

function subscribe(topic: Topic, { protocol, endpoint }: Recipient, filterPolicy?: FilterPolicy): void {
  const Subscription = protocol === "email" ? EmailSubscription : SmsSubscription;
  topic.addSubscription(new Subscription(endpoint, { filterPolicy }));
}

/**
 * What of the functions' messages reaches a recipient, by their attributes; undefined if all of them do.
 *
 * In a list one matcher is enough, and all keys have to match. `$or` takes one of its objects,
 * https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html.
 *
 * A test message always does: it shows whether SNS evaluates attributes at all.
 */
function filterPolicy(recipient: Recipient): FilterPolicy | undefined {
  if (!isSelective(recipient)) {
    return undefined;
  }
  const severity = [ABSENT, ...severitiesFrom(recipient.leastSeverity)];
  const alternatives = recipient.heartbeat
    ? [{ severity }, { kind: [TEST, HEARTBEAT] }]
    : [{ severity, kind: [ABSENT, { "anything-but": [HEARTBEAT] }] }, { kind: [TEST] }];
  return { $or: new SubscriptionFilter(alternatives) };
}
