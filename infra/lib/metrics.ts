import { readFileSync } from "node:fs";

import { Duration } from "aws-cdk-lib";
import { type IMetric, MathExpression, Metric } from "aws-cdk-lib/aws-cloudwatch";

import type { FunctionName } from "./permissions.ts";

/** A metric that a function writes. */
export interface MetricDescription {
  readonly name: string;
  /** The function that writes it. */
  readonly function: FunctionName;
  /** The sets of dimensions with which it is written; an empty set is all of it together. */
  readonly dimensions: readonly (readonly string[])[];
}

/** The metrics that alarms and the dashboard may be made from. */
export function metrics(): readonly MetricDescription[] {
  return JSON.parse(readFileSync(new URL("../metrics.json", import.meta.url), "utf8")) as MetricDescription[];
}

/** All of a metric together. */
export function total(namespace: string, name: string, statistic: string, period: Duration): Metric {
  require(name, []);
  return new Metric({ namespace, metricName: name, statistic, period });
}

/** One line for each value that a dimension has. */
export function each(namespace: string, name: string, dimension: string, statistic: string, period: Duration): IMetric {
  require(name, [dimension]);
  return new MathExpression({
    expression: `SEARCH('{${namespace},${dimension}} MetricName="${name}"', '${statistic}', ${period.toSeconds()})`,
    usingMetrics: {},
    period,
    label: "",
  });
}

function require(name: string, dimensions: readonly string[]): void {
  const known = metrics().find((metric) => metric.name === name)?.dimensions ?? [];
  if (!known.some((set) => set.join() === dimensions.join())) {
    throw new Error(`metrics.json has no ${name} with the dimensions [${dimensions.join(", ")}]`);
  }
}
