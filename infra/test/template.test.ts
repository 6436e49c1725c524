import { appendFileSync } from "node:fs";

import type { Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";

import { FUNCTIONS } from "../lib/permissions.ts";
import { isSelective, parseSettings, type Recipient, recipients } from "../lib/settings.ts";
import {
  ACCOUNT,
  EVERYTHING,
  evaluated,
  functionAndRole,
  MINIMAL,
  resources,
  type Resource,
  rolePolicy,
  STACK_UUID,
  type Statement,
  statementsOf,
  stubBinaries,
  synthesise,
  target,
} from "./support.ts";

/** What a request says of who makes it. */
type Context = Readonly<Record<string, string>>;

const AMAZON = { AWS: "arn:aws:iam::437568002678:root" };
const OURSELVES = { AWS: `arn:aws:iam::${ACCOUNT}:root` };

describe.each([
  ["the least settings", MINIMAL],
  ["settings with everything", EVERYTHING],
] as const)("with %s", (_, settings) => {
  let template: Template;
  const stackName = "stackName" in settings ? settings.stackName : "lwa";
  const all = (type: string) => resources(template, type);
  const queueName = ({ properties }: Resource): string => evaluated(properties["QueueName"]);
  const queue = (name: string) => all("AWS::SQS::Queue").find((one) => queueName(one).replace(`-${STACK_UUID}`, "").endsWith(name))!;
  const queuePolicy = (of: Resource) =>
    statementsOf(
      all("AWS::SQS::QueuePolicy").find(({ properties }) => properties["Queues"].some((q: unknown) => target(q) === of.id))!
        .properties["PolicyDocument"],
    );
  const topicPolicy = (of: Resource) =>
    statementsOf(
      all("AWS::SNS::TopicPolicy").find(({ properties }) => properties["Topics"].some((t: unknown) => target(t) === of.id))!
        .properties["PolicyDocument"],
    );
  const keyBehind = (value: unknown) => all("AWS::KMS::Key").find(({ id }) => id === target(value))!;
  const keyOf = (alias: string) =>
    keyBehind(all("AWS::KMS::Alias").find(({ properties }) => properties["AliasName"].endsWith(alias))!.properties["TargetKeyId"]);

  beforeAll(() => {
    template = synthesise(settings);
  });

  describe("keys", () => {
    test("nobody but this account is named by the policy of the credentials' key", () => {
      const statements = statementsOf(keyOf("/credentials").properties["KeyPolicy"]);
      expect(statements.map(({ principal }) => principal)).toEqual([OURSELVES]);
    });

    test("the credentials' key encrypts no queue and no topic", () => {
      const credentials = keyOf("/credentials").id;
      for (const { properties } of [...all("AWS::SQS::Queue"), ...all("AWS::SNS::Topic")]) {
        expect(target(properties["KmsMasterKeyId"])).not.toBe(credentials);
      }
    });

    test("alarms, rules and Amazon's account may use the message key, and nobody else from outside", () => {
      const statements = statementsOf(keyOf("/messages").properties["KeyPolicy"]);
      const outside = statements.filter(({ principal }) => JSON.stringify(principal) !== JSON.stringify(OURSELVES));
      const ours = { StringEquals: { "aws:SourceAccount": ACCOUNT } };
      expect(outside.map(({ principal, actions, condition }) => [principal, actions, condition])).toEqual([
        [{ Service: "cloudwatch.amazonaws.com" }, ["kms:Decrypt", "kms:GenerateDataKey*"], ours],
        // These two do not say for which account they act; a condition would lock them out.
        [{ Service: "events.amazonaws.com" }, ["kms:Decrypt", "kms:GenerateDataKey*"], undefined],
        [AMAZON, ["kms:Decrypt", "kms:GenerateDataKey"], undefined],
      ]);
    });

    test("both rotate, and deleting the stack leaves the credentials readable", () => {
      expect(all("AWS::KMS::Key").map(({ properties }) => properties["EnableKeyRotation"])).toEqual([true, true]);
      expect(keyOf("/credentials").deletionPolicy).toBe("Retain");
    });
  });

  describe("queues", () => {
    test("all of them are encrypted with the message key and refuse plain HTTP", () => {
      expect(all("AWS::SQS::Queue")).toHaveLength(6);
      for (const one of all("AWS::SQS::Queue")) {
        expect(keyBehind(one.properties["KmsMasterKeyId"])?.id).toBe(keyOf("/messages").id);
        expect(queuePolicy(one)).toContainEqual({
          effect: "Deny",
          principal: { AWS: "*" },
          actions: ["sqs:*"],
          resources: [{ "Fn::GetAtt": [one.id, "Arn"] }],
          condition: { Bool: { "aws:SecureTransport": "false" } },
        });
      }
    });

    test.each(["secret-expiry", "new-secret"])("%s grants Amazon what is documented and no other account anything", (name) => {
      const granted = queuePolicy(queue(name)).filter(({ effect }) => effect === "Allow");
      expect(granted).toEqual([
        {
          effect: "Allow",
          principal: AMAZON,
          actions: ["sqs:GetQueueAttributes", "sqs:SendMessage"],
          resources: [{ "Fn::GetAtt": [queue(name).id, "Arn"] }],
          condition: undefined,
        },
      ]);
    });

    const sender = "rotation" in settings ? settings.rotation.senderArn : undefined;
    const stranger = { "aws:PrincipalAccount": ACCOUNT, "aws:PrincipalArn": `arn:aws:iam::${ACCOUNT}:role/stranger` };
    const senders: readonly (readonly [string, Context, boolean])[] = [
      ["Amazon", { "aws:PrincipalAccount": "437568002678", "aws:PrincipalArn": "arn:aws:iam::437568002678:role/any" }, true],
      ["a principal of this account", stranger, false],
      ["the root user of this account", { ...stranger, "aws:PrincipalArn": OURSELVES.AWS }, false],
      ["a principal of another account", { ...stranger, "aws:PrincipalAccount": "999988887777" }, false],
      ["an anonymous request", {}, false],
      ["the sender of the settings", { ...stranger, "aws:PrincipalArn": sender ?? stranger["aws:PrincipalArn"] }, sender !== undefined],
    ];
    test.each(senders)("of all who send, %s", (_, context, isLetIn) => {
      for (const name of ["secret-expiry", "new-secret"]) {
        expect(isDenied(queuePolicy(queue(name)), "sqs:SendMessage", context)).toBe(!isLetIn);
        // A dead letter is moved by SQS itself, which is no request of a principal.
        const deadLetters = queuePolicy(queue(`${name}-dead-letters`));
        expect(isDenied(deadLetters, "sqs:SendMessage", context)).toBe(context["aws:PrincipalArn"] !== undefined);
        expect(deadLetters.filter(({ effect }) => effect === "Allow")).toEqual([]);
      }
    });

    test("what is denied is to send, and over plain HTTP everything: no one is kept from receiving", () => {
      for (const name of ["secret-expiry", "new-secret", "secret-expiry-dead-letters", "new-secret-dead-letters"]) {
        const denied = queuePolicy(queue(name)).filter(({ effect }) => effect === "Deny");
        expect(denied.map(({ actions }) => actions)).toEqual([["sqs:*"], ["sqs:SendMessage"]]);
        expect(denied.map(({ principal, resources }) => [principal, resources.map(target)])).toEqual(
          denied.map(() => [{ AWS: "*" }, [queue(name).id]]),
        );
      }
    });

    test.each(["secret-expiry", "new-secret"])("%s has a name that is not guessed, and stays the same over updates", (name) => {
      expect(queueName(queue(name))).toBe(`${stackName}-${name}-${STACK_UUID}`);
      // With the longest name that a stack may have.
      expect(queueName(queue(name)).length - stackName.length + 32).toBeLessThanOrEqual(80);
    });

    test.each(["secret-expiry", "new-secret"])("%s redrives into its own dead-letter queue, which takes from it alone", (name) => {
      const deadLetters = queue(`${name}-dead-letters`);
      expect(target(queue(name).properties["RedrivePolicy"].deadLetterTargetArn)).toBe(deadLetters.id);
      expect(queueName(deadLetters)).toBe(`${stackName}-${name}-dead-letters`);
      const sources = deadLetters.properties["RedriveAllowPolicy"].sourceQueueArns;
      expect(sources.map(evaluated)).toEqual([`arn:aws:sqs:${settings.region}:${ACCOUNT}:${queueName(queue(name))}`]);
    });

    test("a dead letter lives longer than the queue it comes from keeps it", () => {
      for (const name of ["secret-expiry", "new-secret"]) {
        const kept = queue(name).properties["MessageRetentionPeriod"];
        expect(queue(`${name}-dead-letters`).properties["MessageRetentionPeriod"]).toBeGreaterThan(kept);
      }
    });

    test("a new secret is tried for more than six days, and not dropped before", () => {
      const { RedrivePolicy, VisibilityTimeout, MessageRetentionPeriod } = queue("new-secret").properties;
      const tried = RedrivePolicy.maxReceiveCount * VisibilityTimeout;
      expect(tried).toBeGreaterThanOrEqual(6 * 86_400);
      expect(MessageRetentionPeriod).toBeGreaterThan(tried);
      expect(RedrivePolicy.maxReceiveCount).toBeLessThanOrEqual(1000);
    });
  });

  describe("functions", () => {
    test("there are five, on Amazon Linux 2023 and the chosen architecture, each with its own role and log group", () => {
      const functions = all("AWS::Lambda::Function");
      expect(functions.map(({ properties }) => properties["FunctionName"]).sort()).toEqual(
        FUNCTIONS.map((name) => `${functions[0]!.properties["FunctionName"].split("-")[0]}-${name}`).sort(),
      );
      for (const { properties } of functions) {
        expect(properties["Runtime"]).toBe("provided.al2023");
        expect(properties["Handler"]).toBe("bootstrap");
        expect(properties["Architectures"]).toEqual(["architecture" in settings ? settings.architecture : "x86_64"]);
      }
      expect(new Set(functions.map(({ properties }) => target(properties["Role"]))).size).toBe(5);
      expect(new Set(functions.map(({ properties }) => target(properties["LoggingConfig"].LogGroup))).size).toBe(5);
      for (const { properties } of all("AWS::Logs::LogGroup")) {
        expect(properties["RetentionInDays"]).toBe("logRetentionDays" in settings ? settings.logRetentionDays : 90);
      }
    });

    test.each([
      ["rotation-requester", "secret-expiry"],
      ["secret-receiver", "new-secret"],
    ])("%s is fed by %s, reports single failures and is given six times its timeout", (name, from) => {
      const { lambda } = functionAndRole(template, name);
      const mapping = all("AWS::Lambda::EventSourceMapping").find(
        ({ properties }) => target(properties["FunctionName"]) === lambda.id,
      )!.properties;
      expect(target(mapping["EventSourceArn"])).toBe(queue(from).id);
      expect(mapping["FunctionResponseTypes"]).toEqual(["ReportBatchItemFailures"]);
      expect(mapping["BatchSize"]).toBe(10);
      expect(queue(from).properties["VisibilityTimeout"]).toBeGreaterThanOrEqual(6 * lambda.properties["Timeout"]);
    });

    test("only where order matters do they run one at a time, unless switched off", () => {
      const reserved = all("AWS::Lambda::Function")
        .filter(({ properties }) => properties["ReservedConcurrentExecutions"] === 1)
        .map(({ properties }) => properties["FunctionName"].replace(/^[a-z]+-/, ""));
      const expected = "reserveConcurrency" in settings ? [] : ["rotation-requester", "secret-receiver"];
      expect(reserved.sort()).toEqual(expected);
    });

    test("whatever a rule or a schedule invokes keeps what fails for good", () => {
      const invoked = [
        ...all("AWS::Events::Rule").flatMap(({ properties }) => properties["Targets"].map(({ Arn }: any) => target(Arn))),
        ...all("AWS::Scheduler::Schedule").map(({ properties }) => target(properties["Target"].Arn)),
      ].filter((id) => all("AWS::Lambda::Function").some((lambda) => lambda.id === id));
      const configured = all("AWS::Lambda::EventInvokeConfig");
      expect(configured.map(({ properties }) => target(properties["FunctionName"])).sort()).toEqual([...new Set(invoked)].sort());
      for (const { properties } of configured) {
        expect(target(properties["DestinationConfig"].OnFailure.Destination)).toBe(queue("failed-invocations").id);
      }
    });

    test("no secret is in a variable, a description or an output", () => {
      expect(JSON.stringify(template.toJSON())).not.toMatch(/resolve:ssm-secure|resolve:secretsmanager|amzn1\.oa2-cs|Atzr/);
      template.resourceCountIs("AWS::SSM::Parameter", 0);
      template.resourceCountIs("AWS::SecretsManager::Secret", 0);
    });
  });

  describe("consumers", () => {
    const consumers = "consumers" in settings ? settings.consumers : [];

    test("each have an alias of token-exchanger, and no other function has one", () => {
      const { lambda } = functionAndRole(template, "token-exchanger");
      const aliases = all("AWS::Lambda::Alias").map(({ properties }) => {
        expect(target(properties["FunctionName"])).toBe(lambda.id);
        return properties["Name"];
      });
      expect(aliases.sort()).toEqual(consumers.map(({ name }) => name).sort());
    });

    test("get the version that is published with this code and these variables", () => {
      const versions = all("AWS::Lambda::Version");
      expect(versions).toHaveLength(consumers.length > 0 ? 1 : 0);
      for (const { properties } of all("AWS::Lambda::Alias")) {
        expect(properties["FunctionVersion"]).toEqual({ "Fn::GetAtt": [versions[0]!.id, "Version"] });
      }
    });

    test("are told to the exchanger, and to no other function", () => {
      const told = all("AWS::Lambda::Function")
        .map(({ properties }) => properties)
        .filter(({ Environment }) => "CONSUMERS" in Environment.Variables);
      expect(told.map(({ FunctionName }) => FunctionName)).toEqual(consumers.length > 0 ? [`${stackName}-token-exchanger`] : []);
      if (consumers.length > 0) {
        expect(JSON.parse(told[0]!["Environment"].Variables.CONSUMERS)).toEqual({
          "order-export": { applications: ["my-erp"] },
          Stock_2: {
            applications: ["my-erp/de", "shop/eu"],
            sellers: ["A2EXAMPLE"],
            scopes: ["sellingpartnerapi::notifications"],
          },
          books: { applications: ["shop/eu"], sellers: [], scopes: [] },
        });
      }
    });

    test("find the ARN to invoke in an output of their own", () => {
      const outputs = template.toJSON()["Outputs"];
      const found = Object.keys(outputs).filter((key) => key.startsWith("Consumer"));
      expect(found).toEqual(consumers.length > 0 ? ["ConsumerOrderExportArn", "ConsumerStock2Arn", "ConsumerBooksArn"] : []);
      for (const [index, key] of found.entries()) {
        const alias = all("AWS::Lambda::Alias").find(({ id }) => id === target(outputs[key].Value))!;
        expect(alias.properties["Name"]).toBe(consumers[index]!.name);
      }
      expect(outputs.TokenExchangerArn.Description).toMatch(consumers.length > 0 ? /^For the canary only/ : /^Let your services/);
    });

    test("leave canary, alarms and failures to the function itself", () => {
      const { lambda } = functionAndRole(template, "token-exchanger");
      const canaries = all("AWS::Scheduler::Schedule").filter(({ properties }) => properties["Name"].includes("-canary-"));
      expect(canaries.length).toBeGreaterThan(0);
      for (const { properties } of canaries) {
        expect(properties["Target"].Arn).toEqual({ "Fn::GetAtt": [lambda.id, "Arn"] });
      }
      // By its name alone a metric is that of all versions and aliases.
      const alarms = all("AWS::CloudWatch::Alarm").filter(({ properties }) => /token-exchanger/.test(properties["AlarmName"]));
      expect(alarms.map(({ properties }) => properties["Dimensions"])).toEqual(
        alarms.map(() => [{ Name: "FunctionName", Value: { Ref: lambda.id } }]),
      );
      expect(alarms).toHaveLength(2);
      const configured = all("AWS::Lambda::EventInvokeConfig").find(({ properties }) => target(properties["FunctionName"]) === lambda.id)!;
      expect(configured.properties["Qualifier"]).toBe("$LATEST");
      // Who may invoke is decided by the policies of the callers.
      expect(all("AWS::Lambda::Permission").map(({ properties }) => target(properties["FunctionName"]))).not.toContain(lambda.id);
    });
  });

  describe("the topics", () => {
    const topics = () => all("AWS::SNS::Topic");
    const named = (end: string) => topics().find(({ properties }) => properties["TopicName"].endsWith(end))!;
    const subscribers = (topic: Resource) =>
      all("AWS::SNS::Subscription")
        .filter(({ properties }) => target(properties["TopicArn"]) === topic.id)
        .map(({ properties }) => `${properties["Protocol"]} ${properties["Endpoint"]}`)
        .sort();
    const everyone = recipients(parseSettings(settings, "the test").alerts);
    const selective = everyone.filter(isSelective);
    const shown = (some: readonly Recipient[]) => some.map(({ protocol, endpoint }) => `${protocol} ${endpoint}`).sort();

    test("are encrypted with the message key and refuse plain HTTP", () => {
      expect(topics()).toHaveLength(selective.length > 0 ? 2 : 1);
      for (const topic of topics()) {
        expect(target(topic.properties["KmsMasterKeyId"])).toBe(keyOf("/messages").id);
        expect(topicPolicy(topic)).toContainEqual(
          expect.objectContaining({ effect: "Deny", condition: { Bool: { "aws:SecureTransport": "false" } } }),
        );
      }
    });

    test("let every service publish that is told to", () => {
      const alarmed = topics().map(({ id }) => id);
      for (const { properties } of all("AWS::CloudWatch::Alarm")) {
        expect(properties["AlarmActions"].map(target)).toEqual(alarmed);
      }
      for (const { properties } of all("AWS::Events::Rule")) {
        expect(alarmed).not.toContain(target(properties["Targets"][0].Arn));
      }
      for (const topic of topics()) {
        const allowed = topicPolicy(topic)
          .filter(({ effect, actions }) => effect === "Allow" && actions.includes("sns:Publish"))
          .map(({ principal }) => (principal as { Service: string }).Service);
        expect(allowed).toEqual(["cloudwatch.amazonaws.com"]);
      }
    });

    test("put nothing before an SMS, which would make two of it", () => {
      for (const { properties } of topics()) {
        expect(properties["DisplayName"]).toBeUndefined();
      }
    });

    test("have every subscriber of the settings, and alarms reach each of them once", () => {
      const alerts = named("-alerts");
      expect(subscribers(alerts)).toEqual(shown(everyone));
      const unfiltered = all("AWS::SNS::Subscription").filter(({ properties }) => properties["FilterPolicy"] === undefined);
      const alarmed = unfiltered.map(({ properties }) => `${properties["Protocol"]} ${properties["Endpoint"]}`);
      expect(alarmed.sort()).toEqual(shown(everyone));
      if (selective.length > 0) {
        expect(subscribers(named("-alarms"))).toEqual(shown(selective));
      }
    });

    test("reaches chat through channels that may do nothing else", () => {
      const channels = [
        ...all("AWS::Chatbot::SlackChannelConfiguration"),
        ...all("AWS::Chatbot::MicrosoftTeamsChannelConfiguration"),
      ];
      expect(channels).toHaveLength("slack" in settings.alerts ? 2 : 0);
      for (const { properties } of channels) {
        expect(properties["SnsTopicArns"].map(target)).toEqual([named("-alerts").id]);
        expect(JSON.stringify(properties["GuardrailPolicies"])).toContain(":iam::aws:policy/AWSDenyAll");
        const role = all("AWS::IAM::Role").find(({ id }) => id === target(properties["IamRoleArn"]))!;
        expect(role.properties["Policies"] ?? []).toEqual([]);
      }
    });
  });

  describe("rules", () => {
    test("invoke the formatter on the default bus, and keep what they cannot hand over", () => {
      const { lambda } = functionAndRole(template, "policy-formatter");
      const undelivered = queue("-undelivered");
      for (const { id, properties } of all("AWS::Events::Rule")) {
        expect(properties["EventBusName"]).toBeUndefined();
        expect(properties["State"]).toBe("ENABLED");
        expect(properties["Targets"]).toHaveLength(1);
        const [only] = properties["Targets"];
        expect(target(only.Arn)).toBe(lambda.id);
        expect(target(only.DeadLetterConfig.Arn)).toBe(undelivered.id);
        expect(queuePolicy(undelivered)).toContainEqual({
          effect: "Allow",
          principal: { Service: "events.amazonaws.com" },
          actions: ["sqs:SendMessage"],
          resources: [{ "Fn::GetAtt": [undelivered.id, "Arn"] }],
          condition: { ArnEquals: { "aws:SourceArn": { "Fn::GetAtt": [id, "Arn"] } } },
        });
        const permitted = all("AWS::Lambda::Permission").find(({ properties }) => target(properties["SourceArn"]) === id)!;
        expect(permitted.properties["Principal"]).toBe("events.amazonaws.com");
        expect(target(permitted.properties["FunctionName"])).toBe(lambda.id);
      }
    });

    test("have lists of matchers everywhere, and no glob where EventBridge compares letter by letter", () => {
      for (const { properties } of all("AWS::Events::Rule")) {
        expect(problemsOf(properties["EventPattern"])).toEqual([]);
      }
      expect(problemsOf({ detail: { name: ["/my-erp/*"], operation: "Update" } })).toEqual([
        "name: /my-erp/* matches only itself",
        "operation: not a list",
      ]);
    });

    test("ask policy events and change events for the field that each has", () => {
      const fields = Object.fromEntries(
        all("AWS::Events::Rule").map(({ properties }) => [
          properties["EventPattern"]["detail-type"]?.[0],
          Object.keys(properties["EventPattern"].detail ?? {}),
        ]),
      );
      expect(fields["Parameter Store Policy Action"]).toEqual(["parameter-name"]);
      expect(fields["Parameter Store Change"]).toEqual(["name"]);
    });

    test("ask for changes of credentials only, by the leaves of the settings", () => {
      const { clientId, clientSecret, refreshToken } = parseSettings(settings, "the test").leaves;
      for (const { properties } of all("AWS::Events::Rule")) {
        const { "detail-type": detailType, resources: named } = properties["EventPattern"];
        const isChange = detailType?.[0] === "Parameter Store Change";
        expect(named).toEqual(isChange ? [clientId, clientSecret, refreshToken].map((leaf) => ({ suffix: `/${leaf}` })) : undefined);
      }
    });
  });

  describe("schedules", () => {
    test("start the audit, the canary of each application and the rotation check", () => {
      const started = all("AWS::Scheduler::Schedule").map(({ properties }) => [
        properties["Name"].replace(/^[a-z]+-/, ""),
        properties["Target"].Input,
        properties["ScheduleExpressionTimezone"],
      ]);
      const canaries = "canaryApplications" in settings ? settings.canaryApplications : ["my-erp"];
      const zone = "schedules" in settings ? settings.schedules.timeZone : "UTC";
      expect(started.sort()).toEqual(
        [
          ["auditor", "{}", zone],
          ["rotation-requester", undefined, zone],
          ...canaries.map((application) => [
            `canary-${application.replace("/", ".")}`,
            JSON.stringify({ action: "check", application }),
            zone,
          ]),
        ].sort(),
      );
    });

    test("have six fields, where they are cron expressions", () => {
      for (const { properties } of all("AWS::Scheduler::Schedule")) {
        expect(properties["ScheduleExpression"]).toMatch(/^(cron\(\S+( \S+){5}\)|rate\(\d+ \w+\))$/);
      }
    });

    test("keep what they could not start, with a role that may do that, start its target and nothing else", () => {
      for (const { properties } of all("AWS::Scheduler::Schedule")) {
        const { Arn, DeadLetterConfig, RoleArn } = properties["Target"];
        expect(target(DeadLetterConfig.Arn)).toBe(queue("-undelivered").id);
        const role = all("AWS::IAM::Role").find(({ id }) => id === target(RoleArn))!;
        const trust = statementsOf(role.properties["AssumeRolePolicyDocument"])[0]!;
        expect(trust.principal).toEqual({ Service: "scheduler.amazonaws.com" });
        expect(trust.condition).toHaveProperty(["StringEquals", "aws:SourceAccount"]);
        const statements = statementsOf(role.properties["Policies"][0].PolicyDocument);
        expect(statements.map(({ actions, resources }) => [actions, resources.map(target)])).toEqual([
          [[expect.stringMatching(/^(lambda:InvokeFunction|states:StartExecution)$/)], [target(Arn)]],
          [["sqs:SendMessage"], [queue("-undelivered").id]],
          [["kms:Decrypt", "kms:GenerateDataKey"], [keyOf("/messages").id]],
        ]);
      }
    });
  });

  describe("the audit", () => {
    test("invokes the auditor again with its continuation, until there is none", () => {
      const machine = all("AWS::StepFunctions::StateMachine")[0]!.properties;
      expect(machine["StateMachineType"]).toBe("STANDARD");
      const [separator, parts] = machine["DefinitionString"]["Fn::Join"];
      const definition = JSON.parse(parts.map((part: unknown) => (typeof part === "string" ? part : target(part))).join(separator));
      expect(definition.StartAt).toBe("Scan");
      const { Scan, "More to scan?": choice, "Next part": next, Audited } = definition.States;
      expect(Scan.Parameters.FunctionName).toContain("Auditor");
      expect(Scan.Parameters["Payload.$"]).toBe("$");
      expect(Scan.OutputPath).toBe("$.Payload");
      expect(Scan.Next).toBe("More to scan?");
      expect(choice.Choices).toEqual([
        {
          And: [
            { Variable: "$.continuation", IsPresent: true },
            { Variable: "$.continuation", IsNull: false },
          ],
          Next: "Next part",
        },
      ]);
      expect(choice.Default).toBe("Audited");
      // Together they outlast an outage of twelve hours, and the execution outlasts them.
      const retry = Scan.Retry.at(-1);
      expect(retry).toMatchObject({ ErrorEquals: ["States.ALL"], IntervalSeconds: 60, BackoffRate: 2, MaxDelaySeconds: 3600 });
      let waits = 0;
      for (let attempt = 0; attempt < retry.MaxAttempts; attempt++) waits += Math.min(60 * 2 ** attempt, 3600);
      expect(waits).toBeGreaterThan(12 * 3600);
      expect(definition.TimeoutSeconds).toBeGreaterThan(waits);
      expect(next).toEqual({ Type: "Pass", Parameters: { "continuation.$": "$.continuation" }, Next: "Scan" });
      expect(Audited.Type).toBe("Succeed");
    });

    test("has a role that may invoke the auditor and nothing else", () => {
      const machine = all("AWS::StepFunctions::StateMachine")[0]!.properties;
      const role = all("AWS::IAM::Role").find(({ id }) => id === target(machine["RoleArn"]))!;
      const statements = role.properties["Policies"].flatMap(({ PolicyDocument }: any) => statementsOf(PolicyDocument));
      expect(statements.map(({ actions, resources }: any) => [actions, resources.map(target)])).toEqual([
        [["lambda:InvokeFunction"], [functionAndRole(template, "auditor").lambda.id]],
      ]);
    });
  });

  describe("monitoring", () => {
    test("an alarm goes to the topic for everything that matters", () => {
      const alarms = all("AWS::CloudWatch::Alarm").map(({ properties }) => properties["AlarmName"].replace(/^[a-z]+-/, ""));
      expect(alarms.sort()).toEqual(
        [
          ...["secret-expiry", "new-secret", "failed-invocations", "undelivered"].map((name) => `${name}-dead-letters`),
          ...FUNCTIONS.flatMap((name) => [`${name}-errors`, `${name}-throttles`]),
          "audit-failed",
          "audit-timed-out",
          "check-failed",
          "deadline-near",
          "heartbeat-missing",
          "previous-secret-in-use",
          "scan-partial",
        ].sort(),
      );
    });

    test("every queue where messages end has one, at the first message", () => {
      const watched = all("AWS::CloudWatch::Alarm")
        .filter(({ properties }) => properties["Namespace"] === "AWS/SQS")
        .map(({ properties }) => {
          expect(properties["MetricName"]).toBe("ApproximateNumberOfMessagesVisible");
          expect(properties["Threshold"]).toBe(1);
          return properties["Dimensions"][0].Value["Fn::GetAtt"][0];
        });
      const ends = all("AWS::SQS::Queue").filter(({ properties }) => !properties["RedrivePolicy"]);
      expect(watched.sort()).toEqual(ends.map(({ id }) => id).sort());
    });

    test("silence raises one", () => {
      const heartbeat = all("AWS::CloudWatch::Alarm").find(({ properties }) => /heartbeat/.test(properties["AlarmName"]))!.properties;
      expect(heartbeat["TreatMissingData"]).toBe("breaching");
      const hours = (heartbeat["Period"] * heartbeat["EvaluationPeriods"]) / 3600;
      expect(hours).toBe("alarms" in settings ? settings.alarms.heartbeatHours : 30);
      // CloudWatch's limit for periods of an hour and more.
      expect(hours).toBeLessThanOrEqual(168);
    });

    test("the dashboard shows deadlines, tokens, latency, findings and rotation", () => {
      const dashboard = JSON.stringify(all("AWS::CloudWatch::Dashboard")[0]!.properties["DashboardBody"]);
      for (const shown of ["DaysToDeadline", "TokenExchanges", "Retries", "LwaLatencyMs", "Findings", "RotationsRequested", "SecretsStored"]) {
        expect(dashboard).toContain(shown);
      }
    });
  });

  test("no role but a chat channel's is without a policy, and none has a managed one", () => {
    for (const { properties } of all("AWS::IAM::Role")) {
      expect(properties["ManagedPolicyArns"]).toBeUndefined();
    }
    template.resourceCountIs("AWS::IAM::Policy", 0);
    for (const name of FUNCTIONS) {
      expect(rolePolicy(functionAndRole(template, name).role, "Platform").length).toBeGreaterThan(0);
    }
  });
});

describe("the version that consumers get", () => {
  const consumers = [{ name: "erp", applications: ["my-erp"] }];
  const version = (settings: object, binaries?: string) =>
    resources(synthesise({ ...MINIMAL, consumers, ...settings }, binaries), "AWS::Lambda::Version").map(({ id }) => id);

  test("is another one when code or variables change, and otherwise the same", () => {
    const before = version({});
    expect(version({ logRetentionDays: 30 })).toEqual(before);
    expect(version({ secretLifetimeDays: 90 })).not.toEqual(before);
    expect(version({ consumers: [{ name: "erp", applications: ["my-erp"], sellers: [] }] })).not.toEqual(before);
    const binaries = stubBinaries();
    appendFileSync(`${binaries}/token-exchanger/bootstrap`, "# changed\n");
    expect(version({}, binaries)).not.toEqual(before);
  });
});

test("consumers that Lambda's variables cannot hold stop synthesis, with what to do", () => {
  const consumers = (count: number) => [
    { name: "erp", applications: ["my-erp"], sellers: Array.from({ length: count }, (_, index) => `A2EXAMPLE${10_000 + index}`) },
  ];
  synthesise({ ...MINIMAL, consumers: consumers(150) });
  expect(() => synthesise({ ...MINIMAL, consumers: consumers(250) })).toThrow(
    /^the variables of token-exchanger would have \d{4} bytes; allowed: 4096. The largest is CONSUMERS with \d{4}: in consumers, leave sellers out/,
  );
});

/** Whether a policy denies an action, read as IAM reads it: all conditions of a statement must hold. */
function isDenied(statements: Statement[], action: string, context: Context): boolean {
  const holds = (operator: string, key: string, wanted: string) => {
    const found = context[key];
    switch (operator) {
      // A negated operator holds where the key is missing,
      // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html.
      case "StringNotEquals":
      case "ArnNotEquals":
        return found !== wanted;
      case "Null":
        return (found === undefined) === (wanted === "true");
      case "Bool":
        return found === wanted;
      default:
        throw new Error(`${operator} is not read here`);
    }
  };
  return statements
    .filter(({ effect, actions }) => effect === "Deny" && (actions.includes(action) || actions.includes("sqs:*")))
    .some(({ condition }) =>
      Object.entries(condition as Record<string, Record<string, string>>).every(([operator, keys]) =>
        Object.entries(keys).every(([key, wanted]) => holds(operator, key, wanted)),
      ),
    );
}

/** What a pattern would never match by: globs in plain strings, and fields without a list. */
function problemsOf(pattern: any, field = "pattern"): string[] {
  if (Array.isArray(pattern)) {
    return pattern
      .filter((matcher) => typeof matcher === "string" && /[*?]/.test(matcher))
      .map((matcher) => `${field}: ${matcher} matches only itself`);
  }
  if (typeof pattern !== "object" || pattern === null) {
    return [`${field}: not a list`];
  }
  return Object.entries(pattern).flatMap(([name, value]) => problemsOf(value, name));
}
