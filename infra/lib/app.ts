import { type App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";

import { LwaStack } from "./lwa-stack.ts";
import type { Settings } from "./settings.ts";

/** Adds the stack to an app that is checked against the AwsSolutions rules when it is synthesised. */
export function addLwaStack(app: App, settings: Settings, binaries: string): LwaStack {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return new LwaStack(app, "Lwa", { settings, binaries });
}
