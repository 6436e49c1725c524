import { Duration } from "aws-cdk-lib";
import { Rule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

import { eventRules } from "./event-rules.ts";
import type { LambdaFunction } from "./lambda-function.ts";
import { type Settings, SettingsError, type Vault } from "./settings.ts";

/** The longest event pattern, in characters, https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html. */
const LONGEST_PATTERN = 2048;

/** Properties of the rules. */
export interface ParameterWatchProps {
  /** Begins the name of each rule. */
  readonly namePrefix: string;
  /** Where applications are, and what their credentials are named. */
  readonly settings: Pick<Settings, "prefixes" | "leaves">;
  /** The vaults whose events are wanted. */
  readonly vaults: readonly Vault[];
  /** The functions that rules may name. */
  readonly functions: readonly LambdaFunction[];
  /** Takes events that could not be handed to a function. */
  readonly undelivered: IQueue;
}

/** The EventBridge rules of event-rules.json on the default bus. */
export class ParameterWatch extends Construct {
  readonly rules: readonly Rule[];

  constructor(scope: Construct, id: string, props: ParameterWatchProps) {
    super(scope, id);
    this.rules = eventRules(props.settings)
      .filter(({ vault }) => vault === "both" || props.vaults.includes(vault))
      .map(({ name, description, function: functionName, pattern }) => {
        const { source, "detail-type": detailType, resources, detail, ...others } = pattern;
        if (Object.keys(others).length > 0) {
          throw new Error(`event-rules.json: rule ${name} matches on ${Object.keys(others).join(", ")}, which is not passed on`);
        }
        if (JSON.stringify(pattern).length > LONGEST_PATTERN) {
          throw new SettingsError(
            `prefixes or leaves are too many or too long: the pattern of rule ${name} would have ` +
              `${JSON.stringify(pattern).length} characters; allowed: ${LONGEST_PATTERN}`,
          );
        }
        const target = props.functions.find((candidate) => candidate.name === functionName);
        if (!target) {
          throw new Error(`event-rules.json: rule ${name} names the function ${functionName}, which is not deployed`);
        }
        return new Rule(this, name, {
          ruleName: `${props.namePrefix}-${name}`,
          description,
          eventPattern: {
            source: source as string[],
            detailType: detailType as string[] | undefined,
            resources: resources as string[] | undefined,
            detail: detail as Record<string, unknown>,
          },
          targets: [
            new LambdaTarget(target.function, {
              deadLetterQueue: props.undelivered,
              retryAttempts: 185,
              maxEventAge: Duration.hours(24),
            }),
          ],
        });
      });
  }
}
