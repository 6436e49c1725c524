import { Duration, RemovalPolicy, Validations } from "aws-cdk-lib";
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import {
  Choice,
  Condition,
  DefinitionBody,
  Pass,
  StateMachine,
  StateMachineType,
  Succeed,
} from "aws-cdk-lib/aws-stepfunctions";
import { LambdaInvoke } from "aws-cdk-lib/aws-stepfunctions-tasks";
import { Construct } from "constructs";

import type { LambdaFunction } from "./lambda-function.ts";
import { ScheduledInvocation } from "./scheduled-invocation.ts";

/** Properties of the audit. */
export interface AuditProps {
  /** Begins the names of the schedule and the state machine. */
  readonly namePrefix: string;
  readonly auditor: LambdaFunction;
  /** A rate or a six-field cron expression. */
  readonly expression: string;
  readonly timeZone: string;
  /** Takes audits that could not be started. */
  readonly undelivered: IQueue;
  readonly key: IKey;
}

/**
 * Audits by schedule, however large the estate: the auditor is invoked again with its own
 * continuation until it returns none.
 *
 * The workflow is a Standard one: it keeps the input of each step for 90 days, and a failed
 * execution can be redriven from the step that failed.
 */
export class Audit extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: AuditProps) {
    super(scope, id);
    const name = `${props.namePrefix}-audit`;

    const scan = new LambdaInvoke(this, "Scan", {
      lambdaFunction: props.auditor.function,
      outputPath: "$.Payload",
    });
    // For thirteen hours: a reminder that is not sent today is not sent tomorrow, and services
    // are down for hours at times. People hear of the failures meanwhile, by an alarm.
    scan.addRetry({
      interval: Duration.minutes(1),
      backoffRate: 2,
      maxDelay: Duration.hours(1),
      maxAttempts: 18,
    });
    const next = new Pass(this, "Next part", { parameters: { "continuation.$": "$.continuation" } });
    scan.next(
      new Choice(this, "More to scan?")
        .when(
          Condition.and(Condition.isPresent("$.continuation"), Condition.isNotNull("$.continuation")),
          next.next(scan),
        )
        .otherwise(new Succeed(this, "Audited")),
    );

    const role = new Role(this, "Role", {
      description: "What the audit's state machine may do.",
      assumedBy: new ServicePrincipal("states.amazonaws.com"),
      inlinePolicies: {
        Invoke: new PolicyDocument({
          statements: [
            new PolicyStatement({
              actions: ["lambda:InvokeFunction"],
              resources: [props.auditor.function.functionArn],
            }),
          ],
        }),
      },
    });
    this.stateMachine = new StateMachine(this, "StateMachine", {
      stateMachineName: name,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromChainable(scan),
      comment: "Invokes the auditor until it has seen the whole estate.",
      role: role.withoutPolicyUpdates(),
      timeout: Duration.hours(20),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    Validations.of(this.stateMachine).acknowledge(
      {
        id: "AwsSolutions-SF1",
        reason:
          "Step Functions itself keeps every event of a Standard execution for 90 days; log delivery would need eight more actions on all resources.",
      },
      {
        id: "AwsSolutions-SF2",
        reason:
          "The workflow has one task, whose duration is a metric already; X-Ray would need four actions on all resources.",
      },
    );

    new ScheduledInvocation(this, "Daily", {
      scheduleName: `${props.namePrefix}-auditor`,
      description: "Audits the whole estate.",
      expression: props.expression,
      timeZone: props.timeZone,
      target: { stateMachine: this.stateMachine },
      input: {},
      undelivered: props.undelivered,
      key: props.key,
    });
  }
}
