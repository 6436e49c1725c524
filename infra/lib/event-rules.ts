import { readFileSync } from "node:fs";

import type { Vault } from "./settings.ts";
import type { FunctionName } from "./permissions.ts";

/** One EventBridge rule. */
export interface EventRule {
  readonly name: string;
  readonly description: string;
  /** The function it invokes. */
  readonly function: FunctionName;
  /** The vault it belongs to, or both: then one of them is enough. */
  readonly vault: Vault | "both";
  readonly pattern: Readonly<Record<string, unknown>>;
}

/** Stands in a pattern for the name of each configured prefix. */
const PLACEHOLDER = "${application}";

/** The rules from the one list that `lwa replay` uses too, with patterns for these prefixes. */
export function eventRules(prefixes: readonly string[]): readonly EventRule[] {
  const text = readFileSync(new URL("../event-rules.json", import.meta.url), "utf8");
  const { rules } = JSON.parse(text) as { rules: EventRule[] };
  const applications = prefixes.map((prefix) => prefix.slice(1));
  return rules.map((rule) => ({
    ...rule,
    pattern: expand(rule.pattern, applications) as EventRule["pattern"],
  }));
}

/** Repeats a matcher with a placeholder for each application: the elements of a pattern's array are alternatives. */
function expand(pattern: unknown, applications: readonly string[]): unknown {
  if (Array.isArray(pattern)) {
    return pattern.flatMap((matcher) => {
      const text = JSON.stringify(matcher);
      return text.includes(PLACEHOLDER)
        ? applications.map((name) => JSON.parse(text.replaceAll(PLACEHOLDER, name)) as unknown)
        : [matcher];
    });
  }
  if (typeof pattern === "object" && pattern !== null) {
    return Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, expand(value, applications)]));
  }
  return pattern;
}
