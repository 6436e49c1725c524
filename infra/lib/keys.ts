import { Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import { ArnPrincipal, type Conditions, type IPrincipal, PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { type IKey, Key } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";

/**
 * The AWS account from which Amazon sends application notifications,
 * https://developer-docs.amazon.com/sp-api/docs/set-up-credential-rotation-notifications.
 */
export const AMAZON_NOTIFICATIONS_ACCOUNT = "437568002678";

/**
 * The key of the credentials. Its policy names this account only, so that no service principal and
 * no other account can use it; the roles of the functions do, each through its own policy.
 *
 * It outlives the stack: without it, the credentials cannot be decrypted.
 */
export function credentialsKey(scope: Construct, id: string, alias: string): IKey {
  const key = new Key(scope, id, {
    description: "Encrypts LWA credentials in the vault.",
    enableKeyRotation: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  key.addAlias(alias);
  return key;
}

/**
 * The key of everything in flight: the topic and the queues. A second key, so that the services and
 * the foreign account that must be let in here never touch the credentials' key.
 */
export function messageKey(scope: Construct, id: string, alias: string): Key {
  const key = new Key(scope, id, {
    description: "Encrypts notifications about LWA credentials in flight.",
    enableKeyRotation: true,
    removalPolicy: RemovalPolicy.DESTROY,
    pendingWindow: Duration.days(30),
  });
  key.addAlias(alias);
  const stack = Stack.of(scope);
  // Alarms publish to the topic as the service. It says for which account, so that an alarm of
  // another account cannot use the key.
  allow(key, "CloudWatchAlarms", new ServicePrincipal("cloudwatch.amazonaws.com"), "kms:GenerateDataKey*", {
    StringEquals: { "aws:SourceAccount": stack.account },
  });
  // Rules put what they could not deliver into a queue as the service. It does not tell the key for
  // which account: AWS gives this statement without a condition, and says of encrypted topics that none
  // is supported, https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html. With one, the
  // events would be lost without an error. The queue's policy names the rules that may send.
  allow(key, "EventBridgeRules", new ServicePrincipal("events.amazonaws.com"), "kms:GenerateDataKey*");
  // Amazon sends as a principal of its own account, not as a service, so no source account is sent.
  const amazon = new ArnPrincipal(`arn:${stack.partition}:iam::${AMAZON_NOTIFICATIONS_ACCOUNT}:root`);
  allow(key, "AmazonNotifications", amazon, "kms:GenerateDataKey");
  return key;
}

function allow(key: Key, sid: string, principal: IPrincipal, generate: string, conditions?: Conditions): void {
  key.addToResourcePolicy(
    new PolicyStatement({ sid, principals: [principal], actions: ["kms:Decrypt", generate], resources: ["*"], conditions }),
  );
}
