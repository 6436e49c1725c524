import type { Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";

import { type FunctionName, FUNCTIONS, permissions } from "../lib/permissions.ts";
import { parseSettings, type Settings, type Vault } from "../lib/settings.ts";
import { ACCOUNT, EVERYTHING, functionAndRole, MINIMAL, rolePolicy, synthesise, target } from "./support.ts";

/** The vaults with which each function works under these settings. */
type Vaults = Readonly<Record<FunctionName, readonly Vault[]>>;

const PARAMETER_STORE: Vaults = {
  "token-exchanger": ["parameter-store"],
  "policy-formatter": ["parameter-store"],
  auditor: ["parameter-store"],
  "rotation-requester": ["parameter-store"],
  "secret-receiver": ["parameter-store"],
};
const BOTH_AUDITED: Vaults = {
  "token-exchanger": ["secrets-manager"],
  "policy-formatter": ["parameter-store", "secrets-manager"],
  auditor: ["parameter-store", "secrets-manager"],
  "rotation-requester": ["secrets-manager"],
  "secret-receiver": ["secrets-manager"],
};

/** What a call may be on: names in an account, by what they are. */
type Estate = Readonly<Record<string, readonly string[]>>;

/** Everything that Parameter Store may hold. `outside` is what no function may touch. */
function parameters({ prefixes, leaves }: Settings): Estate {
  const { clientId, clientSecret, refreshToken } = leaves;
  const below = (...names: string[]) => prefixes.flatMap((prefix) => names.map((name) => `${prefix}${name}`));
  return {
    "client ids": below(`/${clientId}`, `/eu/${clientId}`, `/eu/north/${clientId}`),
    "client secrets": below(`/${clientSecret}`, `/eu/${clientSecret}`, `/eu/north/${clientSecret}`),
    "refresh tokens": below(
      ...["", "/eu", "/eu/north"].flatMap((root) => [`${root}/${refreshToken}`, `${root}/sellers/A2EXAMPLE/${refreshToken}`]),
    ),
    "other parameters": below("/database/password", "/eu/database/password", `/x${clientSecret}`, `/${clientSecret}/x`),
    outside: ["/other/lwa/clientsecret", `/${clientSecret}`, ...below(`2/${clientSecret}`, `2/${clientId}`, "2/x")],
  };
}

/** Everything that Secrets Manager may hold, with the six characters that it appends. */
function secrets({ prefixes }: Settings): Estate {
  const names = prefixes.map((prefix) => prefix.slice(1));
  return {
    secrets: names.flatMap((name) => [`${name}-AbCdEf`, `${name}/eu-AbCdEf`, `${name}/eu/north-AbCdEf`]),
    outside: ["other-AbCdEf", ...names.flatMap((name) => [`${name}2-AbCdEf`, `${name}-database-AbCdEf`])],
  };
}

/**
 * What each function needs each call on, written down a second time: a pattern in permissions.json that is
 * wider or narrower than that is found here. A call that is not listed is needed on nothing in a vault.
 */
const NEEDED: Readonly<Record<FunctionName, Readonly<Record<string, readonly string[]>>>> = {
  "token-exchanger": {
    "ssm:GetParameters": ["client ids", "client secrets", "refresh tokens"],
    "secretsmanager:GetSecretValue": ["secrets"],
    "secretsmanager:ListSecretVersionIds": ["secrets"],
  },
  "policy-formatter": {
    // An event may be about any parameter below the prefix. Tags hold no value.
    "ssm:ListTagsForResource": ["client ids", "client secrets", "refresh tokens", "other parameters"],
    "ssm:AddTagsToResource": ["client secrets"],
  },
  auditor: {
    "ssm:ListTagsForResource": ["client secrets"],
    "ssm:AddTagsToResource": ["client secrets"],
    "secretsmanager:ListSecretVersionIds": ["secrets"],
    "secretsmanager:TagResource": ["secrets"],
  },
  "rotation-requester": {
    "ssm:ListTagsForResource": ["client secrets"],
    "ssm:GetParameters": ["client ids", "client secrets"],
    "ssm:AddTagsToResource": ["client secrets"],
    "ssm:RemoveTagsFromResource": ["client secrets"],
    "secretsmanager:DescribeSecret": ["secrets"],
    "secretsmanager:ListSecretVersionIds": ["secrets"],
    "secretsmanager:GetSecretValue": ["secrets"],
    "secretsmanager:TagResource": ["secrets"],
    "secretsmanager:UntagResource": ["secrets"],
  },
  "secret-receiver": {
    "ssm:ListTagsForResource": ["client secrets"],
    "ssm:GetParameters": ["client ids", "client secrets"],
    "ssm:PutParameter": ["client secrets"],
    "ssm:AddTagsToResource": ["client secrets"],
    "ssm:RemoveTagsFromResource": ["client secrets"],
    "secretsmanager:DescribeSecret": ["secrets"],
    "secretsmanager:ListSecretVersionIds": ["secrets"],
    "secretsmanager:GetSecretValue": ["secrets"],
    "secretsmanager:PutSecretValue": ["secrets"],
    "secretsmanager:UpdateSecretVersionStage": ["secrets"],
    "secretsmanager:TagResource": ["secrets"],
    "secretsmanager:UntagResource": ["secrets"],
  },
};

/**
 * The actions for which the tables of AWS name no resource type,
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html and
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html.
 */
const WITHOUT_RESOURCES = ["ssm:DescribeParameters", "secretsmanager:ListSecrets"];

/** The part of the stack that an action of another service may be on, by function. */
const PARTS: Readonly<Record<string, string>> = {
  "{credentialsKey}": "CredentialsKey",
  "{messageKey}": "MessageKey",
  "{topic}": "AlertsTopic",
};
const OWN_QUEUE: Readonly<Record<string, string>> = {
  "rotation-requester": "RotationExpiryNoticesQueue",
  "secret-receiver": "RotationNewSecretsQueue",
};

describe.each([
  ["Parameter Store", MINIMAL, PARAMETER_STORE],
  ["Secrets Manager, auditing both", EVERYTHING, BOTH_AUDITED],
] as const)("with %s", (_, settings, vaults) => {
  const parsed = parseSettings(settings, "the test");
  let template: Template;
  beforeAll(() => {
    template = synthesise(settings);
  });
  const calls = (name: FunctionName) => rolePolicy(functionAndRole(template, name).role, "Calls");

  const needed = (name: FunctionName) =>
    permissions()[name].filter(({ vault }) => vault === undefined || vaults[name].includes(vault));

  test.each(["auditor", "policy-formatter"] as const)("%s writes the tag of what it said, and no other", (name) => {
    const writes = calls(name).filter(({ actions }) => actions.some((action) => /:(AddTags|Tag|RemoveTags|Untag)/.test(action)));
    expect(writes.length).toBeGreaterThan(0);
    for (const { condition } of writes) {
      expect(condition).toEqual({ "ForAllValues:StringEquals": { "aws:TagKeys": ["lwa:reminded"] } });
    }
  });

  test.each(FUNCTIONS)("%s may make the calls of permissions.json: no more, no less", (name) => {
    const found = calls(name).flatMap(({ actions, resources }) =>
      actions.flatMap((action) => [...new Set(resources.map((resource) => `${action} on ${kindOf(resource)}`))]),
    );
    const expected = needed(name).flatMap(({ action, on }) =>
      [...new Set(on.map((pattern) => PARTS[pattern] ?? pattern.replace("{ownQueue}", OWN_QUEUE[name]!).replace(/^(parameter|secret)\W.*/, "$1")))].map(
        (kind) => `${action} on ${kind}`,
      ),
    );
    expect(found.sort()).toEqual(expected.sort());
  });

  test.each(FUNCTIONS)("%s reaches what its calls are needed on: no more, no less", (name) => {
    for (const { action } of needed(name).filter(({ on }) => /^(parameter|secret)\b/.test(on[0]!))) {
      const [service] = action.split(":") as [string];
      const [estate, type] = service === "ssm" ? [parameters(parsed), "parameter"] : [secrets(parsed), "secret:"];
      const patterns = calls(name)
        .filter(({ actions }) => actions.includes(action))
        .flatMap(({ resources }) => resources.map(String));
      const reach = Object.entries(estate).flatMap(([kind, names]) => {
        const reached = names.filter((one) =>
          patterns.some((pattern) => isLike(`arn:aws:${service}:${settings.region}:${ACCOUNT}:${type}${one}`, pattern)),
        );
        return reached.length === names.length ? [kind] : reached.map((one) => `of the ${kind} only ${one}`);
      });
      expect([action, ...reach]).toEqual([action, ...NEEDED[name][action]!]);
      // No pattern is there for nothing, and none leaves the region or the account open.
      const names = Object.values(estate).flat().map((one) => `arn:aws:${service}:${settings.region}:${ACCOUNT}:${type}${one}`);
      for (const pattern of patterns) {
        expect(pattern).toMatch(new RegExp(`^arn:aws:${service}:${settings.region}:${ACCOUNT}:${type}/?[A-Za-z]`));
        expect(names.some((one) => isLike(one, pattern))).toBe(true);
      }
    }
  });

  test.each(FUNCTIONS)("%s names every action in full", (name) => {
    const { role } = functionAndRole(template, name);
    for (const { actions, effect } of [...rolePolicy(role, "Calls"), ...rolePolicy(role, "Platform")]) {
      expect(effect).toBe("Allow");
      for (const action of actions) {
        expect(action).toMatch(/^[a-z]+:[A-Za-z]+$/);
      }
    }
  });

  test("only what AWS authorises on everything or nothing is allowed on everything", () => {
    const everywhere = FUNCTIONS.flatMap((name) => {
      const { role } = functionAndRole(template, name);
      return [...rolePolicy(role, "Calls"), ...rolePolicy(role, "Platform")];
    })
      .filter(({ resources }) => resources.includes("*"))
      .flatMap(({ actions }) => actions);
    const allowed = WITHOUT_RESOURCES.slice(0, Object.values(vaults).flat().includes("secrets-manager") ? 2 : 1);
    expect(new Set(everywhere)).toEqual(new Set(allowed));
  });

  test("keys are used through the service that holds the data, never directly", () => {
    for (const name of FUNCTIONS) {
      const { role } = functionAndRole(template, name);
      const ofKeys = [...rolePolicy(role, "Calls"), ...rolePolicy(role, "Platform")].filter(({ actions }) =>
        actions.some((action) => action.startsWith("kms:")),
      );
      expect(ofKeys.length).toBeGreaterThan(0);
      for (const { condition } of ofKeys) {
        expect(condition).toHaveProperty(["StringEquals", "kms:ViaService"]);
      }
    }
  });

  test("the auditor and the formatter can read no value", () => {
    const readers = /:(GetParameter|GetSecretValue|BatchGetSecretValue|PutParameter|PutSecretValue)/;
    for (const name of ["auditor", "policy-formatter"] as const) {
      for (const statement of calls(name)) {
        expect(statement.actions.filter((action) => readers.test(action))).toEqual([]);
        expect(statement.resources.map(kindOf)).not.toContain("CredentialsKey");
      }
    }
  });

  test.each([
    ["token-exchanger", true, undefined],
    ["policy-formatter", true, undefined],
    ["auditor", false, undefined],
    ["rotation-requester", true, "RotationExpiryNoticesQueue"],
    ["secret-receiver", false, "RotationNewSecretsQueue"],
  ] as const)("for %s the platform writes logs, keeps failures: %s, polls: %s, and does nothing else", (name, keeps, polls) => {
    const { lambda, role } = functionAndRole(template, name);
    const found = rolePolicy(role, "Platform").flatMap(({ actions, resources }) =>
      resources.flatMap((resource) => actions.map((action) => `${action} ${target(resource).replace(/[0-9A-F]{8}$/, "")}`)),
    );
    const logs = target(lambda.properties["LoggingConfig"].LogGroup).replace(/[0-9A-F]{8}$/, "");
    expect(found.sort()).toEqual(
      [
        `logs:CreateLogStream ${logs}`,
        `logs:PutLogEvents ${logs}`,
        ...(keeps ? ["sqs:SendMessage FailedInvocations", "kms:GenerateDataKey MessageKey"] : []),
        ...(keeps || polls ? ["kms:Decrypt MessageKey"] : []),
        ...(polls ? ["DeleteMessage", "GetQueueAttributes", "ReceiveMessage"].map((action) => `sqs:${action} ${polls}`) : []),
      ].sort(),
    );
  });
});

test("credentials under a key of one's own are decrypted with that key, and no other is made", () => {
  const credentialsKeyArn = `arn:aws:kms:us-east-1:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
  const template = synthesise({ ...MINIMAL, credentialsKeyArn });
  const [statement] = rolePolicy(functionAndRole(template, "token-exchanger").role, "Calls").filter(({ actions }) =>
    actions.includes("kms:Decrypt"),
  );
  expect(statement?.resources).toEqual([credentialsKeyArn]);
  template.resourceCountIs("AWS::KMS::Key", 1);
});

test("a call on everything says why, and no other one does", () => {
  for (const { action, on, because } of Object.values(permissions()).flat()) {
    expect([action, because !== undefined]).toEqual([action, WITHOUT_RESOURCES.includes(action)]);
    expect([action, on.includes("*")]).toEqual([action, because !== undefined]);
    expect(because ?? "AWS authorises it on resources.").toMatch(/^AWS authorises it on .*\.$/);
  }
});

test("resources match as IAM matches them", () => {
  expect(isLike("a:b/c", "a:b/c") && isLike("a:b/c", "a:*") && isLike("x-AbCdEf", "x-??????") && isLike("a/b/c/d", "a/*/d")).toBe(true);
  expect(isLike("x-AbCdE", "x-??????") || isLike("a/d", "a/*/d") || isLike("ab", "a") || isLike("a+", "a.")).toBe(false);
});

/** What a resource of a statement is: a kind of stored value, or the part of the stack. */
function kindOf(resource: unknown): string {
  if (typeof resource !== "string") {
    return target(resource).replace(/[0-9A-F]{8}$/, "");
  }
  return /^arn:aws:(?:ssm|secretsmanager):[^:]+:\d+:(parameter|secret)\W/.exec(resource)?.[1] ?? resource;
}

/** Whether a text is like a pattern, in which `*` is anything and `?` one character. */
function isLike(text: string, pattern: string): boolean {
  const parts = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${parts}$`, "s").test(text);
}
