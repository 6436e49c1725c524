import { readFileSync } from "node:fs";

import type { Settings, Vault } from "./settings.ts";
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

/**
 * What the placeholders of a pattern stand for: the name of each configured prefix, and what the name
 * of a credential ends in.
 *
 * A pattern asks for the beginning in one field and for the end in another, the ARN in `resources`,
 * which ends in the name of the parameter. So it grows by the sum of prefixes and leaves. In one
 * field it would take two matchers for each pair, and ten prefixes would be too many.
 */
type Placeholders = Readonly<Record<"${application}" | "${leaf}", readonly string[]>>;

/** The rules from the one list that `lwa replay` uses too, with patterns for these settings. */
export function eventRules({ prefixes, leaves }: Pick<Settings, "prefixes" | "leaves">): readonly EventRule[] {
  const text = readFileSync(new URL("../event-rules.json", import.meta.url), "utf8");
  const { rules } = JSON.parse(text) as { rules: EventRule[] };
  const placeholders: Placeholders = {
    "${application}": prefixes.map((prefix) => prefix.slice(1)),
    "${leaf}": [leaves.clientId, leaves.clientSecret, leaves.refreshToken],
  };
  return rules.map((rule) => ({
    ...rule,
    pattern: expand(rule.pattern, placeholders) as EventRule["pattern"],
  }));
}

/** Repeats a matcher for each value of its placeholders: the elements of a pattern's array are alternatives. */
function expand(pattern: unknown, placeholders: Placeholders): unknown {
  if (Array.isArray(pattern)) {
    return pattern.flatMap((matcher) => alternatives(JSON.stringify(matcher), placeholders).map((text) => JSON.parse(text) as unknown));
  }
  if (typeof pattern === "object" && pattern !== null) {
    return Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, expand(value, placeholders)]));
  }
  return pattern;
}

function alternatives(matcher: string, placeholders: Placeholders): readonly string[] {
  return Object.entries(placeholders).reduce<readonly string[]>(
    (texts, [placeholder, values]) =>
      texts.flatMap((text) => (text.includes(placeholder) ? values.map((value) => text.replaceAll(placeholder, value)) : [text])),
    [matcher],
  );
}
