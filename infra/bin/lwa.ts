#!/usr/bin/env node
import { basename, resolve } from "node:path";

import { App, Annotations } from "aws-cdk-lib";

import { addLwaStack } from "../lib/app.ts";
import { readSettings, SettingsError } from "../lib/settings.ts";

/** Where `cargo xtask build` puts the functions. */
const BINARIES = new URL("../../target/lambda", import.meta.url).pathname;

try {
  const app = new App();
  const config = String(app.node.tryGetContext("config"));
  const binaries = (app.node.tryGetContext("binaries") as string | undefined) ?? BINARIES;
  const stack = addLwaStack(app, readSettings(resolve(config)), resolve(binaries));
  if (basename(config) === "config.example.json") {
    Annotations.of(stack).addWarningV2(
      "lwa:example-settings",
      "These are the example's settings; copy config.example.json to config.json, edit it, and add -c config=config.json",
    );
  }
  app.synth();
} catch (error) {
  if (!(error instanceof SettingsError)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
