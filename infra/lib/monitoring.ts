import { Duration } from "aws-cdk-lib";
import {
  Alarm,
  AlarmStatusWidget,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  TextWidget,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";

import type { LambdaFunction } from "./lambda-function.ts";
import { each, total } from "./metrics.ts";
import type { Settings } from "./settings.ts";

/** Properties of alarms and dashboard. */
export interface MonitoringProps {
  readonly settings: Settings;
  /** Where alarms go: to each of them. */
  readonly topics: readonly ITopic[];
  readonly functions: readonly LambdaFunction[];
  /** Queues that should always be empty, by the last part of the alarm's name. */
  readonly deadLetters: Readonly<Record<string, IQueue>>;
  /** The two queues that Amazon sends to, by what they hold. */
  readonly notifications: Readonly<Record<string, IQueue>>;
  readonly audit: StateMachine;
}

const FIVE_MINUTES = Duration.minutes(5);
const DAY = Duration.days(1);

/** Alarms to the topics and one dashboard. */
export class Monitoring extends Construct {
  private readonly alarms: Alarm[] = [];

  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    this.addAlarms(props);
    this.addDashboard(props);
  }

  private addAlarms(props: MonitoringProps): void {
    const { settings } = props;
    const ours = (name: string, statistic: string, period: Duration) =>
      total(settings.metricsNamespace, name, statistic, period);

    for (const [what, queue] of Object.entries(props.deadLetters)) {
      this.alarm(props, `${what}-dead-letters`, {
        description: `${queue.node.path} holds messages that could not be processed. Look at one, fix the cause, then start a redrive or invoke the function with it.`,
        metric: queue.metricApproximateNumberOfMessagesVisible({ statistic: "Maximum", period: Duration.minutes(1) }),
        threshold: 1,
      });
    }
    for (const { name, function: lambda } of props.functions) {
      const callersAreTold = name === "token-exchanger";
      this.alarm(props, `${name}-errors`, {
        description: `${name} fails. Its log group says why.`,
        metric: lambda.metricErrors({ statistic: "Sum", period: FIVE_MINUTES }),
        threshold: callersAreTold ? settings.alarms.exchangeErrors : 1,
      });
      this.alarm(props, `${name}-throttles`, {
        description: `${name} is invoked more often than its concurrency allows. The account's concurrency quota is used up, or messages arrive faster than they are processed.`,
        metric: lambda.metricThrottles({ statistic: "Sum", period: FIVE_MINUTES }),
        // Two pollers share one reserved invocation, so that a few are normal.
        threshold: 10,
      });
    }
    this.alarm(props, "audit-failed", {
      description: "An audit did not finish. The execution of the state machine shows where; it can be redriven there.",
      metric: props.audit.metricFailed({ statistic: "Sum", period: FIVE_MINUTES }),
      threshold: 1,
    });
    this.alarm(props, "audit-timed-out", {
      description: "An audit ran for hours and was stopped. The execution of the state machine shows where.",
      metric: props.audit.metricTimedOut({ statistic: "Sum", period: FIVE_MINUTES }),
      threshold: 1,
    });
    this.alarm(props, "heartbeat-missing", {
      description: `No audit has reported for ${settings.alarms.heartbeatHours} hours, so no reminders of deadlines go out.`,
      metric: ours("CredentialsAudited", "SampleCount", Duration.hours(1)),
      operator: ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      periods: settings.alarms.heartbeatHours,
      missing: TreatMissingData.BREACHING,
    });
    this.alarm(props, "deadline-near", {
      description: `A client secret stops working within ${settings.alarms.daysToDeadline} days. The daily digest names it and says what to do.`,
      metric: ours("DaysToDeadline", "Minimum", DAY),
      operator: ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: settings.alarms.daysToDeadline,
      // A day without a value raises the heartbeat alarm; the deadline has not moved.
      missing: TreatMissingData.IGNORE,
    });
    this.alarm(props, "check-failed", {
      description: "The canary could not exchange a token, or SP-API refused it. The log of token-exchanger says which, and why.",
      metric: ours("CheckFailures", "Sum", FIVE_MINUTES),
      threshold: 1,
    });
    this.alarm(props, "previous-secret-in-use", {
      description: "Amazon refuses the newest client secret. token-exchanger uses the previous version, which works for at most seven days.",
      metric: ours("PreviousSecretUsed", "Sum", FIVE_MINUTES),
      threshold: 1,
    });
    this.alarm(props, "scan-partial", {
      description: "An audit could not see the whole estate; its digest names the missing part.",
      metric: ours("PartialScans", "Sum", FIVE_MINUTES),
      threshold: 1,
    });
  }

  private alarm(props: MonitoringProps, name: string, spec: AlarmSpec): void {
    const alarm = new Alarm(this, name, {
      alarmName: `${props.settings.stackName}-${name}`,
      alarmDescription: spec.description,
      metric: spec.metric,
      threshold: spec.threshold,
      comparisonOperator: spec.operator ?? ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: spec.periods ?? 1,
      treatMissingData: spec.missing ?? TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(...props.topics.map((topic) => new SnsAction(topic)));
    this.alarms.push(alarm);
  }

  private addDashboard({ settings, functions, notifications, deadLetters }: MonitoringProps): void {
    const namespace = settings.metricsNamespace;
    const graph = (title: string, width: number, left: IMetric[], label?: string, min = 0) =>
      new GraphWidget({ title, width, height: 6, left, leftYAxis: { min, label, showUnits: false } });

    new Dashboard(this, "Dashboard", {
      dashboardName: settings.stackName,
      defaultInterval: Duration.days(14),
      widgets: [
        [
          new TextWidget({
            width: 24,
            height: 2,
            markdown:
              `## LWA credentials below ${settings.prefixes.map((prefix) => `\`${prefix}\``).join(", ")}\n` +
              "Watch the graph at the top left: no line may touch zero. The system is healthy if all alarms are green and every application has a line.",
          }),
        ],
        [
          graph(
            "Days until the client secret stops working, per application",
            16,
            [each(namespace, "DaysToDeadline", "Application", "Minimum", DAY)],
            "days",
          ),
          new AlarmStatusWidget({ title: "Alarms", width: 8, height: 6, alarms: this.alarms }),
        ],
        [
          graph("Findings of the audit, by severity", 12, [each(namespace, "Findings", "Severity", "Maximum", DAY)]),
          graph("Credentials seen by the audit", 12, [total(namespace, "CredentialsAudited", "Sum", DAY)]),
        ],
        [
          graph("Tokens", 12, [
            total(namespace, "TokenExchanges", "Sum", FIVE_MINUTES).with({ label: "exchanged at LWA" }),
            total(namespace, "CacheHits", "Sum", FIVE_MINUTES).with({ label: "from the cache" }),
            total(namespace, "PreviousSecretUsed", "Sum", FIVE_MINUTES).with({ label: "with the previous secret" }),
            total(namespace, "Retries", "Sum", FIVE_MINUTES).with({ label: "retried" }),
          ]),
          graph(
            "Latency of LWA",
            12,
            ["p50", "p99"].map((percentile) =>
              total(namespace, "LwaLatencyMs", percentile, FIVE_MINUTES).with({ label: percentile }),
            ),
            "ms",
          ),
        ],
        [
          graph("Rotation: notifications from Amazon", 12, [
            ...Object.entries(notifications).map(([label, queue]) =>
              queue.metricNumberOfMessagesSent({ label, statistic: "Sum", period: DAY }),
            ),
          ]),
          graph("Rotation: results", 12, [
            total(namespace, "RotationsRequested", "Sum", DAY).with({ label: "requested" }),
            total(namespace, "RotationsRefused", "Sum", DAY).with({ label: "refused by Amazon" }),
            total(namespace, "SecretsStored", "Sum", DAY).with({ label: "new secrets stored" }),
            total(namespace, "SecretMessagesRejected", "Sum", DAY).with({ label: "messages that cannot be processed" }),
          ]),
        ],
        [
          graph("Errors", 12, [
            ...functions.map(({ name, function: lambda }) =>
              lambda.metricErrors({ label: name, statistic: "Sum", period: FIVE_MINUTES }),
            ),
          ]),
          graph("Dead letters", 12, [
            ...Object.entries(deadLetters).map(([label, queue]) =>
              queue.metricApproximateNumberOfMessagesVisible({ label, statistic: "Maximum", period: FIVE_MINUTES }),
            ),
          ]),
        ],
      ],
    });
  }
}

interface AlarmSpec {
  readonly description: string;
  readonly metric: IMetric;
  readonly threshold: number;
  /** Default: at least the threshold. */
  readonly operator?: ComparisonOperator;
  /** How many periods in a row. Default: 1. */
  readonly periods?: number;
  /** What a period without data means. Default: all is well. */
  readonly missing?: TreatMissingData;
}
