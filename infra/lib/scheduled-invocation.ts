import { Duration, Stack, TimeZone } from "aws-cdk-lib";
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { type IScheduleTarget, Schedule, ScheduleExpression, ScheduleTargetInput } from "aws-cdk-lib/aws-scheduler";
import { LambdaInvoke, StepFunctionsStartExecution } from "aws-cdk-lib/aws-scheduler-targets";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { IStateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";

import { viaServices } from "./permissions.ts";

/** What a schedule starts. */
export type Target = { readonly function: IFunction } | { readonly stateMachine: IStateMachine };

/** Properties of a schedule. */
export interface ScheduledInvocationProps {
  readonly scheduleName: string;
  readonly description: string;
  /** A rate or a six-field cron expression. */
  readonly expression: string;
  /** An IANA time zone. */
  readonly timeZone: string;
  readonly target: Target;
  /** What the target is given. Default: the event that EventBridge Scheduler makes up. */
  readonly input?: object;
  /** Takes invocations that could not be started. */
  readonly undelivered: IQueue;
  /** The key of that queue. */
  readonly key: IKey;
}

/** An EventBridge Scheduler schedule with a role that can start its one target and nothing else. */
export class ScheduledInvocation extends Construct {
  constructor(scope: Construct, id: string, props: ScheduledInvocationProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const group = `arn:${stack.partition}:scheduler:${stack.region}:${stack.account}:schedule-group/default`;
    const role = new Role(this, "Role", {
      description: `What the schedule ${props.scheduleName} may do.`,
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": stack.account, "aws:SourceArn": group } },
      }),
      inlinePolicies: {
        Start: new PolicyDocument({
          statements: [
            startStatement(props.target),
            new PolicyStatement({
              sid: "DeadLetters",
              actions: ["sqs:SendMessage"],
              resources: [props.undelivered.queueArn],
            }),
            new PolicyStatement({
              sid: "QueueEncryption",
              actions: ["kms:Decrypt", "kms:GenerateDataKey"],
              resources: [props.key.keyArn],
              conditions: viaServices(stack, ["sqs"]),
            }),
          ],
        }),
      },
    });
    new Schedule(this, "Schedule", {
      scheduleName: props.scheduleName,
      description: props.description,
      schedule: ScheduleExpression.expression(props.expression, TimeZone.of(props.timeZone)),
      target: scheduleTarget(props, role),
    });
  }
}

function startStatement(target: Target): PolicyStatement {
  return "function" in target
    ? new PolicyStatement({ sid: "Start", actions: ["lambda:InvokeFunction"], resources: [target.function.functionArn] })
    : new PolicyStatement({
        sid: "Start",
        actions: ["states:StartExecution"],
        resources: [target.stateMachine.stateMachineArn],
      });
}

function scheduleTarget({ target, input, undelivered }: ScheduledInvocationProps, role: Role): IScheduleTarget {
  const options = {
    // Everything it may do is above; the target adds nothing.
    role: role.withoutPolicyUpdates(),
    deadLetterQueue: undelivered,
    retryAttempts: 185,
    maxEventAge: Duration.hours(24),
    input: input === undefined ? undefined : ScheduleTargetInput.fromObject(input),
  };
  return "function" in target
    ? new LambdaInvoke(target.function, options)
    : new StepFunctionsStartExecution(target.stateMachine, options);
}
