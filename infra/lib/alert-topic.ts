import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { CfnMicrosoftTeamsChannelConfiguration, SlackChannelConfiguration } from "aws-cdk-lib/aws-chatbot";
import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription, SmsSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Construct } from "constructs";

import type { Settings } from "./settings.ts";

/** Properties of the topic that messages to people go to. */
export interface AlertTopicProps {
  readonly topicName: string;
  /** A customer key that lets CloudWatch in: alarms cannot use the AWS-managed one. */
  readonly key: IKey;
  /** The recipients. */
  readonly alerts: Settings["alerts"];
}

/** The one encrypted topic for people: e-mail, SMS and chat. */
export class AlertTopic extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: AlertTopicProps) {
    super(scope, id);
    const stack = Stack.of(this);
    this.topic = new Topic(this, "Topic", {
      topicName: props.topicName,
      masterKey: props.key,
      enforceSSL: true,
      // No display name: SNS would put it before every SMS, which then no longer fits into one part.
    });
    this.topic.applyRemovalPolicy(RemovalPolicy.DESTROY);
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        sid: "CloudWatchAlarms",
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": stack.account } },
      }),
    );
    for (const address of props.alerts.emails) {
      this.topic.addSubscription(new EmailSubscription(address));
    }
    for (const number of props.alerts.phones) {
      this.topic.addSubscription(new SmsSubscription(number));
    }
    this.addChat(props);
  }

  private addChat({ alerts, topicName }: AlertTopicProps): void {
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
        slackChannelConfigurationName: topicName,
        slackWorkspaceId: alerts.slack.workspaceId,
        slackChannelId: alerts.slack.channelId,
        notificationTopics: [this.topic],
        guardrailPolicies: [guardrail],
        role,
      });
    }
    if (alerts.teams) {
      new CfnMicrosoftTeamsChannelConfiguration(this, "Teams", {
        configurationName: `${topicName}-teams`,
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
