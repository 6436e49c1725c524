import type { Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";

import { type FunctionName, FUNCTIONS, permissions } from "../lib/permissions.ts";
import type { Vault } from "../lib/settings.ts";
import { ACCOUNT, EVERYTHING, functionAndRole, MINIMAL, rolePolicy, type Statement, synthesise, target } from "./support.ts";

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

describe.each([
  ["Parameter Store", MINIMAL, PARAMETER_STORE],
  ["Secrets Manager, auditing both", EVERYTHING, BOTH_AUDITED],
] as const)("with %s", (_, settings, vaults) => {
  let template: Template;
  beforeAll(() => {
    template = synthesise(settings);
  });
  const calls = (name: FunctionName) => rolePolicy(functionAndRole(template, name).role, "Calls");

  test.each(FUNCTIONS)("%s may make the calls of permissions.json: no more, no less", (name) => {
    const expected = permissions()
      [name].filter(({ vault }) => vault === undefined || vaults[name].includes(vault))
      .map(({ action, on }) => `${action} on ${on}`);
    const found = calls(name).flatMap((statement) => statement.actions.map((action) => `${action} on ${classOf(statement)}`));
    expect(found.sort()).toEqual(expected.sort());
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
    const allowed = ["ssm:DescribeParameters"];
    if (Object.values(vaults).flat().includes("secrets-manager")) {
      allowed.push("secretsmanager:ListSecrets");
    }
    expect(new Set(everywhere)).toEqual(new Set(allowed));
  });

  test.each(FUNCTIONS)("%s reaches only what lies below the prefixes", (name) => {
    const prefixes = "prefixes" in settings ? settings.prefixes : ["/my-erp"];
    const stored = calls(name)
      .flatMap(({ resources }) => resources)
      .filter((resource): resource is string => typeof resource === "string" && resource !== "*");
    for (const arn of stored) {
      const name = new RegExp(`^arn:aws:(?:ssm|secretsmanager):${settings.region}:${ACCOUNT}:(?:parameter|secret:)(.*)$`).exec(arn)?.[1];
      expect(prefixes.some((prefix) => [`${prefix}/`, `${prefix.slice(1)}/`, `${prefix.slice(1)}-??????`].some((start) => name?.startsWith(start)))).toBe(true);
    }
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
        expect(classOf(statement)).not.toBe("credentials-key");
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

/** What a statement's resources are, in the words of permissions.json. */
function classOf({ resources }: Statement): string {
  const text = JSON.stringify(resources[0]);
  if (text === '"*"') {
    return "*";
  }
  if (text.includes(":secretsmanager:")) {
    return "secrets";
  }
  if (text.includes(":ssm:")) {
    const leaves = new Set(resources.map((arn) => /[^/]*$/.exec(String(arn))?.[0]));
    return leaves.has("*") ? "parameters" : leaves.size === 1 ? "client-secret-parameters" : "credential-parameters";
  }
  const id = target(resources[0]);
  if (id.startsWith("CredentialsKey")) {
    return "credentials-key";
  }
  if (id.startsWith("MessageKey")) {
    return "message-key";
  }
  if (id.startsWith("Alerts")) {
    return "topic";
  }
  return /^Rotation(ExpiryNotices|NewSecrets)Queue/.test(id) ? "own-queue" : `unknown ${text}`;
}
